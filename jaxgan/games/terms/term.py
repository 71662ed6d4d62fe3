"""What a term is: a further loss of either player, which may remember what it saw in earlier steps.

A penalty is a function of the critic and its images. Some losses need more: the generator's inner latents, or
a running mean over the steps before. Such a loss is a `Term`, and a game has any number of them.

A term's memory is a small dictionary of arrays in `GANState.terms`, under the term's name; a term without
memory has no entry. It is constant within a step. At the end of the step it goes on by the step's metrics,
which are means over all parts of a batch, all discriminator updates and all devices. So however a batch is
computed, the memory is the same.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import jax

from jaxgan.games.turn import Critic, Play, Shown, Turn, Verdict
from jaxgan.state import Variables

Memory = dict[str, jax.Array]  # by name; scalars, but for a term that keeps a network
Metrics = Mapping[str, jax.Array]
EMPTY: Mapping[str, Any] = MappingProxyType({})


class Context(NamedTuple):
    """What a term sees of a player's turn.

    Attributes:
        game: the game, a `jaxgan.games.Game`.
        turn: the turn.
        play: what the generator's player did.
        real: the discriminator's verdict on what it was shown as real.
        fake: the discriminator's verdict on what it was shown as fake.
        generator: the generator's variables; in its own turn one differentiates by their ``"params"``.
        discriminator: the discriminator's variables; in its own turn one differentiates by their
            ``"params"``.
        critic: the critic that a penalty gets: the discriminator behind the augmentation.
        key: the term's own random key in this turn.
        latent_dim: length of a latent vector.
        step: number of the step.
        memory: what the term remembers of the steps before.
        seen: what the discriminator was shown as real, augmented.
    """

    game: Any
    turn: Turn
    play: Play
    real: Verdict
    fake: Verdict
    generator: Variables
    discriminator: Variables
    critic: Critic
    key: jax.Array
    latent_dim: int
    step: Any
    memory: Memory
    seen: Shown = None

    @property
    def example_keys(self) -> jax.Array:
        """A key for each example, ``[B]``."""
        return self.game.example_keys(self.key, self.turn)


class Added(NamedTuple):
    """What a term adds to a player's objective.

    Attributes:
        losses: what the player minimizes besides, by name: ``[B]``, or one number for all.
        metrics: scalars by name, each a mean over examples; they are logged, and the memory goes on by them.
    """

    losses: Mapping[str, jax.Array] = EMPTY
    metrics: Metrics = EMPTY


@dataclasses.dataclass(frozen=True)
class Term:
    """A further loss of either player; a subclass overrides what it needs."""

    NAME: ClassVar[str]
    """The term's name, by which its memory is kept."""

    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    """The term's metrics by the panels of a run's curves."""

    def check(self, game: Any) -> None:
        """Raise `ValueError` if the game lacks what the term needs."""

    def discriminator(self, context: Context) -> Added:
        """Return what the discriminator minimizes besides."""
        return Added()

    def generator(self, context: Context) -> Added:
        """Return what the generator minimizes besides."""
        return Added()

    def weigh(
        self, losses: jax.Array, fake_logits: jax.Array, step: Any, memory: Mapping[str, jax.Array] = EMPTY
    ) -> jax.Array:
        """Return the generator's adversarial losses of all logits, ``[n]``, with other weights."""
        return losses

    def start(self) -> Memory:
        """Return the memory before the first step; empty for a term without one."""
        return {}

    def remember(self, memory: Memory, metrics: Metrics, step: Any) -> Memory:
        """Return the memory after a step.

        Args:
            memory: the memory before.
            metrics: the step's metrics, means over everything.
            step: number of the step.
        """
        return memory

    def report(self, memory: Memory) -> Memory:
        """Return what is logged of the memory, by the metrics' names."""
        return {}


def at_least(name: str, value: Any, low: float, high: float | None = None) -> None:
    """Raise `ValueError` for a number out of range; traced numbers are not looked at."""
    if isinstance(value, int | float) and not (low <= value and (high is None or value <= high)):
        limit = f"at least {low}" if high is None else f"in [{low}, {high}]"
        raise ValueError(f"`{name}` must be {limit}, got {value}")
