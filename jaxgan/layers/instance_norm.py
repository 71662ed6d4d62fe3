"""Instance normalization: each channel of each image gets mean 0 and variance 1 over its own pixels.

It keeps no running averages, so it computes the same in training and in drawing, on one device and on many.

References:
    Ulyanov et al. 2016, Instance Normalization, https://arxiv.org/abs/1607.08022
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Features = Float[Array, "batch height width channel"]


class InstanceNorm(nn.Module):
    """Normalize every channel of every image over its pixels, without parameters.

    Attributes:
        epsilon: summand of the variance, > 0.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, inputs: Features) -> Features:
        """Return normalized features; a channel of one value becomes zeros.

        References:
            Ulyanov et al. 2016, eq. 4.
        """
        features = inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))
        mean = features.mean(axis=(1, 2), keepdims=True)
        centered = features - mean
        variance = (centered**2).mean(axis=(1, 2), keepdims=True)
        return (centered * jax.lax.rsqrt(variance + self.epsilon)).astype(inputs.dtype)
