"""The perceptual term: its value by NumPy, and a network in the state that does not learn."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import init_game, losses, make_step
from jaxgan.games import Game, PairedGame, Perceptual, Play, Turn
from jaxgan.games.terms import Context
from jaxgan.networks.translators import SRResNet
from smooth import DenseDiscriminator, DenseGenerator, PatchPairs

RNG = np.random.default_rng(0)
KEY, TX = jax.random.key(0), optax.sgd(0.02)
VARIABLES = {
    "params": {"first": {"kernel": RNG.normal(size=(64, 5)).astype(np.float32)}, "scale": np.float32(3)}
}
MADE, REAL = (RNG.uniform(-1, 1, (4, 8, 8, 1)).astype(np.float32) for _ in range(2))


def features(variables, images):
    params = variables["params"]
    return images.reshape(len(images), -1) @ params["first"]["kernel"], params["scale"] * images


TERM = Perceptual(features, VARIABLES, weight=0.5)


def test_it_is_the_mean_error_of_all_features():
    shown = (jnp.asarray(MADE), jnp.zeros((4, 8, 8, 1)))
    play = Play(shown, shown, None)
    nothing = dict.fromkeys(Context._fields)
    turn = Turn({"image": jnp.asarray(REAL)}, KEY, KEY)
    context = Context(**nothing | {"play": play, "turn": turn, "memory": TERM.start()})
    difference = MADE - REAL
    dense = np.abs(difference.reshape(4, -1) @ VARIABLES["params"]["first"]["kernel"]).mean(axis=1)
    expected = 0.5 * (dense + 3 * np.abs(difference).mean(axis=(1, 2, 3))) / 2
    np.testing.assert_allclose(TERM.generator(context).losses["perceptual"], expected, rtol=1e-4)


@pytest.mark.slow
def test_its_network_is_an_argument_of_the_step_and_does_not_learn():
    game = PairedGame(SRResNet(1, 2, 2, 0), PatchPairs(), losses.least_squares, terms=(TERM,))
    batch = {"image": jnp.asarray(REAL), "source": jnp.asarray(REAL[:, ::2, ::2])}
    state, step = init_game(KEY, game, batch, g_tx=TX, d_tx=TX, latent_dim=0), make_step(game)
    before = jax.tree.map(np.array, state.terms)
    advance = jax.jit(step)
    after, metrics = advance(state, batch, KEY)
    assert set(before["perceptual"]) == {"params/first/kernel", "params/scale"}
    jax.tree.map(np.testing.assert_array_equal, before, after.terms)
    made = np.repeat(np.repeat(REAL[:, ::2, ::2], 2, axis=1), 2, axis=2)  # the network begins there
    dense = np.abs((made - REAL).reshape(4, -1) @ VARIABLES["params"]["first"]["kernel"]).mean()
    expected = 0.5 * (dense + 3 * np.abs(made - REAL).mean()) / 2
    assert float(metrics["perceptual"]) == pytest.approx(expected, rel=1e-4)
    doubled = state.replace(terms=jax.tree.map(lambda x: 2 * x, state.terms))
    assert float(advance(doubled, batch, KEY)[1]["perceptual"]) == pytest.approx(2 * expected, rel=1e-4)
    assert advance._cache_size() == 1


def test_it_needs_pairs_and_a_weight():
    with pytest.raises(ValueError, match="Game has no pairs: it goes with PairedGame"):
        TERM.check(Game(DenseGenerator((8, 8, 1)), DenseDiscriminator(), losses.hinge))
    with pytest.raises(ValueError, match="`weight` must be at least 0, got -1"):
        Perceptual(features, VARIABLES, weight=-1)
