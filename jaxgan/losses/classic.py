"""The losses that are a term of the real logits plus a term of the fake logits.

References:
    Goodfellow et al. 2014, Generative Adversarial Nets, https://arxiv.org/abs/1406.2661
    Mao et al. 2017, Least Squares Generative Adversarial Networks, https://arxiv.org/abs/1611.04076
    Arjovsky et al. 2017, Wasserstein GAN, https://arxiv.org/abs/1701.07875
    Miyato et al. 2018, Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957
"""

from jax.nn import relu, softplus

from jaxgan.losses.loss import Logits, Loss, pair


def _cross_entropy(real_logits: Logits, fake_logits: Logits) -> Logits:
    return softplus(-real_logits) + softplus(fake_logits)


def _negative_fake_logit(real_logits: Logits, fake_logits: Logits) -> Logits:
    return -fake_logits


minimax = pair(
    "minimax",
    _cross_entropy,
    lambda real_logits, fake_logits: -softplus(fake_logits),
    """The value of the game, ``log D(x) + log(1 - D(G(z)))`` (Goodfellow 2014, eq. 1).

    The discriminator minimizes its negative. The generator minimizes ``log(1 - D(G(z)))``, whose gradient
    vanishes where the discriminator is sure: the loss "saturates". It serves theory and small games; to
    train, take `non_saturating`.
    """,
    smoothable=True,
)

non_saturating = pair(
    "non_saturating",
    _cross_entropy,
    lambda real_logits, fake_logits: softplus(-fake_logits),
    """The generator maximizes ``log D(G(z))`` (Goodfellow 2014, section 3). The default.

    The discriminator's loss is that of `minimax`. The fixed point of the game is the same, and the
    generator's gradient is strong where the discriminator recognizes the fakes.
    """,
    smoothable=True,
)

wasserstein = pair(
    "wasserstein",
    lambda real_logits, fake_logits: fake_logits - real_logits,
    _negative_fake_logit,
    """The difference of the critic's means (Arjovsky 2017, eq. 2 and 3).

    It is meaningful only when something keeps the critic Lipschitz: a gradient penalty, weight clipping, or
    spectral normalization.
    """,
)

hinge = pair(
    "hinge",
    lambda real_logits, fake_logits: relu(1 - real_logits) + relu(1 + fake_logits),
    _negative_fake_logit,
    """Margins of one for the discriminator, and a linear loss for the generator.

    Miyato 2018, eq. 16 and 17. It is usually combined with spectral normalization.
    """,
    smoothable=True,
)


def least_squares_abc(*, a: float, b: float, c: float) -> Loss:
    """LSGAN with any targets: ``(D(x) - b)^2 / 2 + (D(G(z)) - a)^2 / 2`` and ``(D(G(z)) - c)^2 / 2``.

    With ``b - c = 1`` and ``b - a = 2`` (``a=-1, b=1, c=0``) the generator minimizes the Pearson chi-squared
    divergence between ``real + fake`` and ``2 fake``; ``a=0, b=c=1`` is `least_squares`.

    Args:
        a: the discriminator's target for fakes.
        b: the discriminator's target for real examples; 0.9 instead of 1 is one-sided label smoothing.
        c: the generator's target for the logits of fakes.

    Returns:
        A `Loss`.

    References:
        Mao et al. 2017, eq. 2; the choices of targets are eq. 8 and 9.
    """
    return _least_squares("least_squares_abc", f"LSGAN with targets a={a}, b={b}, c={c}.", a, b, c)


def _least_squares(name: str, doc: str, a: float, b: float, c: float) -> Loss:
    def discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
        return _half_square(real_logits - b) + _half_square(fake_logits - a)

    def generator(real_logits: Logits, fake_logits: Logits) -> Logits:
        return _half_square(fake_logits - c)

    return pair(name, discriminator, generator, doc, smoothable=True)


def _half_square(distance: Logits) -> Logits:
    return (0.5 * distance) * distance  # halved first, so that float16 overflows only where the result does


least_squares = _least_squares(
    "least_squares",
    """LSGAN with targets 1 for real, 0 for fake, and 1 for the generator (Mao 2017, eq. 9).

    Its gradient grows with the distance from the target: training is steady, but an outlier has a lasting
    effect.
    """,
    a=0.0,
    b=1.0,
    c=1.0,
)
