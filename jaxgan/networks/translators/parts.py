"""What the translators share: their normalization, and padding to a multiple of their stride."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers import BatchNorm, InstanceNorm

NORMS = ("instance", "batch", "none")


def check_norm(norm: str) -> None:
    """Raise `ValueError` for a normalization that there is not."""
    if norm not in NORMS:
        raise ValueError(f"norm is {', '.join(NORMS)}, got {norm!r}")


def refuse_labels(labels: object) -> None:
    """Raise `ValueError` for labels: a translator takes none."""
    if labels is not None:
        raise ValueError("a translator makes images of images, and takes no labels")


def normalization(norm: str, *, train: bool, axis_name: str | None) -> Callable[[jax.Array], jax.Array]:
    """Return a layer of the kind; call it in a compact method.

    Args:
        norm: "instance", "batch" or "none".
        train: whether batch normalization takes the batch's own statistics.
        axis_name: mapped axis over which batch statistics are averaged.
    """
    if norm == "instance":
        return InstanceNorm()
    if norm == "batch":
        return BatchNorm(use_running_average=not train, momentum=0.9, axis_name=axis_name)
    return lambda features: features


def padded(
    images: Float[Array, "batch height width channel"], stride: int
) -> Float[Array, "batch new_height new_width channel"]:
    """Return images whose last row and column are repeated until the stride divides height and width."""
    pads = [(0, -size % stride) for size in images.shape[1:3]]
    if pads == [(0, 0), (0, 0)]:
        return images
    return jnp.pad(images, [(0, 0), *pads, (0, 0)], mode="edge")
