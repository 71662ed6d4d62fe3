from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads

from choosing import slow_but
from jaxgan import losses, penalties
from jaxgan.layers import (
    ConditionalBatchNorm,
    MinibatchStddev,
    ProjectionHead,
    ResidualBlock,
    SelfAttention,
    SpectralNorm,
    VectorBatchNorm,
)
from jaxgan.networks import dcgan
from jaxgan.state import init_state
from jaxgan.step import make_train_step

LAYERS = {
    "dense": (nn.Dense(7), (6, 5)),
    "conv": (nn.Conv(7, (4, 4), (2, 2)), (2, 8, 8, 3)),
    "conv transpose": (nn.ConvTranspose(7, (4, 3), (2, 2)), (2, 4, 4, 3)),
}


def normal(seed, shape, dtype=jnp.float32):
    return jax.random.normal(jax.random.key(seed), shape, dtype)


def settle(module, variables, inputs, calls=150):
    """Let the power iteration converge."""

    def call(_, variables):
        return {**variables, **module.apply(variables, inputs, train=True, mutable=["batch_stats"])[1]}

    return jax.jit(lambda variables: jax.lax.fori_loop(0, calls, call, variables))(variables)


def init(module, *inputs):
    return jax.jit(partial(module.init, train=False))(jax.random.key(0), *inputs)


def as_matrix(kernel):
    return np.asarray(kernel).reshape(-1, kernel.shape[-1])


class Critic(nn.Module):
    """Spectral normalization of each kind of layer; on request, classes and groups."""

    num_classes: int | None = None
    group_size: int | None = None

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        features = jnp.tanh(SpectralNorm(nn.Conv(3, (3, 3), (2, 2)))(images, train=train))
        if self.group_size:
            features = MinibatchStddev(self.group_size)(features)
        features = jnp.tanh(SpectralNorm(nn.Dense(8))(features.reshape(len(images), -1), train=train))
        logits = SpectralNorm(nn.Dense(1))(features, train=train)[:, 0]
        if self.num_classes:
            embedding = SpectralNorm(nn.Embed(self.num_classes, 8))(labels, train=train)
            logits += (embedding * features).sum(-1)
        return logits


# Spectral normalization


@pytest.mark.parametrize("name", LAYERS)
def test_the_kernel_is_divided_by_the_norm_that_an_svd_finds_and_the_bias_is_not(name):
    layer, shape = LAYERS[name]
    module, inputs = SpectralNorm(layer), normal(1, shape)
    variables = settle(module, init(module, inputs), inputs)
    params = {**variables["params"]["layer"], "bias": normal(2, (7,))}
    sigma = np.linalg.norm(as_matrix(params["kernel"]), 2)
    np.testing.assert_allclose(variables["batch_stats"]["layer/kernel/sigma"], sigma, rtol=1e-5)
    expected = layer.apply({"params": {**params, "kernel": params["kernel"] / sigma}}, inputs)
    output = module.apply({**variables, "params": {"layer": params}}, inputs, train=False)
    np.testing.assert_allclose(output, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "kernel_shape", "inputs_shape", "u", "sigma"),
    [
        (nn.Dense(3), (5, 3), (1, 5), [0.421394, 0.799198, 0.428613], 7.794822),
        (nn.Conv(3, (3, 2)), (3, 2, 2, 3), (1, 4, 4, 2), [-0.047869, 0.647923, 0.7602], 17.230216),
        (nn.ConvTranspose(3, (3, 2)), (3, 2, 2, 3), (1, 4, 4, 2), [-0.047869, 0.647923, 0.7602], 17.230216),
    ],
)
def test_two_calls_leave_the_vector_of_pytorch(layer, kernel_shape, inputs_shape, u, sigma):
    """From torch 2.13.0, parametrizations.spectral_norm of Linear, Conv2d and ConvTranspose2d (whose `dim` is 1).

    The kernel below in torch's layout, `_u` ones, `_v` the unit W^T u; `_u` after two reads of `weight` in
    training, and torch.linalg.matrix_norm(W, 2), in float64.
    """
    counts = np.arange(np.prod(kernel_shape))
    kernel = jnp.asarray((np.sin(1 + counts) * np.sqrt(1 + counts)).reshape(kernel_shape), jnp.float32)
    module, inputs = SpectralNorm(layer), jnp.zeros(inputs_shape)
    variables = {
        "params": {"layer": {"kernel": kernel, "bias": jnp.zeros(3)}},
        "batch_stats": {"layer/kernel/u": jnp.ones(3), "layer/kernel/sigma": jnp.ones(())},
    }
    vector = settle(module, variables, inputs, calls=2)["batch_stats"]["layer/kernel/u"]
    np.testing.assert_allclose(vector, u, atol=1e-5)
    value = settle(module, variables, inputs, calls=30)["batch_stats"]["layer/kernel/sigma"]
    np.testing.assert_allclose(value, sigma, rtol=1e-6)


def test_the_gradient_is_that_of_the_paper():
    """Miyato 2018, eq. 12: (G - <G, W / sigma> u v^T) / sigma, from numpy's singular vectors."""
    module, inputs = SpectralNorm(nn.Dense(4, use_bias=False)), normal(1, (6, 5))
    variables = settle(module, init(module, inputs), inputs)
    weights = normal(2, (6, 4))

    def value(params):
        return (
            weights * module.apply({**variables, "params": params}, inputs, train=True, mutable=True)[0]
        ).sum()

    gradient = jax.grad(value)(variables["params"])["layer"]["kernel"]
    kernel = np.asarray(variables["params"]["layer"]["kernel"])
    left, sigmas, right = np.linalg.svd(kernel)
    outer = np.asarray(inputs).T @ np.asarray(weights)
    expected = (outer - (outer * kernel).sum() / sigmas[0] * np.outer(left[:, 0], right[0])) / sigmas[0]
    np.testing.assert_allclose(gradient, expected, atol=1e-5)


def test_r1_of_a_spectrally_normalized_critic_by_finite_differences():
    """Where the iteration has converged, its value is the singular value to second order."""
    module = Critic()
    with jax.enable_x64(True):
        real = normal(1, (2, 4, 4, 1), jnp.float64)
        variables = init(module, real)
        variables = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), variables)
        variables = settle(module, variables, real, calls=1000)
        assert all(leaf.dtype == jnp.float64 for leaf in jax.tree.leaves(variables))

        def penalised(params):
            critic = lambda images: module.apply({**variables, "params": params}, images, train=False)
            return penalties.r1(gamma=2.0)(critic, real, real).mean()

        check_grads(jax.jit(penalised), (variables["params"],), order=1, modes=["rev"])


@pytest.mark.parametrize("train", [False, True])
def test_initial_kernels_are_those_of_the_initializer(train):
    module = dcgan.Discriminator(8, norm="spectral")
    variables = jax.jit(partial(module.init, train=train))(jax.random.key(0), jnp.zeros((2, 16, 16, 3)))
    for name in ("Conv_0", "Conv_1", "Dense_0"):
        np.testing.assert_allclose(variables["params"][name]["kernel"].std(), 0.02, rtol=0.15)


def test_a_call_leaves_the_parameters_alone_even_where_they_are_mutable():
    module, inputs = SpectralNorm(nn.Dense(4)), normal(1, (6, 5))
    variables = init(module, inputs)
    _, after = module.apply(variables, inputs, train=True, mutable=True)
    jax.tree.map(np.testing.assert_array_equal, after["params"], variables["params"])


@pytest.mark.parametrize("scale", [1e-10, 1e-6, 1e6])
def test_the_size_of_the_kernel_does_not_matter(scale):
    module, inputs = SpectralNorm(nn.Dense(4)), normal(1, (6, 5))
    variables = init(module, inputs)
    scaled = {**variables, "params": jax.tree.map(lambda leaf: scale * leaf, variables["params"])}
    expected, output = (
        module.apply(settle(module, start, inputs, calls=40), inputs, train=False)
        for start in (variables, scaled)
    )
    np.testing.assert_allclose(output, expected, atol=1e-5)


def test_a_kernel_of_zeros_is_normalized_once_it_moves():
    module, inputs = SpectralNorm(nn.Dense(4, kernel_init=nn.initializers.zeros)), normal(1, (6, 5))
    variables = settle(module, init(module, inputs), inputs, calls=3)
    value = lambda params: module.apply({**variables, "params": params}, inputs, train=False).sum()
    assert value(variables["params"]) == 0
    gradient = jax.grad(value)(variables["params"])["layer"]["kernel"]
    np.testing.assert_allclose(gradient, np.tile(inputs.sum(0)[:, None], 4), rtol=1e-5)
    moved = {**variables, "params": {"layer": {"kernel": normal(3, (5, 4)), "bias": jnp.zeros(4)}}}
    sigma = settle(module, moved, inputs)["batch_stats"]["layer/kernel/sigma"]
    np.testing.assert_allclose(sigma, np.linalg.norm(normal(3, (5, 4)), 2), rtol=1e-5)


def test_evaluation_uses_the_vector_of_training_and_keeps_it():
    module, inputs = SpectralNorm(nn.Dense(4)), normal(1, (6, 5))
    start = init(module, inputs)
    trained = settle(module, start, inputs, calls=2)
    output, after = module.apply(trained, inputs, train=False, mutable=["batch_stats"])
    jax.tree.map(np.testing.assert_array_equal, after["batch_stats"], trained["batch_stats"])
    training, _ = module.apply(trained, inputs, train=True, mutable=["batch_stats"])
    np.testing.assert_array_equal(output, training)
    assert not np.allclose(output, module.apply(start, inputs, train=False))


def test_the_state_may_be_donated_and_keeps_its_shapes():
    module, inputs = SpectralNorm(nn.Conv(4, (3, 3))), normal(1, (2, 5, 5, 3))
    variables = init(module, inputs)
    expected = settle(module, variables, inputs, calls=3)["batch_stats"]

    traces = []

    @partial(jax.jit, donate_argnums=0)
    def call(statistics):
        traces.append(statistics)
        together = {"params": variables["params"], "batch_stats": statistics}
        return module.apply(together, inputs, train=True, mutable=["batch_stats"])[1]["batch_stats"]

    statistics = variables["batch_stats"]
    for _ in range(3):
        before, statistics = statistics, call(statistics)
        assert before["layer/kernel/u"].is_deleted()  # sigma is not read, so it is not an argument at all
    assert len(traces) == 1
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-6), statistics, expected)


@pytest.mark.parametrize(("size", "stride", "stretch"), [(4, 2, 2), (3, 1, 3)])
def test_the_norm_of_the_convolution_itself_counts_the_overlap_of_patches(size, stride, stretch):
    """The kernel's matrix has norm 1; the operator, as a dense matrix, reaches ceil(size / stride), not more."""
    convolution = nn.Conv(2, (size, size), (stride, stride), padding="CIRCULAR")
    module = SpectralNorm(convolution)
    inputs = jnp.eye(6 * 6 * 2).reshape(-1, 6, 6, 2)  # each pixel by itself
    variables = init(module, inputs)
    flat = jnp.ones((size, size, 2, 2))
    for kernel, reached in ((normal(1, flat.shape), False), (flat, True)):
        params = {"layer": {"kernel": kernel, "bias": jnp.zeros(2)}}
        settled = settle(module, {**variables, "params": params}, inputs)
        operator = module.apply(settled, inputs, train=False).reshape(len(inputs), -1)
        norm = np.linalg.norm(operator, 2)
        assert norm > 1.05
        assert norm < stretch * (1 + 1e-5)
        assert np.isclose(norm, stretch, rtol=1e-5) == reached


# Conditional batch normalization


def conditional(features, labels, num_classes=3, **options):
    """Return the module, and its variables with scales and biases that differ."""
    module = ConditionalBatchNorm(num_classes, **options)
    variables = init(module, features, labels)
    shape = (num_classes, features.shape[-1])
    params = {"scale": {"embedding": normal(8, shape)}, "bias": {"embedding": normal(9, shape)}}
    assert jax.tree.map(jnp.shape, variables["params"]) == jax.tree.map(jnp.shape, params)
    return module, {**variables, "params": params}


@pytest.mark.parametrize("shape", [(6, 4), (6, 3, 2, 4)])
def test_conditional_batch_norm_class_by_class(shape):
    features, labels = 3 + 2 * normal(0, shape), jnp.array([0, 2, 1, 1, 0, 2])
    module, variables = conditional(features, labels, momentum=0.9)
    output, updated = module.apply(variables, features, labels, train=True, mutable=["batch_stats"])
    x, axes = np.asarray(features, np.float64), tuple(range(len(shape) - 1))
    mean, var = x.mean(axes), x.var(axes)
    tables = {name: np.asarray(leaf["embedding"]) for name, leaf in variables["params"].items()}

    def normalized(mean, var):
        rows = zip(x, np.asarray(labels), strict=True)
        return [(r - mean) / np.sqrt(var + 1e-5) * tables["scale"][c] + tables["bias"][c] for r, c in rows]

    np.testing.assert_allclose(output, normalized(mean, var), atol=1e-5)
    running = updated["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(running["mean"], 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(running["var"], 0.9 + 0.1 * var, rtol=1e-5)
    evaluated = module.apply({**variables, **updated}, features, labels, train=False)
    np.testing.assert_allclose(evaluated, normalized(0.1 * mean, 0.9 + 0.1 * var), atol=1e-5)


@pytest.mark.parametrize("train", [True, False])
def test_conditional_batch_norm_begins_as_batch_norm(train):
    features, labels = normal(0, (6, 3, 3, 4)), jnp.array([0, 2, 1, 1, 0, 2])
    module = ConditionalBatchNorm(3)
    output, variables = module.init_with_output(jax.random.key(0), features, labels, train=train)
    expected, plain = nn.BatchNorm(use_running_average=not train).init_with_output(
        jax.random.key(0), features
    )
    np.testing.assert_allclose(output, expected, atol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, variables["batch_stats"]["BatchNorm_0"], plain["batch_stats"])


def test_only_the_classes_of_the_batch_learn_from_it():
    features, labels = normal(0, (4, 3)), jnp.array([0, 2, 2, 0])
    module, variables = conditional(features, labels)

    def value(params):
        return jnp.sum(module.apply({**variables, "params": params}, features, labels, train=False) ** 2)

    for table in jax.tree.leaves(jax.grad(value)(variables["params"])):
        assert [bool(row.any()) for row in table] == [True, False, True]


@pytest.mark.parametrize("labels", [None, jnp.zeros(1, jnp.int32), jnp.zeros(5, jnp.int32)])
def test_conditional_batch_norm_takes_one_label_per_example(labels):
    """One label would count for all examples, without a word."""
    with pytest.raises(ValueError, match=r"one label per example, shape \(4,\), got (none|shape)"):
        ConditionalBatchNorm(3).init(jax.random.key(0), jnp.zeros((4, 2, 2, 1)), labels, train=True)


def test_layers_say_what_they_take():
    with pytest.raises(ValueError, match=r"MinibatchStddev takes features \[B, ..., C\], got shape \(4,\)"):
        MinibatchStddev().init(jax.random.key(0), jnp.zeros(4))
    with pytest.raises(ValueError, match=r"SpectralNorm takes a module, such as nn.Dense\(1\), got <class"):
        SpectralNorm(nn.Dense).init(jax.random.key(0), jnp.zeros((4, 2)), train=True)


def test_a_label_that_is_no_class_is_not_silent():
    features = normal(0, (2, 3))
    module, variables = conditional(features, jnp.zeros(2, jnp.int32))
    output = module.apply(variables, features, jnp.array([0, 3]), train=False)
    assert [bool(row.any()) for row in jnp.isnan(output)] == [False, True]


def test_a_dcgan_generator_may_take_its_labels_into_its_batch_norms():
    latents, labels = jnp.ones((3, 5)), jnp.array([0, 1, 1])
    module = dcgan.Generator((16, 16, 1), 4, num_classes=2, conditioning="batch_norm")
    variables = init(module, latents, labels)
    params = variables["params"]
    assert params["Dense_0"]["kernel"].shape[0] == 5  # the latents alone
    assert sum("ConditionalBatchNorm" in name for name in params) == 2
    generate = jax.jit(
        lambda params: module.apply({**variables, "params": params}, latents, labels, train=False)
    )
    images = generate(params)
    np.testing.assert_array_equal(images[0], images[1])  # classes begin alike
    last = {**params["ConditionalBatchNorm_1"], "bias": {"embedding": jnp.eye(2, 4)}}
    images = generate({**params, "ConditionalBatchNorm_1": last})
    assert not np.allclose(images[0], images[1])
    np.testing.assert_array_equal(images[1], images[2])


# Minibatch standard deviation


@pytest.mark.parametrize("shape", [(6, 5), (6, 3, 2, 4)])
@pytest.mark.parametrize("group_size", [1, 2, 3, 6])
def test_minibatch_stddev_by_a_plain_loop(shape, group_size):
    features = normal(0, shape)
    output = MinibatchStddev(group_size).apply({}, features)
    x = np.asarray(features, np.float64)
    expected = np.empty((*shape[:-1], 1))
    for first in range(0, 6, group_size):
        group = x[first : first + group_size].reshape(group_size, -1)
        deviations = [np.sqrt(sum((column - column.mean()) ** 2) / group_size) for column in group.T]
        expected[first : first + group_size] = sum(deviations) / len(deviations)
    np.testing.assert_array_equal(output[..., :-1], features)
    np.testing.assert_allclose(output[..., -1:], expected, rtol=1e-5, atol=1.1e-4)  # sqrt(1e-8) at group 1


def test_two_shards_see_what_the_whole_batch_sees():
    features, layer = normal(0, (8, 3, 3, 2)), MinibatchStddev(4)
    whole = layer.apply({}, features)
    shards = jax.pmap(lambda shard: layer.apply({}, shard))(features.reshape(2, 4, 3, 3, 2))
    np.testing.assert_allclose(shards.reshape(whole.shape), whole, rtol=1e-6)
    assert not np.allclose(whole[0, ..., -1], whole[4, ..., -1])


def test_a_batch_that_does_not_divide_into_groups_is_refused_except_at_initialization():
    layer = MinibatchStddev(4)
    for count in (1, 2, 6):
        with pytest.raises(ValueError, match=f"batch of {count} .* groups of 4"):
            jax.eval_shape(lambda features: layer.apply({}, features), jnp.zeros((count, 3)))
        output, _ = layer.init_with_output(jax.random.key(0), jnp.zeros((count, 3)))
        assert output.shape == (count, 4)
    with pytest.raises(ValueError, match="groups of 0"):
        MinibatchStddev(0).apply({}, jnp.zeros((4, 3)))


def test_minibatch_stddev_is_differentiable_twice_even_where_a_group_is_all_alike():
    layer = MinibatchStddev(2)
    with jax.enable_x64(True):
        weights = normal(1, (4,), jnp.float64)

        def penalised(features):
            critic = lambda x: jnp.tanh(layer.apply({}, x) @ weights)
            return penalties.r1(gamma=1.0)(critic, features, features).mean()

        check_grads(jax.jit(penalised), (normal(0, (4, 3), jnp.float64),), order=1)
        gradient = jax.jit(jax.grad(penalised))(jnp.ones((4, 3), jnp.float64))
    assert jnp.isfinite(gradient).all()


def test_a_penalty_sees_the_slope_of_the_logits_of_the_group():
    layer, features = MinibatchStddev(2), normal(0, (4, 3))
    critic = lambda x: jnp.sin(layer.apply({}, x).sum(-1))
    slopes = np.asarray(jax.jit(jax.jacobian(critic))(features))  # [logit, example, feature]
    assert (slopes[:2, 2:] == 0).all()
    assert (slopes[:2, :2] != 0).all()
    of_group = [slopes[2 * (i // 2) : 2 * (i // 2) + 2, i].sum(0) for i in range(4)]
    value = jax.jit(lambda x: penalties.r1(gamma=2.0)(critic, x, x))(features)
    np.testing.assert_allclose(value, np.square(of_group).sum(-1), rtol=1e-5)


# Blocks of modern networks, under what training does with them


def of_maps(module, on_devices=None):
    """Return a module that takes maps alone, as a function of parameters and maps, and its arguments.

    The function applies `on_devices` in the module's place, if it is given.
    """
    maps = normal(1, (4, 4, 4, 8))

    class Bare(nn.Module):
        of_maps: Any

        @nn.compact
        def __call__(self, maps, *, train):
            return self.of_maps(maps, train=train)

    variables = init(Bare(module), maps)
    keys = iter(jax.random.split(jax.random.key(2), 20))
    params = jax.tree.map(lambda leaf: normal_of(next(keys), leaf), variables["params"])
    settled = settle(Bare(module), {**variables, "params": params}, maps, calls=1000)
    rest = {name: value for name, value in settled.items() if name != "params"}

    def block(params, maps):
        return Bare(on_devices or module).apply(
            {"params": params, **rest}, maps, train=True, mutable=[*rest]
        )[0]

    return block, params, maps


def normal_of(key, leaf):
    return jax.random.normal(key, leaf.shape, leaf.dtype) / 3


def vector_batch_norm(maps, *, train, axis_name=None):
    return VectorBatchNorm(axis_name=axis_name)(maps, maps[:, 0, 0], train=train)


BLOCKS = {
    "attention": lambda: of_maps(lambda maps, train: SelfAttention(spectral=True)(maps, train=train)),
    "up": lambda: of_maps(lambda maps, train: ResidualBlock(5, resample="up")(maps, jnp.tanh, train=train)),
    "down": lambda: of_maps(
        lambda maps, train: ResidualBlock(5, resample="down", spectral=True)(maps, jnp.tanh, train=train)
    ),
    "vector batch norm": lambda: of_maps(vector_batch_norm),
    "projection": lambda: of_maps(
        lambda maps, train: ProjectionHead(2, True)(maps.mean((1, 2)), jnp.arange(len(maps)) % 2, train=train)
    ),
}


def mean_square(block):
    return lambda params, maps: jnp.mean(jnp.tanh(block(params, maps)) ** 2)


@pytest.mark.parametrize("name", slow_but(["attention", "down"], BLOCKS))
def test_the_gradient_of_a_penalty_through_a_block_by_finite_differences(name):
    with jax.enable_x64(True):
        block, *arguments = BLOCKS[name]()
        params, maps = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), arguments)

        def penalised(params):
            return jnp.sum(jax.grad(mean_square(block), argnums=1)(params, maps) ** 2)

        check_grads(jax.jit(penalised), (params,), order=1, modes=["rev"], rtol=1e-4, eps=1e-7)


@pytest.mark.parametrize("name", slow_but(["vector batch norm"], BLOCKS))
def test_a_population_of_blocks_gives_the_gradients_of_each(name):
    block, params, maps = BLOCKS[name]()
    gradient = jax.grad(mean_square(block), argnums=(0, 1))
    both = jax.tree.map(lambda leaf: jnp.stack([leaf, -2 * leaf]), params)
    together = jax.jit(jax.vmap(gradient, in_axes=(0, None)))(both, maps)
    alone = jax.jit(gradient)(jax.tree.map(lambda leaf: -2 * leaf, params), maps)
    for one, other in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
        np.testing.assert_allclose(one[1], other, rtol=1e-4, atol=1e-5 * np.abs(other).max() + 1e-9)


@pytest.mark.parametrize("name", slow_but(["vector batch norm", "projection"], BLOCKS))
def test_two_devices_give_a_block_the_gradients_of_one(name):
    block, params, maps = BLOCKS[name]()
    shared = block
    if name == "vector batch norm":
        shared, _, _ = of_maps(vector_batch_norm, partial(vector_batch_norm, axis_name="batch"))
    whole = jax.jit(jax.grad(mean_square(block)))(params, maps)
    mean = lambda params, maps: jax.lax.pmean(mean_square(shared)(params, maps), "batch")
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    specs = jax.sharding.PartitionSpec(), jax.sharding.PartitionSpec("batch")
    parts = jax.shard_map(jax.grad(mean), mesh=mesh, in_specs=specs, out_specs=specs[0])
    for one, other in zip(*map(jax.tree.leaves, (jax.jit(parts)(params, maps), whole)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * np.abs(other).max() + 1e-9)


@pytest.mark.parametrize("name", slow_but(["up"], BLOCKS))
def test_blocks_keep_bfloat16(name):
    block, params, maps = BLOCKS[name]()
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), (params, maps))
    output, expected = jax.jit(block)(*half), jax.jit(block)(params, maps)
    assert output.dtype == jnp.bfloat16
    np.testing.assert_allclose(output.astype(jnp.float32), expected, atol=0.05 * np.abs(expected).max())


# All of the first in a step


@pytest.mark.slow
def test_two_devices_give_the_numbers_of_one():
    generator = dcgan.Generator((8, 8, 1), 4, num_classes=3, conditioning="batch_norm")
    critic, tx = Critic(num_classes=3, group_size=4), optax.sgd(0.05)
    options = {"image_shape": (8, 8, 1), "latent_dim": 5, "g_tx": tx, "d_tx": tx, "num_classes": 3}
    make = partial(make_train_step, generator, critic, losses.hinge, penalty=penalties.r1(gamma=1.0))
    start = init_state(jax.random.key(0), generator, critic, **options)
    batch = {"image": normal(1, (8, 8, 8, 1)), "label": jnp.array([0, 1, 2, 2, 1, 1, 0, 1])}
    split = jax.tree.map(lambda x: x.reshape(2, 4, *x.shape[1:]), batch)
    one = jax.jit(make())
    two = jax.pmap(make(axis_name="batch"), axis_name="batch", in_axes=(None, 0, None), out_axes=None)
    results = []
    for step, images in ((one, batch), (two, split)):
        state = start
        for _ in range(3):
            state, metrics = step(state, images, jax.random.key(3))
        results.append((state, metrics))
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), results[0][0], start)
    assert all(jax.tree.leaves(moved))
    for ours, theirs in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
