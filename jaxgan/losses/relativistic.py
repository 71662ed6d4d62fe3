"""Relativistic losses: how much more real a real example looks than a fake one.

The discriminator's logit has no meaning by itself; only differences between real and fake examples count,
and the generator is told of both. `relativistic` compares pairs, `relativistic_average` each example with the
mean of the other kind.

References:
    Jolicoeur-Martineau 2019, The relativistic discriminator: a key element missing from standard GAN,
    https://arxiv.org/abs/1807.00734
    Huang et al. 2024, The GAN is dead; long live the GAN! A Modern GAN Baseline (R3GAN),
    https://arxiv.org/abs/2501.05441
"""

import jax
from jax.nn import relu, softplus

from jaxgan.losses.pair import Logits, Loss, check_logits


def _relativistic_discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
    check_logits(real_logits, fake_logits)
    return softplus(fake_logits - real_logits)


def _relativistic_generator(real_logits: Logits, fake_logits: Logits) -> Logits:
    check_logits(real_logits, fake_logits)
    return softplus(real_logits - fake_logits)


relativistic = Loss(_relativistic_discriminator, _relativistic_generator)
"""Relativistic pairing, RpGAN: ``softplus(D(G(z)) - D(x))`` for the discriminator, the logits exchanged for
the generator (Jolicoeur-Martineau 2019, section 4.1; Huang 2024, eq. 2).

Every real example carries its own decision boundary, so no part of the data can be traded for another:
there are no local minima of dropped modes (Sun et al. 2020, https://arxiv.org/abs/2011.04926). By itself it
does not converge; its partner is a penalty on both sides, `jaxgan.penalties.r1_r2` (Huang 2024,
section 2.2)."""


def relativistic_average(*, form: str = "standard", axis_name: str | None = None) -> Loss:
    """Each example against the mean of the other kind, RaGAN.

    With ``r = D(x) - mean D(G(z))`` and ``f = D(G(z)) - mean D(x)`` the discriminator minimises

    - ``"standard"``: ``softplus(-r) + softplus(f)``
    - ``"least_squares"``: ``(r - 1)^2 + (f + 1)^2``
    - ``"hinge"``: ``max(0, 1 - r) + max(0, 1 + f)``

    and the generator the same with r and f exchanged.

    Args:
        form: one of the three.
        axis_name: the mapped axis that the batch is spread over, in a ``shard_map`` or ``pmap`` of your own;
            the means are then those of the whole batch. Steps of `make_train_step` need none: they give
            every loss the logits of the whole batch.

    Returns:
        A `Loss` of logits ``[B]``; it is no sum over examples, so it refuses scalars under vmap.

    Raises:
        ValueError: for an unknown form.

    References:
        Jolicoeur-Martineau 2019, section 4.3 (standard); RaLSGAN and RaHingeGAN are in its appendix D.
    """
    if form not in _AVERAGE_FORMS:
        raise ValueError(f"form is one of {', '.join(_AVERAGE_FORMS)}, got {form!r}")
    says_real, says_fake = _AVERAGE_FORMS[form]

    def mean(logits: Logits) -> jax.Array:
        if logits.ndim != 1:
            raise ValueError(f"a batch mean needs logits of shape [B], got {logits.shape}")
        mean = logits.mean()
        return mean if axis_name is None else jax.lax.pmean(mean, axis_name)

    def discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
        check_logits(real_logits, fake_logits)
        return says_real(real_logits - mean(fake_logits)) + says_fake(fake_logits - mean(real_logits))

    def generator(real_logits: Logits, fake_logits: Logits) -> Logits:
        return discriminator(fake_logits, real_logits)

    return Loss(discriminator, generator)


_AVERAGE_FORMS = {  # loss of an example that should look real, of one that should look fake
    "standard": (lambda real: softplus(-real), softplus),
    "least_squares": (lambda real: (real - 1) ** 2, lambda fake: (fake + 1) ** 2),
    "hinge": (lambda real: relu(1 - real), lambda fake: relu(1 + fake)),
}
