"""Rows of a table as the networks take them, and back.

At rest a row is short: for each number its place in a mode and the mode, for each category its code. What the
networks see is wide: ``[places | one-hot modes | one-hot categories]``. Of a column with missing numbers, the
last one-hot value stands for the missing ones. A column of a single mode has no one-hot values, and a
constant column has no place in a row; it comes back with the others. Blocks of one-hot values are in order of
their size, so that equal ones are neighbors and are computed at once.

References:
    Xu et al. 2019, Modeling Tabular Data using Conditional GAN, https://arxiv.org/abs/1907.00503, section 4.2
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.data.tables import quantiles
from jaxgan.data.tables.modes import Modes, fit
from jaxgan.data.tables.quantiles import Quantiles
from jaxgan.data.tables.table import Column, Table

MODES = 10  # the largest number of modes of a column (Xu et al. 2019, section 4.2)


@dataclasses.dataclass(frozen=True, eq=False)
class Encoding:
    """What the columns of a table are, and how their values become rows of numbers.

    Attributes:
        columns: the columns, in the file's order.
        modes: the modes or quantiles of each column of numbers or dates that is not constant, by its name.
        counts: how often each category is in the table, by the column's name; there are no others.
        target: the column that a model would predict, or None.
    """

    columns: tuple[Column, ...]
    modes: Mapping[str, Modes | Quantiles]
    counts: Mapping[str, tuple[int, ...]]
    target: str | None = None

    @cached_property
    def numbers(self) -> tuple[Column, ...]:
        """The columns of numbers and dates that are not constant, in order of their one-hot values."""
        return tuple(
            sorted((column for column in self.columns if column.name in self.modes), key=self._values_of)
        )

    @cached_property
    def categories(self) -> tuple[Column, ...]:
        """The categorical columns that are not constant, in order of their number of categories."""
        several = (column for column in self.columns if len(column.categories) > 1)
        return tuple(sorted(several, key=lambda column: len(column.categories)))

    def _values_of(self, column: Column) -> int:
        """Return the number of one-hot values of a column of numbers; 1 stands for none."""
        return self.modes[column.name].size + column.missing

    @property
    def places(self) -> int:
        """The number of places in modes, the first values of a row."""
        return len(self.numbers)

    @cached_property
    def mode_sizes(self) -> tuple[int, ...]:
        """The number of one-hot values of each column of numbers that has some; they come last."""
        return tuple(size for size in map(self._values_of, self.numbers) if size > 1)

    @cached_property
    def category_sizes(self) -> tuple[int, ...]:
        """The number of categories of each categorical column."""
        return tuple(len(column.categories) for column in self.categories)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of all blocks of one-hot values, in their order."""
        return (*self.mode_sizes, *self.category_sizes)

    @property
    def width(self) -> int:
        """The number of values of a row as the networks see it."""
        return self.places + sum(self.sizes)

    @property
    def _single(self) -> int:
        """The number of columns of numbers without one-hot values; they come first."""
        return self.places - len(self.mode_sizes)

    def rows_of(self, table: Table, which: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the short rows of a table, float32 ``[N, places + blocks]``.

        Args:
            table: the table.
            which: the mode of each number, by the column's name.
        """
        rows = np.zeros((len(table), self.places + len(self.sizes)), np.float32)
        first = self.places - self._single  # the first column of codes, less the columns without
        for i, column in enumerate(self.numbers):
            values, modes = table.values[column.name], self.modes[column.name]
            missing = np.isnan(values)
            own = which[column.name]
            rows[:, i] = np.where(missing, 0, modes.place(np.where(missing, 0, values), own))
            if i >= self._single:
                rows[:, first + i] = np.where(missing, modes.size, own)
        for i, column in enumerate(self.categories, first + self.places):
            rows[:, i] = table.values[column.name]
        return rows

    def widen(self, rows: jax.Array) -> jax.Array:
        """Return short rows ``[B, places + blocks]`` as the networks see them, ``[B, width]``."""
        codes = rows[:, self.places :].astype(jnp.int32)
        one_hot, first = [], 0
        for size, equal in itertools.groupby(self.sizes):
            last = first + len(list(equal))
            one_hot.append(jax.nn.one_hot(codes[:, first:last], size).reshape(len(rows), -1))
            first = last
        return jnp.concatenate([rows[:, : self.places], *one_hot], axis=1)

    def decode(self, rows: np.ndarray) -> Table:
        """Return the table of wide rows ``[N, width]``: each one-hot block counts by its largest value.

        Numbers lie in the range of the table that the encoding was fitted to, and have as many digits.
        """
        rows = np.asarray(rows, np.float64)
        starts = self.places + np.cumsum((0, *self.sizes))
        codes = [rows[:, first:end].argmax(axis=1) for first, end in itertools.pairwise(starts)]
        values: dict[str, np.ndarray] = {}
        for i, column in enumerate(self.numbers):
            modes, block = self.modes[column.name], i - self._single
            which = codes[block] if block >= 0 else np.zeros(len(rows), np.int64)
            missing = which == modes.size
            numbers = modes.value(rows[:, i], np.where(missing, 0, which))
            values[column.name] = np.where(missing, math.nan, _as_printed(column, numbers))
        for column, code in zip(self.categories, codes[len(self.mode_sizes) :], strict=True):
            values[column.name] = code.astype(np.int32)
        for column in self.columns:
            if column.name not in values:
                dtype = np.int32 if column.is_categorical else np.float64
                values[column.name] = np.full(len(rows), column.low or 0, dtype)
        return Table(self.columns, values)

    def conditions(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Return one-hot conditions ``[count, K]``: columns evenly drawn, categories by their frequency."""
        column = random.integers(0, len(self.categories), count)
        chosen = np.zeros(count, np.int64)
        firsts = np.cumsum((0, *self.category_sizes))
        for i, each in enumerate(self.categories):
            weights = np.cumsum(self.counts[each.name]) / sum(self.counts[each.name])
            own = column == i
            chosen[own] = firsts[i] + np.searchsorted(weights, random.random(own.sum()), side="right")
        return self.one_hot(chosen)

    def condition_of(self, name: str, code: int) -> int:
        """Return the place of a category among those of all columns."""
        names = [column.name for column in self.categories]
        return sum(self.category_sizes[: names.index(name)]) + code

    def one_hot(self, places: np.ndarray) -> np.ndarray:
        """Return conditions ``[count, K]`` of the places of categories among those of all columns."""
        conditions = np.zeros((len(places), sum(self.category_sizes)), np.float32)
        conditions[np.arange(len(places)), places] = 1
        return conditions

    def as_json(self) -> dict[str, Any]:
        """Return the encoding as JSON values; `from_json` gives it back."""
        return {
            "columns": [column.as_json() for column in self.columns],
            "modes": {
                name: {field: values.tolist() for field, values in modes._asdict().items()}
                for name, modes in self.modes.items()
            },
            "counts": {name: list(counts) for name, counts in self.counts.items()},
            "target": self.target,
        }


def from_json(content: Mapping[str, Any]) -> Encoding:
    """Return the encoding of JSON values, perhaps from a stranger.

    Raises:
        ValueError: if the values do not fit each other; KeyError and TypeError for other content.
    """
    columns = tuple(
        Column(**column | {"categories": tuple(column["categories"])}) for column in content["columns"]
    )
    modes = {
        name: (Quantiles if "values" in each else Modes)(
            **{field: np.array(values, np.float64) for field, values in each.items()}
        )
        for name, each in content["modes"].items()
    }
    counts = {name: tuple(map(int, each)) for name, each in content["counts"].items()}
    for column in columns:
        if column.is_categorical and len(counts[column.name]) != len(column.categories):
            raise ValueError(
                f"column {column.name} has {len(column.categories)} categories, but other counts"
            )
        if column.name in modes and (column.low is None or column.high is None):
            raise ValueError(f"column {column.name} has no range")
    for name, each in modes.items():
        if any(values.shape != (len(each[0]),) for values in each) or not len(each[0]):
            raise ValueError(f"the modes of column {name} are no lists of one length")
    return Encoding(columns, modes, counts, content["target"])


def fitted(table: Table, *, target: str | None = None, modes: int = MODES) -> tuple[Encoding, np.ndarray]:
    """Return the encoding of a table, and the table's short rows.

    Args:
        table: the rows to learn.
        target: name of the column that a model would predict, or None.
        modes: largest number of modes of a column; 1 normalizes by mean and deviation, 0 by quantiles.
    """
    found: dict[str, Modes | Quantiles] = {}
    which: dict[str, np.ndarray] = {}
    for i, column in enumerate(table.columns):
        values = table.values[column.name]
        known = ~np.isnan(values)
        if column.is_categorical or not known.any() or (column.low == column.high and known.all()):
            continue
        which[column.name] = np.zeros(len(table), np.int32)
        if column.low == column.high:  # some are missing, and all others equal
            found[column.name] = Modes(np.array([column.low]), np.ones(1))
            continue
        if not modes:
            found[column.name] = quantiles.fit(values[known])
            continue
        random = np.random.default_rng(i)
        found[column.name], which[column.name][known] = fit(values[known], modes, random)
    counts = {
        column.name: tuple(np.bincount(table.values[column.name], minlength=len(column.categories)).tolist())
        for column in table.columns
        if column.is_categorical
    }
    encoding = Encoding(table.columns, found, counts, target)
    return encoding, encoding.rows_of(table, which)


def _as_printed(column: Column, values: np.ndarray) -> np.ndarray:
    """Return numbers in the column's range, with the digits that the column has."""
    values = np.clip(values, column.low, column.high)
    if column.kind == "integer":
        return np.round(values)
    if column.kind == "date":
        smallest = 1 if "%S" in column.format else 60 if "%M" in column.format else 86_400
        return np.round(values / smallest) * smallest
    return values if column.decimals is None else np.round(values, column.decimals)
