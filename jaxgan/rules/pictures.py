"""The games whose generators make images of images, the sources, with their options.

References:
    Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks,
    https://arxiv.org/abs/1611.07004
    Zhu et al. 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks,
    https://arxiv.org/abs/1703.10593
"""

import dataclasses
import os
from collections.abc import Callable
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.data.sources import located, spelled
from jaxgan.games import CycleGame, Game, PairedGame, degradations
from jaxgan.games.paired import pixels_per_source
from jaxgan.networks import translators
from jaxgan.networks.patches import NORMS, PatchDiscriminator, layers_for
from jaxgan.rules.base import NOT_NEGATIVE, WEIGHT, Players, Rules, Shape, option
from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded
from jaxgan.system.random import seed_key

AUTO = "auto"
_BLOCKS = {"resnet": 9, "srresnet": 16, "rrdb": 23}  # of the papers
_ENLARGE = ("srresnet", "rrdb")  # the translators of smaller sources
_LARGE = 256  # pixels from which CycleGAN's translators have 9 blocks (Zhu 2017, section 7.2)
_FEWER_BLOCKS = 6
NO_SOURCES = "the game cycle learns two sets of images: name the other one by `source`"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Translating(Rules):
    """The options of the networks that make images of images, and that judge them."""

    IDLE: ClassVar[tuple[str, ...]] = (
        "network",
        "width",
        "hidden",
        "discriminator_norm",
        "latent_dim",
        "conditional",
    )
    AUTO_IS: ClassVar[str]
    """What auto chooses where sources have their image's size."""

    translator: str = option(
        AUTO,
        "network that makes the images; auto: srresnet for smaller sources, or else unet, of cycle resnet",
        choices=(AUTO, *translators.TRANSLATORS),
    )
    translator_width: int = option(64, "channels of the translator", within=(1, None))
    blocks: int | None = option(
        None,
        "residual blocks; None: 9 of a resnet (cycle: 6 below 256 pixels), 16 of an srresnet, 23 of an rrdb",
        **NOT_NEGATIVE,
    )
    dropout: float = option(
        0.0,
        "unet: share of features that are dropped in training (pix2pix: 0.5)",
        within=(0, 1),
        open_ends=(False, True),
    )
    patch_width: int = option(64, "channels of the discriminator's first layer", within=(1, None))
    patch_layers: int | None = option(
        None,
        "convolutions of stride 2 of the discriminator: 1 judges patches of 16x16 pixels, 2 of 34x34, "
        "3 of 70x70; None: the largest patch that fits",
        within=(1, None),
    )
    patch_norm: str = option("instance", "normalization in the discriminator", choices=NORMS)

    def check(self, config: Any) -> None:
        """Refuse options that do not go together."""
        self._refuse_idle(
            ("dropout", "translator", (AUTO, "unet")),
            ("blocks", "translator", (AUTO, *_BLOCKS)),
        )

    def _refuse_idle(self, *needs: tuple[str, str, tuple[str, ...]]) -> None:
        """Raise `UserError` for an option that is given where another option leaves it without effect.

        Args:
            needs: names of options, each with the option that it hangs on and the values of that one.
        """
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for name, other, needed in needs:
            value, has = getattr(self, name), getattr(self, other)
            if value != defaults[name] and has not in needed:
                raise UserError(
                    f"`{name}` {value} has no effect with `{other}` {has}: it needs {' or '.join(needed)}"
                )

    def _require_images(self, image_shape: Shape) -> None:
        if len(image_shape) != 3:
            raise UserError(f"the game {self.NAME} makes images, and these data are points {image_shape}")

    def _judge(self, image_shape: Shape) -> PatchDiscriminator:
        """Return a discriminator of patches of such images."""
        layers = layers_for(*image_shape[:2]) if self.patch_layers is None else self.patch_layers
        return PatchDiscriminator(self.patch_width, layers, self.patch_norm)

    def _translator(self, image_shape: Shape, scale: int = 1) -> nn.Module:
        """Return the network that makes images of sources.

        Args:
            image_shape: shape of one image.
            scale: pixels of an image for each of its source, along each axis.
        """
        name = self.translator
        if name == AUTO:
            name = "srresnet" if scale > 1 else self.AUTO_IS
            for option_name, value, needed in (
                ("blocks", self.blocks is not None, tuple(_BLOCKS)),
                ("dropout", self.dropout > 0, ("unet",)),
            ):
                if value and name not in needed:
                    raise UserError(
                        f"`{option_name}` {getattr(self, option_name)} has no effect with `translator` auto, "
                        f"which is {name} for these sources: it needs {' or '.join(needed)}"
                    )
        if scale > 1 and name not in _ENLARGE:
            raise UserError(
                f"`translator` {name} makes images of its source's size, and these are {scale} times as "
                f"large: it needs {' or '.join(_ENLARGE)}"
            )
        blocks = self._blocks(name, image_shape) if self.blocks is None else self.blocks
        channels, width = image_shape[2], self.translator_width
        if name in _ENLARGE:
            return translators.TRANSLATORS[name](channels, scale, width, blocks)
        if name == "resnet":
            return translators.ResNetTranslator(channels, width, blocks)
        depth = max(1, min(translators.unet.MOST_HALVINGS, min(image_shape[:2]).bit_length() - 1))
        return translators.UNet(channels, width, depth, dropout=self.dropout)

    def _blocks(self, name: str, image_shape: Shape) -> int:
        """Return the number of residual blocks of a translator, where none is given."""
        return _BLOCKS.get(name, 0)


_DEGRADATIONS: dict[str, Callable[["Paired"], degradations.Degradation | None]] = {
    "none": lambda rules: None,
    "super_resolution": lambda rules: degradations.super_resolution(scale=rules.scale),
    "coloring": lambda rules: degradations.coloring(),
    "inpainting": lambda rules: degradations.inpainting(hole=rules.hole),
    "denoising": lambda rules: degradations.denoising(noise=rules.noise),
}


@dataclasses.dataclass(frozen=True)
class Paired(Translating):
    """The paired game: images of source images, as pix2pix and SRGAN (`jaxgan.games.PairedGame`).

    Its pairs come from the data (`source`), or `degrade` makes the source of each image.
    """

    NAME: ClassVar[str] = "paired"
    AUTO_IS: ClassVar[str] = "unet"

    degrade: str = option(
        "none", "how the source is made of an image; none: the data are pairs", choices=_DEGRADATIONS
    )
    source: str | None = option(
        None,
        "folder of the sources, with the names of the pictures in data; None for the .npz's own",
        sweep="same",
    )
    scale: int = option(4, "super_resolution: pixels of an image for each of its source", within=(2, 16))
    hole: float = option(
        0.5,
        "inpainting: height and width of the hole, as a share of the image's",
        within=(0.01, 0.99),
    )
    noise: float = option(0.2, "denoising: deviation of the noise; images lie in [-1, 1]", **NOT_NEGATIVE)
    judge_source: bool = option(True, "the discriminator sees the source too")
    reconstruction_weight: float = option(100.0, "weight of the mean absolute error", **WEIGHT)
    adversarial_weight: float = option(
        1.0, "weight of the generator's adversarial loss; 0: it learns by the error alone", **WEIGHT
    )
    perceptual_weight: float = option(0.0, "weight of the mean absolute error of features; 0: none", **WEIGHT)
    perceptual_features: str | None = option(
        None, "folder of a trained run of such images, whose discriminator makes the features", sweep="same"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("source", "perceptual_features"):  # a run may go on from another folder
            if getattr(self, name) is not None:
                object.__setattr__(self, name, os.path.abspath(expanded(getattr(self, name))))

    @property
    def learns_pairs(self) -> bool:
        """Whether the data are pairs of a source and an image."""
        return self.degrade == "none"

    @property
    def place_of_sources(self) -> str | None:
        """The folder of the sources, where pairs lie in two folders."""
        return self.source

    @property
    def perception(self) -> tuple[str, Any] | None:
        """The run whose discriminator's features images are compared by, and their weight; None for none."""
        return (
            None if self.perceptual_features is None else (self.perceptual_features, self.perceptual_weight)
        )

    def degradation(self) -> degradations.Degradation | None:
        """Return how a source is made of an image; None if the data are pairs."""
        return _DEGRADATIONS[self.degrade](self)

    def check(self, config: Any) -> None:
        """Refuse options that do not go together."""
        if self.source is not None and not self.learns_pairs:
            raise UserError(f"`source` has no effect with `degrade` {self.degrade}, which makes the sources")
        if self.perceptual_weight > 0 and self.perceptual_features is None:
            raise UserError(
                f"`perceptual_weight` {self.perceptual_weight} weighs a discriminator's features: name the "
                "run's folder by `perceptual_features`"
            )
        if self.perceptual_weight == 0 and self.perceptual_features is not None:
            raise UserError("`perceptual_features` has no effect with `perceptual_weight` 0.0")
        super().check(config)
        self._refuse_idle(
            ("scale", "degrade", ("super_resolution",)),
            ("hole", "degrade", ("inpainting",)),
            ("noise", "degrade", ("denoising",)),
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
        self._require_images(image_shape)
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
        scale = pixels_per_source(source_shape[:2], image_shape[:2])
        return self._translator(image_shape, scale), self._judge(image_shape)

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
class Cycle(Translating):
    """CycleGAN: two translators between two sets of images without pairs (`jaxgan.games.CycleGame`)."""

    NAME: ClassVar[str] = "cycle"
    AUTO_IS: ClassVar[str] = "resnet"

    source: str | None = option(
        None,
        "the other set, which images are made of: a folder, an .npz or a name, as data is",
        sweep="same",
    )
    cycle_weight: float = option(
        2.5, "weight of the errors there and back (CycleGAN with least_squares: 2.5)", **WEIGHT
    )
    identity_weight: float = option(
        1.25, "weight of the errors on what is of the kind already; 0: none", **WEIGHT
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source is not None:  # a run may go on from another folder
            object.__setattr__(self, "source", located(spelled(self.source, argument="source")))

    @property
    def learns_unpaired(self) -> bool:
        """Whether the data are two sets without pairs."""
        return True

    @property
    def place_of_sources(self) -> str | None:
        """Where the sources are."""
        return self.source

    def check(self, config: Any) -> None:
        """Refuse options that do not go together, and one set in the place of two."""
        super().check(config)
        if self.source is not None and self.source == located(config.data):
            raise UserError(f"`source` and `data` are both {self.source}: the game cycle learns two sets")

    def networks(
        self,
        family: Any,
        config: Any,
        image_shape: tuple[int, ...],
        classes: int | None,
        source_shape: Shape | None = None,
    ) -> Players:
        """Return two translators and two discriminators of patches; the family has no part in it."""
        self._require_images(image_shape)
        if source_shape is None:
            raise UserError(NO_SOURCES)
        if source_shape != image_shape:
            shapes = ["x".join(map(str, shape)) for shape in (image_shape, source_shape)]
            raise UserError(
                f"the game cycle takes images and sources of one size and one number of channels, got "
                f"{shapes[0]} and {shapes[1]}: set `image_size` and `channels`"
            )
        pair = translators.Cycle(self._translator(image_shape), self._translator(image_shape))
        return pair, translators.Judges(self._judge(image_shape), self._judge(image_shape))

    def _blocks(self, name: str, image_shape: Shape) -> int:
        """Return the paper's number of residual blocks of a resnet for this size."""
        if name == "resnet" and min(image_shape[:2]) < _LARGE:
            return _FEWER_BLOCKS
        return super()._blocks(name, image_shape)

    def make(self, latent_dim: int, **parts: Any) -> Game:
        """Return the game; an identity weight of 0 leaves out what would be computed for nothing."""
        weight = self.identity_weight
        without = isinstance(weight, float) and weight == 0  # of a sweep it is traced
        return CycleGame(cycle_weight=self.cycle_weight, identity_weight=None if without else weight, **parts)
