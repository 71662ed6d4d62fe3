"""Synthetic rows without any network: what a generator of tables has to be better than.

| baseline | keeps | loses |
|---|---|---|
| `bootstrap` | everything; its rows are training rows | privacy |
| `independent` | the distribution of each column | whatever two columns say of each other |
| `copula` | each distribution, and a correlation for each pair of columns | all other relations |

References:
    Nelsen 2006, An Introduction to Copulas
    Patki et al. 2016, The Synthetic Data Vault, which made the Gaussian copula the usual one for tables
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from jaxgan.data.tables import Column, Table

LEAST_EIGENVALUE = 1e-6  # of a correlation matrix; smaller ones are rounding errors of columns that agree
Shares = Float64[np.ndarray, " n"]  # places in a distribution, from 0 to 1


def bootstrap(table: Table, n: int, *, seed: int) -> Table:
    """Return rows of a table, drawn again.

    Args:
        table: the training rows.
        n: the number of rows to draw.
        seed: the seed of the draws.
    """
    return table.take(np.random.default_rng(seed).integers(0, len(table), n))


def independent(table: Table, n: int, *, seed: int) -> Table:
    """Return rows whose columns are drawn again, each by itself.

    Args:
        table: the training rows.
        n: the number of rows to draw.
        seed: the seed of the draws.
    """
    rng = np.random.default_rng(seed)
    return dataclasses.replace(
        table, values={name: rng.choice(table.values[name], n) for name in table.names}
    )


def copula(table: Table, n: int, *, seed: int) -> Table:
    """Return rows of a Gaussian copula that was fitted to a table.

    Each value is replaced by the standard normal number of the same place in its column's distribution.
    Normal numbers with the correlations of these are drawn, and replaced by the values of their places. The
    categories of a column are in the order of their codes, and missing numbers come before all others.

    Args:
        table: the training rows.
        n: the number of rows to draw.
        seed: the seed of the draws.
    """
    from scipy.special import ndtr, ndtri  # slow to import, and needed for tables alone

    rng = np.random.default_rng(seed)
    scores = np.column_stack([ndtri(_places(table.values[column.name], column)) for column in table.columns])
    normal = rng.standard_normal((n, scores.shape[1])) @ _root(_correlations(scores)).T
    values = {
        column.name: _values(ndtr(normal[:, i]), table.values[column.name], column)
        for i, column in enumerate(table.columns)
    }
    return dataclasses.replace(table, values=values)


BASELINES: dict[str, Callable[..., Table]] = {
    "copula": copula,
    "independent": independent,
    "bootstrap": bootstrap,
}


def _places(values: np.ndarray, column: Column) -> Shares:
    """Return the middle of the place that each value has in its column's distribution."""
    from scipy.stats import rankdata  # it takes a second to import

    ranks = rankdata(values if column.is_categorical else np.nan_to_num(values, nan=-np.inf))
    return (ranks - 0.5) / len(values)


def _correlations(scores: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "d d"]:
    """Return the correlations of the normal numbers; a constant column is related to no other.

    A column of few values shows less of its normal numbers than a column without ties. Its scores are about
    their means, so that a covariance with them is the correlation times their share of the variance.
    """
    from scipy.special import ndtri

    untied = ndtri((np.arange(len(scores)) + 0.5) / len(scores)).var()
    centered = scores - scores.mean(axis=0)
    covariances, shares = centered.T @ centered / len(scores) / untied, scores.var(axis=0) / untied
    shares = np.where(shares > 0, shares, 1)
    correlations = np.clip(covariances / shares / shares[:, None], -1, 1)
    np.fill_diagonal(correlations, 1)
    return correlations


def _root(correlations: Float64[np.ndarray, "d d"]) -> Float64[np.ndarray, "d d"]:
    """Return a matrix whose product with its transpose is the nearest matrix of correlations."""
    eigenvalues, vectors = np.linalg.eigh(correlations)
    root = vectors * np.sqrt(np.maximum(eigenvalues, LEAST_EIGENVALUE))
    return root / np.linalg.norm(root, axis=1, keepdims=True)


def _values(places: Shares, values: np.ndarray, column: Column) -> np.ndarray:
    """Return the values at places of a column's distribution. Numbers may lie between those of the column."""
    if column.is_categorical:
        counts = np.bincount(values, minlength=len(column.categories))
        codes = np.searchsorted(np.cumsum(counts) / len(values), places, side="right")
        return np.minimum(codes, counts.nonzero()[0].max()).astype(np.int32)
    there = values[~np.isnan(values)]
    missing = 1 - len(there) / len(values)
    if not len(there):
        return np.full(len(places), np.nan)
    between = "linear" if column.kind == "numeric" else "inverted_cdf"
    drawn = np.quantile(there, np.clip((places - missing) / (1 - missing), 0, 1), method=between)
    if column.kind == "numeric" and column.decimals is not None:
        drawn = np.round(drawn, column.decimals)
    return np.where(places < missing, np.nan, drawn)
