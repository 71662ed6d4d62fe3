"""A table as arrays: what each column is, and its values."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

KINDS = ("numeric", "integer", "date", "categorical")
MARKS = (".", ",")  # decimal marks


@dataclasses.dataclass(frozen=True)
class Column:
    """What a column is, and what is needed to print its values as they were.

    Attributes:
        name: the column's name.
        kind: "numeric"; "integer", whose values are whole numbers; "date"; or "categorical".
        categories: the texts of a categorical column, in order; a missing value is the empty text.
        decimals: largest number of digits after the point in a column of numbers; None prints all digits that
            a float64 needs.
        mark: the decimal mark of the column's numbers in a text: "." or ",".
        format: how `datetime.strptime` reads the texts of a date; "" for other kinds.
        missing: whether values are missing in the table that the column comes from.
        missing_text: how a missing number or date is written.
        low: smallest number or date of that table; None for categories.
        high: largest number or date of that table; None for categories.
    """

    name: str
    kind: str
    categories: tuple[str, ...] = ()
    decimals: int | None = None
    mark: str = "."
    format: str = ""
    missing: bool = False
    missing_text: str = ""
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a column is {', '.join(KINDS)}, got {self.kind!r:.60}")
        if self.mark not in MARKS:
            raise ValueError(f"a decimal mark is one of {' '.join(MARKS)}, got {self.mark!r:.60}")
        object.__setattr__(self, "categories", tuple(self.categories))

    @property
    def is_categorical(self) -> bool:
        """Whether the values are categories, and not numbers or dates."""
        return self.kind == "categorical"

    def as_json(self) -> dict[str, Any]:
        """Return the column as JSON values; ``Column(**values)`` gives it back."""
        return dataclasses.asdict(self) | {"categories": list(self.categories)}


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Rows of typed columns.

    Attributes:
        columns: what the columns are, in the file's order.
        values: the values by column name. Numbers and dates are float64 ``[N]`` with NaN where missing, dates
            in seconds since 1970. Categories are int32 codes ``[N]`` into the column's ``categories``.
        notes: lines for the user, about what was left out or changed.
        name: what messages call the table.
    """

    columns: tuple[Column, ...]
    values: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()
    name: str = "table"

    def __len__(self) -> int:
        return len(self.values[self.columns[0].name]) if self.columns else 0

    def take(self, rows: Any) -> "Table":
        """Return some of the rows, by their numbers, a slice or a choice, bool ``[N]``."""
        values = {column.name: self.values[column.name][rows] for column in self.columns}
        return dataclasses.replace(self, values=values)

    def column(self, name: str) -> Column:
        """Return the column of a name.

        Raises:
            KeyError: if there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names in one line, with the number of those that are too many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
