"""What a part of ``jaxgan explain`` is given, and what it finds."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.evaluate.reals import Reals
from jaxgan.export import Network
from jaxgan.representation.reader import Reader


class Subject(NamedTuple):
    """A run that is to be explained.

    Attributes:
        path: where the run is.
        reader: the run's networks as functions of images.
        generator: the run's generator.
        discriminator: the run's discriminator; None where the run has exported none.
        learned: images that the run was trained on, or None where they cannot be had.
        held_out: images of the same kind that it was not trained on, or None.
        n: number of images to look at.
        seed: the seed of all draws.
    """

    path: Path
    reader: Reader
    generator: Network
    discriminator: Network | None
    learned: Reals | None
    held_out: Reals | None
    n: int
    seed: int


class Section(NamedTuple):
    """What one part of an explanation found.

    Attributes:
        numbers: all that goes into ``explain.json`` under the section's name, as JSON can hold it.
        pictures: uint8 images ``[H, W]`` or ``[H, W, 3]`` by file name, such as "latents.png".
        rows: lines of the printed table: what was measured, and its value.
        notes: lines for the reader.
    """

    numbers: dict[str, Any]
    pictures: dict[str, np.ndarray]
    rows: list[tuple[str, str | float]]
    notes: tuple[str, ...] = ()
