"""Decoders: the discriminator rebuilds real images, so that its maps keep what is in an image."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jaxgan.games.terms.term import Added, Context, Term, at_least

_QUARTERS = 4
_PASS = 2**31  # folded into the term's key for the discriminator's pass


@dataclasses.dataclass(frozen=True)
class Decoders(Term):
    """The distance of real images from what the discriminator's decoders make of its maps.

    It is the sum over the decoders of the mean absolute difference of pixels, of the images as the
    discriminator sees them, augmented. One decoder sees a quarter of an image. Which one is drawn anew for
    each example, by the keys of the step. The paper compares by LPIPS, which needs a trained network.

    Attributes:
        weight: weight of the term, >= 0.

    Raises:
        ValueError: if the weight is out of range; with `check`, if the discriminator has no decoders.

    References:
        Liu et al. 2021, Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image
        Synthesis, https://arxiv.org/abs/2101.04775, eq. 4
    """

    weight: Any = 1.0

    NAME: ClassVar[str] = "decoders"
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({"reconstruction": ("decoders",)})

    def __post_init__(self) -> None:
        at_least("weight", self.weight, 0)

    def check(self, game: Any) -> None:
        """Raise `ValueError` if the discriminator has no decoders."""
        if not getattr(game.discriminator, "decoders", False):
            raise ValueError(
                "the term decoders needs a discriminator that rebuilds images, such as "
                f"fastgan.Discriminator(decoders=True): {type(game.discriminator).__name__} has no decoders"
            )

    def discriminator(self, context: Context) -> Added:
        """Return the weighted distance of each example."""
        places = jax.vmap(lambda key: jax.random.randint(key, (), 0, _QUARTERS))(context.example_keys)

        def rebuild(module: Any, images: jax.Array, labels: Any, *, train: bool) -> Any:
            return module(images, labels, train=train, quarters=places)

        game, key = context.game, jax.random.fold_in(context.key, _PASS)
        given = context.discriminator, context.seen, game.judged_labels(context.turn), key
        pairs, _ = game.act(game.discriminator, *given, method=rebuild)
        errors = sum(jnp.abs(made - image).mean(axis=(1, 2, 3)) for made, image in pairs)
        return Added({"decoders": self.weight * errors})
