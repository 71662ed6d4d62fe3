"""Directions of the latents that change the images most, found in three ways.

- The **Jacobian**: the eigenvectors of E[J^T J], where J is the derivative of the image by the latents. Its
  eigenvalues are the squared distances by which a small step moves the images (Wang and Ponce 2021).
- **GANSpace**: the principal components of a layer's activations, brought back to the latents by least
  squares. It looks at what the layer varies in (Harkonen et al. 2020).
- **SeFa**: the eigenvectors of A A^T, where A is the kernel that the latents meet first. It needs no image at
  all (Shen and Zhou 2021).

None of the papers' methods says how far its directions move images. `motion` does, and `random_vectors` are
what to compare with: a direction that moves images no farther than these has found nothing.

All functions take a `scale`, the length of a step of size 1 along each coordinate. A coordinate whose scale
is 0 is kept. The vectors that come back are steps of size 1.

References:
    Wang and Ponce 2021, The Geometry of Deep Generative Image Models, https://arxiv.org/abs/2101.06006
    Harkonen et al. 2020, GANSpace, https://arxiv.org/abs/2004.02546
    Shen and Zhou 2021, Closed-Form Factorization of Latent Semantics in GANs,
    https://arxiv.org/abs/2007.06600
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jaxtyping import Float

from jaxgan.explain.space import BATCH_SIZE, batches, in_batches, rows_of, rows_that_fit

LATENTS = 16  # latents whose derivatives are taken together
_SMALLEST = 1e-10  # an eigenvalue below this share of the largest one is zero


class Directions(NamedTuple):
    """Directions of the latents, the strongest first.

    Attributes:
        vectors: steps of size 1, ``[k, Z]``.
        spectrum: all that the method ranks directions by, ``[n]`` with n >= k: eigenvalues of E[J^T J],
            variances of a layer's principal components, or eigenvalues of A A^T.
    """

    vectors: Float[np.ndarray, "k latent"]
    spectrum: Float[np.ndarray, " n"]


def metric(
    generate: Callable[..., jax.Array], latents: Any, *, labels: Any = None, scale: Any = None
) -> Float[np.ndarray, "latent latent"]:
    """Return E[J^T J]: the squared distance in pixels by which a small step v moves images is ``v M v``.

    It is found a few columns at a time by products with J and J^T, so J itself is never held.

    Args:
        generate: ``(latents, labels) -> images``, which can be differentiated.
        latents: the latents to take the mean over, ``[N, Z]``.
        labels: ``[N]`` or None.
        scale: length of a step of size 1 along each coordinate, ``[Z]``; None for ones.

    Returns:
        The metric of steps in units of their scale, ``[Z, Z]``.
    """
    generate, size = _partial(generate), latents.shape[1]
    steps = np.diag(_scale(scale, size)).astype(np.float32)
    free = np.flatnonzero(steps.any(axis=1))
    whole = np.zeros((size, size))
    shape = jax.eval_shape(generate, latents[:1], rows_of(labels, slice(1))).shape[1:]
    count = rows_that_fit(shape, min(LATENTS, len(latents)))
    width = max(1, rows_that_fit(shape, 4 * BATCH_SIZE) // count)
    for rows, new in batches(len(latents), count):
        weights = (np.arange(len(rows)) < new).astype(np.float32)
        given = rows_of(latents, rows), rows_of(labels, rows), weights
        columns = [
            _products(generate, *given, steps[free[places]])[:count]
            for places, count in batches(len(free), width)
        ]
        whole[free] += np.asarray(jnp.concatenate(columns), np.float64)
    whole = (whole @ steps) / len(latents)
    return (whole + whole.T) / 2


@jax.jit
def _products(
    generate: Any, latents: jax.Array, labels: Any, weights: jax.Array, vectors: jax.Array
) -> jax.Array:
    """Return the sum of J^T J v over latents by their weights, for each of some vectors ``[c, Z]``."""
    _, push = jax.linearize(lambda moved: generate(moved, labels), latents)
    pull = jax.linear_transpose(push, latents)

    def product(vector: jax.Array) -> jax.Array:
        (pulled,) = pull(push(jnp.broadcast_to(vector[None], latents.shape)))
        return (weights[:, None] * pulled).sum(axis=0)

    return jax.vmap(product)(vectors)


def jacobian(
    generate: Callable[..., jax.Array], latents: Any, k: int, *, labels: Any = None, scale: Any = None
) -> Directions:
    """Return the k directions that move images most, by small steps from the given latents.

    Args:
        generate: ``(latents, labels) -> images``, which can be differentiated.
        latents: the latents to take the mean over, ``[N, Z]``.
        k: number of directions, at most the number of coordinates that move.
        labels: ``[N]`` or None.
        scale: length of a step of size 1 along each coordinate, ``[Z]``; None for ones.

    Returns:
        The `Directions`, with the eigenvalues of `metric`.
    """
    return leading(metric(generate, latents, labels=labels, scale=scale), k, scale=scale)


def leading(whole: Any, k: int, *, scale: Any = None) -> Directions:
    """Return the k leading eigenvectors of a `metric`, as `jacobian` does.

    Args:
        whole: a metric, ``[Z, Z]``.
        k: number of directions, at most the number of coordinates that move.
        scale: the scale that the metric was made with.
    """
    scale = _scale(scale, len(whole))
    values, vectors = _eigen(np.asarray(whole, np.float64))
    free = int((scale > 0).sum())
    return Directions(_vectors(vectors.T[: min(k, free)], scale), np.maximum(values[:free], 0))


def sefa(kernel: Any, k: int, *, scale: Any = None) -> Directions:
    """Return the k directions that a generator's first layer stretches most.

    Args:
        kernel: the rows of the first layer's kernel that belong to the latents, ``[Z, features]``. Further
            rows, of labels, are left out by the caller. Kernels of several layers stand side by side.
        k: number of directions.
        scale: length of a step of size 1 along each coordinate, ``[Z]``; None for ones.

    Returns:
        The `Directions`, with the eigenvalues of A A^T.

    References:
        Shen and Zhou 2021; A is the transpose of the kernel there.
    """
    scale = _scale(scale, np.shape(kernel)[0])
    scaled = scale[:, None] * np.asarray(kernel, np.float64)
    return leading(scaled @ scaled.T, k, scale=scale)


def pca(activations: Any, latents: Any, k: int, *, scale: Any = None) -> Directions:
    """Return the directions of the latents that belong to a layer's principal components.

    Args:
        activations: a layer's activations, ``[N, ...]``.
        latents: the latents that they are of, ``[N, Z]``; many more than Z, as the regression has noise.
        k: number of directions.
        scale: length of a step of size 1 along each coordinate, ``[Z]``; None for ones.

    Returns:
        The `Directions`, with the variances of the principal components; fewer than k where the activations
        have fewer components.

    References:
        Harkonen et al. 2020.
    """
    scale = _scale(scale, latents.shape[1])
    rows = np.asarray(activations, np.float64).reshape(len(activations), -1)
    rows = rows - rows.mean(axis=0, keepdims=True)
    is_wide = rows.shape[1] > rows.shape[0]
    values, vectors = _eigen(rows @ rows.T if is_wide else rows.T @ rows)
    values = values[values > _SMALLEST * values[0]]
    vectors = vectors[:, : len(values)]
    coordinates = vectors if is_wide else rows @ vectors / np.sqrt(values)[None]  # orthonormal columns
    free = scale > 0
    inverse = np.divide(1.0, scale, where=free, out=np.zeros_like(scale))
    centered = np.asarray(latents, np.float64) - np.asarray(latents, np.float64).mean(axis=0, keepdims=True)
    steps = coordinates[:, :k].T @ (centered * inverse[None])  # least squares, as the columns are orthonormal
    steps /= np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-30)
    return Directions(_vectors(steps, scale), values / len(rows))


def random_vectors(key: jax.Array, count: int, scale: Any) -> Float[np.ndarray, "count latent"]:
    """Return steps of size 1 in random directions, ``[count, Z]``; coordinates of scale 0 are kept."""
    scale = np.asarray(scale, np.float64)
    steps = np.asarray(jax.random.normal(key, (count, len(scale)))) * (scale > 0)[None]
    return _vectors(steps / np.linalg.norm(steps, axis=1, keepdims=True), scale)


def motion(
    generate: Callable[..., jax.Array], latents: Any, vectors: Any, *, labels: Any = None
) -> Float[np.ndarray, " k"]:
    """Return how far steps move images: the root mean square change of a pixel, forth and back.

    Args:
        generate: ``(latents, labels) -> images``.
        latents: where the steps begin, ``[N, Z]``.
        vectors: the steps, ``[k, Z]``.
        labels: ``[N]`` or None.
    """
    generate, sums = _partial(generate), []
    vectors = np.asarray(vectors, np.float32)
    for rows, new in batches(len(latents)):
        weights = (np.arange(len(rows)) < new).astype(np.float32) / len(latents)
        given = rows_of(latents, rows), rows_of(labels, rows), weights
        sums.append(np.stack([_change(generate, *given, vector) for vector in vectors]))
    return np.sqrt(np.asarray(sum(sums)))


@jax.jit
def _change(generate: Any, latents: Any, labels: Any, weights: Any, vector: jax.Array) -> jax.Array:
    """Return the mean squared change of pixels by a step forth and a step back, summed by weights."""
    moved = jnp.concatenate([latents, latents + vector[None], latents - vector[None]])
    labels = None if labels is None else jnp.concatenate([labels] * 3)
    before, forth, back = jnp.split(generate(moved, labels), 3)
    changes = (jnp.square(forth - before) + jnp.square(back - before)) / 2
    return (weights * changes.reshape(len(changes), -1).mean(axis=1)).sum()


def traverse(
    generate: Callable[..., jax.Array],
    latents: Any,
    direction: Any,
    amounts: Sequence[float],
    *,
    labels: Any = None,
) -> Float[np.ndarray, "n step height width channel"]:
    """Return images along a direction.

    Args:
        generate: ``(latents, labels) -> images``.
        latents: where the ways begin, ``[N, Z]``.
        direction: a step of size 1, ``[Z]``.
        amounts: sizes of the steps, of which 0 leaves an image as it is.
        labels: ``[N]`` or None.

    Returns:
        Images on the host, ``[N, len(amounts), H, W, C]``.
    """
    step, latents = jnp.asarray(direction, jnp.float32)[None], jnp.asarray(latents)
    columns = [in_batches(generate, latents + float(amount) * step, labels) for amount in amounts]
    return np.stack(columns, axis=1)


def _eigen(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the eigenvalues of a symmetric matrix, the largest first, and its eigenvectors as columns."""
    values, vectors = np.linalg.eigh(matrix)
    return values[::-1], vectors[:, ::-1]


def _vectors(steps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return steps in the coordinates of the latents; the largest number of each is positive."""
    largest = np.take_along_axis(steps, np.abs(steps).argmax(axis=1)[:, None], axis=1)
    return (np.where(largest < 0, -steps, steps) * scale[None]).astype(np.float32)


def _scale(scale: Any, size: int) -> np.ndarray:
    return np.ones(size) if scale is None else np.asarray(scale, np.float64)


def _partial(generate: Callable[..., Any]) -> Partial:
    """Return a function as an argument of compiled ones; the variables of a `Space` are no constants then."""
    return generate if isinstance(generate, Partial) else Partial(generate)
