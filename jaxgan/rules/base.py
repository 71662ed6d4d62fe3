"""The options of a game in general: what a config asks of each of them."""

import copy
import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import flax.linen as nn

from jaxgan.games import Game, degradations
from jaxgan.system.errors import choose
from jaxgan.system.settings import converted, info_of, setting, types_of

option = partial(setting, group="this game")
NOT_NEGATIVE: dict[str, Any] = {"within": (0, None)}
WEIGHT: dict[str, Any] = NOT_NEGATIVE | {"sweep": "together"}
Players = tuple[nn.Module, nn.Module]
Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Rules:
    """The plain game, which has no options of its own."""

    NAME: ClassVar[str] = "gan"

    IDLE: ClassVar[tuple[str, ...]] = ()
    """The settings of a run that have no effect on this game."""

    def __post_init__(self) -> None:
        types = types_of(type(self))
        for name, info in info_of(type(self)).items():
            value = converted(name, getattr(self, name), types[name], info)
            if info.choices is not None:
                value = choose(name, value, info.choices)
            object.__setattr__(self, name, value)

    def check(self, config: Any) -> None:
        """Raise `UserError` if the options do not fit each other or the other settings."""

    @property
    def learns_pairs(self) -> bool:
        """Whether the data are pairs of a source and an image."""
        return False

    @property
    def learns_unpaired(self) -> bool:
        """Whether the data are two sets without pairs."""
        return False

    @property
    def learns_tables(self) -> bool:
        """Whether the data are the rows of a table."""
        return False

    @property
    def place_of_sources(self) -> str | None:
        """Where the sources are, if they come with names of their own: a folder, of two sets any data."""
        return None

    @property
    def perception(self) -> tuple[str, Any] | None:
        """The run whose discriminator's features images are compared by, and their weight; None for none."""
        return None

    def degradation(self) -> degradations.Degradation | None:
        """Return how a source is made of an image; None if nothing makes it."""
        return None

    def players(self, family: Any, config: Any, dataset: Any, classes: int | None) -> Players:
        """Return the modules of both players for a data set (`jaxgan.data.Dataset`); see `networks`."""
        sources = dataset.unpaired if dataset.sources is None else dataset.sources
        source_shape = None if sources is None else sources.shape[1:]
        return self.networks(family, config, dataset.image_shape, classes, source_shape)

    def networks(
        self,
        family: Any,
        config: Any,
        image_shape: tuple[int, ...],
        classes: int | None,
        source_shape: Shape | None = None,
    ) -> Players:
        """Return the modules of both players, made of a network family's (`jaxgan.names.Family`).

        Args:
            family: the network family.
            config: all settings.
            image_shape: shape of one image.
            classes: number of classes of a conditional game; None for others.
            source_shape: shape of one source, where the data have sources; None for others.
        """
        return family.make(config, image_shape, classes)

    def make(self, latent_dim: int, **parts: Any) -> Game:
        """Return the game of the networks, the loss and what else `Game` takes."""
        return Game(**parts)

    def tracing(self, traced: Mapping[str, Any]) -> "Rules":
        """Return the options with some of them traced, which the class itself would not take.

        Args:
            traced: traced values by the options' names; other names are left out.
        """
        rules = copy.copy(self)
        for name in info_of(type(self)).keys() & traced.keys():
            object.__setattr__(rules, name, traced[name])
        return rules
