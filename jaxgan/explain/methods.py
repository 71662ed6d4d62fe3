"""The ways to find directions of a generator that was read, by name."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxgan.explain.directions import LATENTS, Directions, jacobian, pca, sefa
from jaxgan.explain.inside import listening
from jaxgan.explain.space import Space, batches, rows_of
from jaxgan.explain.units import hidden_layers
from jaxgan.export import Network
from jaxgan.system.errors import UserError, choose

MOST_CLASSES = 8  # classes of which a conditional generator's directions are the mean
_LEAST, _PER_NUMBER = 1024, 4  # latents of a principal component analysis: at least, and per number of z


def directions_of(
    generator: Network, space: Space, method: str, k: int, *, key: jax.Array, labels: Any = None
) -> Directions:
    """Return the k strongest directions of a generator by a method.

    Args:
        generator: the generator.
        space: the latents to move, of `spaces_of`.
        method: "jacobian", "ganspace" or "sefa".
        k: number of directions; there may be fewer.
        key: a typed key of the latents that are looked at.
        labels: classes to look at, ``[m]``; None for the first eight of a conditional generator.

    Raises:
        UserError: if the method is unknown, or not for this generator.
    """
    if labels is None and generator.num_classes is not None:
        labels = np.arange(min(MOST_CLASSES, generator.num_classes))
    find = METHODS[choose("method", method, METHODS)]
    return find(generator, space, k, key, labels)


def _jacobian(generator: Network, space: Space, k: int, key: jax.Array, classes: Any) -> Directions:
    labels = None if classes is None else np.resize(classes, LATENTS).astype(np.int32)
    latents = space.draw(key, labels, LATENTS)
    return jacobian(space.generate, latents, k, labels=labels, scale=space.scale)


def _ganspace(generator: Network, space: Space, k: int, key: jax.Array, classes: Any) -> Directions:
    count = max(_LEAST, _PER_NUMBER * space.size)
    labels = None if classes is None else np.resize(classes, count).astype(np.int32)
    latents = space.draw(key, labels, count)
    features = np.asarray(latents)  # of w, the principal components themselves
    if space.name != "w":
        few = slice(0, 32)
        layers = hidden_layers(generator.module, generator.variables, latents[few], rows_of(labels, few))
        if not layers:
            raise UserError("`method` ganspace needs a hidden layer, and this generator has none")
        listen = listening(generator.module, layers[0].paths[0])
        parts = [
            np.asarray(listen(generator.variables, latents[rows], rows_of(labels, rows))[0][1])[:new]
            for rows, new in batches(count)
        ]
        features = np.concatenate(parts)
    return pca(_within(features, labels), _within(np.asarray(latents), labels), k, scale=space.scale)


def _within(rows: np.ndarray, labels: Any) -> np.ndarray:
    """Return rows minus the mean of their class: what the classes differ in is no direction."""
    if labels is None:
        return rows
    rows = rows.astype(np.float32)
    for label in np.unique(labels):
        same = labels == label
        rows[same] -= rows[same].mean(axis=0, keepdims=True)
    return rows


def _sefa(generator: Network, space: Space, k: int, key: jax.Array, classes: Any) -> Directions:
    del generator, key, classes  # the kernel says it all
    if space.kernel is None:
        needs = "`method` sefa needs a dense layer that takes in the latents"
        raise UserError(f"{needs}, and this generator has none")
    return sefa(space.kernel, k, scale=space.scale)


METHODS: dict[str, Callable[..., Directions]] = {"jacobian": _jacobian, "ganspace": _ganspace, "sefa": _sefa}
