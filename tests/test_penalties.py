import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxgan import penalties
from jaxgan.networks import mlp


def images(seed, count=4, shape=(3, 3, 1), dtype=jnp.float32):
    return jax.random.normal(jax.random.key(seed), (count, *shape), dtype)


def test_r1_of_a_linear_critic_is_half_gamma_times_its_squared_weights():
    weights = images(0, count=1)[0]
    critic = lambda x: (x * weights[None]).sum((1, 2, 3))
    value = penalties.r1(gamma=3.0)(critic, images(1), images(2))
    np.testing.assert_allclose(value, np.full(4, 1.5 * (weights**2).sum()), rtol=1e-6)


def test_r1_looks_at_real_images_one_by_one():
    critic = lambda x: 0.5 * (x**2).sum((1, 2, 3))  # its gradient is the image
    real = images(1)
    value = penalties.r1(gamma=10.0)(critic, real, 100 * images(2))
    np.testing.assert_allclose(value, 5.0 * (real**2).sum((1, 2, 3)), rtol=1e-6)


def test_r1_by_central_differences_of_the_logit():
    network = mlp.Discriminator((8, 8))
    with jax.enable_x64(True):
        real = images(1, dtype=jnp.float64)
        variables = jax.tree.map(
            lambda leaf: leaf.astype(jnp.float64), network.init(jax.random.key(0), real, train=True)
        )
        critic = lambda x: network.apply(variables, jnp.asarray(x), train=True)
        value = penalties.r1(gamma=2.0)(critic, real, real)
        flat, eps = np.asarray(real).reshape(4, -1), 1e-6
        slopes = [
            (
                critic((flat + eps * unit).reshape(real.shape))
                - critic((flat - eps * unit).reshape(real.shape))
            )
            / (2 * eps)
            for unit in np.eye(flat.shape[1])[:, None]
        ]
    np.testing.assert_allclose(value, np.square(slopes).sum(0), rtol=1e-7)


def test_r1_is_differentiable_by_the_critics_parameters():
    with jax.enable_x64(True):
        real = images(1, dtype=jnp.float64)
        weights = jax.random.normal(jax.random.key(3), (9, 5), jnp.float64)

        def penalised(weights):
            critic = lambda x: jnp.tanh(x.reshape(4, 9) @ weights).sum(-1)
            return penalties.r1(gamma=1.0)(critic, real, real).mean()

        check_grads(penalised, (weights,), order=2)


def test_the_weight_may_be_a_schedule_of_the_step():
    critic = lambda x: x.sum((1, 2, 3))
    penalty = penalties.r1(gamma=lambda step: 2.0 * step)
    np.testing.assert_allclose(penalty(critic, images(0), images(0), step=3), np.full(4, 27.0), rtol=1e-6)
    traced = jax.jit(lambda step: penalty(critic, images(0), images(0), step=step))
    np.testing.assert_allclose(traced(5), np.full(4, 45.0), rtol=1e-6)


@pytest.mark.parametrize("critic", [lambda x: x.sum((2, 3)), lambda x: x.sum((1, 2, 3))[:, None], jnp.sum])
def test_a_critic_that_does_not_return_one_logit_per_image_is_refused(critic):
    with pytest.raises(ValueError, match=r"\(4,\)"):
        penalties.r1(gamma=1.0)(critic, images(0), images(0))
