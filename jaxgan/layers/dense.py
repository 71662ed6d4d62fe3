"""Dense layers whose gradients of every order are fast in bfloat16 on CPU."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax

from jaxgan.layers.kernels.lowerings import Window
from jaxgan.layers.kernels.primitives import correlate

_POINT = Window((1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)))


def dot_general(
    inputs: jax.Array,
    kernel: jax.Array,
    dimension_numbers: Any,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> jax.Array:
    """Return what `jax.lax.dot_general` does for a dense layer; in bfloat16, with sums in float32.

    So have the gradients of every order, which on CPU makes them fast.

    Args:
        inputs: ``[..., C]``.
        kernel: ``[C, F]``.
        dimension_numbers: the last axis of the inputs against the first of the kernel.
        precision: for `jax.lax.dot_general`.
        preferred_element_type: for `jax.lax.dot_general`.

    Returns:
        ``[..., F]``.
    """
    if inputs.dtype != jax.numpy.bfloat16 or kernel.dtype != inputs.dtype:
        return jax.lax.dot_general(inputs, kernel, dimension_numbers, precision, preferred_element_type)
    rows = inputs.reshape(1, -1, 1, 1, inputs.shape[-1])
    return correlate(rows, kernel[None, None, None], window=_POINT).reshape(*inputs.shape[:-1], -1)


Dense = partial(nn.Dense, dot_general=dot_general)
"""`flax.linen.Dense` with the product above."""
