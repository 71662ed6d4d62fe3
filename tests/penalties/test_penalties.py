from functools import cache, partial
from itertools import product

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads

import small_networks
from choosing import shares, slow_but
from jaxgan import losses, penalties
from jaxgan.networks import dcgan, mlp
from jaxgan.state import init_state
from jaxgan.step import make_train_step


def flip(images, *, keys, step=0):
    return images[:, ::-1]


GAMMA = 3.0
PENALTIES = {
    "r1": penalties.r1(gamma=GAMMA),
    "r2": penalties.r2(gamma=GAMMA),
    "r1_r2": penalties.r1_r2(gamma=GAMMA),
    "gradient_penalty": penalties.gradient_penalty(weight=GAMMA),
    "gradient_penalty_one_sided": penalties.gradient_penalty(weight=GAMMA, one_sided=True),
    "zero_centered_gradient_penalty": penalties.zero_centered_gradient_penalty(weight=GAMMA),
    "dragan": penalties.dragan(weight=GAMMA),
    "finite_difference_r1": penalties.finite_difference_r1(gamma=GAMMA),
    "finite_difference_r2": penalties.finite_difference_r2(gamma=GAMMA),
    "consistency": penalties.consistency(flip, real_weight=GAMMA, fake_weight=2.0),
    "lazy": penalties.lazy(penalties.r1(gamma=GAMMA), every=4),
}
BY_KEYS = [name for name in PENALTIES if name not in ("r1", "r2", "r1_r2", "lazy")]


def images(seed, count=4, shape=(3, 3, 1), dtype=jnp.float32):
    return jax.random.normal(jax.random.key(seed), (count, *shape), dtype)


def keys(seed=9, count=4):
    return jax.random.split(jax.random.key(seed), count)


def linear_critic(weights):
    return lambda x: (x * weights[None]).sum((1, 2, 3))


def test_every_public_penalty_is_tested():
    assert set(penalties.__all__) - set(PENALTIES) == {
        "Critic", "Penalty", "Weight", "orthogonal", "clip_parameters",
    }  # fmt: skip


def test_the_penalties_of_a_linear_critic_by_closed_form():
    """Its gradient is the same everywhere, so it does not matter where a penalty takes it."""
    weights = images(0, count=1)[0]
    norm, real, fake = np.sqrt((weights**2).sum()), images(1), images(2)
    change = (
        ((real - real[:, ::-1]) * weights[None]).sum((1, 2, 3)),
        ((fake - fake[:, ::-1]) * weights[None]).sum((1, 2, 3)),
    )
    expected = {
        "r1": GAMMA / 2 * norm**2,
        "r2": GAMMA / 2 * norm**2,
        "r1_r2": GAMMA * norm**2,
        "gradient_penalty": GAMMA * (norm - 1) ** 2,
        "gradient_penalty_one_sided": GAMMA * max(0, norm - 1) ** 2,
        "zero_centered_gradient_penalty": GAMMA * norm**2,
        "dragan": GAMMA * (norm - 1) ** 2,
        "consistency": GAMMA * change[0] ** 2 + 2 * change[1] ** 2,
        "lazy": 4 * GAMMA / 2 * norm**2,
    }
    assert norm > 1
    for name, value in expected.items():
        got = PENALTIES[name](linear_critic(weights), real, fake, keys=keys())
        np.testing.assert_allclose(got, np.broadcast_to(value, 4), rtol=1e-5, err_msg=name)
    shallow = linear_critic(weights / (2 * norm))  # slope 1/2
    one_sided = PENALTIES["gradient_penalty_one_sided"](shallow, real, fake, keys=keys())
    np.testing.assert_array_equal(one_sided, np.zeros(4))
    two_sided = PENALTIES["gradient_penalty"](shallow, real, fake, keys=keys())
    np.testing.assert_allclose(two_sided, np.full(4, GAMMA / 4), rtol=1e-5)


def test_where_each_penalty_takes_its_gradient_by_a_quadratic_critic():
    """The gradient of half the squared length is the point itself."""
    critic = lambda x: 0.5 * (x**2).sum((1, 2, 3))
    real, fake = images(1), 100 * images(2)
    squares = lambda x: np.asarray((x**2).sum((1, 2, 3)))
    got = {name: PENALTIES[name](critic, real, fake, keys=keys()) for name in PENALTIES}
    np.testing.assert_allclose(got["r1"], GAMMA / 2 * squares(real), rtol=1e-5)
    np.testing.assert_allclose(got["r2"], GAMMA / 2 * squares(fake), rtol=1e-5)
    np.testing.assert_allclose(got["r1_r2"], GAMMA / 2 * (squares(real) + squares(fake)), rtol=1e-5)
    # between: the place is e real + (1 - e) fake, and e can be read off where real is 0 and fake is 1
    zeros, ones = jnp.zeros((2000, 3, 3, 1)), jnp.ones((2000, 3, 3, 1))
    many = keys(count=2000)
    values = PENALTIES["zero_centered_gradient_penalty"](critic, zeros, ones, keys=many)
    epsilon = 1 - np.sqrt(values / (9 * GAMMA))
    assert epsilon.min() >= 0
    assert epsilon.max() <= 1
    assert abs(epsilon.mean() - 1 / 2) < 4 * np.sqrt(1 / 12 / 2000), "Uniform[0, 1], not Normal"
    assert abs(epsilon.var() - 1 / 12) < 0.01
    values = penalties.gradient_penalty(weight=1.0, target=3.0)(critic, ones, ones, keys=many)
    np.testing.assert_allclose(values, np.zeros(2000), atol=1e-10)  # length 3 wherever e puts it
    # around the data: real is 0, so the gradient is the noise itself, 9 values of variance 0.5^2
    values = penalties.dragan(weight=1.0, target=0.0, noise=0.5)(critic, zeros, ones, keys=many)
    assert abs(values.mean() - 9 * 0.25) < 4 * 0.25 * np.sqrt(18 / 2000)


@pytest.mark.parametrize(
    "name", slow_but(["r1"], ["r1", "r2", "gradient_penalty", "zero_centered_gradient_penalty"])
)
def test_exact_gradients_by_central_differences_of_the_logit(name):
    network = mlp.Discriminator((8, 8))
    with jax.enable_x64(True):
        real = images(1, dtype=jnp.float64)
        # between a point and itself there is only that point
        fake = real if "gradient" in name else images(2, dtype=jnp.float64)
        variables = jax.jit(partial(network.init, train=True))(jax.random.key(0), real)
        variables = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), variables)
        critic = jax.jit(lambda x: network.apply(variables, jnp.asarray(x), train=True))
        value = PENALTIES[name](critic, real, fake, keys=keys())
        place = np.asarray(fake if name == "r2" else real)
        flat, eps = place.reshape(4, -1), 1e-6
        slopes = [
            (
                critic((flat + eps * unit).reshape(real.shape))
                - critic((flat - eps * unit).reshape(real.shape))
            )
            / (2 * eps)
            for unit in np.eye(flat.shape[1])[:, None]
        ]
    squares = np.square(slopes).sum(0)
    expected = {
        "gradient_penalty": GAMMA * (np.sqrt(squares) - 1) ** 2,
        "zero_centered_gradient_penalty": GAMMA * squares,
    }.get(name, GAMMA / 2 * squares)
    np.testing.assert_allclose(value, expected, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", PENALTIES)
def test_differentiable_twice_by_the_critics_parameters(name):
    with jax.enable_x64(True):
        real, fake = images(1, dtype=jnp.float64), images(2, dtype=jnp.float64)
        weights = jax.random.normal(jax.random.key(3), (9, 5), jnp.float64)

        def penalized(weights):
            critic = lambda x: jnp.tanh(x.reshape(4, 9) @ weights).sum(-1)
            return PENALTIES[name](critic, real, fake, keys=keys()).mean()

        # differences over sigma = 0.01 are themselves divided by eps: more rounding
        loose = 1e-3 if "difference" in name else 1e-5
        check_grads(jax.jit(penalized), (weights,), order=2, modes=["rev"], atol=loose, rtol=loose)


@pytest.mark.slow
@pytest.mark.parametrize("name", PENALTIES)
def test_under_jit_vmap_and_scan_the_numbers_are_the_same(name):
    """With a conditional critic, whose labels are closed over."""
    network = mlp.Discriminator((8,), num_classes=3)
    labels = jnp.array([0, 2, 1, 1])
    real, fake = images(1), images(2)
    variables = network.init(jax.random.key(0), real, labels, train=True)
    pairs = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), variables)

    def value(variables, step=0):
        critic = lambda x: network.apply(variables, x, labels, train=True)
        return PENALTIES[name](critic, real, fake, keys=keys(), step=step)

    bare = value(variables)
    assert bare.shape == (4,)
    assert bare.dtype == jnp.float32
    np.testing.assert_allclose(jax.jit(value)(variables), bare, rtol=2e-4, atol=1e-5)
    mapped = jax.vmap(value)(pairs)
    np.testing.assert_allclose(mapped[0], bare, rtol=2e-4, atol=1e-5)
    assert not np.allclose(mapped[1], bare)
    scanned = jax.lax.scan(lambda carry, step: (carry, value(variables, step)), 0, jnp.arange(2))[1]
    np.testing.assert_allclose(scanned[0], bare, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("name", PENALTIES)
def test_two_devices_with_half_the_batch_each_get_the_same_numbers(name):
    weights, real, fake = images(0, count=1)[0], images(1), images(2)
    critic = lambda x: jnp.tanh((x * weights[None]).sum((1, 2, 3)))
    whole = PENALTIES[name](critic, real, fake, keys=keys())
    halves = [
        PENALTIES[name](critic, real[part], fake[part], keys=keys()[part])
        for part in (slice(0, 2), slice(2, 4))
    ]
    np.testing.assert_allclose(np.concatenate(halves), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", BY_KEYS)
def test_draws_need_one_key_per_example(name):
    critic = lambda x: x.sum((1, 2, 3))
    for wrong in (None, keys(count=3), jax.random.key(0)):
        with pytest.raises(ValueError, match=r"one per example, shape \(4,\)"):
            PENALTIES[name](critic, images(0), images(0), keys=wrong)


@pytest.mark.parametrize("make", [penalties.r1, penalties.r2, penalties.r1_r2])
def test_the_weight_may_be_a_schedule_of_the_step(make):
    critic = lambda x: x.sum((1, 2, 3))
    penalty, one = make(gamma=lambda step: 2.0 * step), make(gamma=1)
    expected = one(critic, images(0), images(0))
    np.testing.assert_allclose(penalty(critic, images(0), images(0), step=3), 6 * expected, rtol=1e-6)
    traced = jax.jit(lambda step: penalty(critic, images(0), images(0), step=step))
    np.testing.assert_allclose(traced(5), 10 * expected, rtol=1e-6)


def test_every_weight_may_be_a_schedule():
    weights = images(0, count=1)[0]
    double = lambda step: 2.0 * GAMMA + 0 * step
    scheduled = {
        "gradient_penalty": penalties.gradient_penalty(weight=double),
        "zero_centered_gradient_penalty": penalties.zero_centered_gradient_penalty(weight=double),
        "dragan": penalties.dragan(weight=double),
        "finite_difference_r1": penalties.finite_difference_r1(gamma=double),
        "finite_difference_r2": penalties.finite_difference_r2(gamma=double),
        "consistency": penalties.consistency(flip, real_weight=double, fake_weight=lambda step: 4.0),
    }
    for name, penalty in scheduled.items():
        arguments = linear_critic(weights), images(1), images(2)
        expected = 2 * PENALTIES[name](*arguments, keys=keys())
        np.testing.assert_allclose(penalty(*arguments, keys=keys()), expected, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("weight", [-1, -0.1, float("nan")])
def test_a_negative_weight_is_refused(weight):
    penalty = penalties.r1_r2(gamma=weight)
    with pytest.raises(ValueError, match="weight of a penalty is at least 0, got"):
        penalty(lambda x: x.sum((1, 2, 3)), images(0), images(0))


@pytest.mark.parametrize("critic", [lambda x: x.sum((2, 3)), lambda x: x.sum((1, 2, 3))[:, None], jnp.sum])
@pytest.mark.parametrize("name", ["r1", "r2", "r1_r2", "gradient_penalty", "dragan", "lazy", "consistency"])
def test_a_critic_that_does_not_return_one_logit_per_image_is_refused(critic, name):
    with pytest.raises(ValueError, match=r"\(4,\)"):
        PENALTIES[name](critic, images(0), images(0), keys=keys())


@pytest.mark.parametrize("name", ["r1_r2", "gradient_penalty", "zero_centered_gradient_penalty"])
def test_real_and_fake_of_different_shapes_are_refused(name):
    with pytest.raises(ValueError, match=r"\(4, 3, 3, 1\) and \(4, 3, 3, 2\)"):
        PENALTIES[name](jnp.sum, images(0), images(0, shape=(3, 3, 2)), keys=keys())


def test_a_flat_critic_gives_no_nan():
    """The norm has no derivative at zero."""
    real, fake = images(1), images(2)
    for name in PENALTIES:
        value = lambda w: PENALTIES[name](lambda x: (w * x).sum((1, 2, 3)), real, fake, keys=keys()).mean()
        chex.assert_tree_all_finite(jax.value_and_grad(value)(jnp.zeros((1, 3, 3, 1))))


@pytest.mark.slow
def test_finite_differences_converge_to_the_exact_penalty():
    """A single draw is off by order sigma, the mean over draws by order sigma squared.

    With the curvature c of a quadratic critic the mean is known: gamma / 2 (|g|^2 + sigma^2 / 4 E (n'Cn)^2).
    """
    with jax.enable_x64(True):
        shape, many = (3,), 200_000
        curvature = jnp.array([1.0, -0.5, 2.0])
        slope = jnp.array([0.3, -1.0, 0.5])
        critic = lambda x: x @ slope + 0.5 * (x**2) @ curvature
        real = jnp.broadcast_to(jnp.array([0.2, 0.1, -0.4]), (many, *shape))
        exact = penalties.r1(gamma=2.0)(critic, real[:1], real[:1])[0]
        draws = keys(0, many)
        sigmas = np.array([0.4, 0.2, 0.1])

        def sampled(sigma):
            return penalties.finite_difference_r1(gamma=2.0, sigma=sigma)(critic, real, real, keys=draws)

        # E (n'Cn)^2 = (trace C)^2 + 2 trace C^2
        spread = curvature.sum() ** 2 + 2 * (curvature**2).sum()
        single = []
        for sigma in sigmas:
            values = sampled(float(sigma))
            error = 4 * values.std() / np.sqrt(many)
            assert abs(values.mean() - exact - sigma**2 / 4 * spread) < error
            # the same draws along the gradient: what is left is the step's own error
            single.append(np.abs(values - sampled(1e-6)).mean())
    orders = np.diff(np.log(single)) / np.diff(np.log(sigmas))
    np.testing.assert_allclose(orders, 1, atol=0.25)


def test_finite_differences_on_fakes_are_r2():
    critic = lambda x: 0.5 * (x**2).sum((1, 2, 3))
    real, fake = images(1, count=2000), jnp.ones((2000, 3, 3, 1))
    values = penalties.finite_difference_r2(gamma=1.0)(critic, real, fake, keys=keys(count=2000))
    exact = penalties.r2(gamma=1.0)(critic, real, fake)
    assert abs(values.mean() - exact.mean()) < 4 * np.sqrt(2 / 2000) * exact.mean()


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan")])
def test_finite_differences_need_a_step(sigma):
    for make in (penalties.finite_difference_r1, penalties.finite_difference_r2):
        with pytest.raises(ValueError, match=r"positive"):
            make(gamma=1.0, sigma=sigma)


def test_consistency_of_real_images_only_draws_as_that_of_both():
    def noise(images, *, keys, step=0):
        return images + jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)

    arguments = linear_critic(images(0, count=1)[0]), images(1), images(2)
    real = penalties.consistency(noise, real_weight=1.0)(*arguments, keys=keys())
    fake = penalties.consistency(noise, real_weight=0.0, fake_weight=1.0)(*arguments, keys=keys())
    both = penalties.consistency(noise, real_weight=1.0, fake_weight=1.0)(*arguments, keys=keys())
    np.testing.assert_allclose(real + fake, both, rtol=1e-5)
    assert not np.allclose(real, fake), "draws of their own"


def test_lazy_has_the_same_mean_as_every_step():
    critic, real = linear_critic(images(0, count=1)[0]), images(1)
    penalty = penalties.lazy(penalties.r1(gamma=GAMMA), every=5)
    values = [penalty(critic, real, real, step=step) for step in range(10)]
    expected = penalties.r1(gamma=GAMMA)(critic, real, real)
    np.testing.assert_allclose(np.mean(values, 0), expected, rtol=1e-6)
    assert [bool(value.any()) for value in values] == [True, *[False] * 4] * 2
    later = penalties.lazy(penalties.r1(gamma=GAMMA), every=5, first=4)
    assert [bool(later(critic, real, real, step=step).any()) for step in range(10)] == [
        *[False] * 4,
        True,
    ] * 2
    for wrong in ({"every": 0}, {"every": 3, "first": 3}, {"every": 3, "first": -1}):
        with pytest.raises(ValueError, match=r"at least"):
            penalties.lazy(penalties.r1(gamma=1.0), **wrong)


def test_lazy_works_in_a_shard_map_of_ones_own():
    mesh, spec = jax.sharding.Mesh(np.array(jax.devices()[:2]), ("batch",)), jax.sharding.PartitionSpec
    penalty = penalties.lazy(penalties.r1(gamma=GAMMA), every=4)

    def of_shard(weights, images, step):
        return penalty(lambda x: (x @ weights).sum((1, 2)), images, images, step=step)

    inputs = jnp.arange(3.0), images(0, shape=(2, 3, 3))
    specs = {"in_specs": (spec(), spec("batch"), spec()), "out_specs": spec("batch")}
    mapped = jax.jit(jax.shard_map(of_shard, mesh=mesh, **specs))
    for step in (0, 3, 4):
        expected = of_shard(*inputs, jnp.int32(step))
        np.testing.assert_allclose(mapped(*inputs, jnp.int32(step)), expected, rtol=1e-6)
        assert (step % 4 == 0) == bool((expected > 0).all())


def test_lazy_costs_nothing_in_between():
    """The branch is a conditional of the program, also for a population that shares its step."""
    critic, real = linear_critic(images(0, count=1)[0]), images(1)
    penalty = penalties.lazy(penalties.r1(gamma=1.0))
    one = lambda step, real: penalty(critic, real, real, step=step)
    for function, arguments in ((one, (0, real)), (jax.vmap(one, (None, 0)), (0, real[None]))):
        assert "stablehlo.case" in jax.jit(function).lower(*arguments).as_text()


def test_orthogonal_against_the_sum_over_pairs_of_columns():
    rng = np.random.default_rng(0)
    params = {
        "a": {"kernel": rng.normal(size=(3, 3, 2, 4)), "bias": rng.normal(size=4)},
        "b": rng.normal(size=(5, 3)),
    }
    expected = 0.0
    for kernel in (params["a"]["kernel"].reshape(-1, 4), params["b"]):
        columns = kernel.T
        expected += sum((x @ y) ** 2 for i, x in enumerate(columns) for j, y in enumerate(columns) if i != j)
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.asarray, params)
        np.testing.assert_allclose(penalties.orthogonal(params, weight=0.5), expected / 2, rtol=1e-12)
    assert penalties.orthogonal({"kernel": 7 * jnp.eye(4)}) == 0, "lengths are left alone"
    assert penalties.orthogonal({}) == 0


@pytest.mark.slow
def test_orthogonal_is_differentiable_twice():
    with jax.enable_x64(True):
        params = {"a": images(0, 3, (3, 2, 4), jnp.float64), "b": images(1, 5, (3,), jnp.float64)}
        check_grads(jax.jit(penalties.orthogonal), (params,), order=2, modes=["rev"])


def test_clipped_parameters_stay_in_their_box():
    tx = optax.chain(optax.sgd(1.0), penalties.clip_parameters(0.01))
    params = {"kernel": jnp.linspace(-0.1, 0.1, 7), "bias": jnp.zeros(())}
    gradients = {"kernel": jnp.zeros(7), "bias": jnp.ones(())}
    updates, _ = jax.jit(tx.update)(gradients, tx.init(params), params)
    clipped = optax.apply_updates(params, updates)
    np.testing.assert_allclose(clipped["kernel"], np.clip(params["kernel"], -0.01, 0.01), rtol=1e-6)
    np.testing.assert_allclose(clipped["bias"], -0.01, rtol=1e-6)
    with pytest.raises(ValueError, match=r"needs the parameters"):
        tx.update(gradients, tx.init(params))
    with pytest.raises(ValueError, match=r"positive"):
        penalties.clip_parameters(0.0)


@cache
def trained(networks, image_shape, penalty):
    """One step of a conditional GAN of three classes."""
    tx = optax.sgd(0.1)
    state = init_state(
        jax.random.key(0), *networks, image_shape=image_shape, latent_dim=5, g_tx=tx, d_tx=tx, num_classes=3
    )
    batch = {"image": images(1, 6, image_shape), "label": jnp.arange(6) % 3}
    step = make_train_step(*networks, losses.hinge, penalty=penalty)
    return jax.jit(step)(state, batch, jax.random.key(1))


@pytest.mark.parametrize("name", slow_but(["gradient_penalty", "lazy"], PENALTIES))
def test_in_the_step_it_gets_keys_and_labels_and_moves_the_discriminator(name):
    networks = mlp.Generator((3,), (4,), num_classes=3), mlp.Discriminator((4,), num_classes=3)
    penalty = (
        penalties.consistency(lambda x, *, keys, step: 2 * x) if name == "consistency" else PENALTIES[name]
    )
    (state, metrics), (bare, _) = (trained(networks, (3,), each) for each in (penalty, None))
    chex.assert_tree_all_finite((state, metrics))
    if name != "gradient_penalty_one_sided":  # this critic is flatter than its target
        assert metrics["penalty"] > 0
        chex.assert_trees_all_equal_shapes(state.discriminator.params, bare.discriminator.params)
        with pytest.raises(AssertionError):
            chex.assert_trees_all_close(state.discriminator.params, bare.discriminator.params)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "name"),
    shares(
        product(("spectral", *small_networks.NAMES), ("r1_r2", "gradient_penalty", "finite_difference_r1")),
        slow=[
            ("spectral", "gradient_penalty"),
            ("resnet", "finite_difference_r1"),
            ("biggan", "r1_r2"),
            ("r3gan", "r1_r2"),
        ],
    ),
)
def test_penalties_train_convolutional_critics(family, name):
    networks = dcgan.Generator((8, 8, 1), 4, 3), dcgan.Discriminator(4, "spectral", 3)
    if family != "spectral":
        networks = small_networks.pair(family, 3)
    state, metrics = trained(networks, (8, 8, 1), PENALTIES[name])
    chex.assert_tree_all_finite((state, metrics))
    assert metrics["penalty"] > 0


def test_the_shared_pass_of_r1_and_r2_gives_the_gradient_of_their_sum():
    network = dcgan.Discriminator(4, "none")
    real, fake = images(1, 4, (8, 8, 1)), images(2, 4, (8, 8, 1))
    variables = jax.jit(partial(network.init, train=True))(jax.random.key(0), real)

    def gradient(penalty):
        def total(variables):
            critic: nn.Module = lambda x: network.apply(variables, x, train=True)
            return penalty(critic, real, fake).mean()

        return jax.jit(jax.grad(total))(variables)

    one, two = gradient(penalties.r1(gamma=2.0)), gradient(penalties.r2(gamma=2.0))
    both = gradient(penalties.r1_r2(gamma=2.0))
    chex.assert_trees_all_close(both, jax.tree.map(jnp.add, one, two), rtol=1e-4, atol=1e-6)


def test_a_gradient_by_integers_is_refused_in_a_sentence():
    images = jnp.zeros((2, 3, 3, 1), jnp.uint8)
    with pytest.raises(ValueError, match=r"float images in \[-1, 1\], got uint8: jaxgan.images.to_float"):
        penalties.r1(gamma=1.0)(lambda x: x.sum((1, 2, 3)), images, images)
