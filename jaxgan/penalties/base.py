"""What a penalty is, and doing one only now and then."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Critic = Callable[[jax.Array], jax.Array]  # images [B, ...] -> logits [B]
Penalty = Callable[..., Float[Array, " batch"]]  # (critic, real, fake, *, keys=None, step=0) -> [B]
Weight = float | jax.Array | Callable[[int | jax.Array], Any]  # a number (traced, too), or a schedule


def value_at(weight: Weight, step: int | jax.Array) -> Any:
    """Return the number, or the schedule's value at this step.

    Raises:
        ValueError: if the number is negative or NaN: such a penalty would be a reward.
    """
    if isinstance(weight, (int, float)) and not weight >= 0:
        raise ValueError(f"the weight of a penalty is at least 0, got {weight}")
    return weight(step) if callable(weight) else weight


def per_example(function: Callable[..., jax.Array], keys: jax.Array | None, images: jax.Array) -> jax.Array:
    """Return ``function(key)`` for each example's own key, so that no draw depends on the rest of the batch.

    Raises:
        ValueError: without keys, or with another number of them than images.
    """
    if keys is None or keys.shape != images.shape[:1]:
        got = "none" if keys is None else f"shape {keys.shape}"
        wanted = f"one per example, shape {images.shape[:1]}, made of jax.random.key"
        raise ValueError(f"this penalty draws: keys are {wanted}, got {got}")
    return jax.vmap(function)(keys)


def logits_of(critic: Critic, images: jax.Array) -> jax.Array:
    """Return the critic's logits, one per image.

    Raises:
        ValueError: for another shape, which a sum would hide.
    """
    logits = critic(images)
    if logits.shape != images.shape[:1]:
        raise ValueError(f"a critic returns logits of shape {images.shape[:1]}, got {logits.shape}")
    return logits


def check_pairs(real: jax.Array, fake: jax.Array) -> None:
    """Refuse real and fake examples of different shapes, which would broadcast or pair wrongly."""
    if real.shape != fake.shape:
        raise ValueError(f"real and fake examples differ in shape: {real.shape} and {fake.shape}")


def lazy(penalty: Penalty, *, every: int = 16) -> Penalty:
    """The penalty times `every` at each `every`-th step, zero and free of cost in between.

    The optimizer sees the same gradient on average, in bursts; Karras 2020 lowers Adam's rate and the betas'
    exponents by ``every / (every + 1)``. The metrics of a step in between say that the penalty is 0.

    Args:
        penalty: what to do at the steps 0, `every`, 2 `every`, ...
        every: interval in steps, >= 1.

    Returns:
        A `Penalty`, whose `step` must be shared by all examples: a `step` mapped by vmap would make XLA
        compute both branches.

    Raises:
        ValueError: if `every` is less than 1.

    References:
        Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN,
        https://arxiv.org/abs/1912.04958, section 3.1 and appendix B (lazy regularization).
    """
    if every < 1:
        raise ValueError(f"every is at least 1, got {every}")

    def lazy_penalty(critic, real, fake, *, keys=None, step=0):
        def due():
            return every * penalty(critic, real, fake, keys=keys, step=step)

        none = jnp.zeros_like(real.reshape(len(real), -1)[:, 0], dtype=jax.eval_shape(due).dtype)
        return jax.lax.cond(step % every == 0, due, lambda: none)  # mapped as the images are

    return lazy_penalty
