"""Resampling of images by a factor of two, with a separable low-pass filter (a FIR filter).

`upsample` puts zeros between the pixels and filters; `downsample` filters and keeps every other pixel;
`blur` filters. A separable filter is applied to one axis after the other. Along an axis, the result is a
weighted sum of shifted slices: for upsampling, even and odd pixels are two such sums of the original pixels,
and no zero is multiplied.

Stuffing, filtering and keeping are one linear operation (`Filter`), and its transpose is another of that
kind. It is a JAX primitive, so that gradients of every order run at the speed of the forward pass. A
depthwise convolution computes the same and is up to 100 times slower on CPU.

References:
    Karras et al. 2019, A Style-Based Generator Architecture for GANs, https://arxiv.org/abs/1812.04948,
    section 2.1: a low-pass filter after each upsampling and before each downsampling
    Zhang 2019, Making Convolutional Networks Shift-Invariant Again, https://arxiv.org/abs/1904.11486
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

from jaxgan.layers.plain import is_plain

TAPS = (1.0, 3.0, 3.0, 1.0)  # a binomial filter

Images = Float[Array, "batch height width channel"]
Resampled = Float[Array, "batch new_height new_width channel"]


class Filter(NamedTuple):
    """A filter along one axis: ``y[n] = sum over j of weights[j] * u[keep * n + j - before]``.

    Here u is the input with ``stuff - 1`` zeros after each pixel, and zero outside.

    Attributes:
        weights: factors of neighboring pixels.
        stuff: 1 or 2.
        keep: 1 or 2; one of the two is 1.
        before: number of zeros before the first pixel; a negative number crops.
        count: number of pixels of the result.
    """

    weights: tuple[float, ...]
    stuff: int
    keep: int
    before: int
    count: int

    def transpose(self, count: int) -> "Filter":
        """Return the filter whose matrix is the transpose of this one's, for inputs of `count` pixels."""
        weights = self.weights[::-1]
        return Filter(weights, self.keep, self.stuff, len(weights) - 1 - self.before, count)


def upsample(images: Images, taps: Sequence[float] = TAPS) -> Resampled:
    """Double the height and width of images.

    A zero is put after each pixel, and the result is filtered with (taps + 1) // 2 zeros before and
    (taps - 2) // 2 after it. The filter has gain 4, so that constant images keep their value, except at the
    edges: the pixels outside of an image are zeros.

    Args:
        images: ``[B, H, W, C]``.
        taps: the filter along each axis, at least one number; it is divided by its sum.

    Returns:
        Images ``[B, 2 H, 2 W, C]``.

    Raises:
        ValueError: if there is no tap, or their sum is zero.
    """
    weights, before = _weights(taps, gain=2.0), (len(taps) + 1) // 2
    for axis in (1, 2):
        images = _filter(images, Filter(weights, 2, 1, before, 2 * images.shape[axis]), axis)
    return images


def downsample(images: Images, taps: Sequence[float] = TAPS) -> Resampled:
    """Halve the height and width of images; half of an odd number is rounded down.

    The images are filtered with (taps - 1) // 2 zeros before and (taps - 2) // 2 after them, and every other
    pixel is kept, beginning with the first.

    Args:
        images: ``[B, H, W, C]``, of at least 2x2 pixels.
        taps: the filter along each axis, at least one number; it is divided by its sum.

    Returns:
        Images ``[B, H // 2, W // 2, C]``.

    Raises:
        ValueError: if there is no tap, their sum is zero, or an image has a single row or column.
    """
    weights, before = _weights(taps), (len(taps) - 1) // 2
    if min(images.shape[1:3]) < 2:
        raise ValueError(f"downsampling takes images of at least 2x2 pixels, got {images.shape[1:3]}")
    for axis in (1, 2):
        images = _filter(images, Filter(weights, 1, 2, before, images.shape[axis] // 2), axis)
    return images


def blur(
    images: Images, pads: tuple[int, int], taps: Sequence[float] = TAPS, *, gain: float = 1.0
) -> Resampled:
    """Filter images that have zeros around them.

    Args:
        images: ``[B, H, W, C]``.
        pads: number of zeros before and after the pixels of each axis; a negative number crops.
        taps: the filter along each axis, at least one number; it is divided by its sum.
        gain: factor of the result, > 0.

    Returns:
        Images ``[B, H + sum(pads) - taps + 1, W + sum(pads) - taps + 1, C]``.

    Raises:
        ValueError: if there is no tap, their sum is zero, or nothing is left of an image.
    """
    weights = _weights(taps, gain=math.sqrt(gain))
    for axis in (1, 2):
        count = images.shape[axis] + sum(pads) - len(weights) + 1
        if count < 1:
            raise ValueError(
                f"{len(weights)} taps leave nothing of images {images.shape[1:3]}, pads {tuple(pads)}"
            )
        images = _filter(images, Filter(weights, 1, 1, pads[0], count), axis)
    return images


def _weights(taps: Sequence[float], *, gain: float = 1.0) -> tuple[float, ...]:
    """Return taps of sum `gain`, in the order in which they meet the pixels: a convolution reverses them."""
    total = math.fsum(taps)
    if not len(taps) or total == 0 or not math.isfinite(total):
        raise ValueError(f"a filter has at least one tap, and a sum that is not zero, got {tuple(taps)}")
    return tuple(float(tap) * gain / total for tap in reversed(taps))


def _slices(images: jax.Array, *, kernel: Filter, axis: int, materialize: bool) -> jax.Array:
    """Filter by shifted slices of the padded images.

    Args:
        images: array of any rank.
        kernel: the filter.
        axis: the axis to filter along, not the last one.
        materialize: whether to write the padded images to memory. Otherwise XLA:CPU tests for each pixel and
            tap whether it lies outside, which takes four times as long.
    """
    size, (_, stuff, keep, _, count) = images.shape[axis], kernel
    count = -(-count // stuff)  # pixels of each phase of the result
    phases = [_terms(kernel, phase) for phase in range(stuff)]
    places = [place for terms in phases for place, _ in terms]
    before = max(0, -min(places))
    length = before + max(size, max(places) + keep * (count - 1) + 1)
    length += length % keep
    pads = [(0, 0)] * images.ndim
    pads[axis] = (before, length - before - size)
    padded = jnp.pad(images, pads)
    if materialize:
        padded = jax.lax.optimization_barrier(padded)
    shape = padded.shape
    groups = padded.reshape(*shape[:axis], length // keep, keep, *shape[axis + 1 :])

    def pixels(place: int) -> jax.Array:
        """Return the pixels ``keep * i + place`` of the images, for i below the count."""
        start, phase = divmod(before + place, keep)
        part = jax.lax.slice_in_dim(groups, start, start + count, axis=axis)
        return jax.lax.index_in_dim(part, phase, axis + 1, keepdims=False)

    def phase(terms: list[tuple[int, float]]) -> jax.Array:
        products = [weight * pixels(place) for place, weight in terms]
        return sum(products[1:], start=products[0]) if products else jnp.zeros_like(pixels(0))

    results = [phase(terms) for terms in phases]
    if stuff == 1:
        return results[0]
    even, odd = (jnp.expand_dims(result, axis + 1) for result in results)
    pairs = (*even.shape[: axis + 1], 2, *even.shape[axis + 2 :])
    is_even = jax.lax.broadcasted_iota(jnp.int32, pairs, axis + 1) == 0
    whole = jnp.where(is_even, even, odd).reshape(*shape[:axis], 2 * count, *shape[axis + 1 :])
    return jax.lax.slice_in_dim(whole, 0, kernel.count, axis=axis)


def _terms(kernel: Filter, phase: int) -> list[tuple[int, float]]:
    """Return what pixel ``stuff * i + phase`` of the result reads: places relative to i, and weights."""
    reads = [(phase + tap - kernel.before, weight) for tap, weight in enumerate(kernel.weights)]
    return [(place // kernel.stuff, weight) for place, weight in reads if place % kernel.stuff == 0]


def _result(images, *, kernel: Filter, axis: int):
    shape = list(images.shape)
    shape[axis] = kernel.count
    return images.update(shape=tuple(shape))  # it keeps the mesh axes over which the images vary


def _transpose(cotangent, images, *, kernel: Filter, axis: int) -> tuple[jax.Array]:
    return (_filter(cotangent, kernel.transpose(images.aval.shape[axis]), axis),)


def _batch(arguments, axes, *, kernel: Filter, axis: int):
    images = jnp.moveaxis(arguments[0], axes[0], 0)
    return _filter(images, kernel, axis + 1), 0


def _filter(images, kernel: Filter, axis: int) -> jax.Array:
    if is_plain():
        return _slices(images, kernel=kernel, axis=axis, materialize=False)
    return _filter_p.bind(images, kernel=kernel, axis=axis)


_filter_p = Primitive("filter")
_filter_p.def_impl(jax.jit(_filter_p.bind, static_argnames=("kernel", "axis")))
_filter_p.def_abstract_eval(_result)
ad.deflinear2(_filter_p, _transpose)
batching.primitive_batchers[_filter_p] = _batch
mlir.register_lowering(_filter_p, mlir.lower_fun(partial(_slices, materialize=False), multiple_results=False))
mlir.register_lowering(
    _filter_p, mlir.lower_fun(partial(_slices, materialize=True), multiple_results=False), platform="cpu"
)
