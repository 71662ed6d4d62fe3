"""Convolutions whose kernels depend on the example: the input channels are scaled by a style.

StyleGAN2 scales the kernel's input channels by the styles of an example, then divides the kernel of each
output channel by its norm (demodulation). Kernels for each example would be a grouped convolution. But a
scaled input channel of the kernel is a scaled channel of the features, and the norm is a factor of the output
channel. So the features are scaled, convolved with the one kernel that all examples share, and scaled again.

References:
    Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN,
    https://arxiv.org/abs/1912.04958, section 2.2 and eqs. 1 to 3
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers.convolution import conv, conv_transpose
from jaxgan.layers.dense import dot_general
from jaxgan.layers.equalized import EqualizedDense
from jaxgan.layers.resampling import TAPS, blur

_SMALLEST = 1e-8  # summand of a kernel's squared norm


def modulated_conv(
    images: Float[Array, "batch height width channel"],
    kernel: Float[Array, "taps taps channel feature"],
    styles: Float[Array, "batch channel"],
    *,
    demodulate: bool = True,
    upsample: bool = False,
) -> Float[Array, "batch vertical horizontal feature"]:
    """Convolve each image with its own kernel, "SAME" padding.

    Args:
        images: ``[B, H, W, C]``.
        kernel: ``[taps, taps, C, F]``, an odd number of taps.
        styles: factors of the kernel's input channels, ``[B, C]``.
        demodulate: whether to divide each example's kernel by its norm over rows, columns and inputs.
        upsample: whether to double height and width first. The result is that of `jaxgan.layers.upsample`
            and the convolution, except that the upsampled images go on by a pixel beyond their edges.

    Returns:
        Features ``[B, H, W, F]``, or ``[B, 2 H, 2 W, F]``.

    References:
        Karras et al. 2020, eq. 1 (modulation) and eq. 3 (demodulation).
    """
    scaled = images * styles[:, None, None].astype(images.dtype)
    if upsample:
        # Zeros between the pixels, the convolution, and then the filter, which commutes with it.
        taps = kernel.shape[0]
        features = conv_transpose(scaled, kernel, strides=2, padding=((taps - 1,) * 2,) * 2)
        pad = (len(TAPS) + 1 - taps) // 2
        features = blur(features, (pad, pad), gain=4.0)
    else:
        features = conv(scaled, kernel)
    if not demodulate:
        return features
    widest = jnp.promote_types(features.dtype, jnp.float32)
    squares = jnp.square(kernel.astype(widest)).sum((0, 1)).astype(kernel.dtype)
    norms = dot_general(jnp.square(styles).astype(kernel.dtype), squares, (((1,), (0,)), ((), ())))
    factors = jax.lax.rsqrt(norms.astype(widest) + _SMALLEST)
    return features * factors[:, None, None].astype(features.dtype)


class ModulatedConv(nn.Module):
    """A `modulated_conv` whose styles are an affine function of a latent w; they begin around 1.

    The kernel has unit variance and no other factor, because demodulation would cancel one. Without
    demodulation, the styles are divided by sqrt(taps * taps * C).

    Attributes:
        features: number of output channels.
        taps: rows and columns of the kernel, an odd number.
        demodulate: whether to divide each example's kernel by its norm.
        upsample: whether to double height and width.
    """

    features: int
    taps: int
    demodulate: bool = True
    upsample: bool = False

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channel"], w: Float[Array, "batch latent"]
    ) -> Float[Array, "batch vertical horizontal feature"]:
        """Return the features of images.

        Args:
            images: ``[B, H, W, C]``.
            w: intermediate latents, ``[B, D]``.

        Returns:
            Features ``[B, H, W, features]``; doubled in height and width with `upsample`.
        """
        shape = (self.taps, self.taps, images.shape[-1], self.features)
        styles = EqualizedDense(shape[2], bias=1.0, name="affine")(w)
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape)
        images, kernel, styles = nn.dtypes.promote_dtype(images, kernel, styles)
        if not self.demodulate:
            styles = styles / math.sqrt(math.prod(shape[:3]))
        return modulated_conv(images, kernel, styles, demodulate=self.demodulate, upsample=self.upsample)
