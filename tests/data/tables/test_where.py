"""What rows are asked for: tests of a table's rows."""

import numpy as np
import pytest

from jaxgan.data.tables import Column, Table
from jaxgan.data.tables.where import parse
from jaxgan.system.errors import UserError

COLUMNS = (
    Column("sex", "categorical", ("", "female", "male")),
    Column("age", "integer", decimals=0, missing=True, low=17, high=90),
    Column("a>b", "numeric", decimals=1, mark=",", low=-1, high=1),
    Column("day", "date", format="%Y-%m-%d", low=0, high=864_000),
)
ROWS = Table(
    COLUMNS,
    {
        "sex": np.array([1, 2, 1, 0], np.int32),
        "age": np.array([17, 40, np.nan, 90.0]),
        "a>b": np.array([-1, 0, 0.5, 1]),
        "day": np.array([0, 86_400, 172_800, 864_000.0]),
    },
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("sex=female", [0, 2]),
        ("sex == female", [0, 2]),
        ("sex!=female", [1, 3]),
        ("sex=", [3]),
        ("age>=40", [1, 3]),
        ("age>40", [3]),
        ("age<=40", [0, 1]),
        ("age < 40", [0]),
        ("age=40", [1]),
        ("age!=40", [0, 3]),
        ("age=", [2]),
        ("age!=", [0, 1, 3]),
        ("a>b>0.1", [2, 3]),
        ("a>b>0,1", [2, 3]),
        ("day>1970-01-02", [2, 3]),
        ("sex=female and age<20", [0]),
    ],
)
def test_rows_pass(text, rows):
    passed = np.logical_and.reduce([test.passed(ROWS) for test in parse([text], COLUMNS)])
    assert np.flatnonzero(passed).tolist() == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sex", "is a column, a sign and a value"),
        ("height>1", "there is no column height, but sex, age, a>b, day"),
        ("sex=other", r"sex is one of \(missing\), female, male"),
        ("sex>female", "has categories, which take = and !="),
        ("age>=91", "age goes from 17 to 90"),
        ("age>90", "age goes from 17 to 90"),
        ("age<17", "age goes from 17 to 90"),
        ("age=16", "age goes from 17 to 90"),
        ("age>old", "age takes a number"),
        ("age>inf", "age takes a number"),
        ("a>b=", "a>b takes a number"),
        ("day>soon", "day takes a date in the format %Y-%m-%d"),
        ("day>1999-01-01", "day goes from 1970-01-01 to 1970-01-11"),
    ],
)
def test_what_no_row_can_pass_is_refused(text, message):
    with pytest.raises(UserError, match=message):
        parse([text], COLUMNS)


def test_bounds_that_all_rows_pass_are_allowed():
    assert [test.passed(ROWS).sum() for test in parse(["age>=0", "age<1000", "age<=17"], COLUMNS)] == [
        3,
        3,
        1,
    ]
