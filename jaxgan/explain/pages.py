"""Images of a generator laid out in rows, as sections and commands draw them."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxgan.images import to_uint8
from jaxgan.sampling import grid


def eight_bits(images: Any) -> UInt8[np.ndarray, "n height width channel"]:
    """Return images as uint8; floats are clipped to [-1, 1], as some generators go beyond."""
    images = np.asarray(images)
    return images if images.dtype == np.uint8 else np.asarray(to_uint8(jnp.asarray(images)))


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
