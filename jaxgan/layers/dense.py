"""Dense layers whose gradients of every order are fast in bfloat16 on CPU."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax

from jaxgan.layers.kernels import primitives
from jaxgan.layers.kernels.lowerings import POINT


def dot_general(
    inputs: jax.Array,
    kernel: jax.Array,
    dimension_numbers: Any,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> jax.Array:
    """Compute a dense layer's product as `jax.lax.dot_general` does, but with float32 sums for bfloat16.

    The gradients of every order have float32 sums too. XLA:CPU computes such products faster than those with
    bfloat16 sums.

    Args:
        inputs: ``[..., C]``.
        kernel: ``[C, F]``.
        dimension_numbers: the last axis of the inputs against the first of the kernel.
        precision: passed to `jax.lax.dot_general`; bfloat16 ignores it.
        preferred_element_type: passed to `jax.lax.dot_general`; bfloat16 ignores it.

    Returns:
        ``[..., F]``.
    """
    if inputs.dtype != jax.numpy.bfloat16 or kernel.dtype != inputs.dtype:
        return jax.lax.dot_general(inputs, kernel, dimension_numbers, precision, preferred_element_type)
    pixels = inputs.reshape(1, -1, 1, 1, inputs.shape[-1])
    products = primitives.conv(pixels, kernel[None, None, None], window=POINT)
    return products.reshape(*inputs.shape[:-1], -1)


Dense = partial(nn.Dense, dot_general=dot_general)
"""`flax.linen.Dense` with the product of `dot_general`, and with linen's arguments and parameters."""
