"""Degradations: pure functions that make a source of an image, so that a game can learn the way back.

    degrade = degradations.super_resolution(scale=4)
    sources = degrade(images, keys=keys)

Each draws with one key per example, as augmentations do. A source is rounded to the 256 values of a picture:
so what a network learns from is what it gets when a picture file is translated.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

Images = Float[Array, "batch height width channel"]
Sources = Float[Array, "batch source_height source_width source_channel"]
Degradation = Callable[..., jax.Array]  # (images, *, keys) -> sources

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as for gray pictures


def super_resolution(*, scale: int = 4) -> Degradation:
    """Return the degradation whose way back is super-resolution: the mean of each block of pixels.

    Args:
        scale: height and width of a block, >= 1.
    """

    def degrade(images: Images, *, keys: Key[Array, " batch"]) -> Sources:
        del keys
        batch, height, width, channels = images.shape
        if scale < 1 or height % scale or width % scale:
            raise ValueError(f"`scale` {scale} does not divide images of {height}x{width}")
        blocks = images.reshape(batch, height // scale, scale, width // scale, scale, channels)
        return _rounded(blocks.mean(axis=(2, 4)))

    return degrade


def coloring() -> Degradation:
    """Return the degradation whose way back is coloring: the luma of color images, one channel."""

    def degrade(images: Images, *, keys: Key[Array, " batch"]) -> Sources:
        del keys
        if images.shape[3] != 3:
            raise ValueError(f"coloring takes color images of 3 channels, got {images.shape[3]}")
        luma = jnp.array(_LUMA, images.dtype)
        return _rounded(jnp.einsum("bhwc,c->bhw", images, luma)[..., None])

    return degrade


def inpainting(*, hole: float = 0.5) -> Degradation:
    """Return the degradation whose way back is inpainting: a gray hole at a random place.

    Args:
        hole: height and width of the hole as a share of the image's, in (0, 1).
    """

    def degrade(images: Images, *, keys: Key[Array, " batch"]) -> Sources:
        shape = images.shape[1:3]
        sizes = [max(1, round(hole * size)) for size in shape]

        def is_inside(key: jax.Array) -> jax.Array:
            axes = []
            for axis_key, side, size in zip(jax.random.split(key), shape, sizes, strict=True):
                first = jax.random.randint(axis_key, (), 0, side - size + 1)
                places = jnp.arange(side)
                axes.append((places >= first) & (places < first + size))
            return axes[0][:, None] & axes[1][None, :]

        return _rounded(jnp.where(jax.vmap(is_inside)(keys)[..., None], 0.0, images))

    return degrade


def denoising(*, noise: float = 0.2) -> Degradation:
    """Return the degradation whose way back is denoising: normal noise on each value.

    Args:
        noise: standard deviation of the noise, >= 0; images lie in [-1, 1].
    """

    def degrade(images: Images, *, keys: Key[Array, " batch"]) -> Sources:
        draws = jax.vmap(partial(jax.random.normal, shape=images.shape[1:], dtype=jnp.float32))(keys)
        return _rounded(images + noise * draws)

    return degrade


def _rounded(images: jax.Array) -> jax.Array:
    """Return images in [-1, 1] at the 256 values that a picture has."""
    return jnp.clip(jnp.round(127.5 * (images + 1)), 0, 255) / 127.5 - 1
