"""Class labels as what networks take: rows of zeros with a single one."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def encode_labels(
    labels: Int[Array, " batch"] | None, num_classes: int | None, dtype: Any = jnp.float32
) -> Float[Array, "batch classes"] | None:
    """One-hot labels, or None for an unconditional network.

    Args:
        labels: class indices in [0, num_classes), or None.
        num_classes: how many classes the network was made for; None for an unconditional one.
        dtype: of the rows: that of what they meet, or they would make it float32.

    Returns:
        One-hot rows, or None when both arguments are None.

    Raises:
        ValueError: if labels are given to an unconditional network (they would be dropped in silence), are
            missing for a conditional one, or are no integers ``[B]``.
    """
    if num_classes is None:
        if labels is not None:
            raise ValueError("an unconditional network was given labels: make it with num_classes=...")
        return None
    if labels is None:
        raise ValueError(f"a network made for {num_classes} classes needs labels")
    if labels.ndim != 1 or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(f"labels are integers [B], got {labels.dtype}{list(labels.shape)}")
    return jax.nn.one_hot(labels, num_classes, dtype=dtype)
