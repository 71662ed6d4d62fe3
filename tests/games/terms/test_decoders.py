from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import build, data, init_game, losses, make_train_step
from jaxgan.config import Config
from jaxgan.games import Turn
from jaxgan.games.terms import Context, Decoders
from jaxgan.networks import fastgan, mlp
from jaxgan.system.errors import UserError

KEY, SHAPE = jax.random.key(3), (4, 4, 1)


class Judge(nn.Module):
    """A discriminator whose decoders make constant images: one number for the whole, one for a quarter."""

    decoders: bool = True

    @nn.compact
    def __call__(self, images, labels=None, *, train, quarters=None):
        whole, part = (self.param(name, nn.initializers.zeros, ()) for name in ("whole", "part"))
        if quarters is not None:
            corner = fastgan.quarter(images, quarters)
            return (jnp.full_like(images, whole), images), (jnp.full_like(corner, part), corner)
        return nn.Dense(1)(images.reshape(len(images), -1))[:, 0]


def darker(images, *, keys, step):
    return images - 9


def made(generator: Any, judge: Any, term: Decoders, shape, **options):
    """Return a step and its first state, for SGD of the discriminator alone."""
    step = make_train_step(generator, judge, losses.hinge, terms=(term,), **options)
    optimizers = {"g_tx": optax.set_to_zero(), "d_tx": optax.sgd(0.1)}
    return step, init_game(KEY, step.game, {"image": jnp.zeros((8, *shape))}, **optimizers, latent_dim=3)


def test_the_term_is_the_distance_of_whole_images_and_of_one_quarter_each():
    """The four quarters are 1, 2, 3 and 4, and everything is rebuilt as 0."""
    images = jnp.kron(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.ones((2, 2)))[None, :, :, None]
    images = jnp.repeat(images, 64, axis=0)
    term = Decoders(2.0)
    step, state = made(mlp.Generator(SHAPE, (5,)), Judge(), term, SHAPE)

    def distances(key):
        turn = Turn({"image": jnp.zeros_like(images)}, key, key)
        variables = state.discriminator.variables
        context = Context(step.game, turn, *[None] * 3, {}, variables, None, key, 3, 0, {}, images)
        return np.asarray(term.discriminator(context).losses["decoders"])

    places = distances(KEY) / 2 - 2.5
    assert set(places.round(4).tolist()) == {1.0, 2.0, 3.0, 4.0}
    np.testing.assert_array_equal(distances(KEY), distances(KEY))
    assert not np.array_equal(distances(KEY), distances(jax.random.key(4)))


def test_a_step_rebuilds_the_images_that_the_discriminator_sees():
    """All of them are below 0 behind the augmentation, so each constant falls by the rate times the weight."""
    images = jax.random.uniform(KEY, (8, *SHAPE))
    step, state = made(mlp.Generator(SHAPE, (5,)), Judge(), Decoders(2.0), SHAPE, augment=darker)
    after, metrics = jax.jit(step)(state, {"image": images}, KEY)
    for name in ("whole", "part"):
        np.testing.assert_allclose(after.discriminator.params[name], -0.1 * 2, rtol=1e-5)
    assert 2 * 2 * 8 < metrics["decoders"] < 2 * 2 * 9


@pytest.mark.parametrize(("height", "width"), [(4, 6), (2, 2)])
def test_a_quarter_is_that_of_its_place(height, width):
    maps = np.random.default_rng(0).standard_normal((4, height, width, 3), np.float32)
    ours = fastgan.quarter(jnp.asarray(maps), jnp.array([2, 1, 3, 0]))
    high, wide = height // 2, width // 2
    expected = [maps[0, high:, :wide], maps[1, :high, wide:], maps[2, high:, wide:], maps[3, :high, :wide]]
    np.testing.assert_array_equal(ours, expected)


def settings(**changes):
    values = {"network": "fastgan", "width": 2, "batch_size": 2, "terms": ("decoders",)} | changes
    return Config(**values).check()


def test_the_family_s_discriminator_has_decoders_where_the_term_asks_for_them():
    images = data.from_arrays(np.zeros((4, 16, 16, 1), np.uint8))
    experiment = build.experiment(settings(discriminator_norm="none", penalty="r1"), images)
    assert experiment.discriminator == fastgan.Discriminator(2, 1, small=False, norm="none", decoders=True)
    assert not any("norm" in name for name in experiment.shapes.discriminator.params)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: build.experiment(
                settings(network="dcgan"), data.from_arrays(np.zeros((4, 8, 8, 1), np.uint8))
            ),
            r"the term decoders needs .* fastgan.Discriminator\(decoders=True\): Discriminator has no decoders",
        ),
        (lambda: settings(terms=(), decoders_weight=2.0), "`decoders_weight` 2.0 has no effect with `terms`"),
        (lambda: settings(decoders_weight=-1.0), "`decoders_weight` must be 0 or a positive number, got -1"),
    ],
)
def test_mistakes_are_a_sentence(call, message):
    with pytest.raises(UserError, match=message):
        call()
    with pytest.raises(ValueError, match="`weight` must be at least 0, got -1"):
        Decoders(-1.0)


@pytest.mark.long
def test_parts_of_a_batch_rebuild_the_quarters_of_the_whole_one():
    shape, results = (8, 8, 1), []
    images = jax.random.uniform(KEY, (8, *shape), minval=-1)
    judge = fastgan.Discriminator(2, 1, small=False, norm="none", decoders=True)
    for accumulate in (1, 2):
        step, state = made(fastgan.Generator(shape, 1, 1), judge, Decoders(), shape, accumulate=accumulate)
        results.append(jax.jit(step)(state, {"image": images}, KEY)[1]["decoders"])
    np.testing.assert_allclose(*results, rtol=1e-5)
