"""What a discriminator reads from an image besides its logit: codes, classes, features."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
from jaxtyping import Array, Float

from jaxgan.layers.dense import Dense


def heads(
    widths: Sequence[int],
    features: Float[Array, "batch feature"],
    apply: Callable[[nn.Module, jax.Array], jax.Array],
) -> jax.Array | None:
    """Return what dense layers read from a discriminator's last features; call it in a compact method.

    Args:
        widths: width of each layer, the last one's the number of values that are read. Leaky ReLUs are
            between the layers.
        features: the last features, ``[B, D]``.
        apply: ``(layer, inputs) -> outputs``, where a network normalizes its layers.

    Returns:
        Values ``[B, widths[-1]]``; None if there is no layer.

    Raises:
        ValueError: if a width is below 1.
    """
    if widths and min(widths) < 1:
        raise ValueError(f"a head reads at least one value, got widths {tuple(widths)}")
    values = None
    for width in widths:
        inputs = features if values is None else jax.nn.leaky_relu(values, 0.2)
        values = apply(Dense(width), inputs)
    return values
