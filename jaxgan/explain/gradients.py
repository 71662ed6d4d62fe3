"""Explanations by gradients, for every number of an image or for its regions.

A gradient alone says what a tiny change would do, and where a critic is saturated that is nothing. So the
gradient is averaged along the straight line from a reference to the image: integrated gradients by fixed
nodes, expected gradients by random points from random references. The values then add up to the difference of
the two verdicts, but for the error of the quadrature or the draws; `Attribution.residual` is that error.

On GANs they explain less than Shapley values do: a point on the line is a blend of two images that the
discriminator has never seen. docs/guides/explain.md has figures.

References:
    Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks, https://arxiv.org/abs/1703.01365
    Erion et al. 2021, Improving performance of deep learning models with axiomatic attribution priors and
    expected gradients, https://arxiv.org/abs/1906.10670
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxgan.explain.coalitions import Attribution, Critic, batch_size, checked, ends, judged
from jaxgan.explain.regions import count_of, pooled


def integrated_gradients(
    critic: Critic, image: Any, reference: Any, *, regions: Any = None, steps: int = 128
) -> Attribution:
    """Return the integral of the gradient from a reference to an image, times their difference.

    Args:
        critic: ``images [N, H, W, C] -> values [N]``. It judges each image by itself.
        image: ``[H, W, C]``, uint8 or float in [-1, 1].
        reference: where the line begins, ``[H, W, C]``; of several, ``[R, H, W, C]``, the mean is taken.
        regions: integers ``[H, W]``, over which the values are summed; None for a value of each number of the
            image.
        steps: number of Gauss-Legendre nodes on the line, >= 1.

    Returns:
        The `Attribution`. Its residual is the error of the quadrature, which is not small where the critic
        has kinks.

    Raises:
        ValueError: for other shapes, or if `steps` is below 1.

    References:
        Sundararajan et al. 2017, eq. 1; the residual is that of proposition 1 (completeness).
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    image, references = checked(image, reference)
    if regions is not None:
        count_of(regions, image.shape)
    nodes, weights = np.polynomial.legendre.leggauss(steps)  # of [-1, 1]
    places, shares = jnp.asarray((1 + nodes) / 2, jnp.float32), jnp.asarray(weights / 2, jnp.float32)
    several, size = len(references), batch_size(image.shape, steps * len(references))

    def look(total: jax.Array, first: jax.Array) -> tuple[jax.Array, None]:
        index = first + jnp.arange(size)
        share = jnp.where(index < steps * several, shares.take(index // several, mode="clip"), 0.0) / several
        place = places.take(index // several, mode="clip")
        parts = _products(critic, image, references[index % several], place)
        return total + (share[:, None, None, None] * parts).sum(axis=0), None

    values, _ = jax.lax.scan(look, jnp.zeros(image.shape), jnp.arange(0, steps * several, size))
    if regions is not None:
        values = pooled(values[None], regions)[0]
    base, total = ends(critic, image, references)
    evaluations = steps * several + several + 1
    return Attribution(values, base, total, jnp.zeros(values.shape), evaluations)


def expected_gradients(
    critic: Critic,
    image: Any,
    references: Any,
    *,
    key: Key[Array, ""],
    regions: Any = None,
    samples: int = 200,
) -> Attribution:
    """Return the mean of the gradient at random points on lines from random references, times the difference.

    Args:
        critic: ``images [N, H, W, C] -> values [N]``. It judges each image by itself.
        image: ``[H, W, C]``, uint8 or float in [-1, 1].
        references: where the lines begin, ``[R, H, W, C]`` or ``[H, W, C]``.
        key: the key of the draws.
        regions: integers ``[H, W]``, over which the values are summed; None for a value of each number of the
            image.
        samples: number of points, >= 2.

    Returns:
        The `Attribution` with the standard errors of the means.

    Raises:
        ValueError: for other shapes, or if `samples` is below 2.

    References:
        Erion et al. 2021, the definition of expected gradients, by draws of the reference and of the point.
    """
    if samples < 2:
        raise ValueError(f"samples must be at least 2, got {samples}")
    image, references = checked(image, references)
    shape = image.shape if regions is None else (count_of(regions, image.shape),)
    place_key, reference_key = jax.random.split(key)
    places = jax.random.uniform(place_key, (samples,))
    chosen = jax.random.randint(reference_key, (samples,), 0, len(references))
    size = batch_size(image.shape, samples)

    def look(sofar: Any, first: jax.Array) -> tuple[Any, None]:
        index = first + jnp.arange(size)
        counted, index = (index < samples).astype(jnp.float32), jnp.minimum(index, samples - 1)
        parts = _products(critic, image, references[chosen[index]], places[index])
        parts = parts if regions is None else pooled(parts, regions)
        return _merged(sofar, parts, counted.reshape(-1, *[1] * len(shape))), None

    start = jnp.zeros(()), jnp.zeros(shape), jnp.zeros(shape)
    (_, values, squares), _ = jax.lax.scan(look, start, jnp.arange(0, samples, size))
    base, total = ends(critic, image, references)
    error = jnp.sqrt(squares / (samples - 1) / samples)
    return Attribution(values, base, total, error, samples + len(references) + 1)


def _products(
    critic: Critic, image: jax.Array, references: jax.Array, places: jax.Array
) -> Float[Array, "n h w c"]:
    """Return the gradients at points between references and an image, times image minus reference."""
    difference = image[None] - references
    points = references + places[:, None, None, None] * difference
    return jax.grad(lambda images: judged(critic, images).sum())(points) * difference


def _merged(sofar: Any, parts: jax.Array, counted: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return number, mean and squared deviations of values after a further batch (Chan et al. 1982)."""
    count, mean, squares = sofar
    more = counted.sum()
    center = (counted * parts).sum(axis=0) / more
    inside = (counted * jnp.square(parts - center[None])).sum(axis=0)
    shift, both = center - mean, count + more
    return both, mean + shift * (more / both), squares + inside + jnp.square(shift) * (count * more / both)
