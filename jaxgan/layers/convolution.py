"""Convolutional layers with linen's names, parameters and numbers, and with fast gradients on CPU.

`Conv` and `ConvTranspose` are the layers of `flax.linen` with these names, for two dimensions and without
dilation or masks; the checkpoints of both are interchangeable. They are built on the primitives of
`jaxgan.layers.kernels.primitives`, so that gradients of every order are fast.

In a grouped convolution each group of features sees its own group of channels only. The groups are the
members of the primitives. A 1x1 convolution is one product of matrices, over all pixels of all images.

`UpsampleConv` is a nearest-neighbor upsampling followed by a convolution, `ConvDownsample` a convolution
followed by a 2x2 average pooling. Each is computed as one convolution of stride 2, whose kernel went through
a 2x2 box filter: for a 3x3 kernel this takes 16 multiplications where the two steps take 36.

References:
    Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning,
    https://arxiv.org/abs/1603.07285: section 2.4 (convolution), section 4.6 (transposed convolution)
"""

import math
from collections.abc import Sequence
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jaxtyping import Array, Float

from jaxgan.layers.kernels import primitives
from jaxgan.layers.kernels.lowerings import POINT, Window
from jaxgan.layers.linen import refuse_lacking
from jaxgan.layers.plain import is_plain

Images = Float[Array, "batch height width channel"]
Kernel = Float[Array, "rows columns channel feature"]
Features = Float[Array, "batch vertical horizontal feature"]
Strides = int | Sequence[int] | None  # of rows and columns, or of both; None: 1
Padding = str | int | Sequence[Any]  # a name, or pixels: an integer, or one or (before, after) of each axis
_lax_conv = partial(jax.lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"))
_WRAPPED = {"CIRCULAR": "wrap", "REFLECT": "reflect"}  # names of padding, and their names in jnp.pad


def conv(
    images: Images,
    kernel: Float[Array, "rows columns channel_of_group feature"],
    *,
    strides: Strides = (1, 1),
    padding: Padding = "SAME",
    feature_group_count: int = 1,
) -> Features:
    """Convolve as `jax.lax.conv_general_dilated` does (without flipping the kernel).

    Args:
        images: ``[B, H, W, C]``.
        kernel: ``[rows, columns, C / feature_group_count, F]``.
        strides: the strides of rows and columns, in pixels; an integer for both.
        padding: zeros around the images, in pixels: an integer for all sides, or for rows and for columns an
            integer or a pair (before, after). "SAME" and "SAME_LOWER" give ``ceil(size / stride)`` features
            along each axis, "VALID" has no padding. "CIRCULAR" and "REFLECT" are "SAME" at stride 1 with the
            image's own pixels in place of zeros.
        feature_group_count: number of groups into which channels and features are cut, in their order. The
            features of a group see the channels of the same group only.

    Returns:
        Features ``[B, H', W', F]``.

    Raises:
        ValueError: if strides or padding are others, or the groups do not divide channels or features.
    """
    strides, taps = _strides(strides), kernel.shape[:2]
    _check_groups(feature_group_count, images.shape[3], kernel.shape[3])
    padding = _padding(padding, ("SAME", "SAME_LOWER", "VALID", *_WRAPPED))
    if padding in _WRAPPED:
        pads = [((length - 1) // 2, length // 2) for length in taps]
        images = jnp.pad(images, [(0, 0), *pads, (0, 0)], mode=_WRAPPED[padding])
        padding = "VALID"
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(images.shape[1:3], taps, strides, padding)
    window = _window(images.shape[1:3], taps, strides, padding)
    if is_plain():
        pads: Any = padding
        return _lax_conv(images, kernel, strides, pads, feature_group_count=feature_group_count)
    if feature_group_count > 1:
        images, kernel = (_groups_first(x, feature_group_count) for x in (images, kernel))
        window = window._replace(groups=feature_group_count)
        features = jnp.moveaxis(primitives.grouped_conv(images, kernel, window=window), 0, 3)
        return features.reshape(*features.shape[:3], -1)
    if window == POINT._replace(image=window.image):
        pixels = images.reshape(1, math.prod(images.shape[:3]), 1, 1, images.shape[3])
        features = primitives.conv(pixels, kernel[None], window=POINT)
        return features.reshape(*images.shape[:3], kernel.shape[3])
    return primitives.conv(images[None], kernel[None], window=window)[0]


def conv_transpose(
    images: Images, kernel: Kernel, *, strides: Strides = (1, 1), padding: Padding = "SAME"
) -> Features:
    """Convolve images that have zeros between their pixels, as `jax.lax.conv_transpose` does.

    Args:
        images: ``[B, H, W, C]``.
        kernel: ``[rows, columns, C, F]``, not flipped.
        strides: distance of the pixels after the zeros are put between them; an integer for both axes.
        padding: zeros around the dilated images, as numbers of `conv`. "SAME" gives ``size * stride``
            features along each axis. "VALID" gives all features that a pixel reaches. "CIRCULAR" gives
            ``size * stride``, and adds those beyond one edge to those at the other.

    Returns:
        Features ``[B, H', W', F]``.

    Raises:
        ValueError: if strides or padding are others.
    """
    strides, taps = _strides(strides), kernel.shape[:2]
    pads = _padding(padding, ("SAME", "VALID", "CIRCULAR"))
    if pads == "CIRCULAR":
        features = conv_transpose(images, kernel, strides=strides, padding="VALID")
        return _wrapped(features, (images.shape[1] * strides[0], images.shape[2] * strides[1]))
    if isinstance(pads, str):
        pads = [_transposed_pads(t, s, pads) for t, s in zip(taps, strides, strict=True)]
    axes = list(zip(images.shape[1:3], taps, strides, pads, strict=True))
    image = [stride * (size - 1) + 2 + sum(pad) - taps for size, taps, stride, pad in axes]
    if any(isinstance(size, int) and size < 1 for size in image):
        raise ValueError(f"padding {padding!r} leaves nothing of features {tuple(image)}")
    if is_plain():
        return _lax_conv(images, kernel, (1, 1), pads, lhs_dilation=strides)
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


def _groups_first(array: jax.Array, groups: int) -> jax.Array:
    """Cut the last axis into groups, and make these the first axis."""
    return jnp.moveaxis(array.reshape(*array.shape[:3], groups, -1), 3, 0)


def _check_groups(groups: Any, channels: int, features: int) -> None:
    if not (_is_integer(groups) and groups > 0):
        raise ValueError(f"feature_group_count takes a positive integer, got {groups!r}")
    if channels % groups or features % groups:
        raise ValueError(
            f"feature_group_count {groups} does not divide {channels} channels and {features} features"
        )


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


def _wrapped(features: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Return the sum of features over all periods of `size`; the center stays at its place, as in linen."""
    for axis, period in enumerate(size, start=1):
        missing = -(features.shape[axis] - period) % (2 * period)
        pads = [(0, 0)] * 4
        pads[axis] = ((missing + 1) // 2, missing // 2)
        features = jnp.pad(features, pads)
        shape = features.shape
        features = features.reshape(*shape[:axis], -1, period, *shape[axis + 1 :]).sum(axis)
    return features


def _window(image, taps, strides, padding) -> Window:
    for length, tap, (low, high) in zip(image, taps, padding, strict=True):
        if isinstance(length, int) and length + low + high < tap:  # an exported function's may be symbolic
            raise ValueError(
                f"a kernel of {tuple(taps)} pixels does not fit into {tuple(image)}, padding {tuple(padding)}"
            )
    return Window(tuple(image), tuple(taps), strides, tuple(padding))


def _pair(name: str, value: Any, alternative: str = "") -> tuple[int, int]:
    """Return two positive integers, for rows and columns."""
    if not (_is_sequence(value, 2) and all(_is_integer(each) and each > 0 for each in value)):
        raise ValueError(f"{name} takes two positive integers, such as (3, 3), got {value!r}{alternative}")
    return int(value[0]), int(value[1])


def _strides(value: Any) -> tuple[int, int]:
    """Return the strides of rows and columns."""
    value = 1 if value is None else value
    return _pair("strides", (value, value) if _is_integer(value) else value)


def _padding(padding: Any, names: Sequence[str]) -> Any:
    """Return the name of a padding, or (before, after) of rows and columns."""
    if isinstance(padding, str) and padding.upper() in names:
        return padding.upper()
    axes = (padding, padding) if _is_integer(padding) else padding
    if not isinstance(axes, str) and _is_sequence(axes, 2):
        pads = [(axis, axis) if _is_integer(axis) else axis for axis in axes]
        if all(_is_sequence(pad, 2) and all(map(_is_integer, pad)) for pad in pads):
            return tuple((int(low), int(high)) for low, high in pads)
    raise ValueError(
        f"padding takes {', '.join(names)}, an integer, or an integer or a pair (before, after) for rows "
        f"and one for columns, got {padding!r}"
    )


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_sequence(value: Any, length: int) -> bool:
    return isinstance(value, Sequence) and len(value) == length


class Conv(nn.Module):
    """A convolution: `flax.linen.Conv` with fast gradients.

    Attributes:
        features: number of output channels.
        kernel_size: rows and columns of the kernel. (An integer is a kernel of one dimension in linen.)
        strides: strides of rows and columns, in pixels; an integer for both, None for 1.
        padding: "SAME", "SAME_LOWER", "VALID", "CIRCULAR", "REFLECT", or numbers of pixels: see `conv`.
        use_bias: whether to add one number per output channel.
        dtype: type of the computation; by default, the type to which inputs and parameters promote.
        param_dtype: type of the parameters.
        kernel_init: initializer of the ``kernel``, ``[rows, columns, C / feature_group_count, features]``.
        bias_init: initializer of the ``bias``, ``[features]``.
        feature_group_count: number of groups of channels and features: see `conv`.
    """

    features: int
    kernel_size: int | Sequence[int]
    strides: Strides = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    dtype: Any = None
    param_dtype: Any = jnp.float32
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()
    feature_group_count: int = 1

    LINENS: ClassVar[type[nn.Module]] = nn.Conv

    def __new__(cls, *args: Any, **options: Any) -> "Conv":
        """Refuse the arguments that only linen's layer has."""
        refuse_lacking(cls, cls.LINENS, options)
        return super().__new__(cls)

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Return the features of images.

        Args:
            inputs: float images ``[B, H, W, C]``, with any number of batch axes, also none.

        Returns:
            Features ``[B, H', W', features]``, with the same batch axes.

        Raises:
            ValueError: if the inputs are no float images, or an argument is none that `conv` takes.
        """
        name, linens = type(self).__name__, f"flax.linen.{self.LINENS.__name__}"
        taps = _pair("kernel_size", self.kernel_size, f"; for other dimensions, use {linens}")
        if inputs.ndim < 3 or not jnp.issubdtype(inputs.dtype, jnp.floating):
            raise ValueError(
                f"{name} takes float images [B, H, W, C], got {inputs.dtype} of shape {inputs.shape}"
            )
        batch = inputs.shape[:-3]
        if len(batch) != 1:
            inputs = inputs.reshape(-1, *inputs.shape[-3:])
        _check_groups(self.feature_group_count, inputs.shape[-1], self.features)
        shape = (*taps, inputs.shape[-1] // self.feature_group_count, self.features)
        kernel = self.param("kernel", self.kernel_init, shape, self.param_dtype)
        bias = None
        if self.use_bias:
            bias = self.param("bias", self.bias_init, (self.features,), self.param_dtype)
        inputs, kernel, bias = promote_dtype(inputs, kernel, bias, dtype=self.dtype)
        outputs = self._convolve(inputs, kernel)
        if bias is not None:
            outputs = outputs + bias[None, None, None]
        return outputs if len(batch) == 1 else outputs.reshape(*batch, *outputs.shape[1:])

    def _convolve(self, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return conv(
            inputs,
            kernel,
            strides=self.strides,
            padding=self.padding,
            feature_group_count=self.feature_group_count,
        )


class ConvTranspose(Conv):
    """A transposed convolution: `flax.linen.ConvTranspose` with fast gradients.

    See `Conv` for attributes; padding is "SAME", "VALID", "CIRCULAR" or numbers: see `conv_transpose`.
    """

    LINENS: ClassVar[type[nn.Module]] = nn.ConvTranspose

    def _convolve(self, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        _check_only(self, feature_group_count=1)
        return conv_transpose(inputs, kernel, strides=self.strides, padding=self.padding)


class UpsampleConv(Conv):
    """A `Conv` of odd size after doubling the pixels: `upsample_conv`. Its padding is "SAME"."""

    def _convolve(self, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        _check_only(self, strides=(1, 1), padding="SAME", feature_group_count=1)
        return upsample_conv(inputs, kernel)


class ConvDownsample(Conv):
    """A `Conv` of odd size before a 2x2 mean: `conv_downsample`. Its padding is "SAME"."""

    def _convolve(self, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        _check_only(self, strides=(1, 1), padding="SAME", feature_group_count=1)
        return conv_downsample(inputs, kernel)


def _check_only(layer: Conv, **only: Any) -> None:
    """Refuse other values than these of attributes that a layer would ignore."""
    for name, value in only.items():
        given = _strides(layer.strides) if name == "strides" else getattr(layer, name)
        if given != value:
            raise ValueError(f"{type(layer).__name__} has {name} {value!r} and no other, got {given!r}")
