"""Adversarial losses.

A GAN is a game of two players over one number per example, the discriminator's *logit*: high for "real",
low for "fake". A loss is therefore a pair of functions, one for each player, and both are minimized. Each
takes the logits of the real and of the fake examples and returns one value per example; the caller takes the
mean.

    loss = losses.non_saturating
    loss.discriminator(real_logits, fake_logits).mean()
    loss.generator(real_logits, fake_logits).mean()

No loss takes the logarithm of a sigmoid: with ``log sigmoid(l) = -softplus(-l)`` and
``log(1 - sigmoid(l)) = -softplus(l)`` the losses and their gradients stay finite for any finite logit.

Losses without hyperparameters are values: `minimax`, `non_saturating`, `least_squares`, `wasserstein`,
`hinge`, `relativistic`. Factories make the others: `least_squares_abc`, `relativistic_average`,
`f_divergence`. `one_sided_label_smoothing` changes a given loss. `help(losses.hinge)` shows a loss's formula.
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
from jaxgan.losses.loss import Loss
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
