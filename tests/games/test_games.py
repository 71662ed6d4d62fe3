"""Each game: one step is that of its paper, and every way to run a step and every update rule plays it."""

import dataclasses
from functools import partial
from itertools import product

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import modes
from choosing import each_once, shares, slow_but
from jaxgan import (
    augment,
    data,
    init_game,
    init_state,
    losses,
    make_step,
    parallel,
    penalties,
    updates,
)
from jaxgan.data.order import merged
from jaxgan.games import (
    BiGame,
    ClassGame,
    CycleGame,
    DiscriminativeClassGame,
    Game,
    InfoGame,
    PairedGame,
    Play,
    Prior,
    TableGame,
    Turn,
    Verdict,
    degradations,
    objectives,
)
from jaxgan.images import to_float
from jaxgan.networks import encoders, tables
from jaxgan.networks.encoders import Bidirectional
from jaxgan.networks.translators import Cycle, Judges
from modes import difference
from smooth import DenseDiscriminator, DenseGenerator, PatchPairs, Translator

SHAPE, KEY, TX = (8, 8, 1), jax.random.key(5), optax.sgd(0.02)
PRIOR = Prior((("normal", 4), ("one_hot", 3), ("uniform", 2)))
R1 = penalties.r1(gamma=1.0)


class Heads(nn.Module):
    """A smooth discriminator that reads `count` values."""

    count: int

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        assert labels is None
        features = jnp.tanh(nn.Dense(16)(images.reshape(len(images), -1)))
        return nn.Dense(1)(features)[:, 0], nn.Dense(self.count)(features)


class Conditional(nn.Module):
    image_shape: tuple[int, ...] = SHAPE

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        inputs = jnp.concatenate([latents, jax.nn.one_hot(labels, 3)], axis=1)
        return DenseGenerator(self.image_shape)(inputs, train=train)


class Encoder(nn.Module):
    size: int = 4
    axis_name: str | None = None

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        norm = nn.BatchNorm(use_running_average=not train, momentum=0.9, axis_name=self.axis_name)
        return nn.Dense(self.size)(jnp.tanh(norm(nn.Dense(8)(images.reshape(len(images), -1)))))


class Pairs(nn.Module):
    """A smooth judge of (images, latents)."""

    @nn.compact
    def __call__(self, shown, labels=None, *, train):
        flat = jnp.concatenate([x.reshape(len(x), -1) for x in shown], axis=1)
        return nn.Dense(1)(jnp.tanh(nn.Dense(16)(flat)))[:, 0]


class ImagePatches(nn.Module):
    """A smooth judge of patches."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        maps = jnp.tanh(nn.Conv(4, (3, 3), strides=(2, 2))(images))
        return nn.Conv(1, (3, 3))(maps).reshape(len(maps), -1)


G = DenseGenerator(SHAPE)
GAMES = {
    "plain": Game(G, DenseDiscriminator(), losses.non_saturating, R1),
    "infogan": InfoGame(G, Heads(5), losses.non_saturating, R1, prior=PRIOR),
    "acgan": ClassGame(Conditional(), Heads(3), losses.hinge, R1, on_fakes=True),
    "adc": DiscriminativeClassGame(Conditional(), Heads(6), losses.non_saturating, R1),
    "bigan": BiGame(encoders.Bidirectional(G, Encoder()), Pairs(), losses.non_saturating, R1),
    "paired": PairedGame(
        Translator(),
        PatchPairs(),
        losses.non_saturating,
        R1,
        degrade=degradations.denoising(noise=0.3),
        reconstruction_weight=3.0,
        adversarial_weight=0.5,
    ),
    "cycle": CycleGame(
        Cycle(Translator(), Translator()),
        Judges(ImagePatches(), ImagePatches()),
        losses.least_squares,
        R1,
        cycle_weight=2.5,
        identity_weight=1.25,
    ),
    "table": TableGame(
        tables.Generator(2, (2, 2, 3), noise=4, hidden=(8,)),
        DenseDiscriminator(),
        losses.wasserstein,
        R1,
        prior=Prior((("normal", 4), ("gumbel", 7))),
        pack=2,
        condition_weight=0.5,
    ),
}
SIZE = {"plain": 4, "acgan": 4, "adc": 4, "bigan": 4, "infogan": None, "paired": 0, "cycle": 0, "table": None}
STORED = {
    "image": jnp.asarray(np.random.default_rng(1).integers(0, 256, (50, *SHAPE), np.uint8)),
    "label": jnp.arange(50, dtype=jnp.int32) % 3,
}


def rows_of_a_table():
    """Return rows of two places, a column of two modes, and two of categories, with their conditions."""
    random = np.random.default_rng(3)
    one_hot = [np.eye(k)[random.integers(0, k, 50)] for k in (2, 2, 3)]
    rows = np.concatenate([random.uniform(-1, 1, (50, 2)), *one_hot], axis=1).astype(np.float32)
    condition = rows[:, 4:] * np.repeat([[1, 1, 0, 0, 0], [0, 0, 1, 1, 1]], 25, axis=0)
    return {"image": jnp.asarray(rows), "condition": jnp.asarray(condition, jnp.float32)}


TABLE = rows_of_a_table()


def stored_of(name):
    if name == "table":
        return TABLE
    if name == "cycle":
        return {"image": STORED["image"], "unpaired": {"source": 255 - STORED["image"][:37] // 2}}
    return STORED if name in ("acgan", "adc") else {"image": STORED["image"]}


def first(name, game=None, key=KEY, tx=TX):
    return init_game(
        key, game or GAMES[name], merged(stored_of(name)), g_tx=tx, d_tx=TX, latent_dim=SIZE[name]
    )


def train(name, mode="one", devices=1, steps=3, game=None, **options):
    game = game or GAMES[name]
    state = first(name, game)
    step = make_step(game, ema_decay=0.9, axis_name=modes.axis_of(mode), **options)
    run = modes.adapted(mode, step, parallel.batch_mesh(jax.devices()[:devices]))
    for t in range(steps):
        batch = data.batch_at(stored_of(name), t, seed=2, batch_size=24 * step.batches)
        state, metrics = run(state, batch, KEY)
    return state, metrics


# -- one step of each game, written from its paper --------------------------------------------------------------


def log_p(logits, labels):
    return jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)[:, 0]


def paper_infogan(game, real, labels, z, judge, make, read_of):
    c, u = z[:, 4:7], z[:, 7:]

    def information(read):  # eq. 5, with Q's standard deviation 1 and without constants
        return -(c * jax.nn.log_softmax(read[:, :3])).sum(1) + 0.1 * ((u - read[:, 3:]) ** 2).sum(1) / 2

    def d_value(d, g):
        (r, _), (f, q) = judge(d, real), judge(d, make(g, z))
        return (-jax.nn.log_sigmoid(r) - jax.nn.log_sigmoid(-f) + information(q)).mean()

    def g_value(g, d):
        f, q = judge(d, make(g, z))
        return (-jax.nn.log_sigmoid(f) + information(q)).mean()

    return d_value, g_value


def paper_acgan(game, real, labels, z, judge, make, read_of):
    def d_value(d, g):  # eqs. 2 and 3 with a hinge for L_S
        (r, p), (f, q) = judge(d, real), judge(d, make(g, z))
        source = jax.nn.relu(1 - r) + jax.nn.relu(1 + f)
        return (source - log_p(p, labels) - log_p(q, labels)).mean()

    def g_value(g, d):
        f, q = judge(d, make(g, z))
        return (-f - log_p(q, labels)).mean()

    return d_value, g_value


def paper_adc(game, real, labels, z, judge, make, read_of):
    def d_value(d, g):
        (r, p), (f, q) = judge(d, real), judge(d, make(g, z))
        source = -jax.nn.log_sigmoid(r) - jax.nn.log_sigmoid(-f)
        return (source - log_p(p, labels) - log_p(q, labels + 3)).mean()

    def g_value(g, d):
        f, q = judge(d, make(g, z))
        return (-jax.nn.log_sigmoid(f) - (log_p(q, labels) - log_p(q, labels + 3))).mean()

    return d_value, g_value


def paper_bigan(game, real, labels, z, judge, make, encode):
    def pairs(d, g):
        return judge(d, (real, encode(g, real))), judge(d, (make(g, z), z))

    def d_value(d, g):  # eq. 3
        r, f = pairs(d, g)
        return -(jax.nn.log_sigmoid(r) + jax.nn.log_sigmoid(-f)).mean()

    def g_value(g, d):  # labels exchanged
        r, f = pairs(d, g)
        return -(jax.nn.log_sigmoid(f) + jax.nn.log_sigmoid(-r)).mean()

    return d_value, g_value


def paper_paired(game, real, labels, x, judge, make, read_of):
    """pix2pix: x is what the image y is made of."""

    def d_value(d, g):  # eq. 1, over all patches
        r, f = judge(d, (real, x)), judge(d, (make(g, x), x))
        return -(jax.nn.log_sigmoid(r) + jax.nn.log_sigmoid(-f)).mean()

    def g_value(g, d):  # eqs. 3 and 4, with the non-saturating form of section 3.3
        made = make(g, x)
        error = jnp.abs(real - made).mean()
        return -0.5 * jax.nn.log_sigmoid(judge(d, (made, x))).mean() + 3.0 * error

    return d_value, g_value


def paper_cycle(game, real, labels, x, judge, make, read_of):
    """CycleGAN: y is in no relation to x. All terms are quarters of the paper's."""
    y, back = real, partial(make, method="back_again")

    def judges(d, images, sources):
        return jnp.split(judge(d, (images, sources)), 2, axis=1)

    def d_value(d, g):  # eq. 1 for both, by least squares (section 4), halved as in the authors' code
        (ry, rx), (fy, fx) = judges(d, y, x), judges(d, make(g, x), back(g, y))
        of_y = (((ry - 1) ** 2).mean() + (fy**2).mean()) / 2
        return (of_y + (((rx - 1) ** 2).mean() + (fx**2).mean()) / 2) / 2

    def g_value(g, d):  # eqs. 2 and 3, lambda 10, and L_identity
        l1 = lambda a, b: jnp.abs(a - b).mean()
        fy, fx = judges(d, make(g, x), back(g, y))
        adversarial = ((fy - 1) ** 2).mean() + ((fx - 1) ** 2).mean()
        cycle = l1(back(g, make(g, x)), x) + l1(make(g, back(g, y)), y)
        identity = l1(make(g, y), y) + l1(back(g, x), x)
        return (adversarial + 10 * cycle + 5 * identity) / 4

    return d_value, g_value


def paper_table(game, real, labels, z, judge, make, read_of):
    """CTGAN: WGAN over packs of two rows with their conditions, and the given column's cross-entropy."""
    condition = z[:, 11:]

    def packs(rows):
        return jnp.concatenate([rows, condition], axis=1).reshape(len(rows) // 2, -1)

    def d_value(d, g):
        return judge(d, packs(make(g, z))).mean() - judge(d, packs(real)).mean()

    def g_value(g, d):
        logits = make(g, z, method="logits")[:, 4:]
        wanted = condition.argmax(axis=1)
        first, second = log_p(logits[:, :2], wanted % 2), log_p(logits[:, 2:], jnp.maximum(wanted - 2, 0))
        entropy = -jnp.where(wanted < 2, first, second)
        return (-judge(d, packs(make(g, z)))).mean() + 0.5 * entropy.mean()

    return d_value, g_value


PAPERS = {
    "infogan": paper_infogan,
    "acgan": paper_acgan,
    "adc": paper_adc,
    "bigan": paper_bigan,
    "paired": paper_paired,
    "cycle": paper_cycle,
    "table": paper_table,
}


@pytest.mark.parametrize("name", slow_but(["infogan", "acgan", "bigan", "cycle", "table"], PAPERS))
def test_one_step_is_that_of_the_paper(name):
    game = GAMES[name]
    state = first(name)
    batch = data.batch_at(stored_of(name), 0, seed=2, batch_size=12)
    real, labels = to_float(batch["image"]), batch.get("label")
    seen = []

    def update(players, state, d_turns, g_turn):
        seen.extend(jax.tree.leaves([game.inputs(turn, 4) for turn in (*d_turns, g_turn)]))
        return updates.alternating(players, state, d_turns, g_turn)

    plain = dataclasses.replace(game, penalty=None)
    step = make_step(plain, update=update)
    after, (d_latents, g_latents) = jax.jit(lambda state: (step(state, batch, KEY)[0], seen))(state)

    def judge(d, shown):
        return game.discriminator.apply({"params": d}, shown, train=True)

    def make(g, z, method=None):
        variables = {**state.generator.collections, "params": g}
        return game.generator.apply(variables, z, labels, train=True, mutable=["batch_stats"], method=method)[
            0
        ]

    encode = partial(make, method="encode")
    d, g = state.discriminator.params, state.generator.params
    d_value, _ = PAPERS[name](game, real, labels, d_latents, judge, make, encode)
    d = jax.tree.map(lambda p, grad: p - 0.02 * grad, d, jax.jit(jax.grad(d_value))(d, g))
    _, g_value = PAPERS[name](game, real, labels, g_latents, judge, make, encode)
    g = jax.tree.map(lambda p, grad: p - 0.02 * grad, g, jax.jit(jax.grad(g_value))(g, d))
    for ours, papers in ((after.discriminator.params, d), (after.generator.params, g)):
        jax.tree.map(partial(np.testing.assert_allclose, atol=1e-6), ours, papers)


# -- every game in every way --------------------------------------------------------------------------------------

RULES = {
    "simultaneous": updates.simultaneous,
    "extragradient": updates.extragradient,
    "consensus": updates.consensus(weight=0.1),
    "symplectic": updates.symplectic(weight=0.1),
    "unrolled": updates.unrolled(steps=2, learning_rate=0.1),
}
NEW = ("infogan", "acgan", "adc", "bigan", "paired", "cycle", "table")


@pytest.mark.parametrize(
    ("name", "mode"),
    shares(
        product(NEW, modes.MODES),
        fast=[("bigan", "shard_map")],
        slow=each_once(NEW, modes.MODES),
    ),
)
def test_devices_agree_with_one(name, mode):
    assert difference(train(name, mode, 2), train(name)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("mode", [pytest.param("one", marks=pytest.mark.long), "shard_map"])
@pytest.mark.parametrize(
    ("name", "rule"),
    shares(product(NEW, RULES), slow=each_once(NEW, [*RULES])),
)
def test_every_rule_plays_every_game_on_any_device(name, mode, rule):
    state, metrics = train(name, mode, 2, update=RULES[rule], d_steps=2, steps=2)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state.generator.params, metrics)))
    if mode != "one":
        assert difference((state, metrics), train(name, update=RULES[rule], d_steps=2, steps=2)) < 1e-5


@pytest.mark.parametrize("name", NEW)
@pytest.mark.slow
def test_a_batch_in_parts_gives_the_same_numbers(name):
    game = GAMES[name]
    if name == "bigan":  # batch normalization sees parts
        game = BiGame(encoders.Bidirectional(G, encoders.DenseEncoder(4, (8,))), Pairs(), game.loss, R1)
    if name == "table":  # it has that too, and the packs of a part are others
        game = dataclasses.replace(game, generator=game.generator.clone(norm=False), pack=1)
    assert difference(train(name, game=game, accumulate=2), train(name, game=game)) < 1e-5


OWN = {"mirror": True, "fresh_reals": True, "generator_batch": 2}  # what the generator's turn may take


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "mode"),
    [
        (OWN, "shard_map"),
        ({"generator_batch": 2, "d_steps": 2}, "jit"),
        pytest.param(OWN, "pmap", marks=pytest.mark.long),
    ],
)
def test_devices_agree_on_batches_of_the_generators_own(options, mode):
    assert difference(train("acgan", mode, 2, **options), train("acgan", **options)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("options", [OWN, {"generator_batch": 3}])
def test_parts_agree_on_batches_of_the_generators_own(options):
    assert difference(train("acgan", accumulate=2, **options), train("acgan", **options)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_takes_batches_of_the_generators_own(rule):
    own = OWN | {"update": RULES[rule], "d_steps": 2, "steps": 2}
    assert difference(train("plain", "shard_map", 2, **own), train("plain", **own)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", NEW)
def test_a_population_is_its_members(name):
    """Weights of the games may be traced."""
    stored, game = stored_of(name), GAMES[name]
    weights = ("weight", "condition_weight", "reconstruction_weight", "adversarial_weight", "cycle_weight")
    fields = [field for field in weights if hasattr(game, field)]

    def step_of(weight):
        return make_step(dataclasses.replace(game, **dict.fromkeys(fields, weight)))

    def batch_at(stored, t, seed):
        return data.batch_at(stored, t, seed=seed, batch_size=12)

    run, seeds = parallel.population(step_of, batch_at, together=True), jnp.arange(2)
    state = parallel.init_population(lambda key: first(name, key=key), seeds)
    (many, _) = run(jnp.array([0.5, 2.0]), state, stored, seeds, 2)
    from jaxgan.system.random import seed_key

    alone = first(name, key=seed_key(1))
    for t in range(2):
        alone, _ = jax.jit(step_of(jnp.float32(2.0)))(alone, batch_at(stored, t, 1), seed_key(1))
    member = jax.tree.map(lambda leaf: leaf[1], many.generator.params)
    assert difference(member, alone.generator.params) < 1e-5


@pytest.mark.parametrize("name", slow_but(["bigan"], NEW))
def test_bfloat16_leaves_state_and_losses_in_float32(name):
    game = GAMES[name]
    if name == "cycle":  # an error's gradient has one size at all pixels, and bfloat16 adds such up badly
        game = dataclasses.replace(game, cycle_weight=0.1, identity_weight=0.05)
    low = dataclasses.replace(game, dtype=jnp.bfloat16)
    state, metrics = train(name, game=low, steps=1)
    assert {leaf.dtype for leaf in jax.tree.leaves((state.ema, metrics))} == {jnp.dtype(jnp.float32)}
    plain, _ = train(name, game=game, steps=1)
    assert 0 < difference(state.generator.params, plain.generator.params) < 0.05


def test_on_tpus_bfloat16_gradients_are_fenced_so_that_xla_sends_them_once():
    """That they are sent once is seen in a program for TPUs: tests/benchmarks/test_targets.py."""
    low = dataclasses.replace(GAMES["bigan"], dtype=jnp.bfloat16)
    batch = jax.eval_shape(partial(data.batch_at, seed=2, batch_size=12), stored_of("bigan"), 0)

    def fences(game, platform):
        traced = jax.jit(make_step(game)).trace(first("bigan"), batch, KEY)
        return traced.lower(lowering_platforms=(platform,)).as_text().count("optimization_barrier")

    assert (fences(low, "tpu"), fences(low, "cpu"), fences(GAMES["bigan"], "tpu")) == (2, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", NEW)
def test_a_loop_in_two_calls_is_the_loop_in_one(name):
    step, stored = make_step(GAMES[name]), stored_of(name)
    run = parallel.scan(step, partial(data.batch_at, seed=2, batch_size=12))
    whole, _ = run(first(name), stored, KEY, 5)
    half, _ = run(first(name), stored, KEY, 2)
    rest, _ = run(half, stored, KEY, 3)
    jax.tree.map(np.testing.assert_array_equal, whole, rest)


PENALTIES = {
    "r1_r2": penalties.r1_r2(gamma=1.0),
    "r2": penalties.r2(gamma=1.0),
    "gradient_penalty": penalties.gradient_penalty(),
    "zero_centered": penalties.zero_centered_gradient_penalty(),
    "dragan": penalties.dragan(),
    "lazy": penalties.lazy(penalties.r1(gamma=1.0), every=2),
    "finite_difference_r1": penalties.finite_difference_r1(),
    "finite_difference_r2": penalties.finite_difference_r2(),
    "consistency": penalties.consistency(augment.diff_augment(), fake_weight=1.0),
}


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.slow
def test_penalties_take_pairs(name):
    game = BiGame(
        GAMES["bigan"].generator,
        GAMES["bigan"].discriminator,
        losses.hinge,
        PENALTIES[name],
        augment.diff_augment(),
    )
    _, metrics = train("bigan", game=game, steps=1)
    assert np.isfinite(metrics["penalty"])
    assert metrics["penalty"] > 0


# -- what goes wrong elsewhere --------------------------------------------------------------------------------------


def leaves_that_moved(before, after):
    moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), before, after)
    return {
        jax.tree_util.keystr(p, simple=True, separator="/"): m for p, m in jax.tree.leaves_with_path(moved)
    }


def test_the_encoder_moves_and_the_generators_player_is_not_moved_by_the_discriminators_turn():
    state, players = first("bigan"), updates.players(GAMES["bigan"])
    batch = {"image": jax.random.uniform(KEY, (6, *SHAPE), minval=-1.0)}
    turn = Turn(batch, jax.random.key(1), jax.random.key(2))
    _, after, _ = jax.jit(lambda state: players.discriminator(state, turn))(state)
    jax.tree.map(np.testing.assert_array_equal, after.generator.params, state.generator.params)
    gradients, *_ = jax.jit(lambda state: players.generator(state, turn))(state)
    norms = {name: float(optax.tree.norm(tree)) for name, tree in gradients.items()}
    assert min(norms["generator"], norms["encoder"]) > 1e-3


def test_each_network_of_a_player_may_have_its_own_optimizer():
    labels = {"generator": "generator", "encoder": "encoder"}
    tx = optax.multi_transform({"generator": optax.set_to_zero(), "encoder": optax.sgd(0.1)}, labels)
    state = first("bigan", tx=tx)
    after, _ = jax.jit(make_step(GAMES["bigan"]))(state, {"image": STORED["image"][:6]}, KEY)
    moved = leaves_that_moved(state.generator.params, after.generator.params)
    assert {name.split("/")[0] for name, has in moved.items() if has} == {"encoder"}


def test_the_encoders_statistics_are_those_of_all_devices_or_it_is_refused():
    class WithoutField(nn.Module):
        @nn.compact
        def __call__(self, images, labels=None, *, train):
            features = nn.BatchNorm(use_running_average=not train)(images.reshape(len(images), -1))
            return nn.Dense(4)(features)

    assert GAMES["bigan"].on_axis("batch").generator.encoder.axis_name == "batch"
    game = BiGame(encoders.Bidirectional(G, WithoutField()), Pairs(), losses.hinge)
    with pytest.raises(ValueError, match="WithoutField has batch normalization but no axis_name field"):
        make_step(game, axis_name="batch")(first("bigan", game), {"image": STORED["image"][:6]}, KEY)


@pytest.mark.parametrize("loss", [losses.least_squares, losses.f_divergence("kl"), losses.hinge])
def test_the_roles_are_exchanged_for_losses_without_symmetry(loss):
    game = BiGame(*(getattr(GAMES["bigan"], role) for role in ("generator", "discriminator")), loss)
    real, fake = jnp.array([0.3, -2.0]), jnp.array([1.5, 0.2])
    np.testing.assert_array_equal(game.adversary(real, fake), loss.discriminator(fake, real))


def test_a_pairs_latents_are_not_augmented():
    images, latents = GAMES["bigan"].see(lambda x: 0 * x, (jnp.ones((2, *SHAPE)), jnp.ones((2, 4))))
    assert (float(images.sum()), float(latents.sum())) == (0, 8)


def test_the_gradient_of_a_pair_is_by_both_of_its_parts():
    a, b = jnp.array([3.0, 0.0, 1.0]), jnp.array([0.0, 4.0])

    def critic(shown):
        return shown[0] @ a + shown[1] @ b

    real, fake = (jnp.ones((5, 3)), jnp.zeros((5, 2))), (jnp.zeros((5, 3)), jnp.ones((5, 2)))
    squared = float(a @ a + b @ b)
    np.testing.assert_allclose(penalties.r1(gamma=2.0)(critic, real, fake), squared, rtol=1e-6)
    np.testing.assert_allclose(penalties.r1_r2(gamma=2.0)(critic, real, fake), 2 * squared, rtol=1e-6)
    keys = jax.random.split(KEY, 5)
    gp = penalties.gradient_penalty(weight=1.0)(critic, real, fake, keys=keys)
    np.testing.assert_allclose(gp, (np.sqrt(squared) - 1) ** 2, rtol=1e-5)
    with pytest.raises(ValueError, match="differ in shape"):
        penalties.r1_r2()(critic, real, (fake[0], jnp.ones((5, 3))))


class Patches(nn.Module):
    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return nn.Conv(1, (3, 3), strides=(2, 2))(images).reshape(len(images), -1)


class OfPatches(Game):
    SEVERAL = True


@pytest.mark.parametrize("loss", [losses.non_saturating, losses.relativistic_average()])
def test_patches_are_examples_of_the_loss_and_one_critic_of_the_penalty(loss):
    game = OfPatches(G, Patches(), loss, R1)
    state = first("plain", game)
    (real, play), turn = _play(game, state)
    value, (_, metrics) = objectives.discriminator_objective(
        game, state.discriminator.params, state, turn, play
    )
    judge = partial(game.discriminator.apply, state.discriminator.variables, train=True)
    logits = [judge(shown).ravel() for shown in (real, play.fake)]
    np.testing.assert_allclose(metrics["discriminator_loss"], loss.discriminator(*logits).mean(), rtol=1e-6)
    penalty = R1(lambda images: judge(images).mean(axis=1), real, play.fake).mean()
    np.testing.assert_allclose(metrics["penalty"], penalty, rtol=1e-5)
    np.testing.assert_allclose(value, metrics["discriminator_loss"] + penalty, rtol=1e-6)


def _play(game, state, count=6):
    real = jax.random.uniform(KEY, (count, *SHAPE), minval=-1.0)
    turn = Turn({"image": real}, jax.random.key(1), jax.random.key(2))
    return (real, game.play(state.generator.variables, turn, KEY, 4)[0]), turn


def test_the_plain_game_refuses_patches_and_heads():
    for module, sentence in ((Patches(), "returns logits"), (Heads(3), "logits .B. alone, got a tuple")):
        with pytest.raises(ValueError, match=sentence):
            first("plain", Game(G, module, losses.hinge))


def test_init_game_is_init_state_for_the_plain_game():
    state = init_state(KEY, G, DenseDiscriminator(), image_shape=SHAPE, latent_dim=4, g_tx=TX, d_tx=TX)
    leaves = jax.tree.leaves(first("plain")), jax.tree.leaves(state)
    jax.tree.map(np.testing.assert_array_equal, *leaves)


@pytest.mark.slow
def test_terms_are_logged_by_their_names_and_moved_by():
    _, metrics = train("infogan", steps=1)
    assert {"information", "generator_information"} <= set(metrics)
    assert float(metrics["information"]) > 0
    shown = [name for names in InfoGame.PANELS.values() for name in names]
    assert set(shown) <= set(metrics)
    assert set(InfoGame.LINE) | set(InfoGame.LOSSES) <= set(metrics)
    assert set(ClassGame.LINE) <= set(train("adc", steps=1)[1])


def test_fakes_are_classified_by_the_discriminator_only_if_asked():
    real, fake = (Verdict(jnp.zeros(2), jnp.array([[5.0, 0, 0], [0, 5.0, 0]]) * sign) for sign in (1, -1))
    turn = Turn({"image": jnp.zeros((2, *SHAPE)), "label": jnp.array([0, 1])}, KEY, KEY)
    play = Play(turn.real, turn.real, None)
    values = {}
    for on_fakes in (False, True):
        game = ClassGame(Conditional(), Heads(3), losses.hinge, on_fakes=on_fakes)
        values[on_fakes] = float(game.discriminator_losses(real, fake, play, turn)["class_loss"].mean())
    assert values[False] < 0.02 < 5 < values[True]


def test_what_networks_read_of_images():
    images = jnp.zeros((2, *SHAPE))
    codes = GAMES["infogan"].read(first("infogan"), images)
    assert {name: x.shape for name, x in codes.items()} == {"category_0": (2, 3), "codes_0": (2, 2)}
    np.testing.assert_allclose(codes["category_0"].sum(1), 1, rtol=1e-6)
    for name in ("acgan", "adc"):
        classes = GAMES[name].read(first(name), images)["classes"]
        assert classes.shape == (2, 3)
        np.testing.assert_allclose(classes.sum(1), 1, rtol=1e-6)
    assert GAMES["bigan"].read(first("bigan"), images)["latents"].shape == (2, 4)


def test_heads_are_described_in_the_order_in_which_they_are_read():
    assert GAMES["infogan"].heads(None) == (("category_0", "category", 3), ("codes_0", "codes", 2))
    assert GAMES["acgan"].heads(3) == (("classes", "classes", 3),)
    assert GAMES["adc"].heads(3) == (("classes", "real_and_fake_classes", 6),)
    assert GAMES["plain"].heads(3) == GAMES["bigan"].heads(3) == ()


class Affine(nn.Module):
    """Makes of a latent, or of an image, its double, plus ten times the label where there is one."""

    shape: tuple[int, ...]

    @nn.compact
    def __call__(self, inputs, labels=None, *, train):
        scale = self.param("scale", nn.initializers.constant(2.0), ())
        extra = 0 if labels is None else 10.0 * labels[:, None]
        return (scale * inputs.reshape(len(inputs), -1) + extra).reshape(-1, *self.shape)


def test_a_bigan_takes_labels_and_its_grid_has_reals_and_reconstructions():
    player = Bidirectional(Affine((1, 1, 2)), Affine((2,)))
    game = BiGame(player, Pairs(), losses.hinge)
    images = np.arange(24, dtype=np.uint8).reshape(12, 1, 1, 2)
    labels = jnp.arange(12) % 3
    variables = player.init(KEY, jnp.zeros((1, 2)), jnp.zeros(1, jnp.int32), train=False)
    state = dataclasses.replace(first("bigan"), ema=variables)
    floats = images.reshape(12, 2) / 127.5 - 1
    codes = 2 * floats + 10 * np.asarray(labels)[:, None]
    found = game.read(state, to_float(jnp.asarray(images)), labels)["latents"]
    np.testing.assert_allclose(found, codes, rtol=1e-5)
    samples = jnp.full((12, 1, 1, 2), 7.0)
    grid = np.asarray(game.grid(images, labels, 3)(variables, samples)).reshape(12, 2)
    np.testing.assert_allclose(grid[:3], floats[:3], rtol=1e-5)
    np.testing.assert_allclose(grid[3:6], (2 * codes + 10 * np.asarray(labels)[:, None])[:3], rtol=1e-5)
    np.testing.assert_array_equal(grid[6:], 7)
    module, part = game.encoder_of(player, variables)
    np.testing.assert_allclose(
        module.apply(part, floats[:, None, None].astype(np.float32), train=False), 2 * floats, rtol=1e-5
    )
    assert GAMES["plain"].encoder_of(G, {}) is None
    assert GAMES["plain"].grid(images, None, 3)(variables, samples) is samples


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda: BiGame(G, Pairs(), losses.hinge), "a method `encode`, and DenseGenerator has none"),
        (lambda: InfoGame(G, Heads(3), losses.hinge), "a prior of noise and at least one code"),
        (
            lambda: first("infogan", InfoGame(G, DenseDiscriminator(), losses.hinge, prior=PRIOR)),
            "has no heads",
        ),
        (lambda: _a_step("infogan", InfoGame(G, Heads(4), losses.hinge, prior=PRIOR)), r"heads=\(5,\)"),
        (lambda: _a_step("adc", DiscriminativeClassGame(Conditional(), Heads(3), losses.hinge)), "twice"),
        (
            lambda: init_game(
                KEY, GAMES["acgan"], {"image": STORED["image"]}, g_tx=TX, d_tx=TX, latent_dim=4
            ),
            "labels",
        ),
        (lambda: init_game(KEY, GAMES["plain"], STORED, g_tx=TX, d_tx=TX), "needs `latent_dim`"),
        (lambda: init_game(KEY, GAMES["infogan"], STORED, g_tx=TX, d_tx=TX, latent_dim=3), "have length 9"),
        (
            lambda: first("bigan", BiGame(encoders.Bidirectional(G, Encoder(5)), Pairs(), losses.hinge)),
            "latents",
        ),
    ],
)
def test_what_does_not_fit_is_refused(mistake, sentence):
    with pytest.raises(ValueError, match=sentence):
        mistake()


def _a_step(name, game):
    batch = {key: values[:6] for key, values in merged(stored_of(name)).items()}
    return jax.eval_shape(make_step(game), first(name, game), batch, KEY)
