"""One picture file or one array, as the pixels that a data set holds.

A picture is turned upright (EXIF), laid on white where it is transparent, and converted to 8 bits and to the
data set's channels. Then it is cut around its center to the aspect ratio and resized with Lanczos' filter.
This filter averages over the pixels that it shrinks; Parmar et al. 2022 show how filters that do not distort
FID.

References:
    Duchon 1979, Lanczos filtering in one and two dimensions
    Parmar, Zhang and Zhu 2022, On Aliased Resizing and Surprising Subtleties in GAN Evaluation
"""

import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, features

RULE = 2  # the version of what `read` and `fit` return; every cache key holds it

# Pillow reads AVIF from 11.3 on, where it is built in.
_AVIF = ("AVIF",) if "avif" in features.modules and features.check("avif") else ()

SUFFIXES = (
    *(".apng", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tif", ".tiff", ".webp"),
    *(f".{name.lower()}" for name in _AVIF),
)
BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")  # of files without a suffix

# Pillow has more readers. The one of EPS runs Ghostscript, and rare ones are little tested against attacks.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP", *_AVIF)

_ORIENTATION = 0x0112  # the EXIF tag of how the camera was held
_UPRIGHT = {  # what sets a picture upright, by the value of that tag
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GRAY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND")  # all that the pixels depend on


def read(
    path: Path, image_size: tuple[int, int] | None = None, channels: int | None = None
) -> tuple[np.ndarray, bool]:
    """Read a picture file.

    Args:
        path: the file.
        image_size: as for `fit`.
        channels: as for `fit`; None for the file's own, 1 if it is gray and 3 if it is in color.

    Returns:
        The pixels, as `fit` returns them, and whether the file is gray.

    Raises:
        Exception: of many types, for a damaged file, a file of another kind, or a decompression bomb.
    """
    with path.open("rb") as file:
        try:
            return _read(file, image_size, channels)
        except ValueError:  # of Pillow, for a PNG with more text than it reads
            without_text = _without_text(file)
            if without_text is None:
                raise
        return _read(without_text, image_size, channels)


def upright_size(path: Path) -> tuple[int, int]:
    """Return height and width of a picture file as `read` would return them; its pixels are not decoded.

    Raises:
        Exception: of many types, for a damaged file or a file of another kind.
    """
    with path.open("rb") as file, Image.open(file, formats=_FORMATS) as image:
        size = image.height, image.width
        if image.format == "TIFF":  # Pillow has turned its size already
            return size
        return size[::-1] if image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8) else size


def _read(
    file: BinaryIO, image_size: tuple[int, int] | None, channels: int | None
) -> tuple[np.ndarray, bool]:
    with Image.open(file, formats=_FORMATS) as image:
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and image.width * image.height > limit:  # Pillow refuses only twice as many
            size = f"{image.height}x{image.width}"
            raise Image.DecompressionBombError(f"its size {size} exceeds limit of {limit:,} pixels")
        gray = is_gray(image)
        return fit(image, image_size, channels or (1 if gray else 3)), gray


def _without_text(file: BinaryIO) -> BinaryIO | None:
    """Return a PNG without texts, color profile and animation; None for any other file.

    Pillow gives a whole picture up where it holds more than 1 MB of text.
    """
    file.seek(0)
    if (signature := file.read(8)) != BEGINNINGS[0]:
        return None
    content = io.BytesIO(signature)
    content.seek(0, io.SEEK_END)
    while len(head := file.read(8)) == 8:
        length = int.from_bytes(head[:4]) + 4  # with the checksum
        if head[4:] in _PNG_CHUNKS:
            content.write(head + file.read(length))
        else:
            file.seek(length, io.SEEK_CUR)
    content.seek(0)
    return content


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
    image = _turned_upright(image)
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    mode = "L" if channels == 1 else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    if image_size is not None and image.size != image_size[::-1]:
        image = _center(image, *image_size).resize(image_size[::-1], Image.Resampling.LANCZOS)
    return np.array(image).reshape(image.height, image.width, channels)


def fit_array(image: np.ndarray, image_size: tuple[int, int] | None, channels: int) -> np.ndarray:
    """Return uint8 ``[h, w, 1, 3 or 4]`` as uint8 ``[H, W, channels]``; see `fit`."""
    if (image_size or image.shape[:2]) == image.shape[:2] and channels == image.shape[2]:
        return image
    return fit(Image.fromarray(image[..., 0] if image.shape[2] == 1 else image), image_size, channels)


def _turned_upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF data say nothing about the pixels
        turn = None
    return image if turn is None else image.transpose(turn)


def _center(image: Image.Image, height: int, width: int) -> Image.Image:
    """Cut an image to the largest centered box of an aspect ratio, to whole pixels.

    `ImageOps.fit` would not do: its filter reads pixels outside the box.
    """
    box_width = max(1, min(image.width, round(image.height * width / height)))
    box_height = max(1, min(image.height, round(image.width * height / width)))
    if (box_width, box_height) == image.size:
        return image
    left, top = (image.width - box_width) // 2, (image.height - box_height) // 2
    return image.crop((left, top, left + box_width, top + box_height))


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a gray image of 16 bits (PNG, TIFF, PGM) rounded to 8 bits; Pillow itself would clip it."""
    values: Any = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"pixels of mode {image.mode} have no known range")
    return Image.fromarray(np.round(values / 257).astype(np.uint8))
