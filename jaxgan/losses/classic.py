"""The losses that are a sum of a term of the real and a term of the fake logits.

References:
    Goodfellow et al. 2014, Generative Adversarial Nets, https://arxiv.org/abs/1406.2661
    Mao et al. 2017, Least Squares Generative Adversarial Networks, https://arxiv.org/abs/1611.04076
    Arjovsky et al. 2017, Wasserstein GAN, https://arxiv.org/abs/1701.07875
    Miyato et al. 2018, Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957
"""

import jax
from jax.nn import softplus

from jaxgan.losses.pair import Logits, Loss, check_logits


def _minimax_discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
    check_logits(real_logits, fake_logits)
    return softplus(-real_logits) + softplus(fake_logits)


def _minimax_generator(real_logits: Logits, fake_logits: Logits) -> Logits:
    check_logits(real_logits, fake_logits)
    return -softplus(fake_logits)


def _non_saturating_generator(real_logits: Logits, fake_logits: Logits) -> Logits:
    check_logits(real_logits, fake_logits)
    return softplus(-fake_logits)


def _wasserstein_discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
    check_logits(real_logits, fake_logits)
    return fake_logits - real_logits


def _wasserstein_generator(real_logits: Logits, fake_logits: Logits) -> Logits:
    check_logits(real_logits, fake_logits)
    return -fake_logits


def _hinge_discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
    check_logits(real_logits, fake_logits)
    return jax.nn.relu(1 - real_logits) + jax.nn.relu(1 + fake_logits)


minimax = Loss(_minimax_discriminator, _minimax_generator)
"""The game's value itself, ``log D(x) + log(1 - D(G(z)))`` (Goodfellow 2014, eq. 1).

The generator minimises ``log(1 - D(G(z)))``, whose gradient vanishes where the discriminator is sure: it
"saturates". For theory and small games; to train, take `non_saturating`."""

non_saturating = Loss(_minimax_discriminator, _non_saturating_generator)
"""The generator maximises ``log D(G(z))`` instead (Goodfellow 2014, section 3): the same fixed point and a
strong gradient early on. The default."""

wasserstein = Loss(_wasserstein_discriminator, _wasserstein_generator)
"""The critic's difference of means (Arjovsky 2017, eq. 2 and 3). Meaningful only when something keeps the
critic Lipschitz: a gradient penalty, weight clipping, or spectral normalisation."""

hinge = Loss(_hinge_discriminator, _wasserstein_generator)
"""Margins of one for the discriminator, a linear generator (Miyato 2018, eq. 16 and 17). The usual partner of
spectral normalisation."""


def least_squares_abc(*, a: float, b: float, c: float) -> Loss:
    """LSGAN with any targets: ``(D(x) - b)^2 / 2 + (D(G(z)) - a)^2 / 2`` and ``(D(G(z)) - c)^2 / 2``.

    With ``b - c = 1`` and ``b - a = 2`` (``a=-1, b=1, c=0``) the generator minimises the Pearson chi-squared
    divergence between ``real + fake`` and ``2 fake``; ``a=0, b=c=1`` is `least_squares`.

    Args:
        a: the discriminator's target for fakes.
        b: the discriminator's target for real examples; 0.9 in the place of 1 is one-sided label smoothing.
        c: what the generator wants the discriminator to say of fakes.

    Returns:
        A `Loss`.

    References:
        Mao et al. 2017, eq. 2; the choices of targets are eq. 8 and 9.
    """

    def discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
        check_logits(real_logits, fake_logits)
        return _half_square(real_logits - b) + _half_square(fake_logits - a)

    def generator(real_logits: Logits, fake_logits: Logits) -> Logits:
        check_logits(real_logits, fake_logits)
        return _half_square(fake_logits - c)

    return Loss(discriminator, generator)


def _half_square(distance: Logits) -> Logits:
    return (0.5 * distance) * distance  # in this order float16 holds what it can


least_squares = least_squares_abc(a=0.0, b=1.0, c=1.0)
"""LSGAN with targets 1 for real, 0 for fake, 1 for the generator (Mao 2017, eq. 9). Its slopes grow with the
distance from the target: steady, and slow to forget an outlier."""
