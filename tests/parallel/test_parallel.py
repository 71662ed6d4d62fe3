"""One device, a compiled loop, and every way to share the work: the same step, the same numbers."""

import os
import subprocess
import sys
from functools import partial
from itertools import product
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import modes
from choosing import shares, slow_but
from jaxgan import losses, parallel
from jaxgan.data import batch_at
from jaxgan.networks import mlp
from jaxgan.parallel.adapters import on_mesh
from jaxgan.parallel.mesh import shares as cut
from jaxgan.parallel.mesh import whole
from jaxgan.state import init_state
from jaxgan.step import make_train_step
from modes import DCGANS, FAST, KEY, MODES, difference, on_one_device

DENSE, BATCH_NORM, SPECTRAL = FAST
SLOW = [
    ("ResNet, R1", "jit"),
    ("BigGAN, hinge", "shard_map"),
    ("FastGAN, R1", "shard_map"),
    ("R3GAN, R1 and R2", "shard_map"),
    ("StyleGAN2, R1", "jit"),
]
AUGMENTED = "R1 and R2 through DiffAugment"


@pytest.mark.parametrize(
    ("game", "mode"),
    [
        *((DENSE, mode) for mode in MODES),
        pytest.param(AUGMENTED, "shard_map", marks=pytest.mark.slow),
        pytest.param(AUGMENTED, "jit", marks=pytest.mark.slow),
        pytest.param(AUGMENTED, "pmap", marks=pytest.mark.slow),
        (BATCH_NORM, "shard_map"),
        pytest.param(BATCH_NORM, "jit", marks=pytest.mark.slow),
        pytest.param(BATCH_NORM, "pmap", marks=pytest.mark.slow),
        pytest.param(SPECTRAL, "shard_map", marks=pytest.mark.slow),
        pytest.param(SPECTRAL, "jit", marks=pytest.mark.slow),
        pytest.param(SPECTRAL, "pmap", marks=pytest.mark.slow),
    ],
)
def test_two_devices_give_the_numbers_of_one(game, mode):
    assert difference(modes.train(game, mode, 2), on_one_device(game)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(("game", "mode"), shares(product(DCGANS, MODES), slow=SLOW))
def test_two_devices_give_the_first_step_of_one_with_the_librarys_networks(game, mode):
    assert difference(modes.train(game, mode, 2), on_one_device(game)) < 1e-5


@pytest.mark.long
@pytest.mark.parametrize("devices", [3, 8])
def test_many_devices_give_the_numbers_of_one(devices):
    program = Path(__file__).parents[1] / "support/modes.py"
    kept = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    result = subprocess.run(
        [sys.executable, program, str(devices), *MODES], env=kept, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "game",
    ["dense", *(pytest.param(game, marks=pytest.mark.slow) for game in ("DiffAugment", "StyleGAN2, R1"))],
)
def test_the_compiler_shares_the_work_as_well_as_we_do(game):
    """Without the constraint on the latents, each device makes all of the fakes."""
    flops = {}
    for mode in ("one", "jit", "shard_map"):
        state, step, batch_at, stored = modes.make(game, modes.axis_of(mode))
        run = modes.adapted(mode, step, parallel.batch_mesh())
        batch = jax.eval_shape(lambda: batch_at(stored, 0))
        flops[mode] = run.lower(state, batch, KEY).compile().cost_analysis()["flops"]
    assert flops["jit"] < 1.03 * flops["shard_map"]
    assert flops["shard_map"] < 0.56 * flops["one"]  # of two devices


def in_pieces(run, game, mesh=None):
    """Return what 5 steps give as (5,), (1, 4) and (1, 1, 1, 2) calls."""
    results = []
    for split in ((5,), (1, 4), (1, 1, 1, 2)):
        state, _, _, stored = modes.make(game)
        state, stored, key = parallel.replicate((state, stored, KEY), mesh)
        for n in split:
            state, metrics = run(state, stored, key, n)
        results.append((state, metrics))
    return results


def assert_equal_bits(results):
    for other in results[1:]:
        jax.tree.map(np.testing.assert_array_equal, *map(jax.tree.leaves, (other, results[0])))


def counting(batch_at):
    """Return a function that gives the same batches, and a list that grows when the function is traced."""
    traces = []

    def counted(*arguments):
        traces.append(1)
        return batch_at(*arguments)

    return counted, traces


@pytest.mark.parametrize(
    "game", [DENSE, *(pytest.param(game, marks=pytest.mark.slow) for game in (BATCH_NORM, SPECTRAL))]
)
def test_a_loop_split_anywhere_gives_the_same_bits(game):
    state, step, batch_at, stored = modes.make(game)
    batch_at, traces = counting(batch_at)
    run = parallel.scan(step, batch_at)
    run.lower(state, stored, KEY, 1)
    once = len(traces)
    results = in_pieces(run, game)
    assert len(traces) == once > 0  # n is traced
    assert_equal_bits(results)
    assert difference(results[0], on_one_device(game)) < 1e-5


@pytest.mark.parametrize("game", [DENSE, pytest.param(BATCH_NORM, marks=pytest.mark.slow)])
def test_a_loop_over_devices_gives_the_numbers_of_one(game):
    state, step, batch_at, stored = modes.make(game)
    batch_at, traces = counting(batch_at)
    mesh = parallel.batch_mesh()
    run = parallel.scan(step, batch_at, mesh)
    run.lower(*parallel.replicate((state, stored, KEY), mesh), 1)
    once = len(traces)
    results = in_pieces(run, game, mesh)
    assert len(traces) == once > 0
    assert_equal_bits(results)
    assert difference(results[0], on_one_device(game)) < 1e-5


@pytest.mark.parametrize(
    ("game", "mode"),
    [
        (DENSE, "one"),
        (BATCH_NORM, "one"),
        (DENSE, "pmap"),
        (BATCH_NORM, "jit"),
    ],
)
@pytest.mark.slow
def test_a_compiled_run_is_the_loop_or_single_calls(game, mode):
    """Dense networks loop; convolutions on CPU, and pmap, are called one by one. All are the same however cut."""
    mesh = None if mode == "one" else parallel.batch_mesh()
    state, step, batch_at, stored = modes.make(game, modes.axis_of(mode))
    shapes = parallel.replicated_shapes(jax.eval_shape(lambda: (state, stored)), mesh)
    run = parallel.compile_run(step, batch_at, *shapes, parallel.replicate(KEY, mesh), mesh)
    assert isinstance(run, jax.stages.Compiled) == (game == DENSE and mode == "one")
    results = in_pieces(run, game, mesh)
    assert_equal_bits(results)
    assert difference(results[0], on_one_device(game)) < 1e-5


@pytest.mark.parametrize("mode", MODES)
def test_a_batch_that_does_not_divide_is_refused_before_anything_compiles(mode):
    state, step, batch_at, stored = modes.make(DENSE, modes.axis_of(mode), batch_size=7)
    run = modes.adapted(mode, step, parallel.batch_mesh())
    with pytest.raises(
        ValueError, match="batch of 21 does not divide over 2 devices in 3 parts each: 18 and 24 do"
    ):
        run(state, batch_at(stored, 0), KEY)


def test_a_loop_refuses_a_batch_that_does_not_divide():
    state, step, batch_at, stored = modes.make(DENSE, batch_size=7)
    with pytest.raises(ValueError, match="18 and 24 do"):
        parallel.scan(step, batch_at, parallel.batch_mesh()).lower(state, stored, KEY, 1)


def test_devices_ask_each_other_nothing_for_the_order_of_a_batch():
    """The order is a loop whose condition looks at all indices."""
    mesh = parallel.batch_mesh()
    data, number = {"image": jnp.zeros((11, 3))}, jnp.int32(0)
    order = partial(batch_at, seed=1, batch_size=4)

    def program(batch_at):
        run = jax.jit(batch_at, in_shardings=whole(mesh), out_shardings=cut(mesh))
        return run.lower(data, number).compile().as_text()

    assert "all-reduce" in program(order)
    assert "all-reduce" not in program(on_mesh(order, mesh))


def test_a_step_for_another_axis_is_refused():
    _, step, batch_at, _ = modes.make(DENSE, axis_name="batch")
    assert step.axis_name == "batch"
    for adapter in (parallel.jit, partial(parallel.scan, batch_at=batch_at)):
        with pytest.raises(ValueError, match="'batch'"):
            adapter(step)
    _, step, _, _ = modes.make(DENSE)
    for adapter in (parallel.pmap, partial(parallel.shard_map, mesh=parallel.batch_mesh())):
        with pytest.raises(ValueError, match="axis_name='batch', got one for None"):
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
    with pytest.raises(ValueError, match="Blind has batch normalization but no axis_name"):
        jax.pmap(step, axis_name="batch", in_axes=(None, 0, None))(state, batch, KEY)


def test_pmap_shows_the_step_its_shard_alone():
    """Pinned: if JAX showed a mapped function a leading axis of 1, every shape check would be wrong."""
    shapes = []
    jax.pmap(lambda x: shapes.append(x.shape) or x, axis_name="batch")(jnp.zeros((2, 5)))
    assert shapes == [(5,)]


class Counting(nn.Module):
    """A generator that counts its calls, and draws noise from a stream of its own."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        calls = self.variable("counters", "calls", jnp.zeros, (), jnp.int32)
        if train and not self.is_initializing():
            calls.value = calls.value + 1
        noise = jax.random.normal(self.make_rng("noise"), (len(latents), 16)) if train else 0.0
        return jnp.tanh(nn.Dense(16)(latents) + noise).reshape(-1, 4, 4, 1)


@pytest.mark.parametrize("mode", slow_but(["jit"], MODES))
def test_counters_stay_integers_and_streams_may_have_any_name(mode):
    generator, discriminator = Counting(), mlp.Discriminator((8,))
    state = init_state(
        KEY,
        generator,
        discriminator,
        image_shape=(4, 4, 1),
        latent_dim=3,
        g_tx=optax.sgd(0.1),
        d_tx=optax.sgd(0.1),
    )
    axis = None if mode == "jit" else "batch"
    step = make_train_step(generator, discriminator, losses.hinge, axis_name=axis)
    run = parallel.pmap(step) if mode == "pmap" else getattr(parallel, mode)(step, parallel.batch_mesh())
    before = state.generator.collections["counters"]["calls"]
    batch = {"image": jnp.zeros((4, 4, 4, 1), jnp.uint8)}
    after, _ = run(state, batch, KEY)
    calls = after.generator.collections["counters"]["calls"]
    assert calls.dtype == before.dtype == jnp.int32
    assert int(np.max(calls)) >= 1
