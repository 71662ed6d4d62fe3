"""What all augmentations share: their types, the draws of one example, and the checks of their arguments."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Augmentation = Callable[..., Float[Array, "batch ..."]]  # (images, *, keys, step=0) -> images
Amount = float | int | jax.Array | Callable[[Any], Any]  # a number (also a traced one) or an optax schedule


def value_at(amount: Amount, step: int | jax.Array) -> Any:
    """Return the number, or the schedule's value at this step.

    `jaxgan.penalties` has the same line: neither package imports the other.
    """
    return amount(step) if callable(amount) else amount


def draw(key: jax.Array, count: int) -> Float[Array, " count"]:
    """Return float32 numbers, uniform in the open interval (-1, 1).

    One such call draws all numbers of an example. Each further call would add a copy of the random number
    generator to the compiled program, and that takes longer to compile than all else in this package.
    """
    return jax.random.uniform(key, (count,), jnp.float32, jnp.nextafter(jnp.float32(-1), jnp.float32(0)), 1.0)


def check_keys(images: jax.Array, keys: jax.Array | None) -> jax.Array:
    """Return the keys, if there is one typed key for each example of float data.

    Raises:
        ValueError: if the data are not float, the keys are missing or not typed, or their number is another.
    """
    if images.ndim < 1 or not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f"an augmentation takes float examples [B, ...], got {images.dtype} of shape {images.shape}"
        )
    if keys is None:
        raise ValueError("an augmentation draws random numbers: it needs keys, one jax key per example")
    if not jnp.issubdtype(keys.dtype, jax.dtypes.prng_key) or keys.shape != images.shape[:1]:
        raise ValueError(
            f"an augmentation takes one typed key per example, shape {images.shape[:1]}, "
            f"got {keys.dtype} of shape {keys.shape}"
        )
    return keys


def check_pictures(images: jax.Array, *, color: bool) -> None:
    """Refuse data that are not a batch of pictures.

    Raises:
        ValueError: if the rank is not 4, or if `color` is to be changed and there are not 1 or 3 channels.
    """
    if images.ndim != 4:
        raise ValueError(f"this augmentation takes pictures [B, H, W, C], got shape {images.shape}")
    if color and images.shape[-1] not in (1, 3):
        raise ValueError(
            f"color augmentations take 1 channel (gray) or 3 (red, green, blue), got {images.shape[-1]}"
        )
