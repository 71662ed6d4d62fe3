"""One picture file or one array, as the pixels that a data set holds.

A picture is turned upright (EXIF), laid on white where it is transparent, and converted to 8 bits and to the
data set's channels. Then it is cut around its center to the aspect ratio and resized with Lanczos' filter.
This filter averages over the pixels that it shrinks; Parmar et al. 2022 show how filters that do not distort
FID.

References:
    Duchon 1979, Lanczos filtering in one and two dimensions
    Parmar, Zhang and Zhu 2022, On Aliased Resizing and Surprising Subtleties in GAN Evaluation
"""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

RULE = 1  # the version of what `fit` returns; every cache key holds it

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

# Pillow has more readers. The one of EPS runs Ghostscript, and rare ones are little tested against attacks.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

_UPRIGHT = 0x0112  # the EXIF tag of orientation; from 5 on, width and height change places
_GRAY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")


@contextlib.contextmanager
def refuse_bombs() -> Iterator[None]:
    """Make Pillow raise for a picture with too many pixels (a decompression bomb); ignore other warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def open_picture(path: Path) -> Image.Image:
    """Open a picture file; its pixels are read at their first use."""
    return Image.open(path, formats=_FORMATS)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return the height and width of a picture after the turn that its EXIF data ask for."""
    image = ImageOps.exif_transpose(image) if image.format == "TIFF" else image  # its size is turned already
    turned = image.getexif().get(_UPRIGHT, 1) in (5, 6, 7, 8)
    return (image.width, image.height) if turned else (image.height, image.width)


def is_gray(image: Image.Image) -> bool:
    """Return whether the mode of a picture holds shades of gray; a palette counts as color."""
    return image.mode in _GRAY


def fit(image: Image.Image, image_size: tuple[int, int] | None, channels: int) -> np.ndarray:
    """Return a picture's pixels.

    Args:
        image: a picture of any mode and size; of an animation, the first frame is used.
        image_size: height and width of the result; None keeps the size.
        channels: 3 for color, 1 for gray (ITU-R 601 luma).

    Returns:
        uint8 ``[H, W, channels]``.

    Raises:
        Exception: of many types, for a damaged file, or for pixels without a known range.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    if image_size is not None and image.size != image_size[::-1]:
        image = _center(image, *image_size).resize(image_size[::-1], Image.Resampling.LANCZOS)
    return np.array(image).reshape(image.height, image.width, channels)


def fit_array(image: np.ndarray, image_size: tuple[int, int] | None, channels: int) -> np.ndarray:
    """Return uint8 ``[h, w, 1, 3 or 4]`` as uint8 ``[H, W, channels]``; see `fit`."""
    if (image_size or image.shape[:2]) == image.shape[:2] and channels == image.shape[2]:
        return image
    return fit(Image.fromarray(image[..., 0] if image.shape[2] == 1 else image), image_size, channels)


def _center(image: Image.Image, height: int, width: int) -> Image.Image:
    """Cut an image to the largest centered box of an aspect ratio, to whole pixels.

    `ImageOps.fit` would not do: its filter reads pixels outside the box.
    """
    box_width = max(1, min(image.width, round(image.height * width / height)))
    box_height = max(1, min(image.height, round(image.width * height / width)))
    left, top = (image.width - box_width) // 2, (image.height - box_height) // 2
    return image.crop((left, top, left + box_width, top + box_height))


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a gray image of 16 bits (PNG, TIFF, PGM) rounded to 8 bits; Pillow itself would clip it."""
    values: Any = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"pixels of mode {image.mode} have no known range")
    return Image.fromarray(np.round(values / 257).astype(np.uint8))
