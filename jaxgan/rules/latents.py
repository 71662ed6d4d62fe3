"""The games whose generators make images of latents, with their options.

References:
    Chen et al. 2016, InfoGAN, https://arxiv.org/abs/1606.03657
    Odena et al. 2017, Conditional Image Synthesis With Auxiliary Classifier GANs,
    https://arxiv.org/abs/1610.09585
    Donahue et al. 2017, Adversarial Feature Learning, https://arxiv.org/abs/1605.09782
"""

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn

from jaxgan.games import BiGame, ClassGame, DiscriminativeClassGame, Game, InfoGame
from jaxgan.networks.encoders import Bidirectional, PairDiscriminator
from jaxgan.prior import Prior
from jaxgan.rules.base import NOT_NEGATIVE, WEIGHT, Players, Rules, Shape, option
from jaxgan.system.errors import UserError

MOST_VALUES = 2**31 - 1  # of a categorical code: its values are counted by int32


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip() not in ("", "none"))
    except ValueError:
        raise UserError(f"`categories` is a list of numbers, such as 10 or 10,5, got {text}") from None


@dataclasses.dataclass(frozen=True)
class InfoGAN(Rules):
    """InfoGAN: ``latent_dim`` numbers of noise, and codes (`jaxgan.games.InfoGame`)."""

    NAME: ClassVar[str] = "infogan"

    categories: tuple[int, ...] = option(
        (10,),
        "values of each categorical code, such as 10 or 10,5",
        metavar="INT,...",
        read=_numbers,
    )
    continuous_codes: int = option(2, "number of continuous codes", **NOT_NEGATIVE)
    information_weight: float = option(1.0, "weight of the categorical codes (its lambda)", **WEIGHT)
    continuous_weight: float = option(0.1, "weight of the continuous codes", **WEIGHT)

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

    class_weight: float = option(1.0, "weight of the classification", **WEIGHT)
    on_fakes: bool = option(False, "the discriminator learns to classify fakes too, as in the paper")
    discriminative: bool = option(False, "ADC: the classes of reals and of fakes are different ones")

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

    pair_width: int = option(256, "width of the layers that judge an image and a latent", within=(1, None))

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
        encoder = family.encoder(config, config.latent_dim, classes)
        judge = PairDiscriminator(_with_heads(discriminator, self.pair_width), self.pair_width)
        return Bidirectional(generator, encoder), judge

    def make(self, latent_dim: int, **parts: Any) -> Game:
        """Return the game."""
        return BiGame(**parts)


def _with_heads(discriminator: nn.Module, *widths: int) -> nn.Module:
    if not hasattr(discriminator, "heads"):
        raise UserError(f"{type(discriminator).__name__} has no field `heads`, which this game needs")
    return discriminator.clone(heads=widths)
