"""LeCam regularization: logits stay near the running mean of the other side's."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jaxgan.games.terms.term import Added, Context, Memory, Metrics, Term, at_least


@dataclasses.dataclass(frozen=True)
class LeCam(Term):
    """The discriminator's term ``relu(D(x) - a_F)^2 + relu(a_R - D(G(z)))^2``.

    a_R and a_F are running means of the logits of real images and of fakes over the steps before; a step has
    one mean of each, over all of its discriminator updates. A discriminator of few images would separate the
    two sides ever further; the term holds it back.

    Attributes:
        weight: weight of the term, >= 0.
        decay: decay of the running means in a step, in [0, 1].
        start_step: the step from which the term counts, >= 0. Before, the running means are those of the last
            step.

    Raises:
        ValueError: if a number is out of range.

    References:
        Tseng et al. 2021, Regularizing Generative Adversarial Networks under Limited Data,
        https://arxiv.org/abs/2104.03310; the one-sided squares are those of the authors' code (``lecam_reg``
        in biggan_cifar/losses.py of google/lecam-gan)
    """

    weight: Any = 0.3
    decay: Any = 0.99
    start_step: int = 1000

    NAME: ClassVar[str] = "lecam"
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {"lecam": ("lecam",), "mean logit": ("lecam_real", "lecam_fake")}
    )

    def __post_init__(self) -> None:
        at_least("weight", self.weight, 0)
        at_least("decay", self.decay, 0, 1)
        at_least("start_step", self.start_step, 0)

    def start(self) -> Memory:
        """Return running means of 0, which no loss uses."""
        return {"real": jnp.zeros(()), "fake": jnp.zeros(())}

    def discriminator(self, context: Context) -> Added:
        """Return the squared distances of the logits that lie on the far side of a mean."""
        real, fake = (_one_for_each(verdict.logits) for verdict in (context.real, context.fake))
        means = context.memory
        squares = jax.nn.relu(real - means["fake"]) ** 2 + jax.nn.relu(means["real"] - fake) ** 2
        counts = context.step >= max(self.start_step, 1)  # at step 0 there are no means yet
        return Added({"lecam": jnp.where(counts, self.weight, 0.0) * squares})

    def remember(self, memory: Memory, metrics: Metrics, step: Any) -> Memory:
        """Return the running means with those of this step in them."""
        decay = jnp.where(step < max(self.start_step, 1), 0.0, self.decay)
        return {side: decay * mean + (1 - decay) * metrics[f"{side}_logit"] for side, mean in memory.items()}

    def report(self, memory: Memory) -> Memory:
        """Return the running means."""
        return {f"lecam_{side}": mean for side, mean in memory.items()}


def _one_for_each(logits: jax.Array) -> jax.Array:
    """Return one logit for each example: of several, their mean."""
    return logits if logits.ndim == 1 else logits.mean(axis=1)
