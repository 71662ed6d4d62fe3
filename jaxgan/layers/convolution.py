"""Convolutional layers with linen's names, parameters and numbers, and with fast derivatives on CPU.

`Conv` and `ConvTranspose` are what `flax.linen` has under these names, for two dimensions and without groups
or dilation; a checkpoint of one is a checkpoint of the other. They are built on the three faces of a
convolution (`jaxgan.layers.kernels.primitives`), so that gradients of every order are fast.

A nearest-neighbour upsampling before a convolution, and an average pooling after one, need no work of their
own: either is one convolution of stride 2 whose kernel went through a 2x2 box filter. `UpsampleConv` and
`ConvDownsample` do 16 multiplications where the two steps do 36.

References:
    Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning, chapter 4,
    https://arxiv.org/abs/1603.07285
    Karras et al. 2018, Progressive Growing of GANs, https://arxiv.org/abs/1710.10196, whose published code
    fuses scaling and convolution in this way
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jaxtyping import Array, Float

from jaxgan.layers.kernels.lowerings import Window
from jaxgan.layers.kernels.primitives import correlate, spread

Images = Float[Array, "batch height width channel"]
Kernel = Float[Array, "rows columns channel feature"]
Features = Float[Array, "batch vertical horizontal feature"]
Padding = str | Sequence[tuple[int, int]]  # "SAME", "VALID" or (before, after) of rows and columns


def conv(
    images: Images, kernel: Kernel, *, strides: Sequence[int] = (1, 1), padding: Padding = "SAME"
) -> Features:
    """Convolve as `jax.lax.conv_general_dilated` does (without flipping the kernel).

    Args:
        images: ``[B, H, W, C]``.
        kernel: ``[rows, columns, C, F]``.
        strides: of rows and columns.
        padding: zeros around the images; "SAME" makes ``ceil(size / stride)`` positions.

    Returns:
        Features ``[B, H', W', F]``.

    References:
        Dumoulin and Visin 2016, section 2.4.
    """
    image, taps = images.shape[1:3], kernel.shape[:2]
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(image, taps, strides, padding)
    return correlate(images[None], kernel[None], window=_window(image, taps, strides, padding))[0]


def conv_transpose(
    images: Images, kernel: Kernel, *, strides: Sequence[int] = (1, 1), padding: Padding = "SAME"
) -> Features:
    """Convolve, with zeros put between the pixels, as `jax.lax.conv_transpose` does.

    Args:
        images: ``[B, H, W, C]``.
        kernel: ``[rows, columns, C, F]``, not flipped.
        strides: how far apart the pixels are put.
        padding: around the spread pixels; "SAME" makes ``size * stride``.

    Returns:
        Features ``[B, H', W', F]``.

    References:
        Dumoulin and Visin 2016, section 4.6.
    """
    taps = kernel.shape[:2]
    if isinstance(padding, str):
        padding = [_transposed_pads(t, s, padding) for t, s in zip(taps, strides, strict=True)]
    axes = list(zip(images.shape[1:3], taps, strides, padding, strict=True))
    image = [stride * (size - 1) + 2 + sum(pad) - taps for size, taps, stride, pad in axes]
    adjoint = [(taps - 1 - low, taps - 1 - high) for _, taps, _, (low, high) in axes]
    window = _window(image, taps, strides, adjoint)
    return spread(images[None], _adjoint(kernel)[None], window=window)[0]


def upsample_conv(images: Images, kernel: Kernel) -> Features:
    """Double images by repeating pixels, then convolve with "SAME" padding: as one transposed convolution.

    Args:
        images: ``[B, H, W, C]``.
        kernel: ``[rows, columns, C, F]``, of odd height and width.

    Returns:
        Images ``[B, 2 H, 2 W, F]``.
    """
    return conv_transpose(images, box_filter(kernel), strides=(2, 2), padding=_odd_pads(kernel, extra=1))


def conv_downsample(images: Images, kernel: Kernel) -> Features:
    """Convolve with "SAME" padding, then average 2x2 pixels: as one convolution of stride 2.

    Args:
        images: ``[B, H, W, C]``, of even height and width.
        kernel: ``[rows, columns, C, F]``, of odd height and width.

    Returns:
        Images ``[B, H / 2, W / 2, F]``.

    Raises:
        ValueError: if height or width are odd, or the kernel's are even.
    """
    if images.shape[1] % 2 or images.shape[2] % 2:
        raise ValueError(f"averaging 2x2 pixels needs an even height and width, got {images.shape[1:3]}")
    return conv(images, box_filter(kernel) / 4, strides=(2, 2), padding=_odd_pads(kernel, extra=0))


def box_filter(kernel: Kernel) -> Float[Array, "rows+1 columns+1 channel feature"]:
    """Return the sum of the four copies of a kernel within one tap of each other, one tap larger each way."""
    for axis in (0, 1):
        pads = [(0, 0)] * 4
        pads[axis] = (0, 1)
        longer = jnp.pad(kernel, pads)
        kernel = longer + jnp.roll(longer, 1, axis)
    return kernel


def _adjoint(kernel: jax.Array) -> jax.Array:
    """Return the kernel of the convolution that a transposed convolution is the adjoint of."""
    return kernel[::-1, ::-1].transpose(0, 1, 3, 2)


def _odd_pads(kernel: jax.Array, *, extra: int) -> list[tuple[int, int]]:
    if kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
        raise ValueError(f"a kernel of odd height and width keeps its place, got {kernel.shape[:2]}")
    return [(taps // 2 + extra, taps // 2 + extra) for taps in kernel.shape[:2]]


def _transposed_pads(taps: int, stride: int, padding: str) -> tuple[int, int]:
    """Return the padding by which a transposed convolution undoes the sizes of a "SAME" or "VALID" one."""
    if padding == "VALID":
        return taps - 1, max(taps, stride) - 1
    total = taps + stride - 2
    before = taps - 1 if stride > taps - 1 else -(-total // 2)
    return before, total - before


def _window(image, taps, strides, padding) -> Window:
    pads = tuple((int(low), int(high)) for low, high in padding)
    return Window(tuple(image), tuple(taps), tuple(strides), pads)


class Conv(nn.Module):
    """A convolution: `flax.linen.Conv` with fast derivatives.

    Attributes:
        features: channels of the result.
        kernel_size: rows and columns of the kernel.
        strides: of rows and columns.
        padding: "SAME", "VALID" or pairs (before, after).
        use_bias: add one number per channel.
        dtype: of the computation; by default, what inputs and parameters promote to.
        param_dtype: of the parameters.
        kernel_init: makes the ``kernel``, ``[rows, columns, C, features]``.
        bias_init: makes the ``bias``, ``[features]``.
    """

    features: int
    kernel_size: Sequence[int]
    strides: Sequence[int] = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    dtype: Any = None
    param_dtype: Any = jnp.float32
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, inputs: Images) -> Features:
        """Return the features, ``[B, H', W', features]``."""
        shape = (*self.kernel_size, inputs.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, self.param_dtype)
        bias = None
        if self.use_bias:
            bias = self.param("bias", self.bias_init, (self.features,), self.param_dtype)
        inputs, kernel, bias = promote_dtype(inputs, kernel, bias, dtype=self.dtype)
        outputs = self._convolve(inputs, kernel)
        return outputs if bias is None else outputs + bias[None, None, None]

    def _convolve(self, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return conv(inputs, kernel, strides=self.strides, padding=self.padding)


class ConvTranspose(Conv):
    """A transposed convolution: `flax.linen.ConvTranspose` with fast derivatives; attributes as of `Conv`."""

    def _convolve(self, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return conv_transpose(inputs, kernel, strides=self.strides, padding=self.padding)


class UpsampleConv(Conv):
    """Doubled pixels, then a `Conv` of odd size: `upsample_conv`; strides and padding have no meaning."""

    def _convolve(self, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return upsample_conv(inputs, kernel)


class ConvDownsample(Conv):
    """A `Conv` of odd size, then a 2x2 mean: `conv_downsample`; strides and padding have no meaning."""

    def _convolve(self, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return conv_downsample(inputs, kernel)
