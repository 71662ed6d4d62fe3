"""Shapley values: how much does each region add to the verdict, whatever the order in which regions come?

A region's Shapley value is what it adds to the value of the regions that came before it, averaged over all
orders. It is the only rule whose values add up to the whole difference, that treats alike regions that act
alike, and that gives 0 to a region without effect.

With few regions every coalition is played, and the values are exact. With more, orders are drawn at random,
each together with its reverse: what a region adds early and late then averages out in every pair.

    explain = jax.jit(lambda image, reference, key: shapley(critic, image, reference, regions, key=key))

compiles once for many images.

References:
    Shapley 1953, A Value for n-Person Games
    Lundberg and Lee 2017, A Unified Approach to Interpreting Model Predictions,
    https://arxiv.org/abs/1705.07874
    Mitchell et al. 2022, Sampling Permutations for Shapley Value Estimation,
    https://arxiv.org/abs/2104.12199 (antithetic permutations)
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from jaxgan.explain.coalitions import Attribution, Critic, checked, coalition_values
from jaxgan.explain.regions import count_of

EXACT = 12  # regions up to which all coalitions are played
MOST_EXACT = 20  # a million coalitions


def shapley(
    critic: Critic,
    image: Any,
    references: Any,
    regions: Any,
    *,
    key: Key[Array, ""] | None = None,
    permutations: int | None = 64,
) -> Attribution:
    """Return the Shapley value of each region of an image.

    Args:
        critic: ``images [N, H, W, C] -> values [N]``. It judges each image by itself.
        image: ``[H, W, C]``, uint8 or float in [-1, 1].
        references: what regions that are left out look like, ``[H, W, C]``; of several, ``[R, H, W, C]``, the
            mean is taken.
        regions: integers ``[H, W]``, such as those of `jaxgan.explain.grid`.
        key: the key of the permutations, which more than 12 regions need.
        permutations: number of permutations that are drawn, >= 2; each is played with its reverse. None plays
            all coalitions of up to 20 regions, and so do up to 12 regions whatever it is.

    Returns:
        The `Attribution`. Its values add up to ``total - base`` but for rounding. The standard errors are
        those of the mean over pairs of permutations.

    Raises:
        ValueError: for other shapes, or if a key is missing.

    Examples:
        >>> import numpy as np
        >>> from jaxgan import explain
        >>> critic = lambda images: images[:, 0, 0, 0] + 2 * images[:, 1, 1, 0]  # looks at two pixels
        >>> image, black = np.ones((2, 2, 1), np.float32), -np.ones((2, 2, 1), np.float32)
        >>> found = explain.shapley(critic, image, black, explain.grid((2, 2, 1), 2, 2))
        >>> [round(float(value), 3) for value in found.values]  # by how much each quarter raises it
        [2.0, 0.0, 0.0, 4.0]

    References:
        Lundberg and Lee 2017, eq. 4, with one reference; with several, the mean of their games.
    """
    image, references = checked(image, references)
    n = count_of(regions, image.shape)
    if n <= EXACT or permutations is None:
        if n > MOST_EXACT:
            raise ValueError(f"all coalitions are played of up to {MOST_EXACT} regions, got {n}")
        return _exact(critic, image, references, regions, n)
    if permutations < 2:
        raise ValueError(f"permutations must be at least 2, got {permutations}")
    if key is None:
        raise ValueError(f"{n} regions need a key: up to {EXACT} are exact without one")
    return _sampled(critic, image, references, regions, n, key, permutations)


def _exact(critic: Critic, image: Any, references: Any, regions: Any, n: int) -> Attribution:
    """Play all coalitions; bit i of a coalition's index says whether region i belongs to it."""
    bits = jnp.arange(n)

    def members(index: jax.Array) -> jax.Array:
        return (index[:, None] >> bits[None, :]) % 2 == 1

    values = coalition_values(critic, image, references, regions, members, 2**n)
    sizes = [bin(others).count("1") for others in range(2 ** (n - 1))]
    weight_of = [1 / (n * math.comb(n - 1, size)) for size in range(n)]
    weights = jnp.asarray(np.array(weight_of, np.float32)[np.array(sizes)])
    added = []
    for i in range(n):
        without, beside = jnp.moveaxis(values.reshape(-1, 2, 2**i), 1, 0)
        added.append((weights * (beside - without).reshape(-1)).sum())
    evaluations = 2**n * len(references)
    return Attribution(jnp.stack(added), values[0], values[-1], jnp.zeros(n), evaluations)


def _sampled(
    critic: Critic, image: Any, references: Any, regions: Any, n: int, key: jax.Array, permutations: int
) -> Attribution:
    """Play the coalitions that permutations and their reverses pass through from none to all regions."""
    order = jnp.argsort(jax.random.uniform(key, (permutations, n)), axis=1)
    place = jnp.argsort(order, axis=1)  # of each region in the permutation
    places = jnp.stack([place, n - 1 - place], axis=1).reshape(2 * permutations, n)
    between = n - 1  # coalitions of a permutation without the first and the last, which all have

    def members(index: jax.Array) -> jax.Array:
        way, size = (index - 2) // between, 1 + (index - 2) % between
        size = jnp.where(index < 2, n * index, size)  # the first two are none and all
        return places[way] < size[:, None]

    count = 2 + 2 * permutations * between
    values = coalition_values(critic, image, references, regions, members, count)
    base, total = values[0], values[1]
    inner = values[2:].reshape(2 * permutations, between)
    path = jnp.concatenate([jnp.full((len(inner), 1), base), inner, jnp.full((len(inner), 1), total)], axis=1)
    steps = jnp.take_along_axis(jnp.diff(path, axis=1), places, axis=1)
    pairs = steps.reshape(permutations, 2, n).mean(axis=1)
    error = pairs.std(axis=0, ddof=1) / permutations**0.5
    return Attribution(pairs.mean(axis=0), base, total, error, count * len(references))
