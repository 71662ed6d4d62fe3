"""Gradient penalties: what keeps a discriminator smooth where it looks.

At the optimum of an unregularised GAN the discriminator still has slopes, and these push the generator away
from the data again: training oscillates. Penalising the size of the critic's gradient with respect to its
*input* damps the game. A penalty is made with its weight and is a function of any critic, per example:

    penalty = penalties.r1(gamma=10.0)
    penalty(critic, real, fake).mean()          # critic: images [B, ...] -> logits [B]

The caller adds the mean to the discriminator's loss. Penalties that draw random numbers take `keys`, one key
per example; a weight may be a schedule of `step`.

References:
    Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?,
    https://arxiv.org/abs/1801.04406
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Critic = Callable[[jax.Array], jax.Array]
Penalty = Callable[..., Float[Array, " batch"]]  # (critic, real, fake, *, keys=None, step=0) -> [B]
Weight = float | Callable[[int | jax.Array], jax.Array]  # a number, or an optax schedule of the step


def r1(*, gamma: Weight = 10.0) -> Penalty:
    """Zero-centred gradient penalty on real examples, ``gamma / 2 * |grad_x D(x)|^2``.

    Args:
        gamma: weight, >= 0; a number or a schedule of the step. 10 suits large images, about 1 the 8x8
            digits, 0.05 to 0.1 low-dimensional toys.

    Returns:
        A `Penalty`. It draws nothing, so it needs no keys.

    Raises:
        ValueError: when it is called (at trace time), if the critic does not return one logit per example.

    References:
        Mescheder et al. 2018, eq. 9.
    """

    def penalty(critic, real, fake, *, keys=None, step=0):
        weight = gamma(step) if callable(gamma) else gamma
        gradient = _input_gradient(critic, real)
        return 0.5 * weight * jnp.sum(gradient**2, axis=tuple(range(1, gradient.ndim)))

    return penalty


def _input_gradient(critic: Critic, images: jax.Array) -> jax.Array:
    """Gradient of each example's logit with respect to that example, the shape of `images`."""

    def total(inputs):
        logits = critic(inputs)
        if logits.shape != images.shape[:1]:
            raise ValueError(f"a critic returns logits of shape {images.shape[:1]}, got {logits.shape}")
        return logits.sum()

    return jax.grad(total)(images)
