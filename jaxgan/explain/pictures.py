"""Values of regions as colors: blue looks more real than the reference, red more fake, light gray neither.

The colors are those of ColorBrewer's RdBu. People with any kind of color blindness can tell its red from its
blue.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from jaxgan import sampling

FAKE = ((247, 247, 247), (253, 219, 199), (244, 165, 130), (214, 96, 77), (178, 24, 43), (103, 0, 31))
REAL = ((247, 247, 247), (209, 229, 240), (146, 197, 222), (67, 147, 195), (33, 102, 172), (5, 48, 97))


def heat(
    values: Float[np.ndarray, " region"], regions: np.ndarray, *, largest: float | None = None
) -> UInt8[np.ndarray, "height width 3"]:
    """Return a map of values: blue where they are positive, red where they are negative.

    Args:
        values: a value for each region, ``[n]``.
        regions: integers ``[H, W]``.
        largest: the magnitude of the strongest color; None for the largest of the values.
    """
    values = np.nan_to_num(np.asarray(values, np.float64))
    largest = float(np.abs(values).max()) if largest is None else largest
    strength = np.clip(np.abs(values) / largest if largest > 0 else 0 * values, 0, 1)
    stops = np.linspace(0, 1, len(FAKE))
    colors = [
        np.where(values < 0, np.interp(strength, stops, fake), np.interp(strength, stops, real))
        for fake, real in zip(np.transpose(FAKE), np.transpose(REAL), strict=True)
    ]
    return np.stack(colors, axis=-1).round().astype(np.uint8)[np.asarray(regions)]


def in_color(image: Any) -> UInt8[np.ndarray, "height width 3"]:
    """Return a uint8 image ``[H, W, C]`` in three channels, as `jaxgan.sampling.picture` shows it."""
    return np.asarray(sampling.picture(np.asarray(image)).convert("RGB"))


def strips(rows: Sequence[Sequence[Any]]) -> UInt8[np.ndarray, "height width 3"]:
    """Return rows of images as one picture with gutters, enlarged without smoothing.

    Args:
        rows: images of one size, uint8 ``[H, W, C]`` of any channels, as many in each row; None for a gap.
    """
    first = in_color(next(image for row in rows for image in row if image is not None))
    gap = np.full_like(first, sampling.GUTTER_GRAY)
    images = [gap if image is None else in_color(image) for row in rows for image in row]
    return np.asarray(sampling.grid(np.stack(images), columns=len(rows[0])))
