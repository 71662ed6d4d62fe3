"""The options of the game of tables."""

import dataclasses
from typing import Any, ClassVar

from jaxgan.games import Game, TableGame
from jaxgan.networks import tables
from jaxgan.prior import Prior
from jaxgan.rules.base import WEIGHT, Players, Rules, option
from jaxgan.system.errors import UserError


def listed(text: str) -> tuple[str, ...]:
    """Read the names of columns, with commas between; none, or nothing, is no column."""
    return tuple(part.strip() for part in text.split(",") if part.strip() not in ("", "none"))


def columns(help: str) -> Any:
    """Make the setting of several columns of a table."""
    return option((), f"{help}, with commas between", metavar="COLUMN,...", sweep="same", read=listed)


@dataclasses.dataclass(frozen=True)
class Tables(Rules):
    """The game of tables: rows for conditions, judged in packs (`jaxgan.games.TableGame`)."""

    NAME: ClassVar[str] = "table"
    IDLE: ClassVar[tuple[str, ...]] = (
        "network",
        "width",
        "discriminator_norm",
        "conditional",
        "channels",
        "image_size",
        "mirror",
        "strict",
        "augment",
    )

    target: str | None = option(None, "column that a model would predict, for evaluations")
    categorical: tuple[str, ...] = columns("columns of categories, whatever they look like")
    numeric: tuple[str, ...] = columns("columns of numbers that would be taken for categories")
    ignore: tuple[str, ...] = columns("columns that are left out")
    modes: int = option(
        10, "largest number of modes of a column of numbers; 0: bell curves by quantiles", within=(0, 100)
    )
    conditions: str = option(
        "log",
        "by what the category of a condition is drawn; none: no conditions",
        choices=("log", "true", "none"),
    )
    condition_weight: float = option(1.0, "weight of the condition's cross-entropy", **WEIGHT)
    pack: int = option(8, "rows that the discriminator judges at once (CTGAN: 10)", within=(1, None))
    temperature: float = option(
        0.2, "temperature of the Gumbel-softmax", within=(0, None), open_ends=(True, False)
    )
    judge_dropout: float = option(
        0.5,
        "share of the discriminator's features that are dropped in training",
        within=(0, 1),
        open_ends=(False, True),
    )
    generator_norm: str = option("batch", "normalization in the generator", choices=("batch", "none"))

    @property
    def learns_tables(self) -> bool:
        """Whether the data are the rows of a table."""
        return True

    def check(self, config: Any) -> None:
        """Refuse a batch without whole packs, and what tables do not have."""
        if config.batch_size % (self.pack * config.accumulate):
            raise UserError(
                f"`batch_size` {config.batch_size} must be a multiple of `pack` {self.pack}"
                + (f" times `accumulate` {config.accumulate}" if config.accumulate > 1 else "")
            )
        for name in config.terms:
            if name in ("path_length", "bcr", "zcr"):
                raise UserError(f"`terms` {name} is of images, and the game {self.NAME} learns rows")
        if config.evaluate_every is not None:
            raise UserError(
                "`evaluate_every` measures images: jaxgan evaluate RUN --against TABLE measures a table"
            )

    def players(self, family: Any, config: Any, dataset: Any, classes: int | None) -> Players:
        """Return a generator of the table's rows and a discriminator of packs of them."""
        if dataset.rows is None:
            raise UserError(f"the game {self.NAME} learns a table, and {dataset.name} holds {dataset.kind}")
        encoding, hidden = dataset.rows.encoding, config.hidden or (256, 256)
        generator = tables.Generator(
            encoding.places,
            encoding.sizes,
            config.latent_dim,
            hidden,
            self.temperature,
            self.generator_norm == "batch",
        )
        return generator, tables.Discriminator(hidden, self.judge_dropout)

    def make(self, latent_dim: int, **parts: Any) -> Game:
        """Return the game; its prior is the noise, then the Gumbel numbers."""
        size = sum(getattr(parts["generator"], "blocks", ()))
        blocks = (("normal", latent_dim), *[("gumbel", size)] * bool(size))
        return TableGame(prior=Prior(blocks), pack=self.pack, condition_weight=self.condition_weight, **parts)
