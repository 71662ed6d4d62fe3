"""The game of tables: packs, their penalty, and what does not divide. `test_games` has its step."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import init_game, losses, make_step, penalties
from jaxgan.games import Prior, TableGame
from jaxgan.networks import tables

TX, KEY = optax.sgd(0.1), jax.random.key(0)
PRIOR = Prior((("normal", 3), ("gumbel", 5)))
RANDOM = np.random.default_rng(0)


class Linear(nn.Module):
    """A judge whose gradient is its weights."""

    @nn.compact
    def __call__(self, packs, labels=None, *, train):
        return nn.Dense(1, use_bias=False)(packs)[:, 0]


def game_of(penalty, pack=4, judge=None):
    generator = tables.Generator(1, (2, 3), noise=3, hidden=(4,), norm=False)
    return TableGame(generator, judge or Linear(), losses.wasserstein, penalty, prior=PRIOR, pack=pack)


def batch_of(count=8):
    category = np.eye(3)[RANDOM.integers(0, 3, count)]
    rows = np.concatenate([RANDOM.uniform(-1, 1, (count, 1)), np.eye(2)[[0] * count], category], axis=1)
    return {"image": jnp.asarray(rows, jnp.float32), "condition": jnp.asarray(category, jnp.float32)}


@pytest.mark.parametrize(("penalty", "times"), [(penalties.r1, 1), (penalties.r1_r2, 2)])
def test_a_penalty_is_of_a_pack(penalty, times):
    game, batch = game_of(penalty(gamma=2.0)), batch_of()
    state = init_game(KEY, game, batch, g_tx=TX, d_tx=TX)
    kernel = state.discriminator.params["Dense_0"]["kernel"]
    assert kernel.shape == (4 * (6 + 3), 1)  # four rows with their conditions
    _, metrics = jax.jit(make_step(game))(state, batch, KEY)
    np.testing.assert_allclose(metrics["penalty"], times * (kernel**2).sum(), rtol=1e-5)


@pytest.mark.parametrize(
    "penalty", [penalties.gradient_penalty(), penalties.dragan(), penalties.r1_r2(gamma=1.0)]
)
def test_other_penalties_take_packs(penalty):
    game, batch = game_of(penalty, judge=tables.Discriminator((4,))), batch_of()
    state = jax.eval_shape(lambda: init_game(KEY, game, batch, g_tx=TX, d_tx=TX))
    _, metrics = jax.eval_shape(make_step(game), state, batch, KEY)
    assert metrics["penalty"].shape == metrics["condition"].shape == ()


def test_a_batch_holds_whole_packs():
    game = game_of(None)
    state = jax.eval_shape(lambda: init_game(KEY, game, batch_of(), g_tx=TX, d_tx=TX))
    for options, count in (({}, 6), ({"accumulate": 4}, 8)):
        with pytest.raises(ValueError, match="do not divide into packs of 4"):
            jax.eval_shape(make_step(game, **options), state, batch_of(count), KEY)


def test_the_rows_of_a_pack_are_neighbors():
    rows, condition = jnp.arange(8.0).reshape(4, 2), 10 + jnp.arange(4.0).reshape(4, 1)
    packs = game_of(None, pack=2)._packs(rows, condition)
    np.testing.assert_array_equal(packs, [[0, 1, 10, 2, 3, 11], [4, 5, 12, 6, 7, 13]])


def test_a_table_without_categories_has_no_condition():
    game = dataclasses.replace(game_of(None), pack=1)
    batch = {"image": batch_of()["image"]}
    state = jax.eval_shape(lambda: init_game(KEY, game, batch, g_tx=TX, d_tx=TX))
    _, metrics = jax.eval_shape(make_step(game), state, batch, KEY)
    assert "condition" not in metrics
