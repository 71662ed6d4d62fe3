"""Update rules in games whose outcome is known in closed form."""

from itertools import product

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import small_networks
from choosing import each_once, shares
from dirac_gan import Discriminator, Generator
from jaxgan import losses, penalties, updates
from jaxgan.networks import dcgan, mlp, stylegan2
from jaxgan.state import init_state
from jaxgan.step import make_train_step

RATE, WEIGHT, STEPS = 0.1, 0.5, 40


def path(update, loss=losses.wasserstein, penalty=None, *, steps=STEPS, rate=RATE, **options):
    """Return theta and psi before each step and after the last, ``[steps + 1, 2]``, in float64."""
    with jax.enable_x64(True):
        tx = optax.sgd(rate)
        modules, key = (Generator(), Discriminator()), jax.random.key(0)
        state = init_state(key, *modules, image_shape=(1,), latent_dim=1, g_tx=tx, d_tx=tx)
        state = jax.tree.map(lambda leaf: leaf.astype(float) if leaf.dtype == np.float32 else leaf, state)
        step = make_train_step(*modules, loss, penalty=penalty, update=update, **options)

        def body(state, _):
            place = state.generator.params["theta"], state.discriminator.params["psi"]
            return step(state, {"image": jnp.zeros((options.get("d_steps", 1), 1))}, key)[0], place

        state, (theta, psi) = jax.jit(lambda state: jax.lax.scan(body, state, None, steps + 1))(state)
        return np.stack([theta, psi], axis=1)


def rate_of(places):
    """Return the factor by which the distance from the equilibrium shrinks or grows in a step, on average."""
    lengths = np.linalg.norm(places, axis=1)
    return (lengths[-1] / lengths[0]) ** (1 / (len(lengths) - 1))


J = np.array([[0.0, -1.0], [1.0, 0.0]])  # of (theta, psi)'s gradients in psi theta: -psi and theta
BILINEAR = {  # the matrix of one step, by hand
    "simultaneous": (updates.simultaneous, np.eye(2) - RATE * J),
    "extragradient": (updates.extragradient, np.eye(2) - RATE * J @ (np.eye(2) - RATE * J)),
    "consensus": (updates.consensus(weight=WEIGHT), np.eye(2) - RATE * (J + WEIGHT * J.T @ J)),
    "symplectic": (updates.symplectic(weight=WEIGHT), np.eye(2) - RATE * (J + WEIGHT * J.T @ J)),
    "alternating": (updates.alternating, [[1 - RATE**2, RATE], [-RATE, 1]]),
    # psi' = psi - rate theta; the answer to theta after 3 steps is psi' - 3 w theta, and the generator's loss
    # -theta (psi' - 3 w theta) has the slope -psi' + 6 w theta
    "unrolled": (
        updates.unrolled(steps=3, learning_rate=WEIGHT),
        [[1 - RATE**2 - 6 * WEIGHT * RATE, RATE], [-RATE, 1]],
    ),
}


@pytest.mark.parametrize("name", BILINEAR)
def test_the_bilinear_game_moves_by_the_matrix_of_the_rule(name):
    update, matrix = BILINEAR[name]
    places = path(update)
    np.testing.assert_allclose(places[1:], places[:-1] @ np.asarray(matrix).T, atol=1e-14)


def test_on_the_bilinear_game_each_rule_does_what_its_paper_says():
    """Closed forms of the factor in a step; Gidel 2019, section 3.2; Mescheder 2017, lemma 4."""
    factor = {name: rate_of(path(update)) for name, (update, _) in BILINEAR.items()}
    np.testing.assert_allclose(factor["simultaneous"], np.sqrt(1 + RATE**2), rtol=1e-12)
    np.testing.assert_allclose(factor["extragradient"], np.sqrt(1 - RATE**2 + RATE**4), rtol=1e-12)
    for name in ("consensus", "symplectic"):
        np.testing.assert_allclose(factor[name], np.sqrt((1 - RATE * WEIGHT) ** 2 + RATE**2), rtol=1e-12)
    assert factor["simultaneous"] > 1 > factor["extragradient"] > factor["consensus"] > factor["unrolled"]
    around = np.linalg.norm(path(updates.alternating, steps=2000), axis=1)
    assert 0.9 < around[-200:].max() / around[:200].max() < 1.1, "alternating steps circle"


def test_consensus_holds_up_to_the_step_size_that_its_docstring_names():
    bound = 2 * WEIGHT / (1 + WEIGHT**2)
    below, above = (rate_of(path(updates.consensus(weight=WEIGHT), rate=f * bound)) for f in (0.98, 1.02))
    assert below < 1 < above


def test_optimistic_gradients_converge_where_plain_ones_diverge():
    """Daskalakis et al. 2018, section 3: the rule is optax's, both orders of ours take it."""
    with jax.enable_x64(True):
        tx = optax.optimistic_gradient_descent(RATE)
        place, moved = jnp.array([1.0, 0.5]), []
        memory = tx.init(place)
        for _ in range(400):
            change, memory = tx.update(jnp.asarray(J) @ place, memory)
            place = optax.apply_updates(place, change)
            moved.append(np.linalg.norm(place))
    assert moved[-1] < 0.3 * moved[0]


@pytest.mark.parametrize("loss", [losses.non_saturating, losses.minimax], ids=["non_saturating", "minimax"])
def test_the_dirac_gan_converges_as_its_linearisation(loss):
    """Near the equilibrium the slopes are 1/2: J / 2 in the place of J (Mescheder 2018, lemma 2.3); measured at the tail."""
    for update, factor in (
        (updates.extragradient, np.sqrt((1 - (RATE / 2) ** 2) ** 2 + (RATE / 2) ** 2)),
        (updates.consensus(weight=4.0), np.sqrt((1 - RATE) ** 2 + (RATE / 2) ** 2)),
        (updates.symplectic(weight=4.0), np.sqrt((1 - RATE) ** 2 + (RATE / 2) ** 2)),
    ):
        places = path(update, loss, steps=8000 if update is updates.extragradient else 400)
        np.testing.assert_allclose(rate_of(places[-100:]), factor, rtol=1e-4)


def test_alignment_leaves_an_unstable_equilibrium():
    """Balduzzi et al. 2018, section 3.5: where the sum of Hessians is negative, lambda turns negative."""
    repels = penalties.r1(gamma=lambda step: -4.0)  # J = [[0, -1], [1, -4]]: away from psi = 0
    unaligned = path(updates.symplectic(weight=4.0, align=False), penalty=repels, steps=40)
    np.testing.assert_allclose(rate_of(unaligned[-20:]), np.sqrt(0.77), rtol=0.1)  # [[4, -17], [1, 0]]
    aligned = path(updates.symplectic(weight=4.0), penalty=repels, steps=40)
    assert np.linalg.norm(aligned[-1]) > 1e3


def test_discriminator_updates_before_the_last_go_ahead():
    """On the bilinear game, by hand: psi moves alone, then both."""
    alone = np.array([[1, 0], [-RATE, 1]])
    for name in ("simultaneous", "extragradient", "consensus", "symplectic"):
        update, matrix = BILINEAR[name]
        places = path(update, steps=5, d_steps=3)
        np.testing.assert_allclose(places[1:], places[:-1] @ (matrix @ alone @ alone).T, atol=1e-14)


def test_extragradient_leaves_no_trace_of_the_look_ahead_in_the_averages():
    tx = optax.adam(1e-2)
    modules = Generator(), Discriminator()
    state = init_state(jax.random.key(0), *modules, image_shape=(1,), latent_dim=1, g_tx=tx, d_tx=tx)
    step = make_train_step(*modules, losses.wasserstein, update=updates.extragradient)
    state, _ = step(state, {"image": jnp.zeros((2, 1))}, jax.random.key(0))
    moments = state.generator.opt_state[0]
    assert state.generator.step == moments.count == 1
    ahead = 0.5 - 1e-2  # Adam's first step is the learning rate, against the gradient theta = 1
    np.testing.assert_allclose(moments.mu["theta"], 0.1 * -ahead, rtol=1e-4)


RULES = {
    "extragradient": updates.extragradient,
    "consensus": updates.consensus(weight=0.1),
    "symplectic": updates.symplectic(weight=0.1),
    "unrolled": updates.unrolled(steps=2, learning_rate=0.1),
}
NETWORKS = {
    "mlp": (mlp.Generator((8, 8, 1), (8,)), mlp.Discriminator((8,))),
    "spectral": (dcgan.Generator((8, 8, 1), 4), dcgan.Discriminator(4, "spectral")),
    **{name: small_networks.pair(name) for name in small_networks.NAMES},
    "stylegan2": (
        stylegan2.Generator((8, 8, 1), 16, 2, mapping_layers=1, w_dim=3),
        stylegan2.Discriminator(16, 2),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "networks"),
    shares(product(RULES, NETWORKS), slow=[("consensus", "resnet"), *each_once(RULES, ["spectral", "mlp"])]),
)
def test_two_devices_agree_with_one(name, networks):
    """Second derivatives go through the averages over the axis. SGD; in float64, as they amplify rounding."""
    with jax.enable_x64(True):
        generator, discriminator = NETWORKS[networks]
        tx, shape, key = optax.sgd(0.1), (8, 8, 1), jax.random.key(2)
        state = init_state(key, generator, discriminator, image_shape=shape, latent_dim=3, g_tx=tx, d_tx=tx)
        state = jax.tree.map(lambda leaf: leaf.astype(float) if leaf.dtype == np.float32 else leaf, state)
        images = jax.random.normal(jax.random.key(1), (8, *shape))

        def make(axis_name):
            return make_train_step(
                generator, discriminator, losses.hinge, update=RULES[name], axis_name=axis_name
            )

        alone, _ = jax.jit(make(None))(state, {"image": images}, key)
        run = jax.pmap(make("batch"), axis_name="batch", in_axes=(None, 0, None))
        shared, _ = run(state, {"image": images.reshape(2, 4, *shape)}, key)
        for player in ("generator", "discriminator"):
            before, after, same = (getattr(each, player).variables for each in (state, alone, shared))
            moved = jax.tree.map(lambda new, old: float(jnp.abs(new - old).max()), after, before)
            assert max(jax.tree.leaves(moved)) > 1e-4
            for each, other in zip(jax.tree.leaves(same), jax.tree.leaves(after), strict=True):
                np.testing.assert_allclose(each[0], other, atol=1e-12)
                np.testing.assert_allclose(each[1], other, atol=1e-12)


class Plane(nn.Module):
    """A small layer of the plane, as generator and discriminator."""

    width: int

    @nn.compact
    def __call__(self, inputs, labels=None, *, train):
        outputs = nn.Dense(self.width)(jnp.tanh(3 * nn.Dense(4)(inputs)))
        return outputs if self.width > 1 else outputs[:, 0]


@pytest.mark.slow
def test_devices_with_unlike_shares_agree_on_the_sign_of_the_symplectic_adjustment():
    tx, key = optax.sgd(0.1), jax.random.key(5)

    def make(axis_name=None):
        rule = updates.symplectic(weight=1.0)
        return make_train_step(
            Plane(2), Plane(1), losses.non_saturating, update=rule, axis_name=axis_name, ema_decay=0.0
        )

    alone = jax.jit(make())
    run = jax.pmap(make("batch"), axis_name="batch", in_axes=(None, 0, None))
    start = jax.jit(
        lambda key: init_state(key, Plane(2), Plane(1), image_shape=(2,), latent_dim=2, g_tx=tx, d_tx=tx)
    )
    for seed in range(20):
        images = 2 * jax.random.normal(jax.random.key(seed), (8, 2)).at[:4].add(1.5)
        state = start(jax.random.key(seed))
        one, _ = alone(state, {"image": images}, key)
        two, _ = run(state, {"image": images.reshape(2, 4, 2)}, key)
        for each, other in zip(
            jax.tree.leaves((one.generator.params, one.discriminator.params)),
            jax.tree.leaves((two.generator.params, two.discriminator.params)),
            strict=True,
        ):
            np.testing.assert_allclose(other[0], each, atol=1e-5)


def test_penalties_and_augmentations_have_keys_of_their_own():
    """Also where one turn serves both players, as in an unrolled step."""
    seen = {"penalty": [], "augment": []}

    def see(what, keys):
        jax.debug.callback(lambda keys: seen[what].append(np.asarray(keys)), jax.random.key_data(keys))

    def augment(images, *, keys, step):
        see("augment", keys)
        return images

    def penalty(critic, real, fake, *, keys, step):
        see("penalty", keys)
        return jnp.zeros(len(real))

    networks, tx = (Plane(2), Plane(1)), optax.sgd(0.1)
    state = init_state(jax.random.key(0), *networks, image_shape=(2,), latent_dim=2, g_tx=tx, d_tx=tx)
    rule = updates.unrolled(steps=1, learning_rate=0.1)
    step = make_train_step(*networks, losses.hinge, update=rule, penalty=penalty, augment=augment)
    jax.jit(step)(state, {"image": jnp.zeros((4, 2))}, jax.random.key(1))
    jax.effects_barrier()
    assert len(seen["penalty"]) >= 2
    assert len(seen["augment"]) >= 4
    for one in seen["augment"]:
        assert not any(np.array_equal(one, other) for other in seen["penalty"])


def test_impossible_settings_are_refused():
    for make in (updates.consensus, updates.symplectic):
        for weight in (-1.0, float("nan")):
            with pytest.raises(ValueError, match="at least 0"):
                make(weight=weight)
    for steps, rate in ((-1, 0.1), (1, -0.1), (1, float("nan"))):
        with pytest.raises(ValueError, match="at least 0"):
            updates.unrolled(steps=steps, learning_rate=rate)
