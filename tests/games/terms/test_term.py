"""Every way to run a step, every update rule and a population take terms and carry what they remember."""

import dataclasses
from functools import cache, partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import modes
from jaxgan import augment, data, init_game, losses, make_step, parallel, penalties, updates
from jaxgan.games import BiGame, Game, InfoGame, Prior
from jaxgan.games.terms import (
    Adaptive,
    BalancedConsistency,
    LatentConsistency,
    LeCam,
    PathLength,
    Term,
    TopK,
)
from jaxgan.networks import encoders
from jaxgan.networks.encoders import Bidirectional
from jaxgan.state import named_leaves
from jaxgan.system.random import seed_key
from modes import difference
from smooth import DenseDiscriminator, DenseGenerator

SHAPE, KEY, TX = (8, 8, 1), jax.random.key(5), optax.sgd(0.02)
STORED = {"image": jnp.asarray(np.random.default_rng(1).integers(0, 256, (50, *SHAPE), np.uint8))}
SLOW = pytest.mark.slow


class Styled(DenseGenerator):
    """A smooth generator with two halves; w is z, twice."""

    def map(self, latents, labels=None, *, train):
        return jnp.stack([latents, 0.5 * latents], axis=1)

    def synthesize(self, ws, *, train):
        return self(ws.mean(axis=1), train=train)


def adaptive(target=-0.5):
    def fainter(p):
        return lambda images, *, keys, step: images * (1 - p)

    update = partial(augment.ada_update, images=24, target=target, ramp=200)
    return Adaptive(fainter, lambda logits: jnp.tanh(logits).mean(), update, every=2)


def terms_of(weight=0.3):
    change = augment.diff_augment(policy="color")
    return (
        LeCam(weight, 0.9, start_step=1),
        BalancedConsistency(penalties.consistency(change, real_weight=weight, fake_weight=0.1)),
        LatentConsistency(2.0, weight, 0.1),
        PathLength(weight, decay=0.2, every=2),
    )


def game_of(weight=0.3, target=-0.5, terms=None):
    terms = terms_of(weight) if terms is None else terms
    game = Game(Styled(SHAPE), DenseDiscriminator(), losses.non_saturating, penalties.r1(gamma=1.0))
    return dataclasses.replace(game, terms=terms, augment=adaptive(target))


def first(game, key=KEY):
    return init_game(key, game, STORED, g_tx=TX, d_tx=TX, latent_dim=4)


def train(mode="one", devices=1, steps=3, game=None, **options):
    if (mode, devices, steps, game, options) == ("one", 1, 3, None, {}):
        return alone()
    return trained(game_of() if game is None else game, mode, devices, steps, **options)


@cache
def alone():
    return trained(game_of(), "one", 1, 3)


def trained(game, mode, devices, steps, **options):
    step = make_step(game, ema_decay=0.9, axis_name=modes.axis_of(mode), **options)
    run, state = modes.adapted(mode, step, parallel.batch_mesh(jax.devices()[:devices])), first(game)
    for t in range(steps):
        state, metrics = run(state, data.batch_at(STORED, t, seed=2, batch_size=24 * step.batches), KEY)
    return state, metrics


@pytest.mark.slow
def test_devices_agree_with_one():
    state, metrics = train()
    assert difference(train("shard_map", 2), (state, metrics)) < 1e-5
    assert set(state.terms) == {"lecam", "path_length", "augment"}
    assert {"lecam", "bcr", "zcr", "generator_zcr", "path_length", "augment_p"} <= set(metrics)
    shown = game_of().panels
    assert shown["consistency"] == ("bcr", "zcr", "generator_zcr")
    assert shown["mean logit"] == ("real_logit", "fake_logit", "lecam_real", "lecam_fake")
    assert {name for names in shown.values() for name in names} <= set(metrics)
    assert float(state.terms["augment"]["p"]) > 0
    assert np.abs(jax.tree.leaves(state.terms)).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["jit", pytest.param("pmap", marks=pytest.mark.long)])
def test_devices_agree_with_one_in_every_mode(mode):
    game = game_of(terms=(*terms_of(), TopK(0.8, 0.5, 1)))
    assert difference(train(mode, 2, game=game), train(game=game)) < 1e-5


@pytest.mark.slow
def test_a_batch_in_parts_gives_the_same_numbers():
    assert difference(train(accumulate=2), train()) < 1e-5


RULES = {
    "simultaneous": updates.simultaneous,
    "extragradient": updates.extragradient,
    "consensus": updates.consensus(weight=0.1),
    "symplectic": updates.symplectic(weight=0.1),
    "unrolled": updates.unrolled(steps=2, learning_rate=0.1),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(name, marks=[] if name in ("extragradient", "consensus") else pytest.mark.long)
        for name in RULES
    ],
)
def test_every_rule_takes_terms_on_any_device(rule):
    options = {"update": RULES[rule], "d_steps": 2, "steps": 2}
    options["game"] = game_of(terms=(*terms_of(), TopK(0.8, 0.5, 1)))
    state, metrics = train("shard_map", 2, **options)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state, metrics)) if leaf.ndim)
    assert difference((state, metrics), train(**options)) < 1e-5


@pytest.mark.slow
def test_a_population_is_its_members():
    """Weights of terms, and the target of an augmentation, may be traced."""

    def step_of(hyper):
        return make_step(game_of(hyper["weight"], hyper["target"]))

    def batch_at(stored, t, seed):
        return data.batch_at(stored, t, seed=seed, batch_size=12)

    hyper = {"weight": jnp.array([0.1, 0.5]), "target": jnp.array([-0.5, 0.9])}
    run, seeds = parallel.population(step_of, batch_at, together=True), jnp.arange(2)
    many, _ = run(hyper, parallel.init_population(partial(first, game_of()), seeds), STORED, seeds, 3)
    for i in range(2):
        alone = first(game_of(), seed_key(i))
        step = jax.jit(step_of({name: values[i] for name, values in hyper.items()}))
        for t in range(3):
            alone, _ = step(alone, batch_at(STORED, t, i), seed_key(i))
        member = jax.tree.map(lambda leaf, i=i: leaf[i], (many.generator.params, many.terms))
        assert difference(member, (alone.generator.params, alone.terms)) < 1e-5


@pytest.mark.slow
def test_a_loop_in_two_calls_is_the_loop_in_one():
    step = make_step(game_of())
    run = parallel.scan(step, partial(data.batch_at, seed=2, batch_size=12))
    whole, _ = run(first(step.game), STORED, KEY, 5)
    half, _ = run(first(step.game), STORED, KEY, 2)
    rest, _ = run(half, STORED, KEY, 3)
    jax.tree.map(np.testing.assert_array_equal, whole, rest)


@pytest.mark.slow
def test_bfloat16_leaves_what_terms_remember_in_float32():
    low = dataclasses.replace(game_of(), dtype=jnp.bfloat16)
    state, metrics = train(game=low, steps=1)
    assert {leaf.dtype for leaf in jax.tree.leaves((state.terms, metrics))} == {jnp.dtype(jnp.float32)}


def test_a_game_without_memory_has_the_state_that_it_always_had():
    plain = dataclasses.replace(game_of(terms=(LatentConsistency(),)), augment=None)
    names = named_leaves(first(plain))
    assert not any(name.startswith("terms") for name in names)
    assert names.keys() == named_leaves(first(dataclasses.replace(plain, terms=()))).keys()
    assert [name for name in named_leaves(first(game_of())) if name.startswith("terms")] == [
        "terms/augment/p", "terms/augment/sum", "terms/lecam/fake", "terms/lecam/real", "terms/path_length/mean",
    ]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Count(Term):
    """Remembers the number of steps, and adds nothing."""

    NAME = "count"

    def start(self):
        return {"steps": jnp.zeros(())}

    def remember(self, memory, metrics, step):
        return {"steps": memory["steps"] + 1}

    def report(self, memory):
        return {"count_steps": memory["steps"]}


def test_a_term_of_ones_own_remembers_and_is_logged():
    plain = dataclasses.replace(game_of(terms=()), augment=None)
    state, metrics = train(game=dataclasses.replace(plain, terms=(Count(),)), steps=2)
    assert metrics["count_steps"] == state.terms["count"]["steps"] == 2
    without, _ = train(game=plain, steps=2)
    jax.tree.map(np.testing.assert_array_equal, without.generator.params, state.generator.params)


def test_what_does_not_fit_is_refused():
    game, batch = game_of(), {"image": STORED["image"][:6]}
    without = first(dataclasses.replace(game, terms=(), augment=None))
    with pytest.raises(
        ValueError, match=r"lacks what lecam remembers: init_game\(key, step.game, \.\.\.\) makes it"
    ):
        make_step(game)(without, batch, KEY)
    twice = dataclasses.replace(game, terms=(LeCam(), LeCam()), augment=None)
    with pytest.raises(ValueError, match="one term of each kind, got several of lecam"):
        make_step(twice)(first(twice), batch, KEY)
    player = Bidirectional(DenseGenerator(SHAPE), encoders.DenseEncoder(4, (8,)))
    pairs = BiGame(player, DenseDiscriminator(), losses.hinge, terms=(LatentConsistency(),))
    with pytest.raises(ValueError, match="zCR changes the latents of fakes, and this game's discriminator"):
        make_step(pairs).game._check_terms(without)


class Reads(nn.Module):
    """A smooth discriminator that reads two values."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        features = jnp.tanh(nn.Dense(8)(images.reshape(len(images), -1)))
        return nn.Dense(1)(features)[:, 0], nn.Dense(2)(features)


@pytest.mark.slow
def test_codes_are_perturbed_and_read_in_a_game_with_heads():
    prior = Prior((("normal", 2), ("one_hot", 2)))
    terms = tuple(term for term in terms_of() if not isinstance(term, PathLength))
    game = InfoGame(DenseGenerator(SHAPE), Reads(), losses.hinge, prior=prior, terms=terms)
    state = init_game(KEY, game, STORED, g_tx=TX, d_tx=TX)
    _, metrics = jax.jit(make_step(game))(state, {"image": STORED["image"][:6]}, KEY)
    assert {"information", "zcr", "bcr"} <= set(metrics)
    assert float(metrics["zcr"]) > 0
