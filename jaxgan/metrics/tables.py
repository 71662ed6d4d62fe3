"""How much do the columns of synthetic rows, and the pairs of columns, look like those of real rows?

A table is a mapping from names to columns ``[N]``. A column of floats has numbers, and NaN where one is
missing. A column of integers has the codes of categories, and a negative code where one is missing.

- The shape of a column is 1 minus the distance of its two distributions: that of Kolmogorov and Smirnov for
  numbers, the total variation for categories.
- The trend of a pair of columns is 1 minus half the difference of their two correlations for numbers, and 1
  minus the total variation of their joint frequencies for categories. Of a number and a category, the number
  is put into one of ten bins first.
- The quality is the mean of both means.

The rules are those of SDMetrics' quality report, so that its numbers can be compared with these. They look at
one and two columns at a time: rows that differ from real ones only in what three columns say together have
a perfect score.

References:
    SDMetrics 0.32, https://docs.sdv.dev/sdmetrics: KSComplement, TVComplement, CorrelationSimilarity,
    ContingencySimilarity and QualityReport
"""

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64, Int64

from jaxgan.metrics.result import Result

BINS = 10  # of a number beside a category
MOST_CODES = 10_000  # beyond the number of rows, up to which codes are counted without a sort
STRONG_CORRELATION, STRONG_ASSOCIATION = 0.5, 0.3  # what a pair must exceed to count as strongly related
DECIMALS = 14  # to which numbers are rounded before their distributions are compared
Column = np.ndarray  # float64 [N], or int64 [N]
Columns = Mapping[Any, Any]


@dataclass(frozen=True, kw_only=True)
class TableQuality(Result):
    """The result of `table_quality`. A score is in [0, 1], and 1 is best.

    Attributes:
        value: the mean of `shapes` and `trends`, or the one that there is.
        shapes: the mean of `columns`.
        trends: the mean of `pairs`; NaN for a table of one column.
        strong_trends: the mean of those pairs that are strongly related in the real table: with a correlation
            above 0.5, or an association above 0.3; NaN if there are none. Columns that were drawn by
            themselves have good `trends`, as most pairs are hardly related.
        n_real: number of real rows.
        columns: the shape of each column; NaN for a column without a value in one of the tables.
        pairs: the names of each pair of columns, and its trend; NaN for two columns of numbers of which one
            is constant. Such scores are left out of the means.
    """

    label: ClassVar[str] = "quality"
    measured: ClassVar[tuple[str, ...]] = ("value", "shapes", "trends", "strong_trends")
    details: ClassVar[tuple[str, ...]] = ("columns", "pairs")

    value: float
    shapes: float
    trends: float
    strong_trends: float
    n_real: int
    columns: dict[Any, float]
    pairs: tuple[tuple[Any, Any, float], ...]


def table_quality(real: Columns, fake: Columns) -> TableQuality:
    """Return how much two tables agree, column by column and pair by pair.

    Args:
        real: the columns of real rows, by name.
        fake: the same columns of synthetic rows.

    Returns:
        The scores of all columns and pairs, and their means.

    Raises:
        ValueError: if the tables have no rows, other columns or columns of other types.

    References:
        SDMetrics' QualityReport, properties "Column Shapes" and "Column Pair Trends". With its thresholds set
        to 0, its score is `value`. By default its score is the mean of `shapes` and `strong_trends`. It looks
        at 50,000 random rows of a longer table where categories are involved; here all rows count.
    """
    real, fake = as_tables(real, fake)
    columns = {name: column_shape(real[name], fake[name]) for name in real}
    real_codes, fake_codes = ({name: _codes(table[name]) for name in table} for table in (real, fake))
    pairs, strong = [], []
    for first, second in itertools.combinations(real, 2):
        if _are_numbers(real[first]) and _are_numbers(real[second]):
            relation, other = (_correlation(table[first], table[second]) for table in (real, fake))
            score = 1 - abs(relation - other) / 2
            is_strong = abs(relation) > STRONG_CORRELATION
        else:
            score = 1 - _total_variation(*_joint(real_codes, fake_codes, first, second))
            is_strong = _cramers_v(real_codes[first], real_codes[second]) > STRONG_ASSOCIATION
        pairs.append((first, second, score))
        strong += [score] * is_strong
    shapes, trends = _mean(columns.values()), _mean(score for *_, score in pairs)
    return TableQuality(
        value=_mean((shapes, trends)),
        shapes=shapes,
        trends=trends,
        strong_trends=_mean(strong),
        columns=columns,
        pairs=tuple(pairs),
        n_real=_length(real),
        n_fake=_length(fake),
    )


def column_shape(real: Any, fake: Any) -> float:
    """Return 1 minus the distance between the distributions of two columns. Missing values are left out.

    Args:
        real: numbers ``[N]``, or codes of categories.
        fake: ``[M]``, of the same kind.

    Returns:
        The score in [0, 1]; NaN if one of the columns has no value.

    Raises:
        ValueError: if the columns are not of one kind and one dimension.

    References:
        SDMetrics' KSComplement and TVComplement
    """
    real, fake = as_columns(real, fake)
    real, fake = real[~missing(real)], fake[~missing(fake)]
    if not len(real) or not len(fake):
        return math.nan
    if _are_numbers(real):
        return 1 - _kolmogorov_smirnov(_rounded(real), _rounded(fake))
    return 1 - _total_variation(real, fake)


def pair_trend(real: tuple[Any, Any], fake: tuple[Any, Any]) -> float:
    """Return how much two tables agree on the relation of two columns.

    Args:
        real: both columns of real rows, each ``[N]``.
        fake: the same columns of synthetic rows, each ``[M]``.

    Returns:
        The score in [0, 1]; NaN for two columns of numbers of which one is constant in one of the tables.

    Raises:
        ValueError: as for `table_quality`.

    References:
        SDMetrics' CorrelationSimilarity and ContingencySimilarity
    """
    return table_quality(dict(enumerate(real)), dict(enumerate(fake))).pairs[0][2]


def associations(columns: Columns) -> Float64[np.ndarray, "d d"]:
    """Return how strongly the columns of a table are related.

    Args:
        columns: ``[N]`` each, by name, as for `table_quality`.

    Returns:
        A symmetric matrix with ones on its diagonal: Pearson's correlation in [-1, 1] of two columns of
        numbers, and Cramer's V in [0, 1] of all others, of numbers in ten bins. NaN where one is constant.

    References:
        Cramer 1946, Mathematical Methods of Statistics
    """
    table, _ = as_tables(columns, columns)
    codes = {name: _codes(column) for name, column in table.items()}
    matrix = np.eye(len(table))
    for (i, first), (j, second) in itertools.combinations(enumerate(table), 2):
        numbers = _are_numbers(table[first]) and _are_numbers(table[second])
        matrix[i, j] = matrix[j, i] = (
            _correlation(table[first], table[second]) if numbers else _cramers_v(codes[first], codes[second])
        )
    return matrix


def as_tables(real: Columns, fake: Columns) -> tuple[dict[Any, Column], dict[Any, Column]]:
    """Return the checked columns of two tables, in the order of the first.

    Raises:
        ValueError: if they have no rows, columns of several lengths, or not the same columns.
    """
    if list(real) != list(fake) and (other := set(real) ^ set(fake)):
        names = ", ".join(sorted(map(str, other)))
        raise ValueError(f"both tables have the same columns, and only one of them has {names}")
    if not real:
        raise ValueError("a table has at least one column")
    pairs = {}
    for name in real:
        try:
            pairs[name] = as_columns(real[name], fake[name])
        except ValueError as error:
            raise ValueError(f"column {name}: {error}") from error
    tables = tuple({name: pair[i] for name, pair in pairs.items()} for i in (0, 1))
    for table in tables:
        if len(lengths := {len(column) for column in table.values()}) > 1 or 0 in lengths:
            raise ValueError(f"the columns of a table have one length of at least 1, got {sorted(lengths)}")
    return tables[0], tables[1]


def as_columns(*columns: Any) -> Any:
    """Return columns as float64 or int64 ``[N]``; one column by itself.

    Raises:
        ValueError: if a column is not ``[N]``, holds infinities or no real numbers, or they differ in kind.
    """
    arrays = []
    for column in columns:
        array = np.asarray(column)
        if array.ndim != 1:
            raise ValueError(f"a column is [N], got shape {list(array.shape)}")
        if array.dtype.kind not in "biuf":
            raise ValueError(f"a column has numbers, or the codes of categories, got {array.dtype}")
        array = array.astype(np.float64 if array.dtype.kind == "f" else np.int64)
        if _are_numbers(array) and np.isinf(array).any():
            raise ValueError(f"{np.count_nonzero(np.isinf(array))} of {len(array)} numbers are infinite")
        arrays.append(array)
    if len({array.dtype for array in arrays}) > 1:
        raise ValueError("both are numbers (floats), or both the codes of categories (integers)")
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def missing(column: Column) -> np.ndarray:
    """Return which values of a column are missing, bool ``[N]``."""
    return np.isnan(column) if _are_numbers(column) else column < 0


def _are_numbers(column: Column) -> bool:
    return column.dtype.kind == "f"


def _rounded(numbers: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Return numbers without their last bits, where that many decimals can be had."""
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = np.round(numbers, DECIMALS)
    return np.where(np.isfinite(rounded), rounded, numbers)


def _kolmogorov_smirnov(real: Float64[np.ndarray, " n"], fake: Float64[np.ndarray, " m"]) -> float:
    """Return the largest difference between two empirical distribution functions."""
    real, fake = np.sort(real), np.sort(fake)
    points = np.concatenate([real, fake])
    shares = [np.searchsorted(each, points, side="right") / len(each) for each in (real, fake)]
    return float(np.abs(shares[0] - shares[1]).max())


def _total_variation(real: Int64[np.ndarray, " n"], fake: Int64[np.ndarray, " m"]) -> float:
    """Return half the sum of the differences between two frequencies."""
    codes = _numbered(np.concatenate([real, fake]))
    counts = [np.bincount(part, minlength=codes.max() + 1) for part in np.split(codes, [len(real)])]
    return float(np.abs(counts[0] / len(real) - counts[1] / len(fake)).sum() / 2)


def _numbered(codes: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return the place of each code >= 0 among the different ones, in order."""
    if codes.max() >= MOST_CODES + len(codes):
        return np.unique(codes, return_inverse=True)[1].ravel()
    return (np.cumsum(np.bincount(codes) > 0) - 1)[codes]


def _joint(
    real: Mapping[Any, np.ndarray], fake: Mapping[Any, np.ndarray], first: Any, second: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return a code for each pair of codes, of the real and of the synthetic rows."""
    width = 1 + max(real[second].max(), fake[second].max())
    return real[first] * width + real[second], fake[first] * width + fake[second]


def _cramers_v(first: Int64[np.ndarray, " n"], second: Int64[np.ndarray, " n"]) -> float:
    """Return the association of two columns of codes in [0, 1]; NaN if one of them is constant."""
    rows, columns = _numbered(first), _numbered(second)
    height, width = rows.max() + 1, columns.max() + 1
    if min(height, width) < 2:
        return math.nan
    cells_of_rows = rows * width + columns
    numbers = _numbered(cells_of_rows)
    counts = np.bincount(numbers)
    cells = np.empty(len(counts), np.int64)  # those that occur, in order
    cells[numbers] = cells_of_rows
    of_rows, of_columns = np.bincount(rows), np.bincount(columns)
    expected = of_rows[cells // width] * of_columns[cells % width] / len(rows)
    chi_squared = (counts**2 / expected).sum() - len(rows)
    return float(np.sqrt(max(chi_squared, 0.0) / (len(rows) * (min(height, width) - 1))))


def _codes(column: Column) -> Int64[np.ndarray, " n"]:
    """Return the category of each value, >= 0: that of the bin of a number, and one for all missing values.

    A table's own numbers choose its bins, as in SDMetrics. A missing number is in the bin of the largest.
    """
    if not _are_numbers(column):
        return np.maximum(column, -1) + 1
    try:
        return np.digitize(column, np.histogram_bin_edges(column[~np.isnan(column)], BINS))
    except ValueError:  # too few numbers between the smallest and the largest, such as 1e17 and the next one
        return np.unique(column, return_inverse=True)[1].ravel()


def _correlation(first: Float64[np.ndarray, " n"], second: Float64[np.ndarray, " n"]) -> float:
    """Return Pearson's correlation of the rows where both are there; NaN if one of them is constant."""
    there = ~(np.isnan(first) | np.isnan(second))
    first, second = first[there], second[there]
    if len(first) < 2 or any(each.min() == each.max() for each in (first, second)):
        return math.nan
    units = []
    for each in (first, second):
        centered = each / np.abs(each).max()
        centered = centered - centered.mean()
        units.append(centered / np.linalg.norm(centered))
    return float(np.clip(units[0] @ units[1], -1, 1))


def _length(table: Mapping[Any, Column]) -> int:
    return len(next(iter(table.values())))


def _mean(scores: Iterable[float]) -> float:
    """Return the mean of the scores that are not NaN; NaN if there are none."""
    numbers = [score for score in scores if not math.isnan(score)]
    return float(np.mean(numbers)) if numbers else math.nan
