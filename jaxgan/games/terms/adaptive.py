"""Adaptive augmentation: its probability rises while the discriminator overfits, and falls else."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jaxgan.games.terms.term import Added, Context, Memory, Metrics, Term, at_least
from jaxgan.games.turn import Augmentation


@dataclasses.dataclass(frozen=True)
class Adaptive(Term):
    """An augmentation with a probability that is part of the state; a game takes it as its ``augment``.

    Attributes:
        augmentation: ``p -> augmentation`` of a traced probability.
        statistic: ``real logits -> number``, the sign of overfitting, such as `augment.sign_statistic`.
        update: ``(p, statistic) -> p``, such as a partial of `augment.ada_update`; it is called with the mean
            of the statistic since the last call.
        every: steps between updates of p, >= 1.

    Raises:
        ValueError: if `every` is out of range.

    References:
        Karras et al. 2020, Training Generative Adversarial Networks with Limited Data,
        https://arxiv.org/abs/2006.06676, section 3.1
    """

    augmentation: Callable[[jax.Array], Augmentation]
    statistic: Callable[[jax.Array], jax.Array]
    update: Callable[[jax.Array, jax.Array], jax.Array]
    every: int = 4

    NAME: ClassVar[str] = "augment"
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {"augmentation": ("augment_p", "real_sign")}
    )

    def __post_init__(self) -> None:
        at_least("every", self.every, 1)

    def at(self, memory: Memory) -> Augmentation:
        """Return the augmentation with the present probability."""
        return self.augmentation(memory["p"])

    def start(self) -> Memory:
        """Return the probability 0, and the sum of the statistic since its last update."""
        return {"p": jnp.zeros(()), "sum": jnp.zeros(())}

    def discriminator(self, context: Context) -> Added:
        """Return no loss, and the statistic of the real logits."""
        return Added(metrics={"real_sign": self.statistic(context.real.logits.reshape(-1))})

    def remember(self, memory: Memory, metrics: Metrics, step: Any) -> Memory:
        """Return the next probability, in the last of every `every` steps, or a longer sum."""
        total = memory["sum"] + metrics["real_sign"]
        due = (step + 1) % self.every == 0
        p = jnp.where(due, self.update(memory["p"], total / self.every), memory["p"])
        return {"p": p, "sum": jnp.where(due, 0.0, total)}

    def report(self, memory: Memory) -> Memory:
        """Return the probability."""
        return {"augment_p": memory["p"]}
