"""Penalties: what keeps a discriminator smooth where it looks.

At the optimum of an unregularised GAN the discriminator still has slopes, and these push the generator away
from the data again: training oscillates. Penalising the size of the critic's gradient with respect to its
*input* damps the game. A penalty is made with its weight and is a function of any critic, per example:

    penalty = penalties.r1(gamma=10.0)
    penalty(critic, real, fake).mean()          # critic: images [B, ...] -> logits [B]

The caller adds the mean to the discriminator's loss. Penalties that draw random numbers take `keys`, one key
per example; a weight may be a schedule of `step`. A conditional critic closes over its labels.

Of the exact gradient: `r1`, `r2`, `r1_r2`, `gradient_penalty`, `zero_centered_gradient_penalty`, `dragan`. Of
differences of logits: `finite_difference_r1`, `finite_difference_r2`, `consistency`. `lazy` makes any of them
rarer. On parameters: `orthogonal`, `clip_parameters`.
"""

from jaxgan.penalties.base import Critic, Penalty, Weight, lazy
from jaxgan.penalties.difference import consistency, finite_difference_r1, finite_difference_r2
from jaxgan.penalties.gradient import (
    dragan,
    gradient_penalty,
    r1,
    r1_r2,
    r2,
    zero_centered_gradient_penalty,
)
from jaxgan.penalties.parameters import clip_parameters, orthogonal

__all__ = [
    "Critic",
    "Penalty",
    "Weight",
    "clip_parameters",
    "consistency",
    "dragan",
    "finite_difference_r1",
    "finite_difference_r2",
    "gradient_penalty",
    "lazy",
    "orthogonal",
    "r1",
    "r1_r2",
    "r2",
    "zero_centered_gradient_penalty",
]
