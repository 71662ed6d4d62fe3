"""How each face of a convolution is computed for one member: as `jax.lax` has it, and as XLA:CPU is fast at.

`jaxgan.layers.kernels.primitives` says what the three operations are, and makes primitives of them. A 1x1
kernel on a 1x1 image is a matrix product: this is how dense layers use these primitives.

References:
    Shi et al. 2016, Is the deconvolution layer the same as a convolutional layer?,
    https://arxiv.org/abs/1609.07009 (a transposed convolution by phases)
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Window(NamedTuple):
    """The static sizes of a convolution: pixels of an image, taps of a kernel, how one meets the other."""

    image: tuple[int, int]
    taps: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[tuple[int, int], ...]

    @property
    def positions(self) -> tuple[int, ...]:
        """Height and width of the features."""
        sizes = zip(self.image, self.taps, self.strides, self.padding, strict=True)
        return tuple((image + sum(pad) - taps) // stride + 1 for image, taps, stride, pad in sizes)

    @property
    def point(self) -> bool:
        """Whether there is but one pixel under one tap, as in a dense layer."""
        return self.image == self.taps == self.positions == (1, 1)


_convolution = partial(jax.lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def correlate(images: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """`primitives.correlate`, everywhere."""
    return _convolution(images, kernel, window.strides, window.padding)


def spread(features: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """`spread` in the canonical layout: the features, kept apart by zeros, under the flipped kernel."""
    kernel = kernel.transpose(0, 1, 3, 2)
    every_phase_has_taps = all(
        taps >= stride for taps, stride in zip(window.taps, window.strides, strict=True)
    )
    if max(window.strides) > 1 and every_phase_has_taps and kernel.shape[3] > 16:  # else the zeros cost less
        return _spread_by_phases(features, kernel, window)
    axes = zip(window.image, window.taps, window.strides, window.padding, window.positions, strict=True)
    padding = [
        (taps - 1 - low, image + low - 1 - stride * (positions - 1))
        for image, taps, stride, (low, _), positions in axes
    ]
    return _convolution(features, kernel[::-1, ::-1], (1, 1), padding, lhs_dilation=window.strides)


def _spread_by_phases(features: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """`spread` without the zeros (Shi 2016, section 2): pixels of one phase see the same few taps."""
    counts = [-(-image // stride) for image, stride in zip(window.image, window.strides, strict=True)]

    def taps(axis: int, phase: int) -> tuple[slice, tuple[int, int]]:
        stride, low, positions = window.strides[axis], window.padding[axis][0], window.positions[axis]
        shift, first = divmod(phase + low, stride)
        count = len(range(first, window.taps[axis], stride))
        return slice(first, None, stride), (count - 1 - shift, counts[axis] + shift - positions)

    def phase(row: int, column: int) -> jax.Array:
        (rows, vertical), (columns, horizontal) = taps(0, row), taps(1, column)
        return _convolution(features, kernel[rows, columns][::-1, ::-1], (1, 1), (vertical, horizontal))

    across = [
        jnp.stack([phase(row, column) for column in range(window.strides[1])], axis=3)
        for row in range(window.strides[0])
    ]
    height, width = (count * stride for count, stride in zip(counts, window.strides, strict=True))
    images = jnp.stack(across, axis=2).reshape(features.shape[0], height, width, kernel.shape[3])
    return images[:, : window.image[0], : window.image[1]]


def overlap(images: jax.Array, features: jax.Array, window: Window) -> jax.Array:
    """`overlap` in the canonical layout: channels as the batch, the batch as channels."""
    images, features = images.transpose(3, 1, 2, 0), features.transpose(1, 2, 0, 3)
    kernel = _convolution(images, features, (1, 1), window.padding, rhs_dilation=window.strides)
    return kernel[:, : window.taps[0], : window.taps[1]].transpose(1, 2, 0, 3)


def lax_spread(features: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """`primitives.spread` as JAX differentiates `correlate`."""
    images = jax.ShapeDtypeStruct((features.shape[0], *window.image, kernel.shape[2]), features.dtype)
    return jax.linear_transpose(partial(correlate, kernel=kernel, window=window), images)(features)[0]


def lax_overlap(images: jax.Array, features: jax.Array, window: Window) -> jax.Array:
    """`primitives.overlap` as JAX differentiates `correlate`."""
    kernel = jax.ShapeDtypeStruct((*window.taps, images.shape[3], features.shape[3]), images.dtype)
    return jax.linear_transpose(partial(correlate, images, window=window), kernel)(features)[0]


def product(first: jax.Array, second: jax.Array, axes: tuple[int, int]) -> jax.Array:
    """A face at a `Window.point`: a matrix product over two axes, whose sums are float32 at least.

    XLA:CPU is twice as fast with bfloat16 factors then, and slower without.
    """
    first, second = (x[:, 0, 0] if x.shape[1:3] == (1, 1) else x[0, 0] for x in (first, second))
    sums = jnp.promote_types(first.dtype, jnp.float32)
    dimensions = ((axes[0],), (axes[1],)), ((), ())
    return jax.lax.dot_general(first, second, dimensions, preferred_element_type=sums).astype(first.dtype)
