"""The gradient of a batch in parts is the gradient of the batch, where examples do not look at each other."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import modes
from jaxgan import init_state, losses, parallel, updates
from jaxgan.games import Game, Turn
from jaxgan.games.accumulate import mean_of_parts
from jaxgan.networks import mlp
from jaxgan.step import make_train_step
from modes import KEY, difference, on_one_device

DENSE = "dense, R1, three critic steps"


@pytest.mark.parametrize(
    ("game", "mode"),
    [
        (DENSE, "one"),
        (DENSE, "shard_map"),
        pytest.param("WGAN-GP", "jit", marks=pytest.mark.slow),
        pytest.param("R3GAN, R1 and R2", "one", marks=pytest.mark.slow),
        pytest.param("R1 and R2 through DiffAugment", "one", marks=pytest.mark.long),
        pytest.param("DiffAugment", "one", marks=pytest.mark.long),
        pytest.param("DiffAugment", "shard_map", marks=pytest.mark.slow),
    ],
)
def test_a_batch_in_parts_gives_the_same_numbers(game, mode):
    state, step, batch_at, stored = modes.make(game, modes.axis_of(mode), accumulate=4)
    run = modes.adapted(mode, step, parallel.batch_mesh())
    for t in range(modes.steps_of(game)):
        state, metrics = run(state, batch_at(stored, t), KEY)
    assert difference((state, metrics), on_one_device(game)) < 1e-5


def turn(size=12):
    batch = {"image": jnp.arange(float(size)), "label": jnp.arange(size)}
    return Turn(batch, jax.random.key(0), jax.random.key(1))


def test_parts_are_every_nth_example_and_all_is_averaged():
    seen = []

    def gradient(turn):
        jax.debug.callback(lambda *values: seen.append(values), turn.real, turn.labels, turn.part[0])
        return turn.real.sum(), {"count": jnp.int32(7)}, {"largest": turn.real.max()}

    gradients, collections, metrics = mean_of_parts(
        Game(mlp.Generator((1,)), mlp.Discriminator(), losses.hinge), gradient, turn(), 3
    )
    assert [np.asarray(real).tolist() for real, _, _ in seen] == [[i, i + 3, i + 6, i + 9] for i in range(3)]
    assert [int(part) for *_, part in seen] == [0, 1, 2]
    assert (float(gradients), int(collections["count"]), float(metrics["largest"])) == (22.0, 7, 10.0)
    assert collections["count"].dtype == jnp.int32


@pytest.mark.slow
def test_running_statistics_are_those_of_the_parts():
    """Batch normalisation sees parts: their means average to the batch's, their variances do not."""
    state, _, batch_at, stored = modes.make("convolutions, batch norm")
    case = modes.GAMES["convolutions, batch norm"]
    batch, after = batch_at(stored, 0), {}
    for parts in (1, 3):
        step = make_train_step(
            case.generator, case.discriminator, losses.non_saturating, accumulate=parts, axis_name=None
        )
        after[parts] = jax.jit(step)(state, batch, KEY)[0].generator.collections["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(after[3]["mean"], after[1]["mean"], atol=1e-6)
    assert (after[3]["var"] < after[1]["var"]).all()  # within parts there is less


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(updates.unrolled(steps=2, learning_rate=0.01), marks=pytest.mark.slow, id="unrolled"),
        pytest.param(updates.consensus(weight=0.1), id="consensus"),
    ],
)
def test_rules_that_differentiate_gradients_keep_one_part_at_a_time(rule):
    tx, (generator, discriminator) = (
        optax.sgd(0.1),
        (mlp.Generator((8, 8, 1), (32,)), mlp.Discriminator((32,))),
    )
    shapes = {"image_shape": (8, 8, 1), "latent_dim": 16}
    state = init_state(jax.random.key(0), generator, discriminator, **shapes, g_tx=tx, d_tx=tx)
    batch = {"image": jax.random.uniform(jax.random.key(1), (512, 8, 8, 1), minval=-1)}
    after, memory = {}, {}
    for parts in (1, 8):
        step = make_train_step(generator, discriminator, losses.non_saturating, update=rule, accumulate=parts)
        compiled = jax.jit(step).lower(state, batch, KEY).compile()
        after[parts] = compiled(state, batch, KEY)
        memory[parts] = compiled.memory_analysis().temp_size_in_bytes
    assert difference(after[8], after[1]) < 1e-5
    assert memory[8] < memory[1] / 3


def test_parts_do_not_share_a_dropout_mask():
    class Dropping(nn.Module):
        @nn.compact
        def __call__(self, images, labels=None, *, train):
            return nn.Dropout(0.5, deterministic=not train)(jnp.ones((len(images), 50))).mean(axis=1)

    game = Game(mlp.Generator((1,)), Dropping(), losses.hinge)
    logits = {}
    for part in (0, 1):
        key = turn()._replace(part=(part, 2)).keys.real
        logits[part] = game.judge({"params": {}}, jnp.zeros((3, 1)), None, key)[0].logits
    assert np.abs(logits[0] - logits[1]).max() > 0.01


def test_what_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="batch of 12 does not divide into 5 parts"):
        mean_of_parts(
            Game(mlp.Generator((1,)), mlp.Discriminator(), losses.hinge), lambda turn: turn.real, turn(), 5
        )
    with pytest.raises(ValueError, match="at least 1, got 1 and 0"):
        modes.make("dense", accumulate=0)
