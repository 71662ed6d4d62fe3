"""The paired game: pairs stay pairs, and what the players see of them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import augment, init_game, losses, make_step, updates
from jaxgan.games import PairedGame, Turn, degradations, objectives
from jaxgan.games.paired import enlarged, pixels_per_source
from jaxgan.images import to_float
from jaxgan.networks.patches import PatchDiscriminator
from jaxgan.networks.translators import SRResNet
from smooth import PatchPairs, Translator

KEY, TX = jax.random.key(5), optax.sgd(0.02)
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 1)).astype(np.uint8)
SOURCES = np.random.default_rng(1).integers(0, 256, (24, 4, 4, 1)).astype(np.uint8)
SMALL = PairedGame(SRResNet(1, 2, 2, 0), PatchDiscriminator(2, 1), losses.least_squares)
SAME = PairedGame(Translator(), PatchPairs(), losses.hinge, degrade=degradations.denoising())


def first(game, batch):
    return init_game(KEY, game, batch, g_tx=TX, d_tx=TX, latent_dim=0)


def test_pairs_of_the_data_stay_pairs_through_the_discriminators_updates():
    """A source is its image's number, so a wrong partner would show."""
    count = np.arange(24, dtype=np.float32).reshape(-1, 1, 1, 1)
    batch = {"image": jnp.tile(count, (1, 8, 8, 1)), "source": jnp.tile(count, (1, 4, 4, 1))}
    seen = []

    def update(players, state, d_turns, g_turn):
        turns = [*d_turns, g_turn]
        seen.extend((SMALL.inputs(turn, 0), turn.real) for turn in turns)
        return updates.alternating(players, state, d_turns, g_turn)

    step = make_step(SMALL, d_steps=2, update=update)
    _, values = jax.jit(lambda state: (step(state, batch, KEY)[0].step, seen))(first(SMALL, batch))
    assert len(values) == 3
    for sources, images in values:
        np.testing.assert_array_equal(sources[:, 0, 0, 0], images[:, 0, 0, 0])
    np.testing.assert_array_equal(values[1][1], values[2][1])  # the generator has the last critic's


def test_image_and_source_are_flipped_together():
    """A pixel of the source is half of the column of its image's pixels, from either side."""
    columns = np.arange(8, dtype=np.float32).reshape(1, 1, 8, 1)
    batch = {"image": jnp.tile(columns, (24, 8, 1, 1)), "source": jnp.tile(columns[:, :, ::2], (24, 4, 1, 1))}
    seen = []

    def update(players, state, d_turns, g_turn):
        seen.extend([(g_turn.batch["source"], g_turn.real)])
        return updates.alternating(players, state, d_turns, g_turn)

    step = make_step(SMALL, mirror=True, update=update)
    _, values = jax.jit(lambda state: (step(state, batch, KEY)[0].step, seen))(first(SMALL, batch))
    sources, images = values[0]
    flipped = np.asarray(images[:, 0, 0, 0]) == 7
    assert 0 < flipped.sum() < 24
    np.testing.assert_array_equal(np.asarray(sources[:, 0, 0, 0]) == 6, flipped)


def test_image_and_source_are_augmented_by_the_same_draws():
    game = dataclasses.replace(SMALL, augment=augment.diff_augment(policy="translation"))
    image = jnp.arange(64.0).reshape(1, 8, 8, 1).repeat(5, axis=0) / 64
    turn = Turn({"image": image}, jax.random.key(1), jax.random.key(2))
    see_real, _ = objectives._views(game, turn, turn.keys, first(SMALL, {"image": PIXELS, "source": SOURCES}))
    one, two = see_real((image, image))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - image).max() > 0


@pytest.mark.slow
def test_the_discriminator_sees_sources_at_the_images_size_or_not_at_all():
    turn = Turn({"image": jnp.zeros((2, 8, 8, 1)), "source": jnp.ones((2, 4, 4, 1))}, KEY, KEY)
    state = first(SMALL, turn.batch)
    play, _ = SMALL.play(state.generator.variables, turn, KEY, 0)
    assert [x.shape for x in play.real] == [(2, 8, 8, 1)] * 2
    np.testing.assert_array_equal(play.real[1], 1)
    np.testing.assert_array_equal(play.fake[1], play.real[1])
    alone = dataclasses.replace(SMALL, shows_source=False)
    play, _ = alone.play(state.generator.variables, turn, KEY, 0)
    assert play.real.shape == play.fake.shape == (2, 8, 8, 1)
    assert first(alone, turn.batch).discriminator.params["Conv_0"]["kernel"].shape[2] == 1
    real, fake = SMALL.shown(state.ema, turn.real, turn.batch["source"])
    assert [x.shape for x in (*real, *fake)] == [(2, 8, 8, 1)] * 4


def test_the_distance_is_named_and_only_the_generators():
    batch = {"image": PIXELS, "source": SOURCES}
    _, metrics = jax.jit(make_step(SMALL))(first(SMALL, batch), batch, KEY)
    assert set(PairedGame.LINE) <= set(metrics)
    assert {name for names in PairedGame.PANELS.values() for name in names} <= set(metrics)
    state = first(SMALL, batch)
    made = SMALL.draw(state.generator.variables, to_float(jnp.asarray(SOURCES)))
    error = np.abs(np.asarray(made) - (PIXELS / 127.5 - 1)).mean()
    np.testing.assert_allclose(metrics["reconstruction"], 100 * error, rtol=1e-5)


@pytest.mark.slow
def test_without_an_adversary_the_generator_learns_by_the_distance_alone():
    game = dataclasses.replace(SAME, adversarial_weight=0.0)
    state = first(SAME, {"image": PIXELS})
    other = state.replace(discriminator=jax.tree.map(lambda x: x * 2, state.discriminator))
    traced = dataclasses.replace(SAME, adversarial_weight=jnp.float32(0.0))  # as in a sweep
    pairs = (game, state), (game, other), (traced, state)
    after = [jax.jit(make_step(played))(start, {"image": PIXELS}, KEY)[0] for played, start in pairs]
    for each in after[1:]:
        jax.tree.map(np.testing.assert_array_equal, each.generator.params, after[0].generator.params)


def test_turns_draw_their_own_sources_and_equal_keys_the_same():
    turn = Turn({"image": jnp.zeros((3, 8, 8, 1))}, jax.random.key(1), jax.random.key(2))
    one, same = SAME.inputs(turn, 0), SAME.inputs(turn._replace(key=KEY), 0)
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - SAME.inputs(turn._replace(latent_key=KEY), 0)).max() > 0.1
    assert np.abs(one[0] - one[1]).max() > 0.1
    few, many = (SAME.inputs_of({"image": PIXELS[:n]}, KEY, n, 0) for n in (2, 5))
    np.testing.assert_array_equal(few, many[:2])


def test_a_grid_has_rows_of_source_made_and_real():
    sources, made = jnp.full((4, 4, 4, 1), -0.5), jnp.zeros((4, 8, 8, 3))
    images = np.full((4, 8, 8, 3), 255, np.uint8)
    grid = np.asarray(SMALL.grid(images, None, 2, sources)({}, made))
    assert grid.shape == (12, 8, 8, 3)
    np.testing.assert_array_equal(grid[:, 0, 0, 0], 2 * [-0.5, -0.5, 0, 0, 1, 1])


def test_a_source_is_enlarged_by_repeating_its_pixels():
    source = jnp.arange(4.0).reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(
        enlarged(source, (4, 4))[0, :, :, 0], np.kron([[0, 1], [2, 3]], np.ones((2, 2)))
    )
    assert pixels_per_source((7, 5), (28, 20)) == 4
    for image in ((28, 21), (27, 20), (6, 5)):
        with pytest.raises(ValueError, match="a whole number of times as large as its source, got 7x5 for"):
            pixels_per_source((7, 5), image)


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda: first(SMALL, {"image": PIXELS}), 'batches with a "source", or a `degrade`'),
        (lambda: first(SMALL, {"image": PIXELS, "source": SOURCES[:, :3]}), "makes images of shape"),
        (
            lambda: first(SMALL, {"image": PIXELS[:, :, :, [0, 0]], "source": SOURCES}),
            "makes images of shape",
        ),
    ],
)
def test_what_makes_no_pairs_is_refused(mistake, sentence):
    with pytest.raises(ValueError, match=sentence):
        mistake()
