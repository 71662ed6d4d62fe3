"""The arguments that several commands take, and what they say of their images."""

from typing import Any

import numpy as np
from jaxtyping import Int

from jaxgan.evaluate.fakes import random_rows
from jaxgan.system.errors import UserError
from jaxgan.system.settings import converted


def check_seed(seed: Any) -> int:
    """Return a seed as an integer.

    Raises:
        UserError: if it is none in [0, 2**32).
    """
    seed = converted("seed", seed, int)
    if not 0 <= seed < 2**32:
        raise UserError(f"`seed` must be at least 0 and below 2**32, got {seed}")
    return seed


def most_images(n: Any) -> int:
    """Return a number of images as an integer.

    Raises:
        UserError: if it is below 2.
    """
    n = converted("n", n, int)
    if n < 2:
        raise UserError(f"`n` must be at least 2, got {n}")
    return n


def taken(reals: Any, n: int) -> tuple[Any, Int[np.ndarray, " n"]]:
    """Return n images of a data set, always the same ones and in their order, and their places in it.

    Args:
        reals: all images of a data set.
        n: the largest number of images.
    """
    if n >= len(reals.images):
        return reals, np.arange(len(reals.images))
    places = np.sort(random_rows(len(reals.images), n))
    labels = None if reals.labels is None else reals.labels[places]
    return reals._replace(images=reals.images[places], labels=labels), places


def named(reals: Any) -> dict[str, Any]:
    """Return which images were looked at, as JSON can hold it."""
    return {"data": reals.source, "split": reals.split, "n": len(reals.images)}
