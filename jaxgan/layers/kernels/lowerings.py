"""Lowerings of the three convolution primitives, for one member in forms that XLA:CPU computes fast.

`jaxgan.layers.kernels.primitives` defines the three operations: `conv`, `conv_input_grad` and
`conv_kernel_grad`. The functions here with ``lax_`` in front of their name are for GPU and TPU. They compute
all members as one grouped convolution of `jax.lax`, with the gradients that JAX derives. Those with
``shared_`` do so where several GPUs share a batch, and those with ``block_`` make small groups larger for
TPUs. A 1x1 kernel on a 1x1 image is a matrix product: this is how dense layers use the primitives.

References:
    Shi et al. 2016, Is the deconvolution layer the same as a convolutional layer?,
    https://arxiv.org/abs/1609.07009 (a transposed convolution by phases)
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec

Convolve = Callable[..., jax.Array]  # (first, kernels, window) -> result, all of several members
Grouped = Callable[..., jax.Array]  # (first, kernel, (window, members)) -> result


class Window(NamedTuple):
    """The static sizes of a convolution, each for the vertical and the horizontal axis.

    Attributes:
        image: pixels of an image.
        taps: taps of the kernel.
        strides: pixels between neighboring positions of the kernel.
        padding: zeros before and after the image; a negative number crops it.
        groups: groups of a grouped convolution. Its members are these groups, one after the other, of each
            GAN of a population.
    """

    image: tuple[int, int]
    taps: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[tuple[int, int], ...]
    groups: int = 1

    @property
    def positions(self) -> tuple[int, ...]:
        """The height and width of the features."""
        sizes = zip(self.image, self.taps, self.strides, self.padding, strict=True)
        return tuple((image + sum(pad) - taps) // stride + 1 for image, taps, stride, pad in sizes)

    @property
    def point(self) -> bool:
        """Whether the image has one pixel and the kernel one tap, as in a dense layer."""
        return self.image == self.taps == self.positions == (1, 1)


LANES = 128  # channels that a TPU multiplies at once
POINT = Window(image=(1, 1), taps=(1, 1), strides=(1, 1), padding=((0, 0), (0, 0)))

_lax_conv = partial(jax.lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def conv(images: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """`primitives.conv` as `jax.lax` has it."""
    return _lax_conv(images, kernel, window.strides, window.padding)


def conv_input_grad(features: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """`primitives.conv_input_grad` in the fast layout: features dilated by zeros, kernel flipped."""
    kernel = kernel.transpose(0, 1, 3, 2)
    every_phase_has_taps = all(
        taps >= stride for taps, stride in zip(window.taps, window.strides, strict=True)
    )
    if max(window.strides) > 1 and every_phase_has_taps and kernel.shape[3] > 16:
        return _conv_input_grad_by_phases(features, kernel, window)  # With few channels the zeros cost less.
    axes = zip(window.image, window.taps, window.strides, window.padding, window.positions, strict=True)
    padding = [
        (taps - 1 - low, image + low - 1 - stride * (positions - 1))
        for image, taps, stride, (low, _), positions in axes
    ]
    return _lax_conv(features, kernel[::-1, ::-1], (1, 1), padding, lhs_dilation=window.strides)


def _conv_input_grad_by_phases(features: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """`conv_input_grad` without the zeros (Shi 2016, section 2): pixels of one phase use the same taps."""
    counts = [-(-image // stride) for image, stride in zip(window.image, window.strides, strict=True)]

    def taps(axis: int, phase: int) -> tuple[slice, tuple[int, int]]:
        stride, low, positions = window.strides[axis], window.padding[axis][0], window.positions[axis]
        shift, first = divmod(phase + low, stride)
        count = len(range(first, window.taps[axis], stride))
        return slice(first, None, stride), (count - 1 - shift, counts[axis] + shift - positions)

    def phase(row: int, column: int) -> jax.Array:
        (rows, vertical), (columns, horizontal) = taps(0, row), taps(1, column)
        return _lax_conv(features, kernel[rows, columns][::-1, ::-1], (1, 1), (vertical, horizontal))

    rows = [
        jnp.stack([phase(row, column) for column in range(window.strides[1])], axis=3)
        for row in range(window.strides[0])
    ]
    height, width = (count * stride for count, stride in zip(counts, window.strides, strict=True))
    images = jnp.stack(rows, axis=2).reshape(features.shape[0], height, width, kernel.shape[3])
    return images[:, : window.image[0], : window.image[1]]


def conv_kernel_grad(images: jax.Array, features: jax.Array, window: Window) -> jax.Array:
    """`primitives.conv_kernel_grad` in the fast layout: batch and channel axes are exchanged."""
    images, features = images.transpose(3, 1, 2, 0), features.transpose(1, 2, 0, 3)
    kernel = _lax_conv(images, features, (1, 1), window.padding, rhs_dilation=window.strides)
    return kernel[:, : window.taps[0], : window.taps[1]].transpose(1, 2, 0, 3)


def _members_last(array: jax.Array) -> jax.Array:
    return jnp.moveaxis(array, 0, 3).reshape(*array.shape[1:4], -1)


def _members_first(array: jax.Array, members: int) -> jax.Array:
    return jnp.moveaxis(array.reshape(*array.shape[:3], members, -1), 3, 0)


def _grouped_conv(images: jax.Array, kernel: jax.Array, of: tuple[Window, int]) -> jax.Array:
    window, members = of
    return _lax_conv(images, kernel, window.strides, window.padding, feature_group_count=members)


def _grouped_conv_input_grad(features: jax.Array, kernel: jax.Array, of: tuple[Window, int]) -> jax.Array:
    window, members = of
    shape = features.shape[0], *window.image, kernel.shape[2] * members
    images = jax.ShapeDtypeStruct(shape, features.dtype)
    return jax.linear_transpose(lambda images: _grouped_conv(images, kernel, of), images)(features)[0]


def _sharing_a_batch(convolve: Grouped, rule: str) -> Grouped:
    """Return a grouped convolution that several devices compute, each for its own images of a batch.

    By itself XLA's partitioner gathers the whole batch on each GPU, and computes all of it there:
    https://github.com/openxla/xla/issues/47945. One device is given the convolution as it is. JAX has no
    `custom_partitioning` on TPUs: https://github.com/jax-ml/jax/issues/38196.

    Args:
        convolve: ``(first [B, ...], kernel, of) -> result [B, ...]``.
        rule: the axes of the three arrays, as `custom_partitioning` spells them, B first.
    """

    def cut(of: Any, mesh: Any, arguments: Sequence[Any], result: Any) -> tuple[Any, ...]:
        own = NamedSharding(mesh, PartitionSpec(*arguments[0].sharding.spec[:1]))
        return mesh, partial(convolve, of=of), own, (own, NamedSharding(mesh, PartitionSpec()))

    names = dict.fromkeys(rule.replace("->", " ").replace(",", " ").split())
    shared = custom_partitioning(convolve, static_argnums=(2,))
    shared.def_partition(partition=cut, sharding_rule=rule, need_replication_factors=tuple(names)[1:])
    return shared


def _of_members(grouped: Grouped) -> Convolve:
    """Return a grouped convolution as one of members, ``(first [G, B, ...], kernels [G, ...], window)``."""

    def convolve(first: jax.Array, kernels: jax.Array, window: Window) -> jax.Array:
        members = len(first)
        result = grouped(_members_last(first), _members_last(kernels), (window, members))
        return _members_first(result, members)

    return convolve


# `primitives.conv` and `primitives.conv_input_grad` of all members, for one device and for several GPUs.
lax_conv, lax_conv_input_grad = map(_of_members, (_grouped_conv, _grouped_conv_input_grad))
shared_conv = _of_members(_sharing_a_batch(_grouped_conv, "b h w c, t u k f -> b i j f"))
shared_conv_input_grad = _of_members(
    _sharing_a_batch(_grouped_conv_input_grad, "b i j f, t u k f -> b h w c")
)


def _kernel_grad(convolve: Convolve) -> Convolve:
    """Return `primitives.conv_kernel_grad` of all members, as JAX differentiates `convolve`."""

    def kernel_grad(images: jax.Array, features: jax.Array, window: Window) -> jax.Array:
        shape = images.shape[0], *window.taps, images.shape[4], features.shape[4]
        kernels = jax.ShapeDtypeStruct(shape, images.dtype)
        return jax.linear_transpose(partial(convolve, images, window=window), kernels)(features)[0]

    return kernel_grad


lax_conv_kernel_grad = _kernel_grad(lax_conv)


def _by_blocks(grouped: Grouped) -> Grouped:
    """Return a grouped convolution that computes as many groups with one kernel as have 128 channels.

    The kernel has zeros between its groups. A TPU multiplies 128 channels at once. With 16 it needs as long,
    and copies images into another layout before and after them.
    """

    def by_blocks(first: jax.Array, kernel: jax.Array, of: tuple[Window, int]) -> jax.Array:
        window, members = of
        channels, features = kernel.shape[2], kernel.shape[3] // members
        most = max(1, LANES // max(channels, features))
        block = max(size for size in range(1, most + 1) if window.groups % size == 0)
        same = jnp.eye(block, dtype=bool)[:, None, None, :, None]
        groups = kernel.reshape(*window.taps, 1, channels, members // block, block, features)
        blocks = jnp.where(same, groups, 0).reshape(*window.taps, block * channels, members * features)
        return grouped(first, blocks, (window, members // block))

    return by_blocks


# The three primitives' operations for TPUs.
block_conv, block_conv_input_grad = map(
    _of_members, map(_by_blocks, (_grouped_conv, _grouped_conv_input_grad))
)
block_conv_kernel_grad = _kernel_grad(block_conv)


def product(first: jax.Array, second: jax.Array, axes: tuple[int, int]) -> jax.Array:
    """Any of the three operations at a `Window.point`: a matrix product with sums in float32 at least.

    XLA:CPU multiplies bfloat16 factors faster with sums in float32 than with sums in bfloat16.

    Args:
        first: the first argument, without its member axis.
        second: the second argument, without its member axis.
        axes: the contracted axis of each, as a matrix.
    """
    first, second = (x[:, 0, 0] if x.shape[1:3] == (1, 1) else x[0, 0] for x in (first, second))
    sum_dtype = jnp.promote_types(first.dtype, jnp.float32)
    dimensions = ((axes[0],), (axes[1],)), ((), ())
    return jax.lax.dot_general(first, second, dimensions, preferred_element_type=sum_dtype).astype(
        first.dtype
    )
