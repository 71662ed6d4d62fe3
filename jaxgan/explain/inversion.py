"""From images back to latents: which latents make the images that come nearest.

The way to an image begins at some latents of the prior and goes downhill from each of them by Adam. The
steps become shorter along a cosine, and the best end is kept. How near it comes answers two questions. A
generator that cannot make a real image again has not learned it. One that makes its training images again
better than images that it has never seen has memorized (Webster et al. 2019).

References:
    Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN,
    https://arxiv.org/abs/1912.04958, section 5: projection of images
    Webster et al. 2019, Detecting Overfitting of Deep Generative Networks via Latent Recovery,
    https://arxiv.org/abs/1901.03396
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.tree_util import Partial
from jaxtyping import Float

from jaxgan.explain.pages import floats
from jaxgan.explain.space import batches, rows_of, rows_that_fit

LEARNING_RATE = 0.1
BETA2 = 0.9  # the gradient shrinks by orders of magnitude on the way: 0.999 remembers it for too long
ROWS = 256  # latents that go downhill at a time
_TRIES = 8  # latents that are drawn for each restart, of which the nearest begin


class Inversion(NamedTuple):
    """Latents of images.

    Attributes:
        latents: ``[N, Z]``.
        errors: mean squared difference of pixels between an image and what its latents make, ``[N]``, of
            images in [-1, 1].
    """

    latents: Float[np.ndarray, "n latent"]
    errors: Float[np.ndarray, " n"]

    @property
    def psnr(self) -> Float[np.ndarray, " n"]:
        """The peak signal-to-noise ratio of each image, in dB; equal images have infinity."""
        with np.errstate(divide="ignore"):
            return 10 * np.log10(4 / self.errors)  # 2 from black to white


def invert(
    generate: Callable[..., jax.Array],
    images: Any,
    *,
    key: jax.Array,
    latent_dim: int,
    features: Callable[[jax.Array], jax.Array] | None = None,
    steps: int = 400,
    restarts: int = 4,
    labels: Any = None,
    draw: Callable[..., jax.Array] | None = None,
    scale: Any = None,
) -> Inversion:
    """Return latents that make images as near as possible to the given ones.

    Args:
        generate: ``(latents, labels) -> images``, which can be differentiated.
        images: uint8 or float in [-1, 1], ``[N, H, W, C]``.
        key: a typed key of the beginnings.
        latent_dim: length of a latent vector.
        features: ``images -> features [B, ...]``, whose squared distance counts beside that of pixels, as a
            share of the features' squared length; None for pixels alone.
        steps: steps of Adam, >= 1.
        restarts: beginnings of each image, >= 1.
        labels: ``[N]`` for a conditional generator, or None.
        draw: ``(key, labels, n) -> latents [n, Z]`` to begin with; None for standard normal ones.
        scale: how far a step of size 1 goes along each coordinate, ``[Z]``; 0 keeps it. None for ones.

    Returns:
        The `Inversion`.

    Raises:
        ValueError: if `steps` or `restarts` is below 1.
    """
    if steps < 1 or restarts < 1:
        raise ValueError(f"steps and restarts are at least 1, got {steps} and {restarts}")
    generate = generate if isinstance(generate, Partial) else Partial(generate)
    images = np.asarray(images)
    units = jnp.ones(latent_dim) if scale is None else jnp.asarray(scale, jnp.float32)
    step, error = _programs(features, steps)
    found = []
    size = max(1, rows_that_fit(images.shape[1:], ROWS) // restarts)
    for part, (rows, new) in enumerate(batches(len(images), size)):
        targets, given = jnp.asarray(floats(images[rows])), rows_of(labels, rows)
        start = _beginnings(draw, jax.random.fold_in(key, part), given, restarts, (len(rows), latent_dim))
        repeated = jnp.concatenate([targets] * restarts)
        classes = None if given is None else jnp.concatenate([given] * restarts)
        together = start.reshape(_TRIES, -1, latent_dim)  # as many as go downhill, by the same program
        distances = jnp.concatenate([error(generate, repeated, classes, latents) for latents in together])
        start = _nearest(start, distances.reshape(len(start), -1), restarts)
        offset = jnp.zeros_like(start)
        memory = _optimizer(steps).init(offset)
        for _ in range(steps):
            offset, memory = step(generate, repeated, classes, start, units, offset, memory)
        latents = start + units[None] * offset
        errors = error(generate, repeated, classes, latents).reshape(restarts, -1)
        best = errors.argmin(axis=0)
        latents = latents.reshape(restarts, len(rows), -1)[best, jnp.arange(len(rows))]
        found.append((np.asarray(latents)[:new], np.asarray(errors.min(axis=0))[:new]))
    return Inversion(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _beginnings(
    draw: Callable[..., jax.Array] | None, key: jax.Array, labels: Any, restarts: int, shape: tuple[int, int]
) -> jax.Array:
    """Return some latents for each image, ``[tries, count, Z]``."""
    count, size = shape
    tries = _TRIES * restarts
    if draw is None:
        return jax.random.normal(key, (tries, count, size))
    repeated = None if labels is None else jnp.concatenate([labels] * tries)
    return draw(key, repeated, tries * count).reshape(tries, count, size)


@partial(jax.jit, static_argnums=2)
def _nearest(start: jax.Array, distances: jax.Array, restarts: int) -> jax.Array:
    """Return the latents of each image with the smallest distances, ``[restarts * count, Z]``."""
    order = jnp.argsort(distances, axis=0)[:restarts]
    return jnp.take_along_axis(start, order[..., None], axis=0).reshape(-1, start.shape[-1])


def _optimizer(steps: int) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, steps), b2=BETA2)


@lru_cache(maxsize=8)  # so that several calls compile once
def _programs(
    features: Callable[[jax.Array], jax.Array] | None, steps: int
) -> tuple[Callable[..., Any], Callable[..., jax.Array]]:
    """Return the compiled step of Adam, and the compiled error of each image."""

    def errors(generate: Any, targets: jax.Array, labels: Any, latents: jax.Array) -> jax.Array:
        difference = generate(latents, labels) - targets
        return jnp.square(difference).reshape(len(targets), -1).mean(axis=1)

    def loss(offset: Any, generate: Any, targets: Any, labels: Any, start: Any, units: Any) -> jax.Array:
        latents = start + units[None] * offset
        if features is None:
            return errors(generate, targets, labels, latents).sum()
        made = generate(latents, labels)
        wanted = features(targets).reshape(len(targets), -1)
        apart = jnp.square(features(made).reshape(wanted.shape) - wanted).sum(axis=1)
        size = jnp.maximum(jnp.square(wanted).sum(axis=1), 1e-12)
        return (jnp.square(made - targets).reshape(len(targets), -1).mean(axis=1) + apart / size).sum()

    @partial(jax.jit, donate_argnums=(5, 6))
    def step(
        generate: Any, targets: Any, labels: Any, start: Any, units: Any, offset: Any, memory: Any
    ) -> tuple[jax.Array, Any]:
        gradient = jax.grad(loss)(offset, generate, targets, labels, start, units)
        change, memory = _optimizer(steps).update(gradient, memory)
        return offset + change, memory

    return step, jax.jit(errors)
