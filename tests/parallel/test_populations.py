"""Many GANs in one program: each is the run that it would have been alone."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import small_networks
from jaxgan import data, losses, parallel, penalties
from jaxgan.state import init_state
from jaxgan.step import make_train_step
from smooth import DenseDiscriminator, DenseGenerator

GENERATOR, DISCRIMINATOR = DenseGenerator((4, 4, 1), 8), DenseDiscriminator(8)
DATA = {"image": jax.random.randint(jax.random.key(1), (30, 4, 4, 1), 0, 256).astype(jnp.uint8)}
SEEDS = jnp.array([3, 0, 8])
STEPS = 4


def batch_at(data_, step, seed):
    return data.batch_at(data_, step, seed=seed, batch_size=6)


TX = optax.inject_hyperparams(optax.sgd)(learning_rate=0.1)


def init(key):
    return init_state(key, GENERATOR, DISCRIMINATOR, image_shape=(4, 4, 1), latent_dim=3, g_tx=TX, d_tx=TX)


def make_step(hyper):
    return make_train_step(
        GENERATOR,
        DISCRIMINATOR,
        losses.non_saturating,
        penalty=penalties.lazy(penalties.gradient_penalty(weight=hyper["weight"]), every=2),
        ema_decay=hyper["ema_decay"],
    )


def with_rate(state, rate):
    """A learning rate lives in the optimizer's state, where a population has one for each member."""
    network = state.discriminator
    hyperparams = {"learning_rate": jnp.array(rate, jnp.float32)}  # a copy: the state is donated
    optimizer = network.opt_state._replace(hyperparams=hyperparams)
    return state.replace(discriminator=network.replace(opt_state=optimizer))


HYPER = {"weight": jnp.array([1.0, 0.0, 3.0]), "ema_decay": jnp.array([0.5, 0.9, 0.99])}
RATES = jnp.array([0.1, 0.02, 0.3])


@pytest.mark.slow
@pytest.mark.parametrize("together", [True, False])
def test_each_member_is_the_single_run_with_its_settings(together):
    traces, once = [], 0

    def counted(*arguments):
        traces.append(1)
        return batch_at(*arguments)

    run = parallel.population(make_step, counted, together=together)
    state = with_rate(parallel.init_population(init, SEEDS), RATES)
    for n in (1, STEPS - 1):
        state, metrics = run(HYPER, state, DATA, SEEDS, n)
        once = once or len(traces)
    assert state.step.shape == ()
    assert len(traces) == once  # the number of steps is traced
    for i, seed in enumerate(SEEDS):
        hyper = jax.tree.map(lambda values: values[i], HYPER)
        alone = parallel.scan(make_step(hyper), partial(batch_at, seed=seed))
        start = with_rate(init(jax.random.key(seed)), RATES[i])
        expected, expected_metrics = alone(start, DATA, jax.random.key(seed), STEPS)
        member = jax.tree.map(lambda leaf: leaf[i], state.replace(step=state.step[None].repeat(3)))
        for got, wanted in ((member, expected), (jax.tree.map(lambda m: m[i], metrics), expected_metrics)):
            chex.assert_trees_all_close(jax.tree.leaves(got), jax.tree.leaves(wanted), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name == "r3gan" else pytest.mark.long) for name in small_networks.NAMES],
)
def test_a_population_of_residual_networks_is_its_single_runs(name):
    networks = small_networks.pair(name)
    shapes = {
        "image_shape": small_networks.SHAPE,
        "latent_dim": 3,
        "g_tx": optax.sgd(0.1),
        "d_tx": optax.sgd(0.1),
    }
    data_ = {"image": jax.random.normal(jax.random.key(1), (30, *small_networks.SHAPE))}
    start = lambda key: init_state(key, *networks, **shapes)

    def make(hyper):
        return make_train_step(*networks, losses.relativistic, penalty=penalties.r1_r2(gamma=hyper["gamma"]))

    gammas, seeds = jnp.array([0.1, 1.0]), SEEDS[:2]
    run = parallel.population(make, batch_at, together=True)
    members, _ = run({"gamma": gammas}, parallel.init_population(start, seeds), data_, seeds, 2)
    alone = parallel.scan(make({"gamma": gammas[1]}), partial(batch_at, seed=seeds[1]))
    expected, _ = alone(start(jax.random.key(seeds[1])), data_, jax.random.key(seeds[1]), 2)
    for player in ("generator", "discriminator"):
        member = jax.tree.map(lambda leaf: leaf[1], getattr(members, player).params)
        chex.assert_trees_all_close(member, getattr(expected, player).params, rtol=1e-4, atol=1e-5)


def test_members_differ_in_weights_and_data():
    state = parallel.init_population(init, SEEDS)
    kernels = np.asarray(state.generator.params["Dense_0"]["kernel"])
    assert len({kernel.tobytes() for kernel in kernels}) == len(SEEDS)
    batches = jax.vmap(partial(batch_at, DATA, 0))(SEEDS)["image"]
    assert len({batch.tobytes() for batch in np.asarray(batches)}) == len(SEEDS)


@pytest.mark.parametrize("together", [True, False])
def test_the_state_is_donated(together):
    run = parallel.population(make_step, batch_at, together=together)
    state = parallel.init_population(init, SEEDS)
    run(HYPER, state, DATA, SEEDS, 1)
    assert state.generator.params["Dense_0"]["kernel"].is_deleted()


def test_devices_share_the_members_and_change_no_bit():
    """On a CPU; the members' order and number on a device do not matter."""
    results = []
    for mesh in (None, parallel.batch_mesh(jax.devices()[:2])):
        seeds, hyper = jnp.arange(4), jax.tree.map(lambda values: jnp.tile(values[:1], 4), HYPER)
        state = parallel.init_population(init, seeds)
        results.append(parallel.population(make_step, batch_at, mesh)(hyper, state, DATA, seeds, 2))
    assert len(results[1][0].generator.params["Dense_0"]["kernel"].sharding.device_set) == 2
    chex.assert_trees_all_equal(*(jax.tree.leaves(result) for result in results))
