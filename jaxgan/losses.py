"""Adversarial losses.

A GAN is a game of two players over one number per example, the discriminator's *logit*: high for "real",
low for "fake". A loss is therefore a pair of functions, one for each player, and both are minimised. All of
them take the logits of real and of fake examples and return one value per example; the caller takes the mean.

    loss = losses.non_saturating
    loss.discriminator(real_logits, fake_logits).mean()
    loss.generator(real_logits, fake_logits).mean()

Nothing here is a sigmoid followed by a logarithm: with ``log sigmoid(l) = -softplus(-l)`` and
``log(1 - sigmoid(l)) = -softplus(l)`` every loss stays finite, with finite gradients, for any finite logit.

References:
    Goodfellow et al. 2014, Generative Adversarial Nets, https://arxiv.org/abs/1406.2661
    Mao et al. 2017, Least Squares Generative Adversarial Networks, https://arxiv.org/abs/1611.04076
    Arjovsky et al. 2017, Wasserstein GAN, https://arxiv.org/abs/1701.07875
    Miyato et al. 2018, Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
from jax.nn import softplus
from jaxtyping import Array, Float

Logits = Float[Array, "..."]  # [B], checked by _check_logits; a scalar inside vmap


class Loss(NamedTuple):
    """The two players' objectives, both to be minimised.

    Attributes:
        discriminator: ``(real_logits [B], fake_logits [B]) -> [B]``.
        generator: ``(real_logits [B], fake_logits [B]) -> [B]``. Most generators' losses leave the real
            logits unused, and XLA then removes the work that made them.
    """

    discriminator: Callable[[Logits, Logits], Logits]
    generator: Callable[[Logits, Logits], Logits]


def _check_logits(real_logits: jax.Array, fake_logits: jax.Array) -> None:
    """Refuse what would broadcast silently: ``[B, 1]`` against ``[B]`` gives ``[B, B]``."""
    if real_logits.shape != fake_logits.shape or real_logits.ndim > 1:
        raise ValueError(
            "a loss takes logits of one shape [B] for real and fake examples, "
            f"got real {real_logits.shape} and fake {fake_logits.shape}"
        )


def _minimax_discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
    _check_logits(real_logits, fake_logits)
    return softplus(-real_logits) + softplus(fake_logits)


def _minimax_generator(real_logits: Logits, fake_logits: Logits) -> Logits:
    _check_logits(real_logits, fake_logits)
    return -softplus(fake_logits)


def _non_saturating_generator(real_logits: Logits, fake_logits: Logits) -> Logits:
    _check_logits(real_logits, fake_logits)
    return softplus(-fake_logits)


def _least_squares_discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
    _check_logits(real_logits, fake_logits)
    return 0.5 * (real_logits - 1) ** 2 + 0.5 * fake_logits**2


def _least_squares_generator(real_logits: Logits, fake_logits: Logits) -> Logits:
    _check_logits(real_logits, fake_logits)
    return 0.5 * (fake_logits - 1) ** 2


def _wasserstein_discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
    _check_logits(real_logits, fake_logits)
    return fake_logits - real_logits


def _wasserstein_generator(real_logits: Logits, fake_logits: Logits) -> Logits:
    _check_logits(real_logits, fake_logits)
    return -fake_logits


def _hinge_discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
    _check_logits(real_logits, fake_logits)
    return jax.nn.relu(1 - real_logits) + jax.nn.relu(1 + fake_logits)


minimax = Loss(_minimax_discriminator, _minimax_generator)
"""The game's value itself, ``log D(x) + log(1 - D(G(z)))`` (Goodfellow 2014, eq. 1).

The generator minimises ``log(1 - D(G(z)))``, whose gradient vanishes where the discriminator is sure: it
"saturates". For theory and small games; to train, take `non_saturating`."""

non_saturating = Loss(_minimax_discriminator, _non_saturating_generator)
"""The generator maximises ``log D(G(z))`` instead (Goodfellow 2014, section 3): the same fixed point and a
strong gradient early on. The default."""

least_squares = Loss(_least_squares_discriminator, _least_squares_generator)
"""LSGAN with targets 1 for real, 0 for fake, 1 for the generator (Mao 2017, eq. 9)."""

wasserstein = Loss(_wasserstein_discriminator, _wasserstein_generator)
"""The critic's difference of means (Arjovsky 2017, eq. 2 and 3). Meaningful only when something keeps the
critic Lipschitz: a gradient penalty, weight clipping, or spectral normalisation."""

hinge = Loss(_hinge_discriminator, _wasserstein_generator)
"""Margins of one for the discriminator, a linear generator (Miyato 2018, eq. 16 and 17). The usual partner of
spectral normalisation."""
