"""Top-k training: the generator learns from its fakes with the largest logits only."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jaxgan.games.terms.term import EMPTY, Term, at_least

_ROUNDING = 1e-3  # a k that is a whole number but for rounding is that number


@dataclasses.dataclass(frozen=True)
class TopK(Term):
    """The generator's adversarial loss is the mean over the k fakes that the discriminator likes best.

    Of n logits, those of all devices, ``k = max(decay^epoch n, least n)``, rounded down. A part of an
    accumulated batch has a k of its own.

    Attributes:
        decay: gamma of the paper, in [0, 1].
        least: nu of the paper, smallest share of the fakes, in [0, 1]; k is at least 1.
        epoch_steps: steps of an epoch, >= 1.

    Raises:
        ValueError: if a number is out of range; `weigh` raises it if there is not one loss for each logit.

    References:
        Sinha et al. 2020, Top-k Training of GANs: Improving GAN Performance by Throwing Away Bad Samples,
        https://arxiv.org/abs/2002.06224, section 3
    """

    decay: Any = 0.99
    least: Any = 0.5
    epoch_steps: int = 1000

    NAME: ClassVar[str] = "top_k"

    def __post_init__(self) -> None:
        at_least("decay", self.decay, 0, 1)
        at_least("least", self.least, 0, 1)
        at_least("epoch_steps", self.epoch_steps, 1)

    def count(self, size: int, step: Any) -> jax.Array:
        """Return k of `size` fakes at a step, int32."""
        share = jnp.maximum(jnp.asarray(self.decay, jnp.float32) ** (step // self.epoch_steps), self.least)
        return jnp.clip(jnp.floor(share * size + _ROUNDING), 1, size).astype(jnp.int32)

    def weigh(
        self, losses: jax.Array, fake_logits: jax.Array, step: Any, memory: Mapping[str, jax.Array] = EMPTY
    ) -> jax.Array:
        """Return the losses times n / k, and 0 for all but the k largest logits."""
        if losses.shape != fake_logits.shape:
            raise ValueError(
                f"top-k training needs a loss for each of {len(fake_logits)} logits, got {list(losses.shape)}"
            )
        size = len(fake_logits)
        k = self.count(size, step)
        rank = jnp.argsort(jnp.argsort(-fake_logits))
        return jnp.where(rank < k, losses, 0.0) * (size / k)
