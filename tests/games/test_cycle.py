"""CycleGAN: what goes there and back, what the players see, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import init_game, losses
from jaxgan.games import CycleGame, Game, Turn
from jaxgan.networks.patches import PatchDiscriminator
from jaxgan.networks.translators import Cycle, Judges, SRResNet
from smooth import Translator

KEY, TX = jax.random.key(5), optax.sgd(0.02)
JUDGES = Judges(PatchDiscriminator(2, 1), PatchDiscriminator(2, 1))
GAME = CycleGame(Cycle(Translator(), Translator()), JUDGES, losses.hinge, identity_weight=None)
IMAGES = jax.random.uniform(jax.random.key(1), (4, 8, 8, 1), minval=-1)
SOURCES = jax.random.uniform(jax.random.key(2), (4, 8, 8, 1), minval=-1)
TURN = Turn({"image": IMAGES, "source": SOURCES}, KEY, KEY)


@pytest.fixture(scope="module")
def state():
    return init_game(KEY, GAME, TURN.batch, g_tx=TX, d_tx=TX, latent_dim=0)


def test_the_terms_are_the_errors_there_and_back(state):
    params = state.generator.params

    def forth(x):
        return Translator().apply({"params": params["forth"]}, x, train=True)

    def back(x):
        return Translator().apply({"params": params["back"]}, x, train=True)

    def error(a, b):
        return np.abs(a - b).mean(axis=(1, 2, 3))

    play, _ = GAME.play(state.generator.variables, TURN, KEY, 0)
    cycle = error(back(forth(SOURCES)), SOURCES) + error(forth(back(IMAGES)), IMAGES)
    assert set(play.losses) == {"cycle"}
    np.testing.assert_allclose(play.losses["cycle"], 5 * cycle, rtol=1e-5)
    np.testing.assert_allclose(play.fake[0], forth(SOURCES), atol=1e-6)
    np.testing.assert_allclose(play.fake[1], back(IMAGES), atol=1e-6)
    real, fake = GAME.shown(state.generator.variables, IMAGES, SOURCES)
    for shown, expected in ((real, (IMAGES, SOURCES)), (fake, play.fake)):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), shown, expected)


def test_each_judge_sees_its_own_set(state):
    variables = state.discriminator.variables
    logits = JUDGES.apply(variables, (IMAGES, SOURCES), train=False)
    other = JUDGES.apply(variables, (IMAGES, SOURCES + 0.5), train=False)
    changed = np.abs(logits - other).max(axis=0) > 1e-6
    half = logits.shape[1] // 2
    assert not changed[:half].any()
    assert changed[half:].any()


def test_the_grid_has_rows_of_both_ways(state):
    made = GAME.draw(state.ema, SOURCES)
    grid = GAME.grid(IMAGES, None, 2, GAME.inputs_of(TURN.batch, KEY, 4, 0))(state.ema, made)
    again, sources = GAME.draw_back(state.ema, made), GAME.draw_back(state.ema, IMAGES)
    panes = (SOURCES, made, again, IMAGES, sources, GAME.draw(state.ema, sources))
    expected = jnp.concatenate([each[rows] for rows in (slice(2), slice(2, 4)) for each in panes])
    np.testing.assert_allclose(grid, expected, atol=1e-6)


def test_each_network_is_cut_out_of_its_player(state):
    forth, back = GAME.generator_of(GAME.generator, state.ema), GAME.backward_of(GAME.generator, state.ema)
    made = [module.apply(part, SOURCES, train=False) for module, part in (forth, back)]
    np.testing.assert_allclose(made[0], GAME.draw(state.ema, SOURCES), atol=1e-6)
    np.testing.assert_allclose(made[1], GAME.draw_back(state.ema, SOURCES), atol=1e-6)
    judge, part = GAME.discriminator_of(JUDGES, state.discriminator.variables)
    both = JUDGES.apply(state.discriminator.variables, (IMAGES, SOURCES), train=False)
    logits = judge.apply(part, IMAGES, train=False)
    np.testing.assert_allclose(logits, both[:, : logits.shape[1]], atol=1e-6)
    alone = Game(Translator(), PatchDiscriminator(2, 1), losses.hinge)
    assert alone.backward_of(alone.generator, state.ema) is None


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="`back_again`, and Translator has none: make it by"):
        CycleGame(Translator(), JUDGES, losses.hinge)
    with pytest.raises(ValueError, match='a "source" beside the "image"'):
        init_game(KEY, GAME, {"image": IMAGES}, g_tx=TX, d_tx=TX, latent_dim=0)
    game = CycleGame(Cycle(Translator(), SRResNet(1, 2, 2, 0)), JUDGES, losses.hinge, identity_weight=None)
    with pytest.raises(ValueError, match="the way back makes"):
        init_game(KEY, game, TURN.batch, g_tx=TX, d_tx=TX, latent_dim=0)
