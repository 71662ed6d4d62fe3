"""Convolutions and their gradients with fewer multiplications, for CPU: Winograd's minimal filtering.

Two neighboring results of a filter of two taps, ``x0 a + x1 b`` and ``x1 a + x2 b``, take four products.
Three are enough: ``(x0 - x1) a``, ``x1 (a + b)`` and ``(x1 - x2) b``. The sum of the first two products is
the first result, and the second product less the third is the second result. Along both axes this takes 9
products instead of 16 for two taps, and 16 instead of 36 for three. Each product is one of matrices, over
channels.

A stride of s splits an image into s x s phases, which are stacked as channels: 4x4 taps at stride 2 become
2x2 taps.

Three linear maps transform images (``B``), kernels (``G``) and features (``A``) to the entries of tiles, each
tile for 2x2 results. They take additions only (with three taps, also halves). With them the trilinear form of
`jaxgan.layers.kernels.primitives` is

    T(x, k, y) = sum over tiles, entries e and channels of  (B x)[e] (G k)[e] (A y)[e].

Each of the three operations multiplies two of the factors and applies the adjoint of the third map. Rounding
errors are below 2.5 times those of direct sums (`pytest tests/layers/kernels/test_winograd.py`). Larger tiles
would save more products, and round more.

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

_SIZE = 2  # number of results of a tile along an axis
MIN_RATIO = 32  # Tiles pay from this ratio of products to additions on (on two cores of an AMD EPYC).
# For one axis and each number of taps: a tile's entries, one a row, as sums of pixels, of taps, of results.
_PIXEL_WEIGHTS: dict[int, Matrix] = {
    2: ((1, -1, 0), (0, 1, 0), (0, 1, -1)),
    3: ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
}
_TAP_WEIGHTS: dict[int, Matrix] = {
    2: ((1, 0), (1, 1), (0, 1)),
    3: ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
}
_RESULT_WEIGHTS: dict[int, Matrix] = {
    2: ((1, 0), (1, 1), (0, -1)),
    3: ((1, 0), (1, 1), (1, -1), (0, -1)),
}


def suits(window: Window, examples: Any, channels: int, features: int) -> bool:
    """Return whether a convolution of these sizes is faster by tiles than by direct sums, on a CPU.

    For each entry of a tile, two matrices are multiplied. The number of products is rows x inner size x
    columns; the number of additions grows with the sizes of the three matrices. Their ratio,
    ``1 / (1 / rows + 1 / inner + 1 / columns)``, decides.

    Args:
        window: sizes of the convolution.
        examples: number of examples in a batch; not an int where a function is exported for any batch.
        channels: number of channels of the images.
        features: number of channels of the features.
    """
    if not isinstance(examples, int) or examples == 0:
        return False
    if any(taps % stride for taps, stride in zip(window.taps, window.strides, strict=True)):
        return False
    if any(taps not in _TAP_WEIGHTS for taps in _taps(window)) or min(window.positions) < _SIZE:
        return False
    sizes = examples * math.prod(_tiles(window)), channels * math.prod(window.strides), features
    return 1 / sum(1 / size for size in sizes) > MIN_RATIO


def conv(images: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """`primitives.conv` for one member, by tiles."""
    tiles = _products(_image_tiles(images, window), _kernel_tiles(kernel, window), (1, 0))
    return _features_of(tiles, window).astype(images.dtype)


def conv_input_grad(features: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """`primitives.conv_input_grad` for one member, by tiles."""
    tiles = _products(_feature_tiles(features, window), _kernel_tiles(kernel, window), (1, 1))
    return _images_of(tiles, window).astype(features.dtype)


def conv_kernel_grad(images: jax.Array, features: jax.Array, window: Window) -> jax.Array:
    """`primitives.conv_kernel_grad` for one member, by tiles."""
    tiles = _products(_image_tiles(images, window), _feature_tiles(features, window), (0, 0))
    return _kernel_of(tiles, window).astype(images.dtype)


def _products(first: Tiles, second: Tiles, axes: tuple[int, int]) -> Tiles:
    """Return the product of each pair of matrices over two axes, with sums in float32 at least."""
    dtype = jnp.promote_types(first[0].dtype, jnp.float32)
    product = partial(
        jax.lax.dot_general,
        dimension_numbers=(((axes[0],), (axes[1],)), ((), ())),
        preferred_element_type=dtype,
    )
    return [product(*pair) for pair in zip(first, second, strict=True)]


def _image_tiles(images: jax.Array, window: Window) -> Tiles:
    """Return the entries of the images' tiles, each ``[B * tiles, phases * C]``."""
    (height, width), (down, across), taps = _tiles(window), window.strides, _taps(window)
    pads = {}
    for axis, (low, _) in enumerate(window.padding):
        rows = (_SIZE * _tiles(window)[axis] + taps[axis] - 1) * window.strides[axis]
        pads[1 + axis] = (low, rows - window.image[axis] - low)
    padded = _pad(_at_least_float32(images), pads)
    size = padded.shape[1] // down, down, padded.shape[2] // across, across * images.shape[3]
    blocks = padded.reshape(-1, *size)
    tiles = []
    for row in _PIXEL_WEIGHTS[taps[0]]:
        rows = _weighted_sum(row, [blocks[:, i : i + _SIZE * height - 1 : _SIZE] for i in range(len(row))])
        for column in _PIXEL_WEIGHTS[taps[1]]:
            columns = [rows[:, :, :, i : i + _SIZE * width - 1 : _SIZE] for i in range(len(column))]
            entry = _weighted_sum(column, columns)
            entry = jnp.concatenate([entry[:, :, phase] for phase in range(down)], axis=-1)
            tiles.append(entry.reshape(-1, entry.shape[-1]).astype(images.dtype))
    return tiles


def _kernel_tiles(kernel: jax.Array, window: Window) -> Tiles:
    """Return the entries of the kernel's tile, each ``[phases * C, F]``."""
    taps, features = _taps(window), kernel.shape[3]
    blocks = _at_least_float32(kernel).reshape(taps[0], window.strides[0], taps[1], -1, features)
    tiles = []
    for row in _TAP_WEIGHTS[taps[0]]:
        rows = _weighted_sum(row, list(blocks))
        for column in _TAP_WEIGHTS[taps[1]]:
            entry = _weighted_sum(column, [rows[:, i] for i in range(taps[1])])
            tiles.append(entry.reshape(-1, features).astype(kernel.dtype))
    return tiles


def _feature_tiles(features: jax.Array, window: Window) -> Tiles:
    """Return the entries of the features' tiles, each ``[B * tiles, F]``."""
    (height, width), taps, positions = _tiles(window), _taps(window), window.positions
    padded = _pad(
        _at_least_float32(features),
        {1: (0, _SIZE * height - positions[0]), 2: (0, _SIZE * width - positions[1])},
    )
    blocks = padded.reshape(-1, height, _SIZE, width, _SIZE, features.shape[3])
    tiles = []
    for row in _RESULT_WEIGHTS[taps[0]]:
        rows = _weighted_sum(row, [blocks[:, :, i] for i in range(_SIZE)])
        for column in _RESULT_WEIGHTS[taps[1]]:
            entry = _weighted_sum(column, [rows[:, :, :, i] for i in range(_SIZE)])
            tiles.append(entry.reshape(-1, features.shape[3]).astype(features.dtype))
    return tiles


def _features_of(tiles: Tiles, window: Window) -> jax.Array:
    """Apply the adjoint of `_feature_tiles`."""
    (height, width), taps, positions = _tiles(window), _taps(window), window.positions
    entries = [tile.reshape(-1, height, width, tile.shape[1]) for tile in tiles]
    blocks = _gather(entries, (_RESULT_WEIGHTS[taps[0]], _RESULT_WEIGHTS[taps[1]]), axes=(2, 3))
    features = blocks.reshape(-1, height * _SIZE, width * _SIZE, tiles[0].shape[1])
    return features[:, : positions[0], : positions[1]]


def _kernel_of(tiles: Tiles, window: Window) -> jax.Array:
    """Apply the adjoint of `_kernel_tiles`."""
    taps, features = _taps(window), tiles[0].shape[1]
    entries = [tile.reshape(window.strides[0], -1, features) for tile in tiles]
    blocks = _gather(entries, (_TAP_WEIGHTS[taps[0]], _TAP_WEIGHTS[taps[1]]), axes=(0, 1))
    return blocks.reshape(*window.taps, -1, features)


def _gather(entries: Tiles, matrices: tuple[Matrix, Matrix], axes: tuple[int, int]) -> jax.Array:
    """Multiply the entries by the transposed matrices of both axes, and stack the results."""
    width = len(matrices[1])
    columns = [entries[i::width] for i in range(width)]
    lines = []
    for row in zip(*matrices[0], strict=True):
        sums = [_weighted_sum(row, column) for column in columns]
        line = [_weighted_sum(weights, sums) for weights in zip(*matrices[1], strict=True)]
        lines.append(jnp.stack(line, axis=axes[1]))
    return jnp.stack(lines, axis=axes[0])


def _images_of(tiles: Tiles, window: Window) -> jax.Array:
    """Apply the adjoint of `_image_tiles`. Unlike JAX's transpose of it, this writes each pixel once."""
    (height, width), (down, across), taps = _tiles(window), window.strides, _taps(window)
    channels = tiles[0].shape[1] // (down * across)
    entries = [tile.reshape(-1, height, width, down, across, channels) for tile in tiles]
    columns = [entries[i :: taps[1] + 1] for i in range(taps[1] + 1)]
    lines = []
    for row in range(_SIZE * down):
        sums = [_pixels(column, 0, row, window) for column in columns]
        line = [_pixels(sums, 1, column, window) for column in range(_SIZE * across)]
        lines.append(jnp.concatenate(line, axis=-1))
    blocks = jnp.stack(lines, axis=2)
    size = blocks.shape[1] * blocks.shape[2], blocks.shape[3] * _SIZE * across
    images = blocks.reshape(-1, *size, channels)
    return images[:, : window.image[0], : window.image[1]]


def _pixels(entries: Tiles, axis: int, pixel: int, window: Window) -> jax.Array:
    """Return the image's pixels ``pixel, pixel + n, ...`` along an axis, where a tile has n pixels.

    Args:
        entries: the tiles' entries along this axis, each ``[B, height, width, phases of this axis, ...]``.
        axis: 0 or 1.
        pixel: the pixel's index in a tile of the image.
        window: sizes of the convolution.

    Returns:
        ``[B, height, width, ...]``; along the axis it has the number of tiles of the image.
    """
    stride = window.strides[axis]
    count = -(-window.image[axis] // (_SIZE * stride))
    tile, inside = divmod(pixel + window.padding[axis][0], _SIZE * stride)
    block, phase = divmod(inside, stride)
    weights = list(zip(*_PIXEL_WEIGHTS[_taps(window)[axis]], strict=True))
    lines = [entry[:, :, :, phase] for entry in entries]
    parts = []
    # Each block of pixels is part of its own tile and of the tile before.
    for later, row in enumerate(weights[block::_SIZE]):
        part = _weighted_sum(row, lines)
        before = later - tile
        parts.append(_pad(part, {1 + axis: (before, count - before - part.shape[1 + axis])}))
    return sum(parts[1:], start=parts[0])


def _weighted_sum(weights: Sequence[float], parts: Sequence[jax.Array]) -> jax.Array:
    """Return the weighted sum; weights of 1, -1 and 0 take no multiplication."""
    terms = [
        part if weight == 1 else -part if weight == -1 else weight * part
        for weight, part in zip(weights, parts, strict=True)
        if weight
    ]
    return sum(terms[1:], start=terms[0])


def _at_least_float32(array: jax.Array) -> jax.Array:
    return array.astype(jnp.promote_types(array.dtype, jnp.float32))


def _pad(array: jax.Array, pads: dict[int, tuple[int, int]]) -> jax.Array:
    """Pad axes with zeros; a negative number crops."""
    widths = [(*pads.get(axis, (0, 0)), 0) for axis in range(array.ndim)]
    return jax.lax.pad(array, jnp.zeros((), array.dtype), widths)


def _taps(window: Window) -> tuple[int, ...]:
    """Return the number of taps of each phase along both axes."""
    return tuple(taps // stride for taps, stride in zip(window.taps, window.strides, strict=True))


def _tiles(window: Window) -> tuple[int, ...]:
    """Return the number of tiles of the features along both axes."""
    return tuple(-(-positions // _SIZE) for positions in window.positions)
