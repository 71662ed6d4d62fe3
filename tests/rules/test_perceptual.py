"""The perceptual term of a run: the features of a trained run's discriminator, frozen in the state."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from jaxgan import build, data, export, train
from jaxgan.config import Config
from jaxgan.games import Play, Turn
from jaxgan.games.terms import Context
from jaxgan.rules import Paired
from jaxgan.system.errors import UserError

SMALL = {"degrade": "super_resolution", "scale": 2, "translator_width": 2, "blocks": 0, "patch_width": 2}
STEPS = {"batch_size": 8, "quiet": True, "diagnose_every": None, "generator_learning_rate": 0.01}


@pytest.mark.slow
def test_it_needs_a_run_whose_discriminator_judges_such_images_alone(digits_run, tmp_path):
    with pytest.raises(
        UserError, match=r"`perceptual_weight` 1.0 weighs .* name the run's folder by `percept"
    ):
        Config(game=Paired("coloring", perceptual_weight=1)).check()
    with pytest.raises(UserError, match="`perceptual_features` has no effect with `perceptual_weight` 0"):
        Config(game=Paired("coloring", perceptual_features="x")).check()
    images = data.digits().images[:16]

    def experiment(features, images=images):
        game = Paired(perceptual_weight=1, perceptual_features=str(features), **SMALL)
        return build.experiment(Config(game=game, **STEPS).check(), data.from_arrays(images))

    with pytest.raises(UserError, match="has no exported discriminator"):
        experiment(tmp_path)
    with pytest.raises(UserError, match="it judges images of 8x8x1, and these are 16x8x1"):
        experiment(digits_run, images.repeat(2, axis=1))
    judge = build.experiment(Config(game=Paired(**SMALL), **STEPS).check(), data.from_arrays(images))
    state = judge.init(jax.random.key(0))
    sizes = {"image_shape": (8, 8, 1), "latent_dim": 0, "num_classes": None, "step": 0}
    variables = state.discriminator.variables
    export.discriminator.save_discriminator(
        tmp_path / "export", judge.discriminator, variables, **sizes, source_shape=(4, 4, 1)
    )
    with pytest.raises(
        UserError, match=r"its discriminator judges pairs, .* or one with `judge_source` False"
    ):
        experiment(tmp_path)


@pytest.mark.long
def test_its_value_is_the_error_of_the_features_and_a_run_is_resumed_exactly(digits_run, tmp_path):
    game = Paired(perceptual_weight=3, perceptual_features=str(digits_run), **SMALL)
    config = Config(game=game, log_every=1, **STEPS)
    whole = train.run(config.replace(workdir=str(tmp_path / "whole"), steps=4))
    for steps in (2, 4):
        parts = train.run(config.replace(workdir=str(tmp_path / "parts"), steps=steps))
    for one, other in zip(*(jax.tree.leaves(run.state) for run in (whole, parts)), strict=True):
        np.testing.assert_array_equal(one, other)

    judge = export.read_discriminator(digits_run)
    frozen = parts.state.terms["perceptual"]
    for name, value in flatten_dict(judge.variables, sep="/").items():
        np.testing.assert_array_equal(frozen[name], value)

    step = build.experiment(config.check(), data.digits()).step
    (term,) = step.game.terms
    made, real = (jax.random.uniform(jax.random.key(i), (3, 8, 8, 1), minval=-1) for i in (0, 1))
    nothing, turn = dict.fromkeys(Context._fields), Turn({"image": real}, None, None)
    context = {"play": Play(made, made, None), "turn": turn, "memory": frozen}
    losses = term.generator(Context(**nothing | context)).losses["perceptual"]
    layers = [
        judge.module.apply(judge.variables, x, jnp.full(3, -1), train=False, features=True)
        for x in (made, real)
    ]
    errors = [np.abs(x - y).reshape(3, -1).mean(axis=1) for x, y in zip(*layers, strict=True)]
    np.testing.assert_allclose(losses, 3 * np.mean(errors, axis=0), rtol=1e-5)
    assert len(errors) > 1

    rows = [json.loads(line) for line in (tmp_path / "whole/metrics.jsonl").read_text().splitlines()]
    assert [row["perceptual"] > 0 for row in rows] == 4 * [True]
    without = train.run(config.replace(game=Paired(**SMALL), workdir=str(tmp_path / "without"), steps=4))
    difference = jax.tree.map(lambda x, y: np.abs(x - y).max(), whole.state.ema, without.state.ema)
    assert max(jax.tree.leaves(difference)) > 1e-4
