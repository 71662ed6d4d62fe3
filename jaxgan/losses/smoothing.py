"""One-sided label smoothing, for any loss that gives real and fake examples a label.

References:
    Salimans et al. 2016, Improved Techniques for Training GANs, https://arxiv.org/abs/1606.03498
"""

import jax
import jax.numpy as jnp

from jaxgan.losses.pair import Logits, Loss, check_logits


def one_sided_label_smoothing(loss: Loss, *, target: float = 0.9) -> Loss:
    """Let the discriminator say "real" of real examples only to a degree; the generator's loss is as before.

    A discriminator's loss ``A(D(x)) + B(D(G(z)))`` becomes ``target A(D(x)) + (1 - target) B(D(x)) +
    B(D(G(z)))``: cross entropy with the label `target` for real examples and 0 for fakes. A discriminator
    that is never sure has bounded logits. Smoothing the fakes' label too would reward the generator for
    staying where it is (Salimans 2016, section 3.4), so that is not offered.

    Args:
        loss: a loss without comparisons between real and fake logits: all but the relativistic ones; and not
            Wasserstein's, whose critic has no labels. Where
            ``A(0)`` differs from ``B(0)`` (`least_squares`, the f-divergences) a constant is added to the
            value, which changes no gradient.
        target: label of real examples, in (0.5, 1].

    Returns:
        A `Loss`.

    Raises:
        ValueError: for a target out of range, a relativistic loss, or one without a minimum when smoothed.

    References:
        Salimans et al. 2016, section 3.4.
    """
    if not 0.5 < target <= 1:
        raise ValueError(f"target is above 0.5 and at most 1, got {target}")
    if not _separates(loss):
        raise ValueError("a loss that compares real with fake logits has no label to smooth")

    def discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
        check_logits(real_logits, fake_logits)
        # A and B cannot be called by themselves: B(real) + B(fake) is what two calls with A(0) have above it.
        zero = jnp.zeros_like(real_logits)
        as_fakes = (
            loss.discriminator(zero, real_logits)
            + loss.discriminator(zero, fake_logits)
            - loss.discriminator(zero, zero)
        )
        return target * loss.discriminator(real_logits, fake_logits) + (1 - target) * as_fakes

    with jax.ensure_compile_time_eval():
        far = jnp.array([-1e3, 1e3])
        if (discriminator(far, far) < -1).any():
            raise ValueError("a smoothed critic would win by moving all logits alike: no Wasserstein loss")
    return Loss(discriminator, loss.generator)


def _separates(loss: Loss) -> bool:
    """Tell whether the discriminator's loss is a sum of a real and a fake term, by its mixed difference."""
    if hasattr(loss.discriminator, "axis_name"):
        return False
    with jax.ensure_compile_time_eval():
        at = jnp.array([-3.0, -1.0, 0.0, 0.5, 2.0])  # either side of a hinge's kinks
        values = loss.discriminator(jnp.repeat(at, 5), jnp.tile(at, 5)).reshape(5, 5)
        mixed = values - values[:1] - values[:, :1] + values[:1, :1]
        return bool((abs(mixed) < 1e-5 * jnp.maximum(1, abs(values))).all())
