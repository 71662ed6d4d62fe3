"""Adversarial losses.

A GAN is a game of two players over one number per example, the discriminator's *logit*: high for "real",
low for "fake". A loss is therefore a pair of functions, one for each player, and both are minimised. All of
them take the logits of real and of fake examples and return one value per example; the caller takes the mean.

    loss = losses.non_saturating
    loss.discriminator(real_logits, fake_logits).mean()
    loss.generator(real_logits, fake_logits).mean()

Nothing here is a sigmoid followed by a logarithm: with ``log sigmoid(l) = -softplus(-l)`` and
``log(1 - sigmoid(l)) = -softplus(l)`` the losses stay finite, with finite gradients, for any finite logit.

Losses without hyperparameters are values: `minimax`, `non_saturating`, `least_squares`, `wasserstein`,
`hinge`, `relativistic`. The others are made: `least_squares_abc`, `relativistic_average`, `f_divergence`.
`one_sided_label_smoothing` wraps one.
"""

from jaxgan.losses.classic import (
    hinge,
    least_squares,
    least_squares_abc,
    minimax,
    non_saturating,
    wasserstein,
)
from jaxgan.losses.f_divergence import DIVERGENCES, f_divergence
from jaxgan.losses.pair import Loss
from jaxgan.losses.relativistic import relativistic, relativistic_average
from jaxgan.losses.smoothing import one_sided_label_smoothing

__all__ = [
    "DIVERGENCES",
    "Loss",
    "f_divergence",
    "hinge",
    "least_squares",
    "least_squares_abc",
    "minimax",
    "non_saturating",
    "one_sided_label_smoothing",
    "relativistic",
    "relativistic_average",
    "wasserstein",
]
