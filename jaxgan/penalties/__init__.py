"""Penalties: what keeps a discriminator smooth.

At the optimum of an unregularized GAN the discriminator still has slopes. They push the generator away from
the data again, so training oscillates. A penalty on the size of the critic's gradient with respect to its
*input* damps the game. A penalty has its weight; it is a function of any critic and returns one
value per example:

    penalty = penalties.r1(gamma=10.0)
    penalty(critic, real, fake).mean()          # critic: images [B, ...] -> logits [B]

The caller adds the mean to the discriminator's loss. Penalties that draw random numbers take `keys`, one key
per example. A weight may be a schedule of `step`. A conditional critic closes over its labels.

In `jaxgan.make_train_step` with an augmentation T, the images are raw and the critic is ``x -> D(T(x))``, as
in StyleGAN2-ADA and R3GAN. T has the draws of the discriminator's own pass. ``critic(images)`` takes those of
the real images at the same places, and ``critic.for_fakes(images)`` those of the fakes.

| penalties on | names |
|---|---|
| the exact gradient | `r1`, `r2`, `r1_r2`, `gradient_penalty`, `zero_centered_gradient_penalty`, `dragan` |
| differences of logits | `finite_difference_r1`, `finite_difference_r2`, `consistency` |

`lazy` applies any of them at every n-th step only. Two more functions regularize a network's parameters and
are no `Penalty`: `orthogonal` is a term of a loss, `clip_parameters` an optax transformation.
"""

from jaxgan.penalties._checks import Critic, Penalty, Weight
from jaxgan.penalties.difference import consistency, finite_difference_r1, finite_difference_r2
from jaxgan.penalties.gradient import (
    dragan,
    gradient_penalty,
    r1,
    r1_r2,
    r2,
    zero_centered_gradient_penalty,
)
from jaxgan.penalties.lazy import lazy
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
