"""One example, one key: what all augmentations have in common."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Augmentation = Callable[..., Float[Array, "batch ..."]]  # (images, *, keys, step=0) -> images
Amount = float | int | jax.Array | Callable[[Any], Any]  # a number, traced or not, or an optax schedule


def amount_at(amount: Amount, step: int | jax.Array) -> Any:
    """Return the number, or the schedule's value at `step`."""
    return amount(step) if callable(amount) else amount


def draw(key: jax.Array, count: int) -> Float[Array, " count"]:
    """Return float32 numbers, uniform in the open interval (-1, 1).

    All that an example needs comes from one such call: each one more adds a copy of the generator to the
    compiled program, and compiling it takes longer than everything else here.
    """
    return jax.random.uniform(key, (count,), jnp.float32, jnp.nextafter(jnp.float32(-1), jnp.float32(0)), 1.0)


def check(images: jax.Array, keys: jax.Array | None) -> jax.Array:
    """Return the keys, if there is one typed key for each example of float data.

    Raises:
        ValueError: otherwise.
    """
    if images.ndim < 1 or not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f"an augmentation takes float examples [B, ...], got {images.dtype} of shape {images.shape}"
        )
    if keys is None:
        raise ValueError("an augmentation draws at random: it needs keys, one jax key per example")
    if not jnp.issubdtype(keys.dtype, jax.dtypes.prng_key) or keys.shape != images.shape[:1]:
        raise ValueError(
            f"an augmentation takes one typed key per example, shape {images.shape[:1]}, "
            f"got {keys.dtype} of shape {keys.shape}"
        )
    return keys


def check_pictures(images: jax.Array, *, colour: bool) -> None:
    """Refuse what is no batch of pictures.

    Raises:
        ValueError: for another rank than 4, and where `colour` is changed, for other channels than 1 or 3.
    """
    if images.ndim != 4:
        raise ValueError(f"this augmentation takes pictures [B, H, W, C], got shape {images.shape}")
    if colour and images.shape[-1] not in (1, 3):
        raise ValueError(
            f"colour augmentations take 1 channel (grey) or 3 (red, green, blue), got {images.shape[-1]}"
        )
