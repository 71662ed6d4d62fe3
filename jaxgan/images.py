"""Pixels are uint8 at rest and float32 in [-1, 1] inside the step; this module alone converts them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8


def to_float(images: jax.Array) -> Float[Array, "*shape"]:
    """Return images as the networks take them.

    Args:
        images: uint8 in [0, 255]; or floating point, whose values stay as they are (points of a mixture, for
            example).

    Returns:
        float32 in [-1, 1] for uint8 images; at least float32 for others, as penalties need the precision.

    Raises:
        ValueError: for any other dtype.
    """
    if images.dtype == jnp.uint8:
        return images.astype(jnp.float32) / 127.5 - 1
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(f"images are uint8, or float in [-1, 1], got {images.dtype}")
    return images.astype(jnp.promote_types(images.dtype, jnp.float32))


def to_uint8(images: Float[Array, "*shape"]) -> UInt8[Array, "*shape"]:
    """Return images in [-1, 1] as uint8 in [0, 255], rounded; values outside are clipped."""
    return jnp.clip(jnp.round(127.5 * (images + 1)), 0, 255).astype(jnp.uint8)
