"""What all penalties share: their types, the value of a weight, and the checks of their arguments."""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Float

Critic = Callable[[jax.Array], jax.Array]  # images [B, ...] -> logits [B]
Penalty = Callable[..., Float[Array, " batch"]]  # (critic, real, fake, *, keys=None, step=0) -> [B]
Weight = float | jax.Array | Callable[[int | jax.Array], Any]  # a number (also a traced one) or a schedule


def value_at(weight: Weight, step: int | jax.Array) -> Any:
    """Return the weight, or the schedule's value at this step.

    Raises:
        ValueError: if the weight is a negative number or NaN: such a penalty would be a reward.
    """
    if isinstance(weight, (int, float)) and not weight >= 0:
        raise ValueError(f"the weight of a penalty is at least 0, got {weight}")
    return weight(step) if callable(weight) else weight


def per_example(function: Callable[..., jax.Array], keys: jax.Array | None, images: jax.Array) -> jax.Array:
    """Return ``function(key)`` for each example's own key, so that no draw depends on the rest of the batch.

    Raises:
        ValueError: if there are no keys, or not as many as images.
    """
    if keys is None or keys.shape != images.shape[:1]:
        got = "none" if keys is None else f"shape {keys.shape}"
        raise ValueError(
            "this penalty draws random numbers: its keys are one per example, "
            f"shape {images.shape[:1]}, made by jax.random.key; got {got}"
        )
    return jax.vmap(function)(keys)


def logits_of(critic: Critic, images: jax.Array) -> jax.Array:
    """Return the critic's logits, one per image.

    Raises:
        ValueError: if their shape is another, which a sum over the logits would hide.
    """
    logits = critic(images)
    if logits.shape != images.shape[:1]:
        raise ValueError(f"a critic returns logits of shape {images.shape[:1]}, got {logits.shape}")
    return logits


def critics(critic: Critic) -> tuple[Critic, Critic]:
    """Return the critic of real images and that of fakes: in a step, their augmentations have other draws."""
    return getattr(critic, "for_reals", critic), getattr(critic, "for_fakes", critic)


def check_pairs(real: jax.Array, fake: jax.Array) -> None:
    """Refuse real and fake examples of different shapes, which would broadcast or pair wrongly.

    Raises:
        ValueError: if the shapes differ.
    """
    if real.shape != fake.shape:
        raise ValueError(f"real and fake examples differ in shape: {real.shape} and {fake.shape}")
