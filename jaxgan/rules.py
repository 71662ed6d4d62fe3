"""The games that a config can name, each with its own options.

An experiment chooses a game by ``Config(game=InfoGAN(categories=(10,)))``. The options of that game, and of
no other, are then settings of the run: on its command line, in its config.json and in ``Config.replace``.

References:
    Chen et al. 2016, InfoGAN, https://arxiv.org/abs/1606.03657
    Odena et al. 2017, Conditional Image Synthesis With Auxiliary Classifier GANs,
    https://arxiv.org/abs/1610.09585
    Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks,
    https://arxiv.org/abs/1611.07004
    Donahue et al. 2017, Adversarial Feature Learning, https://arxiv.org/abs/1605.09782
"""

import copy
import dataclasses
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.games import (
    BiGame,
    ClassGame,
    DiscriminativeClassGame,
    Game,
    InfoGame,
    PairedGame,
    TableGame,
    degradations,
)
from jaxgan.games.paired import pixels_per_source
from jaxgan.networks import tables, translators
from jaxgan.networks.encoders import Bidirectional, PairDiscriminator
from jaxgan.networks.patches import NORMS, PatchDiscriminator, layers_for
from jaxgan.prior import Prior
from jaxgan.system.errors import UserError, choose
from jaxgan.system.files import expanded
from jaxgan.system.random import seed_key
from jaxgan.system.settings import converted, info_of, setting, types_of

_option = partial(setting, group="this game")
NOT_NEGATIVE: dict[str, Any] = {"within": (0, None)}
WEIGHT: dict[str, Any] = NOT_NEGATIVE | {"sweep": "together"}
MOST_VALUES = 2**31 - 1  # of a categorical code: its values are counted by int32
Players = tuple[nn.Module, nn.Module]
Shape = tuple[int, ...]


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip() not in ("", "none"))
    except ValueError:
        raise UserError(f"`categories` is a list of numbers, such as 10 or 10,5, got {text}") from None


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip() not in ("", "none"))


def _columns(help: str) -> Any:
    """Make the setting of several columns of a table."""
    return _option((), f"{help}, with commas between", metavar="COLUMN,...", sweep="same", read=_listed)


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
    def folder_of_sources(self) -> str | None:
        """The folder of the sources, where pairs lie in two folders."""
        return None

    def degradation(self) -> degradations.Degradation | None:
        """Return how a source is made of an image; None if nothing makes it."""
        return None

    @property
    def learns_tables(self) -> bool:
        """Whether the data are the rows of a table."""
        return False

    def players(self, family: Any, config: Any, dataset: Any, classes: int | None) -> Players:
        """Return the modules of both players for a data set (`jaxgan.data.Dataset`); see `networks`."""
        source_shape = None if dataset.sources is None else dataset.sources.shape[1:]
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
            source_shape: shape of one source, where the data are pairs; None for others.
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


@dataclasses.dataclass(frozen=True)
class InfoGAN(Rules):
    """InfoGAN: ``latent_dim`` numbers of noise, and codes (`jaxgan.games.InfoGame`)."""

    NAME: ClassVar[str] = "infogan"

    categories: tuple[int, ...] = _option(
        (10,),
        "values of each categorical code, such as 10 or 10,5",
        metavar="INT,...",
        read=_numbers,
    )
    continuous_codes: int = _option(2, "number of continuous codes", **NOT_NEGATIVE)
    information_weight: float = _option(1.0, "weight of the categorical codes (its lambda)", **WEIGHT)
    continuous_weight: float = _option(0.1, "weight of the continuous codes", **WEIGHT)

    @property
    def code_size(self) -> int:
        """The number of values that the discriminator reads."""
        return sum(self.categories) + self.continuous_codes

    def check(self, config: Any) -> None:
        """Refuse a game without codes, and a category of one value."""
        if not self.code_size:
            raise UserError("an InfoGAN has at least one code: `categories` is none and `continuous_codes` 0")
        for count in self.categories:
            if not 2 <= count <= MOST_VALUES:
                raise UserError(
                    f"`categories` takes numbers of at least 2 and at most {MOST_VALUES:,}, got {count:,}"
                )

    def networks(
        self,
        family: Any,
        config: Any,
        image_shape: tuple[int, ...],
        classes: int | None,
        source_shape: Shape | None = None,
    ) -> Players:
        """Return the family's networks; the discriminator reads the codes by a layer of its own."""
        generator, discriminator = family.make(config, image_shape, classes)
        if hasattr(generator, "mixing"):
            generator = generator.clone(mixing=0.0)  # the second of two latents has other codes
        return generator, _with_heads(discriminator, 128, self.code_size)

    def make(self, latent_dim: int, **parts: Any) -> Game:
        """Return the game; its prior is noise, then the categories, then the continuous codes."""
        blocks: list[tuple[str, int]] = [("normal", latent_dim), *(("one_hot", n) for n in self.categories)]
        if self.continuous_codes:
            blocks.append(("uniform", self.continuous_codes))
        weights = {"weight": self.information_weight, "continuous_weight": self.continuous_weight}
        return InfoGame(prior=Prior(blocks), **weights, **parts)


@dataclasses.dataclass(frozen=True)
class ACGAN(Rules):
    """ACGAN or ADC: the discriminator tells the classes apart (`jaxgan.games.ClassGame`)."""

    NAME: ClassVar[str] = "acgan"

    class_weight: float = _option(1.0, "weight of the classification", **WEIGHT)
    on_fakes: bool = _option(False, "the discriminator learns to classify fakes too, as in the paper")
    discriminative: bool = _option(False, "ADC: the classes of reals and of fakes are different ones")

    def check(self, config: Any) -> None:
        """Refuse a run without classes."""
        if not config.conditional:
            raise UserError("this game learns classes: it needs `conditional` True")
        if self.on_fakes and self.discriminative:
            raise UserError("`on_fakes` has no effect with `discriminative`, which classifies both")

    def networks(
        self,
        family: Any,
        config: Any,
        image_shape: tuple[int, ...],
        classes: int | None,
        source_shape: Shape | None = None,
    ) -> Players:
        """Return the family's conditional generator, and a discriminator that is given no labels."""
        generator, _ = family.make(config, image_shape, classes)
        _, discriminator = family.make(config, image_shape, None)
        return generator, _with_heads(discriminator, (1 + self.discriminative) * (classes or 0))

    def make(self, latent_dim: int, **parts: Any) -> Game:
        """Return the game."""
        if self.discriminative:
            return DiscriminativeClassGame(weight=self.class_weight, **parts)
        return ClassGame(weight=self.class_weight, on_fakes=self.on_fakes, **parts)


@dataclasses.dataclass(frozen=True)
class BiGAN(Rules):
    """BiGAN: an encoder beside the generator (`jaxgan.games.BiGame`)."""

    NAME: ClassVar[str] = "bigan"

    pair_width: int = _option(256, "width of the layers that judge an image and a latent", within=(1, None))

    def networks(
        self,
        family: Any,
        config: Any,
        image_shape: tuple[int, ...],
        classes: int | None,
        source_shape: Shape | None = None,
    ) -> Players:
        """Return the family's generator with its encoder, and a judge of pairs on its discriminator."""
        generator, discriminator = family.make(config, image_shape, classes)
        if family.encoder is None:
            raise UserError(f"`network` {config.network} has no encoder, which this game needs")
        encoder = family.encoder(config, config.latent_dim, classes)
        judge = PairDiscriminator(_with_heads(discriminator, self.pair_width), self.pair_width)
        return Bidirectional(generator, encoder), judge

    def make(self, latent_dim: int, **parts: Any) -> Game:
        """Return the game."""
        return BiGame(**parts)


_DEGRADATIONS: dict[str, Callable[["Paired"], degradations.Degradation | None]] = {
    "none": lambda rules: None,
    "super_resolution": lambda rules: degradations.super_resolution(scale=rules.scale),
    "coloring": lambda rules: degradations.coloring(),
    "inpainting": lambda rules: degradations.inpainting(hole=rules.hole),
    "denoising": lambda rules: degradations.denoising(noise=rules.noise),
}
AUTO = "auto"
_BLOCKS = {"resnet": 9, "srresnet": 16}  # of the papers


@dataclasses.dataclass(frozen=True)
class Paired(Rules):
    """The paired game: images of source images, as pix2pix and SRGAN (`jaxgan.games.PairedGame`).

    Its pairs come from the data (`source`), or `degrade` makes the source of each image.
    """

    NAME: ClassVar[str] = "paired"
    IDLE: ClassVar[tuple[str, ...]] = (
        "network",
        "width",
        "hidden",
        "discriminator_norm",
        "latent_dim",
        "conditional",
    )

    degrade: str = _option(
        "none", "how the source is made of an image; none: the data are pairs", choices=_DEGRADATIONS
    )
    source: str | None = _option(
        None,
        "folder of the sources, with the names of the pictures in data; None for the .npz's own",
        sweep="same",
    )
    scale: int = _option(4, "super_resolution: pixels of an image for each of its source", within=(2, 16))
    hole: float = _option(
        0.5,
        "inpainting: height and width of the hole, as a share of the image's",
        within=(0.01, 0.99),
    )
    noise: float = _option(0.2, "denoising: deviation of the noise; images lie in [-1, 1]", **NOT_NEGATIVE)
    translator: str = _option(
        AUTO,
        "network that makes the images; auto: srresnet for smaller sources, or else unet",
        choices=(AUTO, *translators.TRANSLATORS),
    )
    translator_width: int = _option(64, "channels of the translator", within=(1, None))
    blocks: int | None = _option(
        None, "residual blocks; None: 9 of a resnet, 16 of an srresnet", **NOT_NEGATIVE
    )
    dropout: float = _option(
        0.0,
        "unet: share of features that are dropped in training (pix2pix: 0.5)",
        within=(0, 1),
        open_ends=(False, True),
    )
    patch_width: int = _option(64, "channels of the discriminator's first layer", within=(1, None))
    patch_layers: int | None = _option(
        None,
        "convolutions of stride 2 of the discriminator: 1 judges patches of 16x16 pixels, 2 of 34x34, "
        "3 of 70x70; None: the largest patch that fits",
        within=(1, None),
    )
    patch_norm: str = _option("instance", "normalization in the discriminator", choices=NORMS)
    judge_source: bool = _option(True, "the discriminator sees the source too")
    reconstruction_weight: float = _option(100.0, "weight of the mean absolute error", **WEIGHT)
    adversarial_weight: float = _option(
        1.0, "weight of the generator's adversarial loss; 0: it learns by the error alone", **WEIGHT
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source is not None:  # a run may go on from another folder
            object.__setattr__(self, "source", os.path.abspath(expanded(self.source)))

    @property
    def learns_pairs(self) -> bool:
        """Whether the data are pairs of a source and an image."""
        return self.degrade == "none"

    @property
    def folder_of_sources(self) -> str | None:
        """The folder of the sources, where pairs lie in two folders."""
        return self.source

    def degradation(self) -> degradations.Degradation | None:
        """Return how a source is made of an image; None if the data are pairs."""
        return _DEGRADATIONS[self.degrade](self)

    def check(self, config: Any) -> None:
        """Refuse options that do not go together."""
        if self.source is not None and not self.learns_pairs:
            raise UserError(f"`source` has no effect with `degrade` {self.degrade}, which makes the sources")
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for name, other, needed in (
            ("scale", "degrade", ("super_resolution",)),
            ("hole", "degrade", ("inpainting",)),
            ("noise", "degrade", ("denoising",)),
            ("dropout", "translator", (AUTO, "unet")),
            ("blocks", "translator", (AUTO, "resnet", "srresnet")),
        ):
            value, has = getattr(self, name), getattr(self, other)
            if value != defaults[name] and has not in needed:
                raise UserError(
                    f"`{name}` {value} has no effect with `{other}` {has}: it needs {' or '.join(needed)}"
                )

    def networks(
        self,
        family: Any,
        config: Any,
        image_shape: tuple[int, ...],
        classes: int | None,
        source_shape: Shape | None = None,
    ) -> Players:
        """Return a translator and a discriminator of patches; the family has no part in it."""
        if len(image_shape) != 3:
            raise UserError(f"the game {self.NAME} makes images, and these data are points {image_shape}")
        degrade = self.degradation()
        if degrade is not None:
            source_shape = jax.eval_shape(
                lambda: degrade(jnp.zeros((1, *image_shape)), keys=seed_key(0)[None])
            ).shape[1:]
        if source_shape is None:
            raise UserError(
                f"the game {self.NAME} learns from pairs: name the folder of sources by `source`, or choose "
                "how `degrade` makes them"
            )
        layers = layers_for(*image_shape[:2]) if self.patch_layers is None else self.patch_layers
        judge = PatchDiscriminator(self.patch_width, layers, self.patch_norm)
        return self._translator(image_shape, pixels_per_source(source_shape[:2], image_shape[:2])), judge

    def _translator(self, image_shape: Shape, scale: int) -> nn.Module:
        """Return the network that makes images of sources."""
        name = self.translator
        if name == AUTO:
            name = "srresnet" if scale > 1 else "unet"
        if scale > 1 and name != "srresnet":
            raise UserError(
                f"`translator` {name} makes images of its source's size, and these are {scale} times as "
                "large: it needs srresnet"
            )
        blocks = _BLOCKS.get(name, 0) if self.blocks is None else self.blocks
        channels, width = image_shape[2], self.translator_width
        if name == "srresnet":
            return translators.SRResNet(channels, scale, width, blocks)
        if name == "resnet":
            return translators.ResNetTranslator(channels, width, blocks)
        depth = max(1, min(translators.unet.MOST_HALVINGS, min(image_shape[:2]).bit_length() - 1))
        return translators.UNet(channels, width, depth, dropout=self.dropout)

    def make(self, latent_dim: int, **parts: Any) -> Game:
        """Return the game."""
        return PairedGame(
            degrade=self.degradation(),
            reconstruction_weight=self.reconstruction_weight,
            adversarial_weight=self.adversarial_weight,
            shows_source=self.judge_source,
            **parts,
        )


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

    target: str | None = _option(None, "column that a model would predict, for evaluations")
    categorical: tuple[str, ...] = _columns("columns of categories, whatever they look like")
    numeric: tuple[str, ...] = _columns("columns of numbers that would be taken for categories")
    ignore: tuple[str, ...] = _columns("columns that are left out")
    modes: int = _option(10, "largest number of modes of a column of numbers", within=(1, 100))
    conditions: str = _option(
        "log",
        "by what the category of a condition is drawn; none: no conditions",
        choices=("log", "true", "none"),
    )
    condition_weight: float = _option(1.0, "weight of the condition's cross-entropy", **WEIGHT)
    pack: int = _option(8, "rows that the discriminator judges at once (CTGAN: 10)", within=(1, None))
    temperature: float = _option(
        0.2, "temperature of the Gumbel-softmax", within=(0, None), open_ends=(True, False)
    )
    judge_dropout: float = _option(
        0.5,
        "share of the discriminator's features that are dropped in training",
        within=(0, 1),
        open_ends=(False, True),
    )
    generator_norm: str = _option("batch", "normalization in the generator", choices=("batch", "none"))

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


def _with_heads(discriminator: nn.Module, *widths: int) -> nn.Module:
    if not hasattr(discriminator, "heads"):
        raise UserError(f"{type(discriminator).__name__} has no field `heads`, which this game needs")
    return discriminator.clone(heads=widths)


GAMES: dict[str, type[Rules]] = {
    rules.NAME: rules for rules in (Rules, InfoGAN, ACGAN, BiGAN, Paired, Tables)
}
