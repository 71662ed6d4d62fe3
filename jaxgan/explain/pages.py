"""Images of a generator laid out in rows, as sections and commands draw them."""

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from jaxgan.sampling import grid


def eight_bits(images: Any) -> UInt8[np.ndarray, "n height width channel"]:
    """Return images as uint8; floats are clipped to [-1, 1], as some generators go beyond.

    It is `jaxgan.images.to_uint8` on the host, where no program has to be compiled.
    """
    images = np.asarray(images)
    return (
        images if images.dtype == np.uint8 else (127.5 * (images + 1)).round().clip(0, 255).astype(np.uint8)
    )


def floats(images: Any) -> Float[np.ndarray, "n height width channel"]:
    """Return images in [-1, 1], as `jaxgan.images.to_float` does, without a compiled program."""
    images = np.asarray(images)
    return images.astype(np.float32) / 127.5 - 1 if images.dtype == np.uint8 else images


def page(images: Any, *, columns: int) -> np.ndarray:
    """Return images in rows of `columns` as one picture, uint8 ``[H, W]`` or ``[H, W, 3]``."""
    return np.asarray(picture(images, columns=columns))


def picture(images: Any, *, columns: int) -> Image.Image:
    """Return images in rows of `columns` as one picture of Pillow's."""
    return grid(eight_bits(images), columns=columns)


def paired(first: Any, second: Any, *, columns: int) -> np.ndarray:
    """Return two sets of images ``[N, H, W, C]`` so that below each row of the first is one of the second.

    The last row is filled up with black images.
    """
    first, second = eight_bits(first), eight_bits(second)
    columns = min(columns, len(first))
    rows = -(-len(first) // columns)
    missing = rows * columns - len(first)
    both = [
        np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.uint8)]).reshape(
            rows, 1, columns, *images.shape[1:]
        )
        for images in (first, second)
    ]
    return np.concatenate(both, axis=1).reshape(-1, *first.shape[1:])
