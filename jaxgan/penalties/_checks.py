"""What all penalties share: their types, the value of a weight, and the checks of their arguments.

What a critic judges are images, or a tuple with the images first, such as the pairs of a BiGAN: a pytree
whose leaves are ``[B, ...]``. A gradient, a distance and a draw are then by all of its leaves.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Shown = Any  # images [B, ...], or a tuple with the images first
Critic = Callable[[Shown], jax.Array]  # images [B, ...], or a tuple of arrays -> logits [B]
Penalty = Callable[..., Float[Array, " batch"]]  # (critic, real, fake, *, keys=None, step=0) -> [B]
Weight = float | jax.Array | Callable[[int | jax.Array], Any]  # a number (also a traced one) or a schedule


def value_at(weight: Weight, step: int | jax.Array) -> Any:
    """Return the weight, or the schedule's value at this step.

    Raises:
        ValueError: if the weight is a negative number or NaN (such a penalty would be a reward), or none.
    """
    if not callable(weight) and not isinstance(weight, int | float) and not hasattr(weight, "dtype"):
        raise ValueError(f"the weight of a penalty is a number or a schedule of the step, got {weight!r}")
    if isinstance(weight, (int, float)) and not weight >= 0:
        raise ValueError(f"the weight of a penalty is at least 0, got {weight}")
    return weight(step) if callable(weight) else weight


def shape_of(shown: Shown) -> tuple[int, ...]:
    """Return ``(B,)`` of what a critic judges."""
    return jax.tree.leaves(shown)[0].shape[:1]


def spread_out(values: jax.Array, like: jax.Array) -> jax.Array:
    """Return one number for each example in a shape that broadcasts with ``like``."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


def normal_like(keys: jax.Array | None, shown: Shown) -> Shown:
    """Return standard normal draws of the shapes of what a critic judges, by each example's own key."""
    leaves, structure = jax.tree.flatten(shown)

    def draw(leaf: jax.Array, i: int) -> jax.Array:
        def of_one(key):
            key = key if len(leaves) == 1 else jax.random.fold_in(key, i)
            return jax.random.normal(key, leaf.shape[1:], leaf.dtype)

        return per_example(of_one, keys, leaf)

    return jax.tree.unflatten(structure, [draw(leaf, i) for i, leaf in enumerate(leaves)])


def moved(shown: Shown, scale: float, draws: Shown) -> Shown:
    """Return what a critic judges plus ``scale`` times the draws."""
    return jax.tree.map(lambda x, d: jnp.asarray(x + scale * d), shown, draws)


def per_example(function: Callable[..., jax.Array], keys: jax.Array | None, images: Shown) -> jax.Array:
    """Return ``function(key)`` for each example's own key, so that no draw depends on the rest of the batch.

    Raises:
        ValueError: if there are no keys, or not as many as images.
    """
    if keys is None or keys.shape != shape_of(images):
        got = "none" if keys is None else f"shape {keys.shape}"
        raise ValueError(
            "this penalty draws random numbers: its keys are one per example, "
            f"shape {shape_of(images)}, made by jax.random.key; got {got}"
        )
    return jax.vmap(function)(keys)


def logits_of(critic: Critic, images: Shown) -> jax.Array:
    """Return the critic's logits, one per image.

    Raises:
        ValueError: if their shape is another, which a sum over the logits would hide.
    """
    logits = critic(images)
    if logits.shape != shape_of(images):
        raise ValueError(f"a critic returns logits of shape {shape_of(images)}, got {logits.shape}")
    return logits


def critics(critic: Critic) -> tuple[Critic, Critic]:
    """Return the critic of real images and that of fakes: in a step, their augmentations have other draws."""
    return getattr(critic, "for_reals", critic), getattr(critic, "for_fakes", critic)


def check_pairs(real: Shown, fake: Shown) -> None:
    """Refuse real and fake examples of different shapes, which would broadcast or pair wrongly.

    Raises:
        ValueError: if the shapes differ.
    """
    shapes = [jax.tree.map(lambda x: x.shape, shown) for shown in (real, fake)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"real and fake examples differ in shape: {shapes[0]} and {shapes[1]}")
