"""One device, a compiled loop and pmap: the same step, the same numbers (SGD: Adam hides a wrong scale)."""

from functools import cache, partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import data, losses, parallel, penalties
from jaxgan.networks import dcgan, mlp
from jaxgan.state import init_state
from jaxgan.step import make_train_step

KEY = jax.random.key(5)
D_STEPS, STEPS = 3, 4
BATCH_AT = partial(data.batch_at, seed=2, batch_size=8 * D_STEPS)

GAMES = {
    "mlp": (mlp.Generator((8, 8, 1), (16,)), mlp.Discriminator((16,)), penalties.r1(gamma=1.0)),
    "batch-norm generator, spectral, R1": (
        dcgan.Generator((8, 8, 1), 8),
        dcgan.Discriminator(8, "spectral"),
        penalties.r1(gamma=1.0),
    ),
    "batch norm in both": (dcgan.Generator((16, 16, 1), 4), dcgan.Discriminator(4), None),
}


def arrays(generator):
    images = jax.random.randint(jax.random.key(1), (50, *generator.image_shape), 0, 256)
    return {"image": images.astype(jnp.uint8)}


def make(game, axis_name=None):
    generator, discriminator, penalty = GAMES[game]
    tx = optax.sgd(0.02, momentum=0.5)  # two batch norms on top of each other amplify rounding
    state = init_state(
        jax.random.key(0),
        generator,
        discriminator,
        image_shape=generator.image_shape,
        latent_dim=6,
        g_tx=tx,
        d_tx=tx,
    )
    step = make_train_step(
        generator,
        discriminator,
        losses.non_saturating,
        penalty=penalty,
        d_steps=D_STEPS,
        ema_decay=0.9,
        axis_name=axis_name,
    )
    return state, step, arrays(generator)


@cache
def on_one_device(game):
    state, step, stored = make(game)
    run = parallel.jit(step)
    for t in range(STEPS):
        state, metrics = run(state, BATCH_AT(stored, t), KEY)
    return state, metrics


def assert_close(result, expected):
    for ours, theirs in zip(jax.tree.leaves(result), jax.tree.leaves(expected), strict=True):
        largest = float(np.abs(theirs).max())
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * largest + 1e-7)


@pytest.mark.parametrize("game", GAMES)
def test_pmap_on_two_devices_gives_the_numbers_of_one(game):
    state, step, stored = make(game, axis_name="batch")
    run = jax.pmap(step, axis_name="batch", in_axes=(None, 0, None), out_axes=None)
    for t in range(STEPS):
        split = jax.tree.map(lambda x: x.reshape(2, -1, *x.shape[1:]), BATCH_AT(stored, t))
        state, metrics = run(state, split, KEY)
    assert_close((state, metrics), on_one_device(game))


@pytest.mark.parametrize("game", GAMES)
def test_a_loop_split_anywhere_gives_the_same_bits(game):
    start, step, stored = make(game)
    run = parallel.scan(step, BATCH_AT)
    results = []
    for split in ((4,), (1, 3), (1, 1, 1, 1)):
        state = jax.tree.map(jnp.copy, start)
        for n in split:
            state, metrics = run(state, stored, KEY, n)
        results.append((state, metrics))
    assert run._cache_size() == 1  # n is traced
    for other in results[1:]:
        jax.tree.map(np.testing.assert_array_equal, *map(jax.tree.leaves, (other, results[0])))
    assert_close(results[0], on_one_device(game))


@pytest.mark.parametrize("game", ["mlp", "batch norm in both"])
def test_a_compiled_run_is_the_loop_or_single_calls(game):
    """Dense networks loop; convolutions on CPU are called one by one. Both are the same however cut."""
    start, step, stored = make(game)
    run = parallel.compile_run(step, BATCH_AT, start, jax.eval_shape(lambda: stored), KEY)
    assert isinstance(run, jax.stages.Compiled) == (game == "mlp")
    results = []
    for split in ((4,), (1, 3)):
        state = jax.tree.map(jnp.copy, start)
        for n in split:
            state, metrics = run(state, stored, KEY, n)
        results.append((state, metrics))
    jax.tree.map(np.testing.assert_array_equal, *map(jax.tree.leaves, results))
    assert_close(results[0], on_one_device(game))


def test_a_step_for_another_axis_is_refused():
    _, step, _ = make("mlp", axis_name="batch")
    assert step.axis_name == "batch"
    for adapter in (parallel.jit, partial(parallel.scan, batch_at=BATCH_AT)):
        with pytest.raises(ValueError, match="'batch'"):
            adapter(step)


def test_batch_norm_that_cannot_be_told_of_the_axis_is_refused():
    class Blind(nn.Module):
        @nn.compact
        def __call__(self, latents, labels=None, *, train):
            return nn.BatchNorm(use_running_average=not train)(nn.Dense(64)(latents)).reshape(-1, 8, 8, 1)

    tx = optax.sgd(0.1)
    options = {"image_shape": (8, 8, 1), "latent_dim": 6, "g_tx": tx, "d_tx": tx}
    state = init_state(jax.random.key(0), Blind(), mlp.Discriminator(), **options)
    batch = {"image": jnp.zeros((2, 4, 8, 8, 1))}
    step = make_train_step(Blind(), mlp.Discriminator(), losses.hinge, axis_name="batch")
    with pytest.raises(ValueError, match="Blind has batch normalisation but no axis_name"):
        jax.pmap(step, axis_name="batch", in_axes=(None, 0, None))(state, batch, KEY)


def test_pmap_shows_the_step_its_shard_alone():
    """Pinned: if JAX showed a mapped function a leading axis of 1, every shape check would be wrong."""
    shapes = []
    jax.pmap(lambda x: shapes.append(x.shape) or x, axis_name="batch")(jnp.zeros((2, 5)))
    assert shapes == [(5,)]
