"""The faces of a convolution with fewer multiplications, for CPU: Winograd's minimal filtering.

Two neighbouring results of a filter of two taps, ``x0 a + x1 b`` and ``x1 a + x2 b``, need four products, or
three: of ``x0 - x1, x1, x1 - x2`` with ``a, a + b, b``. The first two products' sum and the last two's
difference are the results. Along both axes that makes 9 products of 16; with three taps, 16 of 36. Each
product is one of matrices, over channels. A stride of s leaves s x s phases, side by side as channels, so
that 4x4 taps at stride 2 are 2x2 taps.

Three linear maps, ``B`` of images, ``G`` of kernels and ``A`` of features, make the entries of a tile of 2x2
results by additions (and halves, with three taps). The trilinear form of
`jaxgan.layers.kernels.primitives` is then

    T(x, k, y) = sum over tiles, entries e and channels of  (B x)[e] (G k)[e] (A y)[e],

and a face multiplies two of the three and applies the adjoint of the third. Rounding errors are below
2.5 times those of direct sums (`pytest tests/test_winograd.py`). Larger tiles would save more products, and
lose digits.

References:
    Winograd 1980, Arithmetic Complexity of Computations, chapter IV
    Lavin and Gray 2016, Fast Algorithms for Convolutional Neural Networks, https://arxiv.org/abs/1509.09308,
    section 4
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.layers.kernels.lowerings import Window

Matrix = Sequence[Sequence[float]]
Tiles = list[jax.Array]  # one matrix for each entry of a tile, rows first

_SIZE = 2  # results of a tile along an axis
_SMALLEST = 32  # ratio of products to additions that pays, by hand on two cores of an AMD EPYC
# For one axis and each number of taps, what an entry of a tile is of pixels, of taps, of results.
_OF_PIXELS: dict[int, Matrix] = {
    2: ((1, -1, 0), (0, 1, 0), (0, 1, -1)),
    3: ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
}
_OF_TAPS: dict[int, Matrix] = {
    2: ((1, 0), (1, 1), (0, 1)),
    3: ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
}
_OF_RESULTS: dict[int, Matrix] = {
    2: ((1, 0), (1, 1), (0, -1)),
    3: ((1, 0), (1, 1), (1, -1), (0, -1)),
}


def suits(window: Window, examples: Any, channels: int, features: int) -> bool:
    """Return whether a convolution of these sizes is faster by tiles than by direct sums, on a CPU.

    The products of a tile's entry grow with rows x inner size x columns of its matrices, the additions with
    the sizes of the three matrices. What counts is their ratio, ``1 / (1 / rows + 1 / inner + 1 / columns)``.

    Args:
        window: sizes of the convolution.
        examples: in a batch; unknown where a function is exported for any batch.
        channels: of the images.
        features: of the convolution.
    """
    if not isinstance(examples, int):
        return False
    if any(taps % stride for taps, stride in zip(window.taps, window.strides, strict=True)):
        return False
    if any(taps not in _OF_TAPS for taps in _taps(window)) or min(window.positions) < _SIZE:
        return False
    sizes = examples * math.prod(_tiles(window)), channels * math.prod(window.strides), features
    return 1 / sum(1 / size for size in sizes) > _SMALLEST


def correlate(images: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """`primitives.correlate`, by tiles."""
    tiles = _products(_of_images(images, window), _of_kernel(kernel, window), (1, 0))
    return _features(tiles, window).astype(images.dtype)


def spread(features: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """`primitives.spread`, by tiles."""
    tiles = _products(_of_features(features, window), _of_kernel(kernel, window), (1, 1))
    return _images(tiles, window).astype(features.dtype)


def overlap(images: jax.Array, features: jax.Array, window: Window) -> jax.Array:
    """`primitives.overlap`, by tiles."""
    tiles = _products(_of_images(images, window), _of_features(features, window), (0, 0))
    return _kernel(tiles, window).astype(images.dtype)


def _products(first: Tiles, second: Tiles, axes: tuple[int, int]) -> Tiles:
    """Return the product of each pair of matrices over two axes, with sums of float32 at least."""
    dtype = jnp.promote_types(first[0].dtype, jnp.float32)
    product = partial(
        jax.lax.dot_general,
        dimension_numbers=(((axes[0],), (axes[1],)), ((), ())),
        preferred_element_type=dtype,
    )
    return [product(*pair) for pair in zip(first, second, strict=True)]


def _of_images(images: jax.Array, window: Window) -> Tiles:
    """Return the entries of the images' tiles, each ``[B * tiles, phases * C]``."""
    (height, width), (down, across), taps = _tiles(window), window.strides, _taps(window)
    pads = {}
    for axis, (low, _) in enumerate(window.padding):
        rows = (_SIZE * _tiles(window)[axis] + taps[axis] - 1) * window.strides[axis]
        pads[1 + axis] = (low, rows - window.image[axis] - low)
    padded = _pad(_wide(images), pads)
    size = padded.shape[1] // down, down, padded.shape[2] // across, across * images.shape[3]
    blocks = padded.reshape(-1, *size)
    tiles = []
    for row in _OF_PIXELS[taps[0]]:
        rows = _weigh(row, [blocks[:, i : i + _SIZE * height - 1 : _SIZE] for i in range(len(row))])
        for column in _OF_PIXELS[taps[1]]:
            columns = [rows[:, :, :, i : i + _SIZE * width - 1 : _SIZE] for i in range(len(column))]
            entry = _weigh(column, columns)
            entry = jnp.concatenate([entry[:, :, phase] for phase in range(down)], axis=-1)
            tiles.append(entry.reshape(-1, entry.shape[-1]).astype(images.dtype))
    return tiles


def _of_kernel(kernel: jax.Array, window: Window) -> Tiles:
    """Return the entries of the kernel's tile, each ``[phases * C, F]``."""
    taps, features = _taps(window), kernel.shape[3]
    blocks = _wide(kernel).reshape(taps[0], window.strides[0], taps[1], -1, features)
    tiles = []
    for row in _OF_TAPS[taps[0]]:
        rows = _weigh(row, list(blocks))
        for column in _OF_TAPS[taps[1]]:
            entry = _weigh(column, [rows[:, i] for i in range(taps[1])])
            tiles.append(entry.reshape(-1, features).astype(kernel.dtype))
    return tiles


def _of_features(features: jax.Array, window: Window) -> Tiles:
    """Return the entries of the features' tiles, each ``[B * tiles, F]``."""
    (height, width), taps, positions = _tiles(window), _taps(window), window.positions
    padded = _pad(
        _wide(features), {1: (0, _SIZE * height - positions[0]), 2: (0, _SIZE * width - positions[1])}
    )
    blocks = padded.reshape(-1, height, _SIZE, width, _SIZE, features.shape[3])
    tiles = []
    for row in _OF_RESULTS[taps[0]]:
        rows = _weigh(row, [blocks[:, :, i] for i in range(_SIZE)])
        for column in _OF_RESULTS[taps[1]]:
            entry = _weigh(column, [rows[:, :, :, i] for i in range(_SIZE)])
            tiles.append(entry.reshape(-1, features.shape[3]).astype(features.dtype))
    return tiles


def _features(tiles: Tiles, window: Window) -> jax.Array:
    """Apply the adjoint of `_of_features`."""
    (height, width), taps, positions = _tiles(window), _taps(window), window.positions
    entries = [tile.reshape(-1, height, width, tile.shape[1]) for tile in tiles]
    blocks = _gather(entries, (_OF_RESULTS[taps[0]], _OF_RESULTS[taps[1]]), axes=(2, 3))
    features = blocks.reshape(-1, height * _SIZE, width * _SIZE, tiles[0].shape[1])
    return features[:, : positions[0], : positions[1]]


def _kernel(tiles: Tiles, window: Window) -> jax.Array:
    """Apply the adjoint of `_of_kernel`."""
    taps, features = _taps(window), tiles[0].shape[1]
    entries = [tile.reshape(window.strides[0], -1, features) for tile in tiles]
    blocks = _gather(entries, (_OF_TAPS[taps[0]], _OF_TAPS[taps[1]]), axes=(0, 1))
    return blocks.reshape(*window.taps, -1, features)


def _gather(entries: Tiles, matrices: tuple[Matrix, Matrix], axes: tuple[int, int]) -> jax.Array:
    """Multiply entries by the transposed matrices of both axes, and put the results side by side."""
    width = len(matrices[1])
    columns = [entries[i::width] for i in range(width)]
    lines = []
    for row in zip(*matrices[0], strict=True):
        sums = [_weigh(row, column) for column in columns]
        line = [_weigh(weights, sums) for weights in zip(*matrices[1], strict=True)]
        lines.append(jnp.stack(line, axis=axes[1]))
    return jnp.stack(lines, axis=axes[0])


def _images(tiles: Tiles, window: Window) -> jax.Array:
    """Apply the adjoint of `_of_images`, writing each pixel once, as JAX's own transpose would not."""
    (height, width), (down, across), taps = _tiles(window), window.strides, _taps(window)
    channels = tiles[0].shape[1] // (down * across)
    entries = [tile.reshape(-1, height, width, down, across, channels) for tile in tiles]
    columns = [entries[i :: taps[1] + 1] for i in range(taps[1] + 1)]
    lines = []
    for row in range(_SIZE * down):
        sums = [_line(column, 0, row, window) for column in columns]
        line = [_line(sums, 1, column, window) for column in range(_SIZE * across)]
        lines.append(jnp.concatenate(line, axis=-1))
    blocks = jnp.stack(lines, axis=2)
    size = blocks.shape[1] * blocks.shape[2], blocks.shape[3] * _SIZE * across
    images = blocks.reshape(-1, *size, channels)
    return images[:, : window.image[0], : window.image[1]]


def _line(entries: Tiles, axis: int, pixel: int, window: Window) -> jax.Array:
    """Sum along an axis what makes the pixels ``pixel, pixel + n, ...`` of the images, n those of a tile.

    Args:
        entries: along this axis, ``[B, height, width, phases of this axis, ...]``.
        axis: 0 or 1.
        pixel: in a tile of the image.
        window: sizes of the convolution.

    Returns:
        ``[B, height, width, ...]``, along the axis with as many as the image has tiles.
    """
    stride = window.strides[axis]
    count = -(-window.image[axis] // (_SIZE * stride))
    tile, inside = divmod(pixel + window.padding[axis][0], _SIZE * stride)
    block, phase = divmod(inside, stride)
    weights = list(zip(*_OF_PIXELS[_taps(window)[axis]], strict=True))
    lines = [entry[:, :, :, phase] for entry in entries]
    parts = []
    for later, row in enumerate(weights[block::_SIZE]):  # a block is in its own tile and in the one before
        part = _weigh(row, lines)
        before = later - tile
        parts.append(_pad(part, {1 + axis: (before, count - before - part.shape[1 + axis])}))
    return sum(parts[1:], start=parts[0])


def _weigh(weights: Sequence[float], parts: Sequence[jax.Array]) -> jax.Array:
    """Return the weighted sum, without products by one and terms of zero."""
    terms = [
        part if weight == 1 else -part if weight == -1 else weight * part
        for weight, part in zip(weights, parts, strict=True)
        if weight
    ]
    return sum(terms[1:], start=terms[0])


def _wide(array: jax.Array) -> jax.Array:
    return array.astype(jnp.promote_types(array.dtype, jnp.float32))


def _pad(array: jax.Array, pads: dict[int, tuple[int, int]]) -> jax.Array:
    """Pad axes by zeros, or crop them where a number is negative."""
    widths = [(*pads.get(axis, (0, 0)), 0) for axis in range(array.ndim)]
    return jax.lax.pad(array, jnp.zeros((), array.dtype), widths)


def _taps(window: Window) -> tuple[int, ...]:
    """Return the taps of each phase along both axes."""
    return tuple(taps // stride for taps, stride in zip(window.taps, window.strides, strict=True))


def _tiles(window: Window) -> tuple[int, ...]:
    """Return how many tiles the features have along both axes."""
    return tuple(-(-positions // _SIZE) for positions in window.positions)
