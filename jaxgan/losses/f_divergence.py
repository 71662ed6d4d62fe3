"""The f-divergences: one loss for each way to compare two densities.

Any divergence ``D_f(P || Q) = E_Q f(p / q)`` of the real density p from the fake one q, with f convex and
f(1) = 0, has a variational form: the largest ``E_P[T(x)] - E_Q[f*(T(x))]`` over functions T, where f* is the
convex conjugate. The discriminator is T. To keep T in the domain of f*, its logit v goes through an
activation, ``T = g(v)``. All activations increase, so a high logit means "real", as in all other losses.

| divergence | g(v) | f*(g(v)) | best v |
|---|---|---|---|
| kl | v | exp(v - 1) | 1 + log(p/q) |
| reverse_kl | -exp(-v) | v - 1 | log(p/q) |
| pearson | v | v + v^2 / 4 | 2 (p/q - 1) |
| squared_hellinger | 1 - exp(-v) | exp(v) - 1 | log(p/q) / 2 |
| jensen_shannon | log 2 - softplus(-v) | softplus(v) - log 2 | log(p/q) |
| total_variation | tanh(v) / 2 | tanh(v) / 2 | +-infinity |

References:
    Nowozin et al. 2016, f-GAN: Training Generative Neural Samplers using Variational Divergence
    Minimization, https://arxiv.org/abs/1606.00709
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.nn import softplus

from jaxgan.losses.loss import Logits, Loss, pair

_LOG_2 = 0.6931471805599453

_FORMS: dict[str, tuple[Callable[[jax.Array], jax.Array], Callable[[jax.Array], jax.Array]]] = {
    "kl": (lambda v: v, lambda v: jnp.exp(v - 1)),
    "reverse_kl": (lambda v: -jnp.exp(-v), lambda v: v - 1),
    "pearson": (lambda v: v, lambda v: v + 0.25 * v**2),
    "squared_hellinger": (lambda v: -jnp.expm1(-v), jnp.expm1),
    "jensen_shannon": (lambda v: _LOG_2 - softplus(-v), lambda v: softplus(v) - _LOG_2),
    "total_variation": (lambda v: 0.5 * jnp.tanh(v), lambda v: 0.5 * jnp.tanh(v)),
}

DIVERGENCES = tuple(_FORMS)
"""The names of the divergences that `f_divergence` takes (Nowozin 2016, table 1)."""


def f_divergence(divergence: str, *, generator: str = "minimax") -> Loss:
    """Make the loss whose best discriminator measures an f-divergence of the real from the fake density.

    The discriminator minimizes ``-g(D(x)) + f*(g(D(G(z))))``. The negative mean of this loss is a lower bound
    of ``D_f(P || Q)``, which the best discriminator reaches. The generator minimizes ``-f*(g(D(G(z))))``, or,
    non-saturating, ``-g(D(G(z)))``.

    - "kl" covers modes; "reverse_kl" seeks them.
    - "jensen_shannon" is `minimax` up to a constant. Its value is KL(P || M) + KL(Q || M), where M is the
      mean of P and Q: twice the usual Jensen-Shannon divergence.
    - "squared_hellinger" is the integral of ``(sqrt(p) - sqrt(q))^2``.
    - "total_variation" is half the integral of ``|p - q|``.

    The exponential forms (kl, reverse_kl, squared_hellinger) overflow float32 at logits of about 88: use a
    penalty or a small learning rate with them.

    Args:
        divergence: one of `DIVERGENCES`.
        generator: "minimax" or "non_saturating".

    Returns:
        A `Loss`.

    Raises:
        ValueError: if either name is unknown.

    References:
        Nowozin et al. 2016, eq. 4 and 6 (the game), table 6 (g and f*), section 3.2 (non-saturating form).
    """
    if divergence not in _FORMS:
        raise ValueError(f"divergence is one of {', '.join(_FORMS)}, got {divergence!r}")
    if generator not in ("minimax", "non_saturating"):
        raise ValueError(f"generator is minimax or non_saturating, got {generator!r}")
    activation, conjugate = _FORMS[divergence]

    def discriminator_loss(real_logits: Logits, fake_logits: Logits) -> Logits:
        return conjugate(fake_logits) - activation(real_logits)

    def generator_loss(real_logits: Logits, fake_logits: Logits) -> Logits:
        return -(conjugate if generator == "minimax" else activation)(fake_logits)

    doc = f"The f-divergence {divergence}, with the {generator} generator loss (Nowozin 2016, table 6)."
    return pair(divergence, discriminator_loss, generator_loss, doc, smoothable=True)
