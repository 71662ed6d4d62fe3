"""``jaxgan edit``: images along a direction of the latents."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from PIL import Image

from jaxgan.explain.directions import motion, random_vectors, traverse
from jaxgan.explain.methods import METHODS, directions_of
from jaxgan.explain.pages import picture
from jaxgan.explain.space import space_of
from jaxgan.export import read_generator
from jaxgan.representation.settings import check_seed
from jaxgan.system.errors import UserError, choose
from jaxgan.system.limits import require_devices, require_memory
from jaxgan.system.random import pinned, seed_key
from jaxgan.system.settings import converted

_LARGEST = 1e6  # of an amount
_RANDOM = 16  # random directions to compare with


class Edited(NamedTuple):
    """Images along a direction.

    Attributes:
        images: float in about [-1, 1], ``[n, steps, H, W, C]``.
        picture: the images, those of one latent in a row.
        space: "z" or "w", what was moved.
        moved: root mean square change of a pixel by a step of size 1.
        random: the same of random directions.
    """

    images: np.ndarray
    picture: Image.Image
    space: str
    moved: float
    random: float


@pinned()
def edit(
    run: str | Path,
    *,
    direction: int = 1,
    amount: str = "-3:3",
    method: str = "jacobian",
    n: int = 8,
    steps: int = 7,
    classes: Sequence[int] | None = None,
    seed: int = 0,
) -> Edited:
    """Move latents of a run's generator along a direction that changes images most.

    Args:
        run: a run's folder, or an exported generator.
        direction: the number of the direction, from 1 for the strongest.
        amount: the first and the last step, such as "-4:4", in standard deviations of the latents.
        method: "jacobian", "ganspace" or "sefa".
        n: number of images that are moved, >= 1.
        steps: number of images of a way, >= 2.
        classes: classes of the images, over and over; None for all of a conditional generator.
        seed: seed of the latents, and of those that the direction is found by.

    Returns:
        The `Edited` images.

    Raises:
        UserError: if there is no such direction, or something cannot be read.
    """
    n, steps, seed = converted("n", n, int), converted("steps", steps, int), check_seed(seed)
    if n < 1 or steps < 2:
        raise UserError(f"`n` must be at least 1 and `steps` at least 2, got {n} and {steps}")
    direction, amounts = converted("direction", direction, int), amounts_of(amount, steps)
    method = choose("method", method, METHODS)
    require_devices()
    generator = read_generator(run)
    space = space_of(generator)
    require_memory(4 * n * steps * math.prod(generator.image_shape), f"`n` {n:,} with `steps` {steps:,}")
    labels = None
    if generator.num_classes is not None:
        labels = np.resize(classes or np.arange(generator.num_classes), n).astype(np.int32)
    key = seed_key(seed)
    given = None if labels is None or classes is None else np.unique(labels)
    found = directions_of(generator, space, method, max(direction, 1), key=key, labels=given).vectors
    if not 1 <= direction <= len(found):
        count = len(directions_of(generator, space, method, space.size, key=key, labels=given).vectors)
        there = f"`method` {method} finds directions 1 to {count} of {run}"
        raise UserError(f"`direction` {direction} does not exist: {there}")
    vector, latents = found[direction - 1], space.draw(key, labels, n)
    images = traverse(space.generate, latents, vector, amounts, labels=labels)
    if not np.isfinite(images).all():
        raise UserError(f"the images at `amount` {amount} are not finite numbers: take a smaller one")
    random = random_vectors(jax.random.fold_in(key, 1), _RANDOM, space.scale)
    moved = motion(space.generate, latents, np.concatenate([vector[None], random]), labels=labels)
    flat = images.reshape(-1, *images.shape[2:])
    shown = picture(flat, columns=steps)
    return Edited(images, shown, space.name, float(moved[0]), float(np.sqrt(np.square(moved[1:]).mean())))


def amounts_of(amount: Any, steps: int) -> list[float]:
    """Return the sizes of steps from the first to the last, such as those of "-4:4".

    Raises:
        UserError: for another text.
    """
    first, _, last = str(amount).partition(":")
    try:
        ends = float(first), float(last)
    except ValueError:
        ends = math.nan, math.nan
    if not all(abs(end) <= _LARGEST for end in ends) or ends[0] == ends[1]:
        raise UserError(f"`amount` is the first and the last step, such as -4:4, got {amount}")
    return np.linspace(*ends, steps).tolist()
