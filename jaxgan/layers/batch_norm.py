"""Batch normalization with linen's name, variables and numbers, arranged so that its gradient is cheap.

The result is one product and one sum per value, ``x * slope + offset``, with two coefficients per channel.
The gradient then needs only two sums over the batch, of ``dy`` and of ``dy * x``. The gradient of
``(x - mean) * slope + bias`` would read the batch several times.

References:
    Ioffe and Szegedy 2015, Batch Normalization, https://arxiv.org/abs/1502.03167
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers.linen import refuse_lacking

Features = Float[Array, "*batch channel"]


class BatchNorm(nn.Module):
    """Normalize every channel by its mean and variance: `flax.linen.BatchNorm` with a cheap gradient.

    Attributes:
        use_running_average: whether to normalize by the averages in ``batch_stats`` instead of by the batch's
            own statistics.
        momentum: decay of these averages, in [0, 1].
        epsilon: summand of the variance, > 0.
        dtype: type of the result; by default, the type to which inputs and parameters promote. Statistics
            have float32 at least.
        param_dtype: type of the parameters.
        use_bias: whether to add one number per channel.
        use_scale: whether to multiply by one number per channel.
        bias_init: initializer of the ``bias``, ``[C]``.
        scale_init: initializer of the ``scale``, ``[C]``.
        axis_name: mapped axis over which statistics are averaged.
    """

    use_running_average: bool | None = None
    momentum: float = 0.99
    epsilon: float = 1e-5
    dtype: Any = None
    param_dtype: Any = jnp.float32
    use_bias: bool = True
    use_scale: bool = True
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()
    scale_init: nn.initializers.Initializer = nn.initializers.ones_init()
    axis_name: str | None = None

    def __new__(cls, *args: Any, **options: Any) -> "BatchNorm":
        """Refuse the arguments that only linen's layer has."""
        refuse_lacking(cls, nn.BatchNorm, options)
        return super().__new__(cls)

    @nn.compact
    def __call__(self, inputs: Features, use_running_average: bool | None = None) -> Features:
        """Return normalized features; without `use_running_average`, also update the running averages.

        References:
            Ioffe and Szegedy 2015, algorithm 1.
        """
        use_running_average = nn.merge_param(
            "use_running_average", self.use_running_average, use_running_average
        )
        shape = (inputs.shape[-1],)
        averages = [
            self.variable("batch_stats", "mean", jnp.zeros, shape, jnp.float32),
            self.variable("batch_stats", "var", jnp.ones, shape, jnp.float32),
        ]
        if use_running_average:
            mean, variance = (average.value for average in averages)
        else:
            mean, variance = batch_statistics(
                inputs, axis_name=None if self.is_initializing() else self.axis_name
            )
            if not self.is_initializing():
                for average, value in zip(averages, (mean, variance), strict=True):
                    updated = self.momentum * average.value + (1 - self.momentum) * value
                    average.value = updated.astype(average.value.dtype)
        slope = jax.lax.rsqrt(variance + self.epsilon)
        parameters = []
        if self.use_scale:
            parameters.append(self.param("scale", self.scale_init, shape, self.param_dtype))
            slope = slope * parameters[-1]
        offset = -mean * slope
        if self.use_bias:
            parameters.append(self.param("bias", self.bias_init, shape, self.param_dtype))
            offset = offset + parameters[-1]
        dtype = self.dtype or jnp.result_type(inputs, *parameters)
        unit = (1,) * (inputs.ndim - 1)
        return (inputs * slope.reshape(*unit, -1) + offset.reshape(*unit, -1)).astype(dtype)


def batch_statistics(
    inputs: Features, *, axis_name: str | None = None
) -> tuple[Float[Array, " channel"], Float[Array, " channel"]]:
    """Return the mean and variance of each channel, over the batch and the mapped axis.

    Args:
        inputs: ``[..., C]``.
        axis_name: mapped axis to average over, or None.

    Returns:
        Mean and (biased) variance, each ``[C]`` and in float32 at least.
    """
    inputs = inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))
    axes = tuple(range(inputs.ndim - 1))
    moments = inputs.mean(axes), (inputs**2).mean(axes)
    mean, square = moments if axis_name is None else jax.lax.pmean(moments, axis_name)
    return mean, jnp.maximum(0.0, square - mean**2)  # Rounding can make the difference negative.
