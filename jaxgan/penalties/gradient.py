"""Penalties on the exact gradient of the critic with respect to its input.

The critic is differentiated twice: here with respect to its input, and in training with respect to its
parameters.

References:
    Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?,
    https://arxiv.org/abs/1801.04406
    Gulrajani et al. 2017, Improved Training of Wasserstein GANs, https://arxiv.org/abs/1704.00028
    Thanh-Tung et al. 2019, Improving Generalization and Stability of Generative Adversarial Networks,
    https://arxiv.org/abs/1902.03984
    Kodali et al. 2017, On Convergence and Stability of GANs, https://arxiv.org/abs/1705.07215
    Huang et al. 2024, The GAN is dead; long live the GAN! A Modern GAN Baseline (R3GAN),
    https://arxiv.org/abs/2501.05441
    Karras et al. 2020, Training Generative Adversarial Networks with Limited Data (StyleGAN2-ADA),
    https://arxiv.org/abs/2006.06676
"""

import functools

import jax
import jax.numpy as jnp

from jaxgan.penalties._checks import (
    Critic,
    Penalty,
    Shown,
    Weight,
    check_pairs,
    critics,
    logits_of,
    moved,
    normal_like,
    per_example,
    spread_out,
    value_at,
)


def r1(*, gamma: Weight = 10.0) -> Penalty:
    """Zero-centered gradient penalty on real examples, ``gamma / 2 * |grad_x D(x)|^2``.

    It is the penalty to try first: it makes most oscillating games converge.

    In a step with an augmentation T, the critic is ``x -> D(T(x))`` and x the raw image. The gradient goes
    through T, by the draws with which the discriminator saw x: so do StyleGAN2-ADA (Karras et al. 2020) and
    R3GAN (Huang et al. 2024). An augmentation that blanks the images leaves a penalty of 0.

    Args:
        gamma: weight, >= 0; a number or a schedule of the step. Usual values are 10 for large images, about
            1 for the 8x8 digits, and 0.01 to 0.1 for low-dimensional toy data.

    Returns:
        A `Penalty`. It draws nothing, so it needs no keys.

    Raises:
        ValueError: the penalty raises it (at trace time) if the critic does not return one logit per example.

    Examples:
        >>> import jax.numpy as jnp
        >>> from jaxgan import penalties
        >>> critic = lambda x: 3 * x[:, 0] + 4 * x[:, 1]  # its gradient has length 5
        >>> x = jnp.zeros((2, 2))
        >>> penalties.r1(gamma=2.0)(critic, x, x)
        Array([25., 25.], dtype=float32)

    References:
        Mescheder et al. 2018, eq. 9.
    """

    def penalty(critic, real, fake, *, keys=None, step=0):
        return 0.5 * value_at(gamma, step) * _squared_norm(_input_gradient(critic, real))

    return penalty


def r2(*, gamma: Weight = 10.0) -> Penalty:
    """Zero-centered gradient penalty on fakes, ``gamma / 2 * |grad_x D(G(z))|^2``.

    It is rarely used alone: see `r1_r2`. Behind an augmentation it acts as `r1`, by the draws of the fakes.

    Args:
        gamma: weight, >= 0; a number or a schedule of the step.

    Returns:
        A `Penalty`. It draws nothing, so it needs no keys.

    Raises:
        ValueError: the penalty raises it (at trace time) if the critic does not return one logit per example.

    References:
        Mescheder et al. 2018, eq. 10.
    """

    def penalty(critic, real, fake, *, keys=None, step=0):
        return 0.5 * value_at(gamma, step) * _squared_norm(_input_gradient(critics(critic)[1], fake))

    return penalty


def r1_r2(*, gamma: Weight = 10.0) -> Penalty:
    """The sum of `r1` and `r2` with one weight, in one pass over real and fake examples.

    It is meant for `jaxgan.losses.relativistic`. Early in training, when fakes are far from the data, R1
    alone leaves the critic unconstrained where the fakes are (Huang 2024, section 2.2).

    Args:
        gamma: weight of both, >= 0; a number or a schedule of the step. R3GAN uses 0.05 for CIFAR-10.

    Returns:
        A `Penalty`. It draws nothing, so it needs no keys.

    Raises:
        ValueError: the penalty raises it (at trace time) if real and fake examples differ in shape, or the
            critic does not return one logit per example.

    References:
        Mescheder et al. 2018, eq. 9 and 10; Huang et al. 2024, section 2.2.
    """

    def penalty(critic, real, fake, *, keys=None, step=0):
        check_pairs(real, fake)
        of_reals, of_fakes = critics(critic)
        if of_reals is of_fakes:
            # A concatenated batch would not do: a conditional critic holds the labels of one batch only.
            both = jax.tree.map(lambda *pair: jnp.stack(pair), real, fake)
            gradients = jax.vmap(lambda images: _input_gradient(critic, images))(both)
        else:
            pair = _input_gradient(of_reals, real), _input_gradient(of_fakes, fake)
            gradients = jax.tree.map(lambda *pair: jnp.stack(pair), *pair)
        return 0.5 * value_at(gamma, step) * jax.vmap(_squared_norm)(gradients).sum(0)

    return penalty


def gradient_penalty(*, weight: Weight = 10.0, target: float = 1.0, one_sided: bool = False) -> Penalty:
    """WGAN-GP: ``weight * (|grad D(x^)| - target)^2`` at a point between a real and a fake example.

    ``x^ = e x + (1 - e) G(z)`` with one e ~ Uniform[0, 1] per example. It makes the critic of
    `jaxgan.losses.wasserstein` about 1-Lipschitz between the two sets. It does not make the game converge:
    near the equilibrium the target 1 keeps the players moving (Mescheder 2018, section 4.1).

    In a step with an augmentation, x^ lies between the raw images and gets the real image's draws.

    Args:
        weight: lambda, >= 0; a number or a schedule of the step.
        target: the wanted norm of the gradient, >= 0.
        one_sided: penalize only norms above the target (Gulrajani 2017, section 4).

    Returns:
        A `Penalty` that needs keys.

    Raises:
        ValueError: the penalty raises it (at trace time) if real and fake examples differ in shape, keys are
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

    This is `gradient_penalty` with target 0. It converges as R1 does. It also acts between the two sets,
    where a critic that has memorized the data is steep.

    Args:
        weight: lambda, >= 0; a number or a schedule of the step. Unlike `r1`, this has no factor 1/2.

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
        target: the wanted norm of the gradient, >= 0.
        noise: standard deviation of each value of d, >= 0; half of the data's standard deviation is usual.

    Returns:
        A `Penalty` that needs keys.

    Raises:
        ValueError: the penalty raises it (at trace time) if keys are missing, or the critic does not return
            one logit per example.

    References:
        Kodali et al. 2017, section 2.4 and algorithm 1.
    """

    def penalty(critic, real, fake, *, keys=None, step=0):
        gradient = _input_gradient(critic, moved(real, noise, normal_like(keys, real)))
        return value_at(weight, step) * _distance(gradient, target, one_sided=False) ** 2

    return penalty


def _between(real: Shown, fake: Shown, keys: jax.Array | None) -> Shown:
    """Return a uniformly drawn point between each real example and the fake at the same index."""
    check_pairs(real, fake)
    dtype = jax.tree.leaves(real)[0].dtype
    share = per_example(lambda key: jax.random.uniform(key, dtype=dtype), keys, real)

    def of_leaf(real: jax.Array, fake: jax.Array) -> jax.Array:
        epsilon = spread_out(share, real)
        return epsilon * real + (1 - epsilon) * fake

    return jax.tree.map(of_leaf, real, fake)


def _distance(gradient: Shown, target: float, one_sided: bool) -> jax.Array:
    """Return each gradient's norm less the target; with `one_sided`, at least 0."""
    squared = _squared_norm(gradient)
    # The norm has no derivative at zero: it is set to 0 instead of NaN. Its second one overflows near zero.
    nonzero = squared > 1e-24
    distance = jnp.where(nonzero, jnp.sqrt(jnp.where(nonzero, squared, 1.0)), 0.0) - target
    return jax.nn.relu(distance) if one_sided else distance


def _squared_norm(gradient: Shown) -> jax.Array:
    squares = [jnp.sum(leaf**2, axis=tuple(range(1, leaf.ndim))) for leaf in jax.tree.leaves(gradient)]
    return functools.reduce(jnp.add, squares)


def _input_gradient(critic: Critic, images: Shown) -> Shown:
    """Return the gradient of each example's logit with respect to that example, in the shape of `images`."""
    for leaf in jax.tree.leaves(images):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            cure = "jaxgan.images.to_float makes them of uint8"
            raise ValueError(f"a gradient is by float images in [-1, 1], got {leaf.dtype}: {cure}")
    return jax.grad(lambda inputs: logits_of(critic, inputs).sum())(images)
