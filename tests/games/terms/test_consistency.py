"""Consistency terms of linear networks, whose values are known."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import init_game, losses, make_train_step, penalties
from jaxgan.games.terms import BalancedConsistency, LatentConsistency

KEY, SIZE = jax.random.key(2), 4000


class Scaled(nn.Module):
    """G(z) = 3 z."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        return self.param("scale", nn.initializers.constant(3.0), ()) * latents


class Sum(nn.Module):
    """D(x) is half of the sum of x."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return self.param("psi", nn.initializers.constant(0.5), ()) * images.sum(1)


def played(term, **options):
    step = make_train_step(Scaled(), Sum(), losses.wasserstein, terms=(term,), **options)
    batch, still = {"image": jax.random.normal(jax.random.key(1), (SIZE, 5))}, optax.set_to_zero()
    state = init_game(KEY, step.game, batch, g_tx=still, d_tx=still, latent_dim=5)
    return state, jax.jit(step)(state, batch, KEY)[1]


def test_neighbors_differ_by_the_noise():
    """G(z') - G(z) is 3 * 0.1 n; the logits differ by half of the sum of 5 such, of variance 5 * .15^2."""
    state, metrics = played(LatentConsistency(weight=7.0, generator_weight=2.0, noise=0.1))
    assert state.terms == {}
    np.testing.assert_allclose(metrics["zcr"], 7 * 5 * 0.15**2, rtol=0.1)
    np.testing.assert_allclose(metrics["generator_zcr"], -2 * 0.3**2, rtol=0.05)


def test_the_generator_moves_its_neighbors_apart():
    """Of ``-s^2 v``, the slope by s is twice the value over s."""
    scales = []
    for weight in (0.0, 1.0):
        term = LatentConsistency(weight=0.0, generator_weight=weight, noise=0.1)
        step = make_train_step(Scaled(), Sum(), losses.wasserstein, terms=(term,))
        batch, tx = {"image": jnp.zeros((50, 5))}, optax.sgd(1.0)
        state = init_game(KEY, step.game, batch, g_tx=tx, d_tx=optax.set_to_zero(), latent_dim=5)
        after, metrics = jax.jit(step)(state, batch, KEY)
        scales.append(float(after.generator.params["scale"]))
    np.testing.assert_allclose(scales[1] - scales[0], -2 * metrics["generator_zcr"] / 3, rtol=1e-3)


def test_doubled_images_have_doubled_logits():
    """With T(x) = 2 x, the difference of logits is the logit itself."""
    twice = penalties.consistency(lambda x, *, keys, step: 2 * x, real_weight=3.0, fake_weight=0.5)
    _, metrics = played(BalancedConsistency(twice))
    logits = 0.5 * np.asarray(jax.random.normal(jax.random.key(1), (SIZE, 5))).sum(1)
    fakes = 0.5**2 * 9 * 5  # the variance of a fake's logit
    np.testing.assert_allclose(metrics["bcr"], 3 * (logits**2).mean() + 0.5 * fakes, rtol=0.05)


def test_terms_are_judged_behind_the_augmentation():
    _, metrics = played(LatentConsistency(7.0, 2.0, 0.1), augment=lambda x, *, keys, step: 0 * x)
    assert metrics["zcr"] == 0
    np.testing.assert_allclose(metrics["generator_zcr"], -2 * 0.3**2, rtol=0.05)


@pytest.mark.parametrize("name", ["weight", "generator_weight", "noise"])
def test_numbers_out_of_range_are_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` must be at least 0, got -1"):
        LatentConsistency(**{name: -1.0})
