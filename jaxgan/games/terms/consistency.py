"""Consistency: a small change of an image, or of a latent, hardly changes what the discriminator says of it.

References:
    Zhao et al. 2021, Improved Consistency Regularization for GANs, https://arxiv.org/abs/2002.04724
"""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jaxgan.games.terms.term import Added, Context, Term, at_least

_NOISE = 2**31  # folded into the term's key for the changes of latents


@dataclasses.dataclass(frozen=True)
class BalancedConsistency(Term):
    """bCR: the logits of images, real and fake, and of changed copies of them should be equal.

    Attributes:
        penalty: ``(critic, real, fake, *, keys, step) -> [B]``, weighted, such as
            ``penalties.consistency(augment, real_weight=10.0, fake_weight=10.0)``.

    References:
        Zhao et al. 2021, section 3.1.
    """

    penalty: Callable[..., jax.Array]

    NAME: ClassVar[str] = "bcr"
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({"consistency": ("bcr",)})

    def discriminator(self, context: Context) -> Added:
        """Return the weighted squared differences of logits."""
        play, given = context.play, {"keys": context.example_keys, "step": context.step}
        return Added({"bcr": self.penalty(context.critic, play.real, play.fake, **given)})


@dataclasses.dataclass(frozen=True)
class LatentConsistency(Term):
    """zCR: fakes of neighboring latents get equal logits, and the generator makes them differ.

    Let z' be z with normal noise. The discriminator minimizes ``weight (D(G(z)) - D(G(z')))^2``. The
    generator minimizes ``-generator_weight |G(z) - G(z')|^2``, a mean over the image's values, so that it
    does not ignore its latents. With `BalancedConsistency` it is ICR.

    Attributes:
        weight: weight of the discriminator's part, >= 0.
        generator_weight: weight of the generator's part, >= 0.
        noise: standard deviation of the change of each number of a latent, >= 0.

    Raises:
        ValueError: if a number is out of range; with `check`, if the discriminator judges more than images.

    References:
        Zhao et al. 2021, section 3.2.
    """

    weight: Any = 20.0
    generator_weight: Any = 0.5
    noise: Any = 0.05

    NAME: ClassVar[str] = "zcr"
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {"consistency": ("zcr", "generator_zcr")}
    )

    def __post_init__(self) -> None:
        for name in ("weight", "generator_weight", "noise"):
            at_least(name, getattr(self, name), 0)

    def check(self, game: Any) -> None:
        """Raise `ValueError` if the discriminator judges pairs: their latents would have to change too."""
        if game.PAIRS:
            raise ValueError("zCR changes the latents of fakes, and this game's discriminator judges latents")

    def discriminator(self, context: Context) -> Added:
        """Return the weighted squared differences between the logits of neighbors."""
        critic = context.critic.for_fakes
        difference = critic(context.play.fake) - critic(self._neighbors(context))
        return Added({"zcr": self.weight * difference**2})

    def generator(self, context: Context) -> Added:
        """Return the negative, weighted squared distance of neighbors."""
        fake = context.play.fake
        squares = (fake - self._neighbors(context)) ** 2
        return Added({"generator_zcr": -self.generator_weight * squares.reshape(len(fake), -1).mean(axis=1)})

    def _neighbors(self, context: Context) -> jax.Array:
        """Return the fakes of latents near those of the turn."""
        game, turn, inputs = context.game, context.turn, context.play.inputs
        keys = game.example_keys(jax.random.fold_in(context.key, _NOISE), turn)
        draw = jax.vmap(lambda key: jax.random.normal(key, inputs.shape[1:], inputs.dtype))
        near = inputs + jnp.asarray(self.noise, inputs.dtype) * draw(keys)
        return game.make(context.generator, near, turn, turn.keys.generator)[0]
