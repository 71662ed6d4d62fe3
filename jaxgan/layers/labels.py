"""Class labels as inputs of a network."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def encode_labels(
    labels: Int[Array, " batch"] | None, num_classes: int | None, dtype: Any = jnp.float32
) -> Float[Array, "batch classes"] | None:
    """Return one-hot labels, or None for an unconditional network.

    Args:
        labels: class indices in [0, num_classes), ``[B]``, or None.
        num_classes: number of classes of the network; None for an unconditional one.
        dtype: type of the rows; use the type of the features that they are combined with, because float32
            rows would promote these.

    Returns:
        One-hot rows, or None if both arguments are None.

    Raises:
        ValueError: if labels are given to an unconditional network (which would drop them silently), are
            missing for a conditional one, or are not integers ``[B]``.
    """
    if num_classes is None:
        if labels is not None:
            raise ValueError("an unconditional network takes no labels: make it with num_classes=...")
        return None
    if labels is None:
        raise ValueError(f"a network with num_classes={num_classes} needs labels")
    if labels.ndim != 1 or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(f"labels are integers [B], got {labels.dtype}{list(labels.shape)}")
    return jax.nn.one_hot(labels, num_classes, dtype=dtype)
