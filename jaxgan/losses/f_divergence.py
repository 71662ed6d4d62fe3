"""The f-divergences: one loss for each way to compare two densities.

Any divergence ``D_f(P || Q) = E_Q f(p / q)`` of the real density p from the fake one q, with f convex and
f(1) = 0, has a variational form: the largest ``E_P[T(x)] - E_Q[f*(T(x))]`` over functions T, where f* is the
convex conjugate. The discriminator plays T. So that T stays in the domain of f*, its logit v goes through an
activation, ``T = g(v)``; all of them increase, so a high logit means "real" as everywhere.

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

from jaxgan.losses.pair import Logits, Loss, check_logits

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
"""The names that `f_divergence` knows (Nowozin 2016, table 1)."""


def f_divergence(divergence: str, *, generator: str = "minimax") -> Loss:
    """The loss whose best discriminator measures an f-divergence of real from fake.

    The discriminator minimises ``-g(D(x)) + f*(g(D(G(z))))``, and the mean of that with the sign changed is a
    lower bound of ``D_f(P || Q)``, reached by the best discriminator. The generator minimises
    ``-f*(g(D(G(z))))``, or, non-saturating, ``-g(D(G(z)))``.

    "kl" is mode covering, "reverse_kl" mode seeking. "jensen_shannon" is `minimax` up to a constant: its
    value is KL(P || M) + KL(Q || M) with M the mean of both, twice what is usually called the Jensen-Shannon
    divergence. "squared_hellinger" is the integral of ``(sqrt(p) - sqrt(q))^2``, "total_variation" half of
    that of ``|p - q|``. The exponential forms (kl, reverse_kl, squared_hellinger) leave float32 beyond logits
    of about 88: give them a penalty or small steps.

    Args:
        divergence: one of `DIVERGENCES`.
        generator: "minimax" or "non_saturating".

    Returns:
        A `Loss`.

    Raises:
        ValueError: for an unknown name.

    References:
        Nowozin et al. 2016, eq. 4 and 6 (the game), table 6 (g and f*), section 3.2 (non-saturating form).
    """
    if divergence not in _FORMS:
        raise ValueError(f"divergence is one of {', '.join(_FORMS)}, got {divergence!r}")
    if generator not in ("minimax", "non_saturating"):
        raise ValueError(f"generator is minimax or non_saturating, got {generator!r}")
    activation, conjugate = _FORMS[divergence]

    def discriminator_loss(real_logits: Logits, fake_logits: Logits) -> Logits:
        check_logits(real_logits, fake_logits)
        return conjugate(fake_logits) - activation(real_logits)

    def generator_loss(real_logits: Logits, fake_logits: Logits) -> Logits:
        check_logits(real_logits, fake_logits)
        return -(conjugate if generator == "minimax" else activation)(fake_logits)

    return Loss(discriminator_loss, generator_loss)
