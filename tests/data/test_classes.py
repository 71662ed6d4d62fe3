"""Classes that a user names."""

import pytest

from jaxgan.data.classes import class_numbers
from jaxgan.system.errors import UserError


def test_a_class_is_its_name_or_its_number():
    assert class_numbers("normal", "3, 0", 4) == [3, 0]
    assert class_numbers("normal", "cat,1", 2, ["dog", "cat"]) == [1, 1]
    assert class_numbers("normal", "7", 2, ["3", "7"]) == [1]


@pytest.mark.parametrize(
    ("chosen", "names", "message"),
    [
        ("4", [], r"`normal` 4 is unknown: there are 0 to 3"),
        ("-1", [], r"`normal` -1 is unknown"),
        ("", [], r"`normal`  is unknown"),
        ("bird", list("abcd"), r"there are a, b, c, d"),
        ("2", list("3567"), r"`normal` 2 is unknown: there are 3, 5, 6, 7"),  # a class is called 3
    ],
)
def test_any_other_class_is_refused(chosen, names, message):
    with pytest.raises(UserError, match=message):
        class_numbers("normal", chosen, 4, names)
