"""One-sided label smoothing, for any loss that gives real and fake examples a label.

References:
    Salimans et al. 2016, Improved Techniques for Training GANs, https://arxiv.org/abs/1606.03498
"""

import jax.numpy as jnp

from jaxgan.losses.loss import Logits, Loss, pair


def one_sided_label_smoothing(loss: Loss, *, target: float = 0.9) -> Loss:
    """Give real examples a label below 1 in the discriminator's loss; the generator's loss stays as it is.

    A discriminator's loss ``A(D(x)) + B(D(G(z)))`` becomes ``target A(D(x)) + (1 - target) B(D(x)) +
    B(D(G(z)))``: cross entropy with the label `target` for real examples and 0 for fakes. This bounds the
    logits, because the discriminator is never sure. The label of fakes is not smoothed: that would reward
    the generator for staying where it is (Salimans 2016, section 3.4).

    Where ``A(0)`` differs from ``B(0)`` (`least_squares`, the f-divergences) the value of the loss contains
    an additional constant, which changes no gradient.

    Args:
        loss: a loss that is `smoothable`: `minimax`, `non_saturating`, `least_squares`, `hinge`, or one made
            by `least_squares_abc` or `f_divergence`. A relativistic loss compares real with fake logits, so
            it has no label. A smoothed `wasserstein` would have no minimum: raising all logits alike would
            lower it without limit.
        target: label of real examples, in (0.5, 1].

    Returns:
        A `Loss`.

    Raises:
        ValueError: if the target is out of range, or the loss is not smoothable.

    References:
        Salimans et al. 2016, section 3.4.
    """
    if not 0.5 < target <= 1:
        raise ValueError(f"target is above 0.5 and at most 1, got {target}")
    name = getattr(loss, "__name__", "a loss of your own")
    if not loss.smoothable:
        raise ValueError(f"label smoothing takes a loss whose attribute smoothable is True, not {name}")

    def discriminator(real_logits: Logits, fake_logits: Logits) -> Logits:
        # A and B cannot be called by themselves. The sum below is B(real) + B(fake) + A(0) - B(0).
        zero = jnp.zeros_like(real_logits)
        both_as_fakes = (
            loss.discriminator(zero, real_logits)
            + loss.discriminator(zero, fake_logits)
            - loss.discriminator(zero, zero)
        )
        return target * loss.discriminator(real_logits, fake_logits) + (1 - target) * both_as_fakes

    doc = f"One-sided label smoothing of {name}: real examples have the label {target}."
    return pair(f"{name}_smoothed", discriminator, loss.generator, doc, smoothable=True)
