"""Penalties on differences of logits: one backward pass instead of two.

They compare the critic's logits of an example and of a changed copy. Nothing is differentiated twice, so they
cost about half as much as an exact gradient penalty, and they work with critics whose second derivative is
slow or missing.

References:
    Lin et al. 2025, Diffusion Adversarial Post-Training for One-Step Video Generation,
    https://arxiv.org/abs/2501.08316
    Hyun et al. 2025, Scalable GANs with Transformers (GAT), https://arxiv.org/abs/2509.24935
    Zhang et al. 2020, Consistency Regularization for GANs, https://arxiv.org/abs/1910.12027
    Zhao et al. 2021, Improved Consistency Regularization for GANs, https://arxiv.org/abs/2002.04724
"""

from collections.abc import Callable

import jax

from jaxgan.penalties._checks import (
    Critic,
    Penalty,
    Shown,
    Weight,
    critics,
    logits_of,
    moved,
    normal_like,
    per_example,
    value_at,
)

Augmentation = Callable[..., jax.Array]  # (images, *, keys, step) -> images


def finite_difference_r1(*, gamma: Weight = 10.0, sigma: float = 0.01) -> Penalty:
    """R1 by finite differences, ``gamma / 2 * ((D(x + sigma n) - D(x)) / sigma)^2``, n ~ Normal(0, 1).

    Its mean over n is `r1` up to a bias of order ``sigma^2``. A single draw has an error of order ``sigma``;
    because it sees one direction only, its standard deviation is about ``sqrt(2)`` times its value.

    Args:
        gamma: weight of the R1 that it approximates, >= 0; a number or a schedule of the step. The papers
            write ``lambda (D(x + sigma n) - D(x))^2`` with ``lambda = gamma / (2 sigma^2)``.
        sigma: standard deviation of the change of each pixel value, > 0, in units of the images ([-1, 1]).
            In float32 a sigma below about 1e-3 loses the difference to rounding.

    Returns:
        A `Penalty` that needs keys.

    Raises:
        ValueError: if sigma is not positive. The penalty itself raises it (at trace time) if keys are
            missing.

    References:
        Lin et al. 2025, the approximated R1 loss; Hyun et al. 2025 apply it to fakes too.
    """
    _check_sigma(sigma)

    def penalty(critic, real, fake, *, keys=None, step=0):
        return 0.5 * value_at(gamma, step) * _slope(critic, real, keys, sigma) ** 2

    return penalty


def finite_difference_r2(*, gamma: Weight = 10.0, sigma: float = 0.01) -> Penalty:
    """R2 by finite differences: `finite_difference_r1` on the fakes.

    Args:
        gamma: weight of the R2 that it approximates, >= 0; a number or a schedule of the step.
        sigma: standard deviation of the change of each pixel value, > 0.

    Returns:
        A `Penalty` that needs keys.

    Raises:
        ValueError: as for `finite_difference_r1`.

    References:
        Hyun et al. 2025.
    """
    _check_sigma(sigma)

    def penalty(critic, real, fake, *, keys=None, step=0):
        return 0.5 * value_at(gamma, step) * _slope(critics(critic)[1], fake, keys, sigma) ** 2

    return penalty


def consistency(
    augment: Augmentation, *, real_weight: Weight = 10.0, fake_weight: Weight | None = None
) -> Penalty:
    """Consistency regularization, ``weight * (D(x) - D(T(x)))^2``: the logit should not depend on T.

    On real examples only, this is CR. With a `fake_weight` it is bCR, which also keeps the generator from
    learning T's artifacts.

    Args:
        augment: T, ``(images, *, keys, step) -> images``; see `jaxgan.augment`. Real examples and fakes get
            different draws.
        real_weight: weight of the real examples' term, >= 0; a number or a schedule of the step.
        fake_weight: weight of the fakes' term (bCR: 10); None leaves the term out.

    Returns:
        A `Penalty` that needs keys.

    Raises:
        ValueError: the penalty raises it (at trace time) if keys are missing.

    References:
        Zhang et al. 2020, eq. 2 (CR); Zhao et al. 2021, section 3.1 and algorithm 1 (bCR).
    """

    def penalty(critic, real, fake, *, keys=None, step=0):
        def inconsistency(critic, images, keys):
            if isinstance(images, tuple):  # the images are first, and only they are augmented
                augmented = (augment(images[0], keys=keys, step=step), *images[1:])
            else:
                augmented = augment(images, keys=keys, step=step)
            return (logits_of(critic, images) - logits_of(critic, augmented)) ** 2

        real_keys, fake_keys = per_example(jax.random.split, keys, real).T
        value = value_at(real_weight, step) * inconsistency(critic, real, real_keys)
        if fake_weight is not None:
            value += value_at(fake_weight, step) * inconsistency(critics(critic)[1], fake, fake_keys)
        return value

    return penalty


def _slope(critic: Critic, images: Shown, keys: jax.Array | None, sigma: float) -> jax.Array:
    changed = moved(images, sigma, normal_like(keys, images))
    return (logits_of(critic, changed) - logits_of(critic, images)) / sigma


def _check_sigma(sigma: float) -> None:
    if not sigma > 0:
        raise ValueError(f"sigma is a positive number, got {sigma}")
