import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.special import log_expit

from jaxgan import losses

LOSSES = ["minimax", "non_saturating", "least_squares", "wasserstein", "hinge"]
REAL = np.array([-3.0, -0.5, 0.0, 0.7, 4.0])
FAKE = np.array([2.0, -0.3, 0.0, -6.0, 1.1])


EXPECTED = {  # written from the papers; log D and log(1 - D) by SciPy
    "minimax": (-(log_expit(REAL) + log_expit(-FAKE)), log_expit(-FAKE)),
    "non_saturating": (-(log_expit(REAL) + log_expit(-FAKE)), -log_expit(FAKE)),
    "least_squares": (((REAL - 1) ** 2 + FAKE**2) / 2, (FAKE - 1) ** 2 / 2),
    "wasserstein": (-(REAL - FAKE), -FAKE),
    "hinge": (-np.minimum(0, REAL - 1) - np.minimum(0, -FAKE - 1), -FAKE),
}


@pytest.mark.parametrize("name", LOSSES)
def test_values_are_those_of_the_papers(name):
    loss = getattr(losses, name)
    with jax.enable_x64(True):
        real, fake = jnp.asarray(REAL), jnp.asarray(FAKE)
        got = loss.discriminator(real, fake), loss.generator(real, fake)
    for value, expected in zip(got, EXPECTED[name], strict=True):
        assert value.dtype == np.float64
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_by_finite_differences(name):
    with jax.enable_x64(True):
        for player in getattr(losses, name):
            value = lambda real, fake: player(jnp.asarray(real), jnp.asarray(fake))
            check_grads(value, (REAL, FAKE + 0.01), order=2, atol=1e-4)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("logit", [1e4, -1e4])
def test_extreme_logits_stay_finite(name, logit):
    logits = jnp.full(3, logit, jnp.float32)
    for player in getattr(losses, name):
        for real, fake in ((logits, logits), (logits, -logits)):
            value, gradients = jax.value_and_grad(lambda r, f: player(r, f).mean(), (0, 1))(real, fake)
            chex.assert_tree_all_finite((value, gradients))


def test_each_player_pulls_its_own_way():
    """The slip of the founding text's sample code: a discriminator loss with a wrong sign."""
    real, fake = jnp.zeros(4), jnp.zeros(4)
    for name in LOSSES:
        loss = getattr(losses, name)
        by_real, by_fake = jax.grad(lambda r, f: loss.discriminator(r, f).mean(), (0, 1))(real, fake)
        assert (by_real < 0).all(), f"{name}: descending must raise the logits of real images"
        assert (by_fake >= 0).all(), f"{name}: descending must lower the logits of fakes"
        assert (jax.grad(lambda f: loss.generator(real, f).mean())(fake) < 0).all(), name


def test_minimax_saturates_and_non_saturating_does_not():
    sure = jnp.array([-10.0])  # the discriminator is sure that this is a fake
    slope = {
        name: jax.grad(lambda f: getattr(losses, name).generator(sure, f).sum())(sure)
        for name in ("minimax", "non_saturating")
    }
    np.testing.assert_allclose(slope["minimax"], -np.exp(-10) / (1 + np.exp(-10)), rtol=1e-5)
    np.testing.assert_allclose(slope["non_saturating"], -1, rtol=1e-4)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 1), (4, 1)), ((4,), (3,))])
def test_shapes_that_would_broadcast_are_refused_at_trace_time(name, shapes):
    for player in getattr(losses, name):
        with pytest.raises(ValueError, match=r"logits") as caught:
            jax.eval_shape(player, *map(jnp.zeros, shapes))
        assert str(shapes[0]) in str(caught.value)
        assert str(shapes[1]) in str(caught.value)


def test_losses_work_under_vmap():
    real, fake = jnp.asarray(REAL, jnp.float32), jnp.asarray(FAKE, jnp.float32)
    for name in LOSSES:
        for player in getattr(losses, name):
            np.testing.assert_allclose(jax.vmap(player)(real, fake), player(real, fake), rtol=1e-6)
