"""What the rows of evaluations say."""

import pytest

from jaxgan.run import early_stopping
from jaxgan.system.errors import UserError

DISTANCES = ("fid", "kid")
NAN = float("nan")


def rows(*values):
    return [{"step": 10 * (i + 1), "fid": value} for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "index"),
    [
        ((3.0,), 0),
        ((3.0, 1.0, 2.0), 1),
        ((3.0, 1.0, 1.0), 1),
        ((NAN, 4.0, None), 1),
        ((NAN, None), None),
        ((), None),
    ],
)
def test_the_best_is_the_first_of_the_least_and_never_a_nan(values, index):
    assert early_stopping.best(rows(*values), early_stopping.Goal("fid")) == index


@pytest.mark.parametrize(
    ("values", "target", "patience", "says"),
    [
        ((13.0,), 12.0, None, None),
        ((13.0, 12.0), 12.0, None, "fid 12 at step 20 is at most 12"),
        ((11.0, 13.0), 12.0, None, None),  # it is the present one that counts
        ((NAN,), 12.0, None, None),
        ((None,), 12.0, None, None),
        ((5.0, 4.0, 4.5), None, 2, None),
        ((5.0, 4.0, 4.5, 4.0), None, 2, "nothing better than 4 at step 20 in 2 evaluations"),
        ((5.0, NAN, None), None, 2, "nothing better than 5 at step 10 in 2 evaluations"),
        ((NAN, NAN), None, 2, "nothing better than no number in 2 evaluations"),
        ((), 12.0, 1, None),
    ],
)
def test_when_to_stop(values, target, patience, says):
    why = early_stopping.stop_reason(rows(*values), early_stopping.Goal("fid", target, patience))
    assert (why is None) if says is None else (says in why)


def test_options_make_a_goal():
    assert early_stopping.parse("fid=12", None, ("fid", "kid"), DISTANCES) == early_stopping.Goal(
        "fid", 12.0, None
    )
    assert early_stopping.parse(" kid = 1e-3", 3, ("fid", "kid"), DISTANCES) == early_stopping.Goal(
        "kid", 1e-3, 3
    )
    assert early_stopping.parse(None, None, ("prdc", "kid", "fid"), DISTANCES) == early_stopping.Goal("fid")
    assert early_stopping.parse(None, None, ("prdc",), DISTANCES) == early_stopping.Goal(None)


@pytest.mark.parametrize(
    ("stop_at", "patience", "names", "what"),
    [
        ("fid", None, ("fid",), "such as fid=12, got fid"),
        ("fid=nan", None, ("fid",), "such as fid=12, got fid=nan"),
        ("kid=1", None, ("fid",), "`stop_at` kid is not one of the `metrics`"),
        ("prdc=1", None, ("prdc",), r"less is better \(none\)"),
        (None, 0, ("fid",), "`patience` must be at least 1, got 0"),
        (None, 2, ("prdc",), "`patience` needs one of fid, kid"),
    ],
)
def test_options_that_make_none(stop_at, patience, names, what):
    with pytest.raises(UserError, match=what):
        early_stopping.parse(stop_at, patience, names, DISTANCES)
