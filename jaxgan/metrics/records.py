"""Are synthetic rows nearer to the training rows than new rows of the same source would be?

The distance of a row to its closest record is that to the nearest training row. New rows have such distances
too, so those of held-out rows say which are small. A generator that learned the distribution has the same
distances; one that copies has smaller ones. Rows of few categories equal each other by chance, which the
held-out rows show as well. None of this proves that a table is private: docs/guides/tables.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from jaxgan.metrics.inputs import row_hashes
from jaxgan.metrics.neighbors import nearest_distances
from jaxgan.metrics.result import Result
from jaxgan.metrics.tables import Column, Columns, as_tables, missing

MOST_ROWS = 10_000  # rows of each table whose distances are measured; each is compared with each
NEAR = 5  # percent of the rows that count as very near

Points = Float64[np.ndarray, "n d"]


@dataclass(frozen=True, kw_only=True)
class ClosestRecord(Result):
    """The result of `closest_record`. All distances are to the nearest training row.

    Attributes:
        median: median distance of the synthetic rows.
        held_out_median: that of the held-out rows; NaN without such.
        near: distance that 5 % of the synthetic rows do not exceed.
        held_out_near: that of the held-out rows; NaN without such.
        nearer_train: share of the synthetic rows that are nearer to the training rows than to as many
            held-out ones, in [0, 1]; a tie counts half, and 0.5 is no memorization. NaN without such.
        copies: share of the synthetic rows that equal a training row.
        held_out_copies: share of the held-out rows that do; NaN without such.
        n_train: number of training rows.
        n_held_out: number of held-out rows.
        measured_rows: largest number of rows of a table whose distances are measured; copies are sought among
            all rows.
    """

    label: ClassVar[str] = "closest record"
    measured: ClassVar[tuple[str, ...]] = (
        "median",
        "held_out_median",
        "near",
        "held_out_near",
        "nearer_train",
        "copies",
        "held_out_copies",
    )

    median: float
    held_out_median: float
    near: float
    held_out_near: float
    nearer_train: float
    copies: float
    held_out_copies: float
    n_train: int
    n_held_out: int
    measured_rows: int = MOST_ROWS


def closest_record(
    train: Columns,
    fake: Columns,
    held_out: Columns | None = None,
    *,
    most_rows: int = MOST_ROWS,
    seed: int = 0,
) -> ClosestRecord:
    """Return how near synthetic rows are to the training rows, beside held-out rows.

    Numbers are divided by the deviation of their column, and two different categories are at distance 1.

    Args:
        train: columns of the rows that the generator was trained on, as for `table_quality`.
        fake: the same columns of synthetic rows.
        held_out: those of rows of the same source that it was not trained on, if there are any.
        most_rows: largest number of rows of each table whose distances are measured, >= 2; random ones of
            longer tables.
        seed: the seed of that choice.

    Returns:
        Distances, shares and copies.

    Raises:
        ValueError: if the tables have no rows, other columns or columns of other types.
    """
    train, fake = as_tables(train, fake)
    if held_out is not None:
        train, held_out = as_tables(train, held_out)
    rng = np.random.default_rng(seed)
    some = [None if table is None else _some(table, most_rows, rng) for table in (train, fake, held_out)]
    points = as_points(train, *(table for table in some if table is not None))
    to_train = nearest_distances(points[1], points[0])
    known = _hashes(train)
    beside: dict[str, Any] = dict.fromkeys(("held_out_median", "held_out_near"), np.nan)
    beside |= dict.fromkeys(("nearer_train", "held_out_copies"), np.nan)
    if held_out is not None:
        of_held_out = nearest_distances(points[2], points[0])
        count = min(len(points[0]), len(points[2]))  # the nearest of more rows is nearer
        ours, theirs = (nearest_distances(points[1], points[i][:count]) for i in (0, 2))
        beside = {
            "held_out_median": float(np.median(of_held_out)),
            "held_out_near": float(np.percentile(of_held_out, NEAR)),
            "nearer_train": float(((ours < theirs) + 0.5 * (ours == theirs)).mean()),
            "held_out_copies": _share(held_out, known),
        }
    return ClosestRecord(
        median=float(np.median(to_train)),
        near=float(np.percentile(to_train, NEAR)),
        copies=_share(fake, known),
        **beside,
        n_fake=_length(fake),
        n_train=_length(train),
        n_held_out=0 if held_out is None else _length(held_out),
        measured_rows=most_rows,
    )


def as_points(reference: Mapping[Any, Column], *tables: Mapping[Any, Column]) -> list[Points]:
    """Return the rows of tables as points whose Euclidean distances compare rows.

    A column of numbers is one coordinate, centered and divided by its deviation in the reference. Where a
    number may be missing, a second coordinate says so, and the first is 0. A category has a coordinate of its
    own; two different ones are at distance 1, and so are a missing category and any other.

    Args:
        reference: the columns that say how numbers are scaled.
        tables: the columns of the rows.

    Returns:
        ``[N, d]`` for each table.
    """
    parts: list[list[np.ndarray]] = [[] for _ in tables]
    for name, column in reference.items():
        if column.dtype.kind == "f":
            there = column[~missing(column)]
            center, scale = (float(there.mean()), float(there.std())) if len(there) else (0.0, 0.0)
            may_lack = any(missing(table[name]).any() for table in (reference, *tables))
            for part, table in zip(parts, tables, strict=True):
                lacks = missing(table[name])
                scaled = (np.where(lacks, center, table[name]) - center) / (scale or 1.0)
                part.append(np.column_stack([scaled, lacks]) if may_lack else scaled[:, None])
        else:
            values = np.unique(np.concatenate([table[name] for table in tables]))
            for part, table in zip(parts, tables, strict=True):
                part.append((table[name][:, None] == values) * np.sqrt(0.5))
    return [np.concatenate(part, axis=1, dtype=np.float64) for part in parts]


def _some(table: Mapping[Any, Column], most: int, rng: np.random.Generator) -> dict[Any, Column]:
    """Return random rows of a table, or all if it is short enough, in random order."""
    rows = rng.permutation(_length(table))[:most]
    return {name: column[rows] for name, column in table.items()}


def _hashes(table: Mapping[Any, Column]) -> set[int]:
    return set(row_hashes(_rows(table)))


def _share(table: Mapping[Any, Column], known: set[int]) -> float:
    """Return the share of a table's rows whose hash is known."""
    return sum(row in known for row in row_hashes(_rows(table))) / _length(table)


def _rows(table: Mapping[Any, Column]) -> np.ndarray:
    """Return the values of all rows ``[N, columns]``; all missing numbers have the same bits."""
    columns: list[Any] = [np.where(missing(column), np.nan, column) for column in table.values()]
    return np.column_stack(columns)


def _length(table: Mapping[Any, Column]) -> int:
    return len(next(iter(table.values())))
