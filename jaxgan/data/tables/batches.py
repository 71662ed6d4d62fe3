"""The batches of a table: rows that match a drawn condition, as a function of the seed and the step.

A condition is a categorical column and one of its categories. The column is drawn evenly, the category by
its frequency or by the logarithm of it, and the row evenly among those that match. So rare categories are
seen often. A table without categories is seen in the order of all data (`jaxgan.data.order`).

References:
    Xu et al. 2019, Modeling Tabular Data using Conditional GAN, https://arxiv.org/abs/1907.00503, section 4.3
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.data.order import batch_indices
from jaxgan.data.tables.encoding import Encoding
from jaxgan.system.random import seed_key

FREQUENCIES = ("log", "true")  # by what a condition's category is drawn


class Conditions(NamedTuple):
    """What conditions are drawn by; all categories of all columns are numbered in one row.

    Attributes:
        order: the numbers of all rows by their category, for each categorical column: int32 ``[J, N]``.
        first: the place of the first row of each category in its column's `order`: int32 ``[K]``.
        count: the number of rows of each category: int32 ``[K]``.
        column: the first category of each column: int32 ``[J]``.
        share: the chance of a column's categories up to each: float32 ``[J, largest number of categories]``.
    """

    order: np.ndarray
    first: np.ndarray
    count: np.ndarray
    column: np.ndarray
    share: np.ndarray


def conditions(encoding: Encoding, rows: np.ndarray, frequency: str = "log") -> Conditions | None:
    """Return what conditions are drawn by; None for a table without categories.

    Args:
        encoding: the table's encoding.
        rows: the table's short rows.
        frequency: "log" or "true".
    """
    sizes = encoding.category_sizes
    if not sizes:
        return None
    codes = rows[:, -len(sizes) :].astype(np.int32)
    order = np.stack([np.argsort(column, kind="stable") for column in codes.T]).astype(np.int32)
    counts = [np.bincount(column, minlength=size) for column, size in zip(codes.T, sizes, strict=True)]
    share = np.ones((len(sizes), max(sizes)), np.float32)
    for row, count in zip(share, counts, strict=True):
        weights = np.log1p(count) if frequency == "log" else count
        row[: len(count)] = np.cumsum(weights) / weights.sum()
    first = np.concatenate([np.cumsum(count) - count for count in counts])
    column = np.cumsum((0, *sizes))[:-1]
    return Conditions(
        order,
        first.astype(np.int32),
        np.concatenate(counts).astype(np.int32),
        column.astype(np.int32),
        share,
    )


@partial(jax.jit, static_argnames=("batch_size", "encoding"))
def batch_at(
    stored: dict[str, Any], step: Any, *, seed: Any, batch_size: int, encoding: Encoding
) -> dict[str, jax.Array]:
    """Return the batch of one step, made on the device.

    Args:
        stored: ``"image"``, the short rows, and where there are categories the `Conditions`,
            ``"conditions"``.
        step: the number of the batch.
        seed: uint32 seed of the order.
        batch_size: the number of rows that a step takes.
        encoding: the table's encoding.

    Returns:
        ``"image"``, the wide rows ``[batch_size, width]``; and, where there are categories,
        ``"condition"``: a one-hot value of all categories of all columns.
    """
    rows = stored["image"]
    if "conditions" not in stored:
        indices = batch_indices(seed, step, batch_size=batch_size, size=len(rows))
        return {"image": encoding.widen(rows[indices])}
    drawn, category = draw(stored["conditions"], jax.random.fold_in(seed_key(seed), step), batch_size)
    one_hot = jax.nn.one_hot(category, sum(encoding.category_sizes))
    return {"image": encoding.widen(rows[drawn]), "condition": one_hot}


def draw(given: Conditions, key: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Return rows and the category, among those of all columns, that each of them was drawn for.

    Args:
        given: what conditions are drawn by.
        key: a typed key.
        count: number of rows.
    """
    column_key, category_key, row_key = jax.random.split(key, 3)
    column = jax.random.randint(column_key, (count,), 0, len(given.column))
    below = jax.random.uniform(category_key, (count, 1)) >= jnp.asarray(given.share)[column]
    category = jnp.asarray(given.column)[column] + below.sum(axis=1, dtype=jnp.int32)
    members = jnp.asarray(given.count)[category]
    place = jax.random.bits(row_key, (count,), jnp.uint32) % members.astype(jnp.uint32)
    place = jnp.asarray(given.first)[category] + place.astype(jnp.int32)
    return jnp.asarray(given.order)[column, place], category
