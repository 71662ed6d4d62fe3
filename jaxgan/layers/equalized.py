"""Dense and convolutional layers with an equalized learning rate.

Adam moves every parameter by about the learning rate, whatever its size. These layers store kernels of unit
variance and multiply them by a constant of the layer at each call, so that all layers learn at one speed
relative to the size of their weights.

References:
    Karras et al. 2018, Progressive Growing of GANs, https://arxiv.org/abs/1710.10196, section 4.1
    Karras et al. 2019, A Style-Based Generator Architecture for GANs, https://arxiv.org/abs/1812.04948,
    appendix C: a smaller learning rate for the mapping network
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers.convolution import Padding, Strides, conv
from jaxgan.layers.dense import dot_general


def scaled_leaky_relu(features: jax.Array) -> jax.Array:
    """Return a leaky ReLU of slope 0.2 times sqrt(2), which keeps the size of normal features roughly."""
    return math.sqrt(2) * jax.nn.leaky_relu(features, 0.2)


class EqualizedDense(nn.Module):
    """A dense layer whose kernel is stored with variance 1 / lr_mult^2 and used times lr_mult / sqrt(inputs).

    Attributes:
        features: number of outputs.
        lr_mult: factor of the learning rate, > 0: the layer learns this much slower or faster than others.
        use_bias: whether to add one number per output.
        bias: the initial bias, as it is added.
    """

    features: int
    lr_mult: float = 1.0
    use_bias: bool = True
    bias: float = 0.0

    @nn.compact
    def __call__(self, inputs: Float[Array, "*batch channel"]) -> Float[Array, "*batch feature"]:
        """Return the outputs.

        Args:
            inputs: ``[..., C]``.

        Returns:
            Outputs ``[..., features]``.
        """
        shape = (inputs.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.normal(1 / self.lr_mult), shape)
        kernel = (self.lr_mult / math.sqrt(shape[0])) * kernel
        last_with_first = ((inputs.ndim - 1,), (0,)), ((), ())
        inputs, kernel = nn.dtypes.promote_dtype(inputs, kernel)
        outputs = dot_general(inputs, kernel, last_with_first)
        if not self.use_bias:
            return outputs
        bias = self.param("bias", nn.initializers.constant(self.bias / self.lr_mult), shape[1:])
        return outputs + self.lr_mult * jnp.expand_dims(bias, tuple(range(outputs.ndim - 1)))


class EqualizedConv(nn.Module):
    """A convolution whose kernel is stored with unit variance and used times 1 / sqrt(rows * columns * C).

    Attributes:
        features: number of output channels.
        kernel_size: rows and columns of the kernel.
        strides: strides of rows and columns, in pixels; an integer for both.
        padding: zeros around the images; see `jaxgan.layers.convolution.conv`.
        use_bias: whether to add one number per output channel; it begins with 0.
    """

    features: int
    kernel_size: tuple[int, int]
    strides: Strides = 1
    padding: Padding = "SAME"
    use_bias: bool = True

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channel"]
    ) -> Float[Array, "batch vertical horizontal feature"]:
        """Return the features of images.

        Args:
            images: ``[B, H, W, C]``.

        Returns:
            Features ``[B, H', W', features]``.
        """
        shape = (*self.kernel_size, images.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape)
        kernel = kernel / math.sqrt(math.prod(shape[:3]))
        images, kernel = nn.dtypes.promote_dtype(images, kernel)
        features = conv(images, kernel, strides=self.strides, padding=self.padding)
        if self.use_bias:
            features = features + self.param("bias", nn.initializers.zeros, shape[3:])[None, None, None]
        return features
