"""What rows are asked for: ``"sex=female"``, ``"age>=40"``, as tests of the rows of a table."""

import dataclasses
import math
import operator
import re
from collections.abc import Sequence

import numpy as np

from jaxgan.data.tables.kinds import number, seconds
from jaxgan.data.tables.table import Column, Table, listed
from jaxgan.data.tables.write import texts
from jaxgan.system.errors import UserError

_OPERATORS = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "==": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclasses.dataclass(frozen=True)
class Test:
    """A test that the rows of a table pass or not.

    Attributes:
        text: the test as the user wrote it.
        column: the column that it looks at.
        sign: one of >=, <=, !=, =, > and <.
        value: a number, seconds since 1970 or the code of a category; NaN asks for missing numbers.
    """

    text: str
    column: Column
    sign: str
    value: float

    @property
    def asks_category(self) -> bool:
        """Whether it asks for one category, which a generator can be given as its condition."""
        return self.column.is_categorical and self.sign in ("=", "==")

    def passed(self, table: Table) -> np.ndarray:
        """Return which rows pass, bool ``[N]``."""
        values = table.values[self.column.name]
        if math.isnan(self.value):
            return np.isnan(values) if self.sign in ("=", "==") else ~np.isnan(values)
        passed = _OPERATORS[self.sign](values, self.value)
        return passed if self.column.is_categorical else passed & ~np.isnan(values)


def parse(texts: Sequence[str], columns: Sequence[Column]) -> tuple[Test, ...]:
    """Return the tests of texts; "sex=female and age>=40" is two of them.

    Args:
        texts: the texts.
        columns: the columns of the table.

    Raises:
        UserError: for an unknown column or category, a number out of the column's range, or another text.
    """
    parts = [part for text in texts for part in re.split(r"\s+and\s+", text.strip())]
    return tuple(_parsed(part, {column.name: column for column in columns}) for part in parts)


def _parsed(text: str, columns: dict[str, Column]) -> Test:
    for match in re.finditer(r">=|<=|!=|==|=|>|<", text):
        name, value = text[: match.start()].strip(), text[match.end() :].strip()
        if name in columns:
            return Test(text, columns[name], match[0], _value(text, columns[name], match[0], value))
    sign = re.search(r"[<>=!]", text)
    if sign is None:
        raise UserError(f"`where` is a column, a sign and a value, such as age>=40, got {text}")
    name = text[: sign.start()].strip()
    raise UserError(f"`where` {text}: there is no column {name}, but {', '.join(columns)}")


def _value(text: str, column: Column, sign: str, value: str) -> float:
    if column.is_categorical:
        if sign not in ("=", "==", "!="):
            raise UserError(f"`where` {text}: {column.name} has categories, which take = and !=")
        if value not in column.categories:
            known = listed([each or "(missing)" for each in column.categories], 20)
            raise UserError(f"`where` {text}: {column.name} is one of {known}")
        return column.categories.index(value)
    if not value and column.missing and sign in ("=", "==", "!="):
        return math.nan
    plain = value.replace(column.mark, ".")
    found = seconds(value, column.format) if column.kind == "date" else number(plain)
    if found is None or not math.isfinite(found):
        what = f"a date in the format {column.format}" if column.kind == "date" else "a number"
        raise UserError(f"`where` {text}: {column.name} takes {what}")
    assert column.low is not None
    assert column.high is not None
    above = found > column.high or (found == column.high and sign == ">")
    below = found < column.low or (found == column.low and sign == "<")
    if (above and sign in (">=", ">", "=", "==")) or (below and sign in ("<=", "<", "=", "==")):
        raise UserError(f"`where` {text}: {column.name} {_range(column)}")
    return found


def _range(column: Column) -> str:
    """Return the range of a column in words."""
    values = {column.name: np.array([column.low, column.high])}
    low, high = texts(Table((column,), values), column.name)
    return f"goes from {low} to {high}"
