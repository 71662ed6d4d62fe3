"""Penalties on the exact gradient of the critic with respect to its input.

All differentiate the critic once here and once more for its parameters.

References:
    Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?,
    https://arxiv.org/abs/1801.04406
    Gulrajani et al. 2017, Improved Training of Wasserstein GANs, https://arxiv.org/abs/1704.00028
    Thanh-Tung et al. 2019, Improving Generalization and Stability of Generative Adversarial Networks,
    https://arxiv.org/abs/1902.03984
    Kodali et al. 2017, On Convergence and Stability of GANs, https://arxiv.org/abs/1705.07215
    Huang et al. 2024, The GAN is dead; long live the GAN! A Modern GAN Baseline (R3GAN),
    https://arxiv.org/abs/2501.05441
"""

import jax
import jax.numpy as jnp

from jaxgan.penalties.base import Critic, Penalty, Weight, check_pairs, logits_of, per_example, value_at


def r1(*, gamma: Weight = 10.0) -> Penalty:
    """Zero-centred gradient penalty on real examples, ``gamma / 2 * |grad_x D(x)|^2``.

    The first thing to try: one argument that turns most circling games into converging ones.

    Args:
        gamma: weight, >= 0; a number or a schedule of the step. 10 suits large images, about 1 the 8x8
            digits, 0.01 to 0.1 low-dimensional toys.

    Returns:
        A `Penalty`. It draws nothing, so it needs no keys.

    Raises:
        ValueError: when it is called (at trace time), if the critic does not return one logit per example.

    References:
        Mescheder et al. 2018, eq. 9.
    """

    def penalty(critic, real, fake, *, keys=None, step=0):
        return 0.5 * value_at(gamma, step) * _squared_norm(_input_gradient(critic, real))

    return penalty


def r2(*, gamma: Weight = 10.0) -> Penalty:
    """Zero-centred gradient penalty on fakes, ``gamma / 2 * |grad_x D(G(z))|^2``.

    Rarely alone: see `r1_r2`.

    Args:
        gamma: weight, >= 0; a number or a schedule of the step.

    Returns:
        A `Penalty`. It draws nothing, so it needs no keys.

    Raises:
        ValueError: when it is called (at trace time), if the critic does not return one logit per example.

    References:
        Mescheder et al. 2018, eq. 10.
    """

    def penalty(critic, real, fake, *, keys=None, step=0):
        return 0.5 * value_at(gamma, step) * _squared_norm(_input_gradient(critic, fake))

    return penalty


def r1_r2(*, gamma: Weight = 10.0) -> Penalty:
    """The sum of `r1` and `r2` of one weight, in one pass over real and fake examples.

    The partner of `jaxgan.losses.relativistic`: early in training, when fakes are far from the data, R1 alone
    leaves the critic unconstrained where the fakes are (Huang 2024, section 2.2).

    Args:
        gamma: weight of both, >= 0; a number or a schedule of the step. R3GAN takes 0.05 for CIFAR-10.

    Returns:
        A `Penalty`. It draws nothing, so it needs no keys.

    Raises:
        ValueError: when it is called (at trace time), if real and fake examples differ in shape, or the
            critic does not return one logit per example.

    References:
        Mescheder et al. 2018, eq. 9 and 10; Huang et al. 2024, section 2.2.
    """

    def penalty(critic, real, fake, *, keys=None, step=0):
        check_pairs(real, fake)
        # vmap, and not a concatenated batch: a conditional critic holds labels for one batch only.
        gradients = jax.vmap(lambda images: _input_gradient(critic, images))(jnp.stack([real, fake]))
        return 0.5 * value_at(gamma, step) * jax.vmap(_squared_norm)(gradients).sum(0)

    return penalty


def gradient_penalty(*, weight: Weight = 10.0, target: float = 1.0, one_sided: bool = False) -> Penalty:
    """WGAN-GP: ``weight * (|grad D(x^)| - target)^2`` at a point between a real and a fake example.

    ``x^ = e x + (1 - e) G(z)`` with one e ~ Uniform[0, 1] per example. It makes the critic of
    `jaxgan.losses.wasserstein` 1-Lipschitz where it matters. It does not make the game converge: near the
    equilibrium the target 1 keeps the players moving (Mescheder 2018, section 4.1).

    Args:
        weight: lambda, >= 0; a number or a schedule of the step.
        target: norm that is asked for, >= 0.
        one_sided: punish only norms above the target (Gulrajani 2017, section 4).

    Returns:
        A `Penalty` that needs keys.

    Raises:
        ValueError: when it is called (at trace time), if real and fake examples differ in shape, keys are
            missing, or the critic does not return one logit per example.

    References:
        Gulrajani et al. 2017, eq. 3 and algorithm 1.
    """

    def penalty(critic, real, fake, *, keys=None, step=0):
        gradient = _input_gradient(critic, _between(real, fake, keys))
        return value_at(weight, step) * _distance(gradient, target, one_sided) ** 2

    return penalty


def zero_centered_gradient_penalty(*, weight: Weight = 10.0) -> Penalty:
    """``weight * |grad D(x^)|^2`` at a point between a real and a fake example.

    As in `gradient_penalty` with target 0: it converges as R1 does, and looks at the way between the two sets
    too, where a critic that has learnt the data by heart is steep.

    Args:
        weight: lambda, >= 0; a number or a schedule of the step. There is no factor 1/2, unlike in `r1`.

    Returns:
        A `Penalty` that needs keys.

    Raises:
        ValueError: as for `gradient_penalty`.

    References:
        Thanh-Tung et al. 2019, section 5 (0-GP).
    """

    def penalty(critic, real, fake, *, keys=None, step=0):
        return value_at(weight, step) * _squared_norm(_input_gradient(critic, _between(real, fake, keys)))

    return penalty


def dragan(*, weight: Weight = 10.0, target: float = 1.0, noise: float = 0.5) -> Penalty:
    """DRAGAN: ``weight * (|grad D(x + d)| - target)^2``, d ~ Normal(0, noise^2), around real examples.

    Args:
        weight: lambda, >= 0; a number or a schedule of the step.
        target: norm that is asked for, >= 0.
        noise: standard deviation of d per value, >= 0; half of the data's own is usual.

    Returns:
        A `Penalty` that needs keys.

    Raises:
        ValueError: when it is called (at trace time), if keys are missing, or the critic does not return one
            logit per example.

    References:
        Kodali et al. 2017, section 2.4 and algorithm 1.
    """

    def penalty(critic, real, fake, *, keys=None, step=0):
        draws = per_example(lambda key: jax.random.normal(key, real.shape[1:], real.dtype), keys, real)
        gradient = _input_gradient(critic, real + noise * draws)
        return value_at(weight, step) * _distance(gradient, target, one_sided=False) ** 2

    return penalty


def _between(real: jax.Array, fake: jax.Array, keys: jax.Array | None) -> jax.Array:
    """Return a point of the line from each fake to the real example at its place, uniformly drawn."""
    check_pairs(real, fake)
    epsilon = per_example(lambda key: jax.random.uniform(key, dtype=real.dtype), keys, real)
    epsilon = epsilon.reshape(-1, *[1] * (real.ndim - 1))
    return epsilon * real + (1 - epsilon) * fake


def _distance(gradient: jax.Array, target: float, one_sided: bool) -> jax.Array:
    """Return how far each gradient's norm is from the target."""
    squared = _squared_norm(gradient)
    nonzero = squared > 0  # the norm has no derivative at zero: take 0 there, not NaN
    distance = jnp.where(nonzero, jnp.sqrt(jnp.where(nonzero, squared, 1.0)), 0.0) - target
    return jax.nn.relu(distance) if one_sided else distance


def _squared_norm(gradient: jax.Array) -> jax.Array:
    return jnp.sum(gradient**2, axis=tuple(range(1, gradient.ndim)))


def _input_gradient(critic: Critic, images: jax.Array) -> jax.Array:
    """Gradient of each example's logit with respect to that example, the shape of `images`."""
    return jax.grad(lambda inputs: logits_of(critic, inputs).sum())(images)
