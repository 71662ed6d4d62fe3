"""What a part of ``jaxgan explain`` is given, and what it finds."""

import dataclasses
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.evaluate.fakes import random_rows
from jaxgan.evaluate.reals import Reals
from jaxgan.explain.inside import Activations, listening
from jaxgan.explain.space import Space, space_of_sources, spaces_of
from jaxgan.export import Network
from jaxgan.representation.reader import Reader

SOURCES = 512  # sources of a translator that its units are looked at with


@dataclasses.dataclass(frozen=True)
class Subject:
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
        sources: ``(reals, rows) -> sources [n, h, w, C]``, float in [-1, 1], what a translator makes images
            of; None for a generator, which makes them of latents.
    """

    path: Path
    reader: Reader
    generator: Network
    discriminator: Network | None
    learned: Reals | None
    held_out: Reals | None
    n: int
    seed: int
    sources: Callable[[Reals, np.ndarray], np.ndarray] | None = None

    @cached_property
    def spaces(self) -> list[Space]:
        """The generator's latents, the ones to look at first in front; all parts share their programs.

        Raises:
            UserError: if the generator makes images that are not finite.
        """
        if self.sources is None:
            return spaces_of(self.generator)
        return [space_of_sources(self.generator, self.seen_sources(SOURCES)[1])]

    def seen_sources(self, most: int) -> tuple[Reals, np.ndarray]:
        """Return images of a translator, held-out ones where there are such, and at most so many sources.

        The sources are those of the first images of `random_rows`, or any where there are no pairs.
        """
        reals = self.learned if self.held_out is None else self.held_out
        assert self.sources is not None
        assert reals is not None
        count = len(reals.images if reals.unpaired is None else reals.unpaired)
        return reals, self.sources(reals, random_rows(count, most))

    @cached_property
    def listen(self) -> Callable[..., Activations]:
        """What the generator's layers take in: ``(variables, latents, labels=None) -> activations``."""
        return listening(self.generator.module)


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
