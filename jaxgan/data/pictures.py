"""One picture file, or one array, as the pixels that a data set holds.

A picture is turned upright (EXIF), laid on white where it is transparent, brought to 8 bits and to the set's
channels, cut to the wanted aspect around its centre, and resized with Lanczos' filter, which averages over
what it shrinks (Parmar et al. 2022 show what filters that do not do to FID).

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

RULE = 1  # counts the changes of what `fit` returns: part of every cache key

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

# Pillow has more readers; that of EPS runs Ghostscript, and rare ones meet few who try to break them.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

_UPRIGHT = 0x0112  # the EXIF tag of orientation; from 5 on, width and height change places
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")


@contextlib.contextmanager
def judging() -> Iterator[None]:
    """Take a picture with too many pixels for an error, and Pillow's other warnings for nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def open_picture(path: Path) -> Image.Image:
    """Open a picture file; its pixels are read when they are asked for."""
    return Image.open(path, formats=_FORMATS)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return the height and width that a picture has when it is turned as its EXIF data say."""
    image = ImageOps.exif_transpose(image) if image.format == "TIFF" else image  # Pillow has turned its size
    turned = image.getexif().get(_UPRIGHT, 1) in (5, 6, 7, 8)
    return (image.width, image.height) if turned else (image.height, image.width)


def is_grey(image: Image.Image) -> bool:
    """Say whether the file's pixels are shades of grey, by its mode: palettes count as colour."""
    return image.mode in _GREY


def fit(image: Image.Image, image_size: tuple[int, int] | None, channels: int) -> np.ndarray:
    """Return a picture's pixels.

    Args:
        image: of any mode and size; the first frame of an animation.
        image_size: height and width to cut and resize to, or None to leave the size.
        channels: 3 for colour, 1 for grey (ITU-R 601 luma).

    Returns:
        uint8 ``[H, W, channels]``.

    Raises:
        Exception: of many types, for files that are damaged, and for pixels without a known range.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    if image_size is not None and image.size != image_size[::-1]:
        image = _centre(image, *image_size).resize(image_size[::-1], Image.Resampling.LANCZOS)
    return np.array(image).reshape(image.height, image.width, channels)


def fit_array(image: np.ndarray, image_size: tuple[int, int] | None, channels: int) -> np.ndarray:
    """Return uint8 ``[h, w, 1, 3 or 4]`` as uint8 ``[H, W, channels]``; see `fit`."""
    if (image_size or image.shape[:2]) == image.shape[:2] and channels == image.shape[2]:
        return image
    return fit(Image.fromarray(image[..., 0] if image.shape[2] == 1 else image), image_size, channels)


def _centre(image: Image.Image, height: int, width: int) -> Image.Image:
    """Cut an image to the largest centred box of an aspect, to whole pixels.

    `ImageOps.fit` would not do: its filter reaches over the edge of the box for what was cut off.
    """
    wide = max(1, min(image.width, round(image.height * width / height)))
    high = max(1, min(image.height, round(image.width * height / width)))
    left, top = (image.width - wide) // 2, (image.height - high) // 2
    return image.crop((left, top, left + wide, top + high))


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a grey image of 8 bits for one of 16 (PNG, TIFF and PGM have them, and Pillow cuts them off)."""
    values: Any = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"pixels of mode {image.mode} have no known range")
    return Image.fromarray(np.round(values / 257).astype(np.uint8))
