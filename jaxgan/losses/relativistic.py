"""Relativistic losses: how much more real a real example looks than a fake one.

A logit has no meaning by itself in these losses: only differences between real and fake logits count, and
both players' losses use both logits. `relativistic` compares pairs; `relativistic_average` compares each
example with the mean of the other kind.

References:
    Jolicoeur-Martineau 2019, The relativistic discriminator: a key element missing from standard GAN,
    https://arxiv.org/abs/1807.00734
    Huang et al. 2024, The GAN is dead; long live the GAN! A Modern GAN Baseline (R3GAN),
    https://arxiv.org/abs/2501.05441
"""

import jax
from jax.nn import relu, softplus

from jaxgan.losses.loss import Logits, Loss, pair

relativistic = pair(
    "relativistic",
    lambda real_logits, fake_logits: softplus(fake_logits - real_logits),
    lambda real_logits, fake_logits: softplus(real_logits - fake_logits),
    """Relativistic pairing, RpGAN: ``softplus(D(G(z)) - D(x))`` for the discriminator.

    The generator's loss is the same with the two logits exchanged (Jolicoeur-Martineau 2019, section 4.1;
    Huang 2024, eq. 2).

    Every fake is judged against a real example of its own. The loss therefore has no local minimum in which
    the generator drops modes (Sun et al. 2020, https://arxiv.org/abs/2011.04926). By itself it does not
    converge; combine it with a penalty on both sides, `jaxgan.penalties.r1_r2` (Huang 2024, section 2.2).
    """,
)


def relativistic_average(*, form: str = "standard", axis_name: str | None = None) -> Loss:
    """Make the loss that compares each example with the mean of the other kind, RaGAN.

    With ``r = D(x) - mean D(G(z))`` and ``f = D(G(z)) - mean D(x)`` the discriminator minimizes

    - ``"standard"``: ``softplus(-r) + softplus(f)``
    - ``"least_squares"``: ``(r - 1)^2 + (f + 1)^2``
    - ``"hinge"``: ``max(0, 1 - r) + max(0, 1 + f)``

    and the generator minimizes the same with r and f exchanged.

    Args:
        form: one of the three.
        axis_name: the mapped axis that the batch is spread over, in a ``shard_map`` or ``pmap`` of your own;
            the means are then those of the whole batch. Steps of `make_train_step` need none: they give
            every loss the logits of the whole batch.

    Returns:
        A `Loss` of logits ``[B]``. It refuses scalars under vmap, because it is no sum over examples.

    Raises:
        ValueError: if the form is unknown.

    References:
        Jolicoeur-Martineau 2019, section 4.3 (standard); RaLSGAN and RaHingeGAN are in its appendix D.
    """
    if form not in _AVERAGE_FORMS:
        raise ValueError(f"form is one of {', '.join(_AVERAGE_FORMS)}, got {form!r}")
    real_term, fake_term = _AVERAGE_FORMS[form]

    def mean(logits: Logits) -> jax.Array:
        if logits.ndim != 1:
            raise ValueError(f"a batch mean needs logits of shape [B], got {logits.shape}")
        mean = logits.mean()
        return mean if axis_name is None else jax.lax.pmean(mean, axis_name)

    def discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
        return real_term(real_logits - mean(fake_logits)) + fake_term(fake_logits - mean(real_logits))

    def generator(real_logits: Logits, fake_logits: Logits) -> Logits:
        return discriminator(fake_logits, real_logits)

    doc = f"Each logit against the mean of the other kind, RaGAN, in its {form} form."
    return pair(f"relativistic_average_{form}", discriminator, generator, doc)


_AVERAGE_FORMS = {  # the term of an example that should look real, and of one that should look fake
    "standard": (lambda real: softplus(-real), softplus),
    "least_squares": (lambda real: (real - 1) ** 2, lambda fake: (fake + 1) ** 2),
    "hinge": (lambda real: relu(1 - real), lambda fake: relu(1 + fake)),
}
