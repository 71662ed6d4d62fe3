"""Regions: the parts of an image that an explanation speaks of.

A pixel alone says nothing to a discriminator, so values are given to regions of pixels. Regions are an array
``[H, W]`` of integers: pixels with the number i belong to region i. A grid of blocks serves small images, on
which segmentation finds one or two segments. Any other segmentation is an array of the caller's.
"""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxgan.system.errors import UserError


def grid(image_shape: tuple[int, ...], rows: int, columns: int) -> Int[np.ndarray, "height width"]:
    """Return the regions of a grid of blocks, which are as equal as whole pixels allow.

    Args:
        image_shape: shape of an image, whose first two numbers are height and width.
        rows: number of blocks from top to bottom, 1 to the height.
        columns: number of blocks from left to right, 1 to the width.

    Returns:
        The number of each pixel's region; block (i, j) is region ``i * columns + j``.

    Raises:
        ValueError: if there are fewer pixels than blocks in a direction.
    """
    height, width = image_shape[:2]
    if not (1 <= rows <= height and 1 <= columns <= width):
        raise ValueError(
            f"an image of {height}x{width} pixels has a grid of 1x1 to {height}x{width} regions, "
            f"got {rows}x{columns}"
        )
    down, right = np.arange(height) * rows // height, np.arange(width) * columns // width
    return (down[:, None] * columns + right[None, :]).astype(np.int32)


def parse_grid(text: Any, image_shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns of a text such as "7x7" or "7", or of a pair of numbers.

    Args:
        text: the text or the pair; None for 7x7, or for every pixel where there are at most 8.
        image_shape: shape of an image.

    Raises:
        UserError: if the text is no such grid, or if it is finer than the image's pixels.
    """
    height, width = image_shape[:2]
    if text is None:
        return (height if height <= 8 else 7), (width if width <= 8 else 7)
    text = "x".join(map(str, text)) if isinstance(text, tuple | list) else text
    match = re.fullmatch(r"(\d{1,6})(?:x(\d{1,6}))?", str(text))
    if match is None:
        raise UserError(f"`regions` is ROWSxCOLUMNS, such as 7x7, got {text!s:.60}")
    rows, columns = int(match[1]), int(match[2] or match[1])
    if not (1 <= rows <= height and 1 <= columns <= width):
        raise UserError(
            f"`regions` {text}: the images have {height}x{width} pixels, so a grid has 1x1 to "
            f"{height}x{width} regions"
        )
    return rows, columns


def count_of(regions: Any, image_shape: tuple[int, ...]) -> int:
    """Return the number of regions of an image.

    Args:
        regions: integers ``[H, W]``.
        image_shape: shape of the image, (H, W, C).

    Raises:
        ValueError: if the regions are of an image of another size, or are not numbered 0, 1, ... without a
            gap.
    """
    if isinstance(regions, jax.core.Tracer):
        raise ValueError("regions are known when a program is compiled: close over them, or make them static")
    regions = np.asarray(regions)
    if regions.shape != tuple(image_shape[:2]):
        raise ValueError(
            f"regions are {list(image_shape[:2])} for an image {list(image_shape)}, got {list(regions.shape)}"
        )
    if not np.issubdtype(regions.dtype, np.integer):
        raise ValueError(f"regions are integers, got {regions.dtype}")
    used = np.unique(regions)
    if used[0] != 0 or used[-1] != len(used) - 1:
        raise ValueError(
            f"regions are numbered 0, 1, ... without a gap, and these {len(used)} go from {used[0]} to "
            f"{used[-1]}: np.unique(regions, return_inverse=True)[1] numbers them so"
        )
    return len(used)


def pooled(values: Float[Array, "n height width channel"], regions: Any) -> Float[Array, "n region"]:
    """Return the sum over each region of the values of images' numbers.

    Args:
        values: ``[N, H, W, C]``.
        regions: integers ``[H, W]``.
    """
    pixels = values.sum(axis=-1).reshape(len(values), -1)
    numbers = np.asarray(regions).reshape(-1)
    return jax.ops.segment_sum(pixels.T, jnp.asarray(numbers), int(numbers.max()) + 1).T
