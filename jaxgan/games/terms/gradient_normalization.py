"""Gradient normalization: the adversarial loss moves each fake by a step of about the same length."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jaxgan.games.terms.term import EMPTY, Added, Context, Memory, Metrics, Term, at_least

_LEAST = 1e-8  # added to a norm


@dataclasses.dataclass(frozen=True)
class GradientNormalization(Term):
    """The generator's adversarial gradient, divided by the running mean of its norm.

    For images of n numbers and g, the gradient of an image's loss by the image, the norm is the root of the
    running mean of ``n |g|^2``. It is that of the steps before, so the first step has the plain gradient.
    The value of the loss stays. So the weight of another term of the generator means the same for every
    discriminator. Without such a term, Adam undoes the division.

    Attributes:
        decay: decay of the running mean per step, in [0, 1].

    Raises:
        ValueError: if the decay is out of range.

    References:
        Adversarial Flow Models, 2025, https://arxiv.org/abs/2511.22475. The decay is that of the authors'
        code (grad_norm.py), which has the newest gradient in the mean already, and starts it at zero.
    """

    decay: Any = 0.9

    NAME: ClassVar[str] = "gradient_normalization"
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {"gradient norm": ("adversarial_gradient_norm",)}
    )

    def __post_init__(self) -> None:
        at_least("decay", self.decay, 0, 1)

    def start(self) -> Memory:
        """Return the sum of no gradients, and the weight that it has."""
        return {"sum": jnp.zeros(()), "weight": jnp.zeros(())}

    def weigh(
        self, losses: jax.Array, fake_logits: jax.Array, step: Any, memory: Mapping[str, jax.Array] = EMPTY
    ) -> jax.Array:
        """Return losses of the same values, whose gradient is divided by the norm."""
        norm = self._norm(memory)
        factor = jnp.where(norm > 0, 1 / (norm + _LEAST), 1.0)
        return losses + (factor - 1) * (losses - jax.lax.stop_gradient(losses))

    def generator(self, context: Context) -> Added:
        """Return no loss, and the mean of ``n |g|^2``."""
        game, real = context.game, jax.lax.stop_gradient(context.real.logits)
        real = real if real.ndim == 1 else real.mean(axis=1)
        fake = jax.lax.stop_gradient(context.play.fake)
        gradients = jax.grad(lambda fake: game.adversary(real, context.critic.for_fakes(fake)).sum())(fake)
        gradient = jax.tree.leaves(gradients)[0]  # a source may be shown beside the image
        return Added(metrics={"adversarial_gradient": (gradient**2).mean() * gradient[0].size ** 2})

    def remember(self, memory: Memory, metrics: Metrics, step: Any) -> Memory:
        """Return the sum with the step's gradient in it, and its weight."""
        new = {"sum": metrics["adversarial_gradient"], "weight": 1.0}
        return {name: self.decay * memory[name] + (1 - self.decay) * new[name] for name in memory}

    def report(self, memory: Memory) -> Memory:
        """Return the norm."""
        return {"adversarial_gradient_norm": self._norm(memory)}

    def _norm(self, memory: Mapping[str, jax.Array]) -> jax.Array:
        return jnp.sqrt(memory["sum"] / jnp.maximum(memory["weight"], _LEAST))
