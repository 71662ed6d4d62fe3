"""What games and update rules hand to each other, as plain data: a turn, a play, a verdict, their keys."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax

from jaxgan.state import Variables

_TERMS = 2**31  # folded into a turn's key for its terms: far from the numbers of the other keys
Shown = Any  # what a discriminator judges: images, or a tuple with the images first; leaves are [B, ...]
Penalty = Callable[..., jax.Array]  # (critic, real, fake, *, keys, step) -> [B]
Augmentation = Callable[..., jax.Array]  # (images, *, keys, step) -> images
View = Callable[[jax.Array], jax.Array]  # images -> images, an augmentation with its draws
Terms = dict[str, jax.Array]  # losses [B] by name
Objective = tuple[jax.Array, tuple[Variables, dict[str, jax.Array]]]  # value, (collections, metrics)


class UpdateKeys(NamedTuple):
    """The random keys of one update, all different.

    Attributes:
        generator: key of the generator's pass (dropout).
        real: key of the discriminator's pass over real images (dropout).
        fake: key of the discriminator's pass over fakes (dropout).
        critic: key of the passes that a penalty makes (dropout).
        penalty: key of what a penalty draws for each example.
        augment_real: key of the augmentation of each real image.
        augment_fake: key of the augmentation of each fake.
        terms: key that the game's terms share; each folds it with its place.
    """

    generator: jax.Array
    real: jax.Array
    fake: jax.Array
    critic: jax.Array
    penalty: jax.Array
    augment_real: jax.Array
    augment_fake: jax.Array
    terms: jax.Array


class Turn(NamedTuple):
    """What one update of a player takes.

    Attributes:
        batch: arrays ``[B, ...]`` by name: ``"image"``, float in [-1, 1], and what else a game takes, such as
            ``"label"``, int32 ``[B]``.
        key: key of dropout, augmentation and penalty (`keys`).
        latent_key: key of the latents. Turns with equal keys have equal fakes, except for dropout.
        part: ``(i, n)`` where the turn is part i of n of a larger one: its examples i, i + n, ...
    """

    batch: Mapping[str, jax.Array]
    key: jax.Array
    latent_key: jax.Array
    part: tuple[int | jax.Array, int] = (0, 1)

    @property
    def real(self) -> jax.Array:
        """The real images, ``[B, ...]``."""
        return self.batch["image"]

    @property
    def labels(self) -> jax.Array | None:
        """The labels, int32 ``[B]``, or None."""
        return self.batch.get("label")

    @property
    def keys(self) -> UpdateKeys:
        """The keys of this update. Both players' objectives split them here, so they agree."""
        count = len(UpdateKeys._fields) - 1
        keys = UpdateKeys._make([*jax.random.split(self.key, count), jax.random.fold_in(self.key, _TERMS)])
        if self.part[1] == 1:
            return keys
        # A dropout mask is drawn as one block, and parts need different ones.
        masks = ("generator", "real", "fake", "critic")
        return keys._replace(
            **{name: jax.random.fold_in(getattr(keys, name), self.part[0]) for name in masks}
        )


class Play(NamedTuple):
    """What the generator's player did in a turn: all that both objectives look at.

    Attributes:
        real: what the discriminator is shown as real.
        fake: what it is shown as fake, of the same shapes.
        inputs: what the generator was fed: latents ``[B, Z]``, or sources.
        losses: the player's own terms, ``[B]`` each, by name. In the discriminator's turn they are not used.
    """

    real: Shown
    fake: Shown
    inputs: Any
    losses: Mapping[str, jax.Array] = MappingProxyType({})


class Verdict(NamedTuple):
    """What a discriminator says of what it was shown.

    Attributes:
        logits: ``[B]``; or ``[B, n]``, n >= 2, of patches or of several judges side by side.
        read: what further heads read from the images, such as codes or classes, ``[B, ...]``; None without.
    """

    logits: jax.Array
    read: Any = None


@dataclasses.dataclass(frozen=True, eq=False)
class Critic:
    """The critic that a penalty gets: a function of what a discriminator is shown, *raw*: ``x -> D(T(x))``.

    The augmentation T of the image at place i is the one that the discriminator's own pass drew for the real
    image at place i, or, by `for_fakes`, for the fake at place i. A gradient by the image goes through T.

    Attributes:
        for_reals: ``shown -> logits [B]``, by the draws of the real images; calling the critic calls it.
        for_fakes: ``shown -> logits [B]``, by the draws of the fakes. Without T it is the same function, if a
            penalty may differentiate both in one pass.
    """

    for_reals: Callable[[Shown], jax.Array]
    for_fakes: Callable[[Shown], jax.Array]

    def __call__(self, shown: Shown) -> jax.Array:
        """Return the logits of raw images at the places of the real ones."""
        return self.for_reals(shown)
