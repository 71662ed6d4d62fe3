"""What a loss is: two functions of the logits, one for each player."""

from collections.abc import Callable
from typing import NamedTuple

import jax
from jaxtyping import Array, Float

Logits = Float[Array, "..."]  # [B], checked by check_logits; a scalar inside vmap


class Loss(NamedTuple):
    """The two players' objectives, both to be minimised.

    Attributes:
        discriminator: ``(real_logits [B], fake_logits [B]) -> [B]``.
        generator: ``(real_logits [B], fake_logits [B]) -> [B]``. Most generators' losses leave the real
            logits unused, and XLA then removes the work that made them.

    References:
        Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, eq. 1: the game of the two.
    """

    discriminator: Callable[[Logits, Logits], Logits]
    generator: Callable[[Logits, Logits], Logits]


def check_logits(real_logits: jax.Array, fake_logits: jax.Array) -> None:
    """Refuse what would broadcast silently: ``[B, 1]`` against ``[B]`` gives ``[B, B]``."""
    if real_logits.shape != fake_logits.shape or real_logits.ndim > 1:
        raise ValueError(
            "a loss takes logits of one shape [B] for real and fake examples, "
            f"got real {real_logits.shape} and fake {fake_logits.shape}"
        )
