"""Convolutional layers with linen's names, parameters and numbers, and with fast gradients on CPU.

`Conv` and `ConvTranspose` are the layers of `flax.linen` with these names, for two dimensions and without
groups or dilation; the checkpoints of both are interchangeable. They are built on the primitives of
`jaxgan.layers.kernels.primitives`, so that gradients of every order are fast.

`UpsampleConv` is a nearest-neighbor upsampling followed by a convolution, `ConvDownsample` a convolution
followed by a 2x2 average pooling. Each is computed as one convolution of stride 2, whose kernel went through
a 2x2 box filter: for a 3x3 kernel this takes 16 multiplications where the two steps take 36.

References:
    Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning,
    https://arxiv.org/abs/1603.07285: section 2.4 (convolution), section 4.6 (transposed convolution)
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jaxtyping import Array, Float

from jaxgan.layers.kernels import primitives
from jaxgan.layers.kernels.lowerings import Window

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
        strides: the strides of rows and columns, in pixels.
        padding: zeros around the images; "SAME" gives ``ceil(size / stride)`` features along each axis.

    Returns:
        Features ``[B, H', W', F]``.
    """
    image, taps = images.shape[1:3], kernel.shape[:2]
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(image, taps, strides, padding)
    window = _window(image, taps, strides, padding)
    return primitives.conv(images[None], kernel[None], window=window)[0]


def conv_transpose(
    images: Images, kernel: Kernel, *, strides: Sequence[int] = (1, 1), padding: Padding = "SAME"
) -> Features:
    """Convolve images that have zeros between their pixels, as `jax.lax.conv_transpose` does.

    Args:
        images: ``[B, H, W, C]``.
        kernel: ``[rows, columns, C, F]``, not flipped.
        strides: distance of the pixels after the zeros are put between them.
        padding: zeros around the dilated images; "SAME" gives ``size * stride`` features along each axis.

    Returns:
        Features ``[B, H', W', F]``.
    """
    taps = kernel.shape[:2]
    if isinstance(padding, str):
        padding = [_transposed_pads(t, s, padding) for t, s in zip(taps, strides, strict=True)]
    axes = list(zip(images.shape[1:3], taps, strides, padding, strict=True))
    image = [stride * (size - 1) + 2 + sum(pad) - taps for size, taps, stride, pad in axes]
    adjoint = [(taps - 1 - low, taps - 1 - high) for _, taps, _, (low, high) in axes]
    window = _window(image, taps, strides, adjoint)
    return primitives.conv_input_grad(images[None], _adjoint(kernel)[None], window=window)[0]


def upsample_conv(images: Images, kernel: Kernel) -> Features:
    """Double images by repeating pixels, then convolve with "SAME" padding: as one transposed convolution.

    Args:
        images: ``[B, H, W, C]``.
        kernel: ``[rows, columns, C, F]``, of odd height and width.

    Returns:
        Features ``[B, 2 H, 2 W, F]``.

    Raises:
        ValueError: if the kernel's height or width is even.
    """
    return conv_transpose(images, box_filter(kernel), strides=(2, 2), padding=_odd_pads(kernel, extra=1))


def conv_downsample(images: Images, kernel: Kernel) -> Features:
    """Convolve with "SAME" padding, then average 2x2 pixels: as one convolution of stride 2.

    Args:
        images: ``[B, H, W, C]``, of even height and width.
        kernel: ``[rows, columns, C, F]``, of odd height and width.

    Returns:
        Features ``[B, H / 2, W / 2, F]``.

    Raises:
        ValueError: if the images' height or width is odd, or the kernel's is even.
    """
    if images.shape[1] % 2 or images.shape[2] % 2:
        raise ValueError(f"averaging 2x2 pixels takes an even height and width, got {images.shape[1:3]}")
    return conv(images, box_filter(kernel) / 4, strides=(2, 2), padding=_odd_pads(kernel, extra=0))


def box_filter(kernel: Kernel) -> Float[Array, "rows+1 columns+1 channel feature"]:
    """Return the kernel convolved with a 2x2 kernel of ones: one row and one column more."""
    for axis in (0, 1):
        pads = [(0, 0)] * 4
        pads[axis] = (0, 1)
        longer = jnp.pad(kernel, pads)
        kernel = longer + jnp.roll(longer, 1, axis)
    return kernel


def _adjoint(kernel: jax.Array) -> jax.Array:
    """Return the kernel of the convolution whose adjoint is the transposed convolution."""
    return kernel[::-1, ::-1].transpose(0, 1, 3, 2)


def _odd_pads(kernel: jax.Array, *, extra: int) -> list[tuple[int, int]]:
    if kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
        raise ValueError(f"a fused convolution takes kernels of odd size, got {kernel.shape[:2]}")
    return [(taps // 2 + extra, taps // 2 + extra) for taps in kernel.shape[:2]]


def _transposed_pads(taps: int, stride: int, padding: str) -> tuple[int, int]:
    """Return the padding of a transposed convolution that inverts the sizes of a "SAME" or "VALID" one."""
    if padding == "VALID":
        return taps - 1, max(taps, stride) - 1
    total = taps + stride - 2
    before = taps - 1 if stride > taps - 1 else -(-total // 2)
    return before, total - before


def _window(image, taps, strides, padding) -> Window:
    pads = tuple((int(low), int(high)) for low, high in padding)
    return Window(tuple(image), tuple(taps), tuple(strides), pads)


class Conv(nn.Module):
    """A convolution: `flax.linen.Conv` with fast gradients.

    Attributes:
        features: number of output channels.
        kernel_size: rows and columns of the kernel.
        strides: strides of rows and columns, in pixels.
        padding: "SAME", "VALID" or pairs (before, after) of rows and columns.
        use_bias: whether to add one number per output channel.
        dtype: type of the computation; by default, the type to which inputs and parameters promote.
        param_dtype: type of the parameters.
        kernel_init: initializer of the ``kernel``, ``[rows, columns, C, features]``.
        bias_init: initializer of the ``bias``, ``[features]``.
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
    """A transposed convolution: `flax.linen.ConvTranspose` with fast gradients. See `Conv` for attributes."""

    def _convolve(self, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return conv_transpose(inputs, kernel, strides=self.strides, padding=self.padding)


class UpsampleConv(Conv):
    """A `Conv` of odd size after doubling the pixels: `upsample_conv`. Strides and padding are ignored."""

    def _convolve(self, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return upsample_conv(inputs, kernel)


class ConvDownsample(Conv):
    """A `Conv` of odd size before a 2x2 mean: `conv_downsample`. Strides and padding are ignored."""

    def _convolve(self, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return conv_downsample(inputs, kernel)
