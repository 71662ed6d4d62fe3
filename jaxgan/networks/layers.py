"""What the network families share and linen lacks."""

import jax
from jaxtyping import Array, Float, Int


def encode_labels(
    labels: Int[Array, " batch"] | None, num_classes: int | None
) -> Float[Array, "batch classes"] | None:
    """One-hot labels, or None for an unconditional network.

    Args:
        labels: class indices in [0, num_classes), or None.
        num_classes: how many classes the network was made for; None for an unconditional one.

    Returns:
        float32 one-hot rows, or None when both arguments are None.

    Raises:
        ValueError: if labels are given to an unconditional network (they would be dropped in silence), or
            are missing for a conditional one.
    """
    if num_classes is None:
        if labels is not None:
            raise ValueError("an unconditional network was given labels: make it with num_classes=...")
        return None
    if labels is None:
        raise ValueError(f"a network made for {num_classes} classes needs labels")
    return jax.nn.one_hot(labels, num_classes)
