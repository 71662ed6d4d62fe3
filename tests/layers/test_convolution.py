"""jaxgan's layers against linen's, under every transformation that training a GAN uses."""

import re
from functools import cache, partial

import flax.linen as nn
import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import PartitionSpec
from jax.test_util import check_grads

from jaxgan.layers.batch_norm import BatchNorm
from jaxgan.layers.convolution import Conv, ConvDownsample, ConvTranspose, UpsampleConv, conv, conv_downsample
from jaxgan.layers.kernels import lowerings, winograd
from jaxgan.layers.kernels.lowerings import Window
from jaxgan.networks import dcgan

STRIDED = {"features": 3, "kernel_size": (4, 4), "strides": (2, 2)}
ODD = {"features": 3, "kernel_size": (3, 3)}
POINT = {"features": 3, "kernel_size": (1, 1)}
GROUPED = {"features": 6, "kernel_size": (3, 3), "feature_group_count": 2}


def apply(module, **state):
    def function(params, x):
        return module.apply({"params": params, **state}, x, mutable=["batch_stats"])[0]

    return function


def batch_norm(layer, **options):
    stats = {"mean": jnp.zeros(2), "var": jnp.ones(2)}
    return apply(layer(use_running_average=False, **options), batch_stats=stats)


def repeated(x):
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


LAYERS = {  # ours, and linen's
    "conv": (apply(Conv(**STRIDED)), apply(nn.Conv(**STRIDED))),
    "conv_3x3": (apply(Conv(**ODD)), apply(nn.Conv(**ODD))),
    "conv_1x1": (apply(Conv(**POINT)), apply(nn.Conv(**POINT))),
    "grouped_conv": (apply(Conv(**GROUPED)), apply(nn.Conv(**GROUPED))),
    "conv_transpose": (apply(ConvTranspose(**STRIDED)), apply(nn.ConvTranspose(**STRIDED))),
    "upsample_conv": (
        apply(UpsampleConv(**ODD)),
        lambda params, x: apply(nn.Conv(**ODD))(params, repeated(x)),
    ),
    "conv_downsample": (
        apply(ConvDownsample(**ODD)),
        lambda params, x: nn.avg_pool(apply(nn.Conv(**ODD))(params, x), (2, 2), (2, 2)),
    ),
    "batch_norm": (batch_norm(BatchNorm), batch_norm(nn.BatchNorm)),
}


def inputs(name, dtype=jnp.float32, batch=4):
    """Return a layer's parameters and images, of two channels."""
    keys = iter(jax.random.split(jax.random.key(1), 4))
    normal = lambda *shape: jax.random.normal(next(keys), shape, dtype)
    x = normal(batch, 4, 6, 2)
    if name == "batch_norm":
        return {"scale": 1 + 0.1 * normal(2), "bias": normal(2)}, x
    if name == "grouped_conv":
        return {"kernel": normal(3, 3, 2, 6) / 2, "bias": normal(6)}, jnp.concatenate(
            [x, jnp.sin(3 * x)], axis=3
        )
    size = 1 if name == "conv_1x1" else 4 if name in ("conv", "conv_transpose") else 3
    return {"kernel": normal(size, size, 2, 3), "bias": normal(3)}, x


def loss(layer):
    return lambda params, x: jnp.mean(jnp.tanh(layer(params, x)) ** 2)


def penalised(layer):
    """Return the gradient of R1, which is the squared gradient by the images."""
    slope = jax.grad(loss(layer), argnums=1)
    return jax.grad(lambda params, x: jnp.sum(slope(params, x) ** 2), argnums=(0, 1))


def jacobian_product(layer):
    """Return the derivative of a gradient along a direction, as the update rules take it."""
    gradient = jax.grad(loss(layer), argnums=(0, 1))
    return lambda params, x: jax.jvp(gradient, (params, x), jax.tree.map(jnp.cos, (params, x)))[1]


def members(params):
    return jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf, -leaf]), params)


def population(layer):
    gradient = jax.vmap(jax.grad(loss(layer), argnums=(0, 1)), in_axes=(0, None))
    return lambda params, x: gradient(members(params), x)


def scanned(layer):
    gradient = jax.value_and_grad(loss(layer), argnums=(0, 1))
    return lambda params, x: jax.lax.scan(
        lambda _, x: (None, gradient(params, x)), None, jnp.stack([x, 2 * x])
    )


TRANSFORMATIONS = {
    "value": lambda layer: layer,
    "gradient": lambda layer: jax.grad(loss(layer), argnums=(0, 1)),
    "forward mode": lambda layer: lambda params, x: jax.jvp(layer, (params, x), (params, jnp.sin(x)))[1],
    "reverse over reverse": penalised,
    "jvp of grad": jacobian_product,
    "vmap over examples": lambda layer: (
        lambda params, x: jax.vmap(
            jax.grad(lambda params, x: loss(layer)(params, x[None])), in_axes=(None, 0)
        )(params, x)
    ),
    "vmap over images": lambda layer: (
        lambda params, x: jax.vmap(jax.grad(loss(layer), argnums=1), in_axes=(None, 1), out_axes=1)(
            params, jnp.stack([x, 2 * x], axis=1)
        )
    ),
    "vmap over weights": population,
    "vmap over weights, second order": lambda layer: (
        lambda params, x: jax.vmap(penalised(layer), in_axes=(0, None))(members(params), x)
    ),
    "scan": scanned,
    "remat": lambda layer: jax.grad(jax.checkpoint(loss(layer)), argnums=(0, 1)),
}


def check_equal(ours, linens, rtol):
    """Compare trees, each leaf relative to its largest number."""

    def check(path, ours, linens):
        assert ours.shape == linens.shape
        assert ours.dtype == linens.dtype
        atol = rtol * np.abs(linens).max()
        np.testing.assert_allclose(ours, linens, rtol=rtol, atol=atol, err_msg=str(path))

    assert jax.tree.structure(ours) == jax.tree.structure(linens)
    jax.tree_util.tree_map_with_path(check, ours, linens)


# A CPU computes layers as small as these directly; "tiles" makes it compute them as it does large ones.
LAYERS_AND_ALGORITHMS = [(name, "direct") for name in LAYERS] + [
    (name, "tiles") for name in LAYERS if name != "batch_norm"
]


def slow_but(fast, cases):
    """Return the cases as parameters, of which all but the fast ones are slow tests."""
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)), marks=() if case in fast else pytest.mark.slow
        )
        for case in cases
    ]


@pytest.fixture
def algorithm(request, monkeypatch):
    if request.param == "tiles":
        monkeypatch.setattr(winograd, "MIN_RATIO", 0)
    return request.param


@pytest.mark.parametrize(
    ("name", "algorithm"),
    slow_but(
        [
            *((name, "direct") for name in ("conv", "grouped_conv", "conv_transpose", "batch_norm")),
            *((name, "tiles") for name in ("conv_3x3", "upsample_conv")),
        ],
        LAYERS_AND_ALGORITHMS,
    ),
    indirect=["algorithm"],
)
def test_values_and_gradients_are_those_of_linens_layers(name, algorithm):
    def results(layer):
        return jax.jit(lambda *args: [TRANSFORMATIONS[key](layer)(*args) for key in ("value", "gradient")])

    check_equal(*(results(layer)(*inputs(name)) for layer in LAYERS[name]), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "algorithm", "transformations"),
    [
        ("conv_transpose", "tiles", ("jvp of grad", "vmap over weights, second order")),
        *(
            pytest.param(*case, tuple(TRANSFORMATIONS), marks=pytest.mark.slow)
            for case in LAYERS_AND_ALGORITHMS
        ),
    ],
    indirect=["algorithm"],
)
def test_transformed_layers_give_what_linens_layers_give(name, algorithm, transformations):
    """In float64. All convolutions differentiate the same three primitives, so one layer is enough when fast."""

    with jax.enable_x64(True):
        ours = transformed(LAYERS[name][0], name, transformations)
        check_equal(ours, transformed_linens(name, transformations), rtol=1e-12)


def transformed(layer, name, transformations):
    results = jax.jit(lambda *args: [TRANSFORMATIONS[each](layer)(*args) for each in transformations])
    return results(*inputs(name, jnp.float64))


@cache  # one for both algorithms
def transformed_linens(name, transformations):
    return transformed(LAYERS[name][1], name, transformations)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_to_second_order_by_finite_differences(name):
    with jax.enable_x64(True):
        params, x = inputs(name, jnp.float64, batch=2)
        check_grads(jax.jit(loss(LAYERS[name][0])), (params, x), order=2, modes=("fwd", "rev"), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "algorithm"),
    slow_but([("conv_transpose", "tiles"), ("batch_norm", "direct")], LAYERS_AND_ALGORITHMS),
    indirect=["algorithm"],
)
def test_bfloat16_is_kept_and_close(name, algorithm):
    params, x = inputs(name)
    half = x.astype(jnp.bfloat16)
    if name != "batch_norm":  # whose parameters stay float32, as linen's do
        params = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    ours, linens = (jax.jit(layer)(params, half) for layer in LAYERS[name])
    assert ours.dtype == linens.dtype
    gradients = [jax.jit(TRANSFORMATIONS["gradient"](layer))(params, half) for layer in LAYERS[name]]
    for one, other in zip(
        jax.tree.leaves((ours, gradients[0])), jax.tree.leaves((linens, gradients[1])), strict=True
    ):
        assert one.dtype == other.dtype
        one, other = np.asarray(one, np.float32), np.asarray(other, np.float32)
        np.testing.assert_allclose(one, other, rtol=0.05, atol=0.05 * np.abs(other).max())


def whole_and_parts(name):
    """Return a layer over the mapped axis, the layer of all devices' images, and their inputs."""
    ours = LAYERS[name][0] if name != "batch_norm" else batch_norm(BatchNorm, axis_name="batch")
    return ours, LAYERS[name][1], inputs(name)


@pytest.mark.parametrize(
    ("name", "algorithm", "check_vma"),
    slow_but(
        [
            ("conv_transpose", "direct", True),
            ("batch_norm", "direct", False),
            ("batch_norm", "direct", True),
        ],
        [(*case, check_vma) for case in LAYERS_AND_ALGORITHMS for check_vma in (False, True)],
    ),
    indirect=["algorithm"],
)
def test_shard_map_gives_the_gradient_of_the_whole_batch(name, algorithm, check_vma):
    ours, linens, (params, x) = whole_and_parts(name)
    whole = jax.jit(jax.grad(loss(linens), argnums=(0, 1)))(params, x)

    def part(params, x):
        mean = lambda params, x: jax.lax.pmean(loss(ours)(params, x), "batch")
        by_params, by_x = jax.grad(mean, argnums=(0, 1))(params, x)
        if not check_vma:  # there the transposed pmean is a psum of what was a mean already
            by_params = jax.lax.pmean(by_params, "batch")
        return by_params, by_x / (1 if check_vma else jax.lax.axis_size("batch"))

    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    sharded, replicated = PartitionSpec("batch"), PartitionSpec()
    mapped = jax.shard_map(
        part, mesh=mesh, in_specs=(replicated, sharded), out_specs=(replicated, sharded), check_vma=check_vma
    )
    check_equal(jax.jit(mapped)(params, x), whole, rtol=2e-5)


@pytest.mark.parametrize("name", slow_but(["conv", "batch_norm"], LAYERS))
def test_pmap_gives_the_gradient_of_the_whole_batch(name):
    ours, linens, (params, x) = whole_and_parts(name)
    whole = jax.jit(jax.grad(loss(linens)))(params, x)

    def part(params, x):
        gradient = jax.grad(lambda params: jax.lax.pmean(loss(ours)(params, x), "batch"))(params)
        return jax.lax.pmean(gradient, "batch")

    mapped = jax.pmap(part, "batch", in_axes=(None, 0), out_axes=None)
    check_equal(mapped(params, x.reshape(2, 2, *x.shape[1:])), whole, rtol=2e-5)


@pytest.mark.parametrize("name", slow_but(["conv_transpose", "batch_norm"], LAYERS))
def test_a_batch_sharded_by_jit_gives_the_same(name):
    ours, linens = LAYERS[name]
    params, x = inputs(name)
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    spread = jax.device_put(x, jax.sharding.NamedSharding(mesh, PartitionSpec("batch")))
    gradient = lambda layer: jax.jit(jax.grad(loss(layer), argnums=(0, 1)))
    check_equal(gradient(ours)(params, spread), gradient(linens)(params, x), rtol=2e-5)


@pytest.mark.parametrize(("ours", "linens"), [(Conv, nn.Conv), (ConvTranspose, nn.ConvTranspose)])
@pytest.mark.parametrize(
    (
        "taps",
        "strides",
        "padding",
        "channels",
    ),  # with more than 16 channels, gradients are computed by phases
    slow_but(
        [((4, 4), (2, 2), "SAME", 20), ((3, 3), (2, 3), ((2, 2), (0, 1)), 2)],
        [
            ((4, 4), (2, 2), "SAME", 20),
            ((4, 4), (1, 1), "SAME", 2),
            ((3, 3), (2, 2), "VALID", 20),
            ((2, 5), (3, 2), "SAME", 2),
            ((1, 1), (2, 2), "VALID", 20),
            ((3, 4), (1, 2), ((1, 2), (0, 1)), 20),
            ((3, 3), (2, 3), ((2, 2), (0, 1)), 2),
        ],
    ),
)
def test_every_stride_kernel_and_padding(ours, linens, taps, strides, padding, channels):
    x = jax.random.normal(jax.random.key(0), (2, 7, 8, channels))
    ours, linens = (layer(channels, taps, strides, padding=padding) for layer in (ours, linens))
    initial = [jax.eval_shape(layer.init, jax.random.key(2), x) for layer in (ours, linens)]
    assert initial[0] == initial[1]
    params = jax.tree.map(lambda leaf: jax.random.normal(jax.random.key(3), leaf.shape), initial[0])["params"]
    value = jax.jit(lambda params: jax.value_and_grad(loss(apply(ours)), argnums=(0, 1))(params, x))
    expected = jax.jit(lambda params: jax.value_and_grad(loss(apply(linens)), argnums=(0, 1))(params, x))
    check_equal(value(params), expected(params), rtol=2e-5)


@pytest.mark.parametrize(
    ("ours", "options"),
    slow_but(
        [(Conv, {"strides": 2, "padding": 1}), (ConvTranspose, {"strides": 2, "padding": "CIRCULAR"})],
        [
            *((layer, {"strides": 2, "padding": 1}) for layer in (Conv, ConvTranspose)),
            *((layer, {"strides": [1, 2], "padding": ((1, 2), 0)}) for layer in (Conv, ConvTranspose)),
            *((layer, {"strides": 2, "padding": "CIRCULAR"}) for layer in (Conv, ConvTranspose)),
            *((layer, {"kernel_size": [4, 9], "padding": "CIRCULAR"}) for layer in (Conv, ConvTranspose)),
            *((layer, {"strides": None, "padding": -1}) for layer in (Conv, ConvTranspose)),
            (Conv, {"padding": "REFLECT", "strides": (2, 1), "kernel_size": (4, 3)}),
            (Conv, {"padding": "SAME_LOWER", "strides": (2, 1), "kernel_size": (4, 3)}),
        ],
    ),
)
def test_strides_and_padding_as_linens_layers_take_them(ours, options):
    linens = nn.Conv if ours is Conv else nn.ConvTranspose
    x = jax.random.normal(jax.random.key(0), (2, 7, 8, 2))
    ours, linens = (layer(**(ODD | options)) for layer in (ours, linens))
    initial = [jax.eval_shape(layer.init, jax.random.key(2), x) for layer in (ours, linens)]
    assert initial[0] == initial[1]
    params = jax.tree.map(lambda leaf: jax.random.normal(jax.random.key(3), leaf.shape), initial[0])["params"]
    value, expected = (
        jax.jit(jax.value_and_grad(loss(apply(layer)), argnums=(0, 1)))(params, x) for layer in (ours, linens)
    )
    check_equal(value, expected, rtol=2e-5)


@settings(max_examples=40, deadline=None)
@given(
    transposed=st.booleans(),
    taps=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    strides=st.none() | st.integers(1, 3) | st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["SAME", "VALID", "CIRCULAR"])
    | st.integers(-1, 3)
    | st.tuples(*[st.integers(0, 3) | st.tuples(st.integers(-1, 3), st.integers(0, 3))] * 2),
)
def test_any_arguments_give_the_shapes_of_linens_layers(transposed, taps, strides, padding):
    ours, linens = (ConvTranspose, nn.ConvTranspose) if transposed else (Conv, nn.Conv)
    x = jnp.zeros((2, 7, 8, 3))
    shapes = [
        jax.eval_shape(layer(4, taps, strides, padding).init_with_output, jax.random.key(0), x)
        for layer in (ours, linens)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("ours", [Conv, ConvTranspose])
@pytest.mark.parametrize("batch", [(), (1, 2), (0,)])
def test_any_number_of_batch_axes(ours, batch):
    x = jax.random.normal(jax.random.key(0), (*batch, 4, 6, 2))
    params, _ = inputs("conv_3x3")
    linens = nn.Conv if ours is Conv else nn.ConvTranspose
    value, expected = (apply(layer(**ODD))(params, x) for layer in (ours, linens))
    assert value.shape == (*batch, 4, 6, 3)
    np.testing.assert_allclose(value, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv(3, 3), r"^kernel_size takes two .*, got 3; for other dimensions, use flax.linen.Conv"),
        (
            lambda: ConvTranspose(3, (3,)),
            r"^kernel_size takes two .*, got \(3,\); .* flax.linen.ConvTranspose",
        ),
        (lambda: Conv(3, (3, 3), 0), r"^strides takes two positive integers, .*, got \(0, 0\)"),
        (lambda: Conv(3, (3, 3), (1, 1, 2)), r"^strides takes two positive integers, .*, got \(1, 1, 2\)"),
        (
            lambda: Conv(3, (3, 3), padding="CAUSAL"),
            r"^padding takes SAME, .*, REFLECT, an integer, .* 'CAUSAL'",
        ),
        (lambda: ConvTranspose(3, (3, 3), padding="FOO"), r"^padding takes SAME, VALID, CIRCULAR, .* 'FOO'"),
        (lambda: Conv(3, (3, 3), padding=((1, 2),)), r"^padding takes .* got \(\(1, 2\),\)"),
        (
            lambda: Conv(3, (9, 9), padding="VALID"),
            r"^a kernel of \(9, 9\) pixels does not fit into \(4, 6\)",
        ),
        (lambda: ConvTranspose(3, (3, 3), padding=-4), r"^padding -4 leaves nothing of features"),
        (lambda: Conv(4, (3, 3), feature_group_count=4), "^feature_group_count 4 does not divide 2 channels"),
        (lambda: Conv(3, (3, 3), feature_group_count=0), "^feature_group_count takes a positive .*, got 0"),
        (
            lambda: ConvTranspose(4, (3, 3), feature_group_count=2),
            "^ConvTranspose has feature_group_count 1 and no other, got 2",
        ),
        (lambda: Conv(3, (3, 3), kernel_dilation=2), "has no kernel_dilation: use flax.linen.Conv,"),
        (
            lambda: ConvTranspose(3, (3, 3), transpose_kernel=True),
            "no transpose_kernel: use .*ConvTranspose,",
        ),
        (lambda: BatchNorm(axis=1), "jaxgan's BatchNorm has no axis: use flax.linen.BatchNorm,"),
        (
            lambda: UpsampleConv(3, (3, 3), 2),
            r"^UpsampleConv has strides \(1, 1\) and no other, got \(2, 2\)",
        ),
        (
            lambda: ConvDownsample(3, (3, 3), padding="VALID"),
            "^ConvDownsample has padding 'SAME' and no other",
        ),
        (lambda: UpsampleConv(3, (3, 3), mask=1), "UpsampleConv has no mask: use flax.linen.Conv,"),
    ],
)
def test_what_the_layers_do_not_take_is_said_in_one_sentence(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make().init(jax.random.key(0), jnp.zeros((2, 4, 6, 2)))
    assert "\n" not in str(caught.value).partition("\n----")[0]


@pytest.mark.parametrize("x", [jnp.zeros((6, 2)), jnp.zeros((2, 4, 6, 2), jnp.uint8)])
@pytest.mark.parametrize("layer", [Conv, ConvTranspose, UpsampleConv, ConvDownsample])
def test_what_is_no_float_images_is_refused(layer, x):
    with pytest.raises(
        ValueError, match=rf"^{layer.__name__} takes float images \[B, H, W, C\], got {x.dtype}"
    ):
        layer(**ODD).init(jax.random.key(0), x)


@pytest.mark.parametrize(
    ("strides", "channels"), slow_but([((2, 3), 20)], [((1, 1), 2), ((1, 1), 20), ((2, 3), 2), ((2, 3), 20)])
)
def test_what_other_platforms_compute_is_what_a_cpu_computes(channels, strides):
    window = Window((7, 9), (4, 3), strides, ((1, 2), (0, 1)))
    keys = iter(jax.random.split(jax.random.key(0), 3))
    normal = lambda *shape: jax.random.normal(next(keys), shape)
    x, kernel = normal(2, *window.image, channels), normal(*window.taps, channels, 5)
    features = normal(2, *window.positions, 5)
    for name, arguments in (("conv_input_grad", (features, kernel)), ("conv_kernel_grad", (x, features))):
        one, other = (jax.jit(getattr(lowerings, f"{form}{name}"), static_argnums=2) for form in ("", "lax_"))
        members = [jnp.stack([each, 2 * each]) for each in arguments]
        check_equal(one(*arguments, window), other(*members, window)[1] / 4, rtol=2e-5)


@pytest.mark.parametrize(
    ("platform", "name"),
    slow_but(
        [("cuda", "conv_transpose"), ("tpu", "grouped_conv")],
        [(platform, name) for platform in ("cuda", "tpu") for name in ("conv_transpose", "grouped_conv")],
    ),
)
def test_other_platforms_get_laxs_own_convolutions(monkeypatch, platform, name):
    monkeypatch.setattr(lowerings, "LANES", 1)  # otherwise a TPU computes the two groups as one

    def convolutions(layer):
        traced = jax.jit(jax.grad(loss(layer), argnums=(0, 1))).trace(*inputs(name))
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        groups = [
            sorted(set(re.findall(rf"{kind}_group_count = (\d+)", text))) for kind in ("feature", "batch")
        ]
        return text.count("stablehlo.convolution"), groups

    ours, linens = map(convolutions, LAYERS[name])
    assert ours == linens
    assert ours[0] == 3


@pytest.mark.parametrize("platform", slow_but(["cpu"], ["cpu", "cuda"]))
def test_networks_can_be_exported_for_any_batch(platform):
    generator, discriminator = dcgan.Generator((8, 8, 1), 2), dcgan.Discriminator(2, norm="none")
    variables = {
        module: jax.jit(partial(module.init, train=False))(jax.random.key(0), jnp.zeros((2, *shape)))
        for module, shape in ((generator, (5,)), (discriminator, (8, 8, 1)))
    }

    def slope(latents):
        def logits(latents):
            images = generator.apply(variables[generator], latents, train=False)
            return discriminator.apply(variables[discriminator], images, train=False)

        return jax.grad(lambda latents: logits(latents).sum())(latents)

    (batch,) = jax.export.symbolic_shape("batch")
    latents = jax.ShapeDtypeStruct((batch, 5), jnp.float32)
    exported = jax.export.export(jax.jit(slope), platforms=[platform])(latents)
    if platform == "cpu":
        three = jax.random.normal(jax.random.key(1), (3, 5))
        np.testing.assert_allclose(exported.call(three), jax.jit(slope)(three), rtol=1e-5, atol=1e-7)


def test_batch_norm_keeps_linens_variables_and_running_averages():
    x = 3 + 2 * jax.random.normal(jax.random.key(0), (8, 4, 4, 5))

    @partial(jax.jit, static_argnums=0)
    def outcome(kind):
        layer = kind(momentum=0.7, epsilon=1e-3)
        initial = layer.init(jax.random.key(1), x, use_running_average=False)
        trained = layer.apply(initial, x, use_running_average=False, mutable=["batch_stats"])
        evaluated = layer.apply({**initial, **trained[1]}, x, use_running_average=True)
        bare = kind(use_bias=False, use_scale=False, use_running_average=False)
        return initial, (trained, evaluated, bare.init_with_output(jax.random.key(1), x))

    (ours, our_results), (linens, linens_results) = outcome(BatchNorm), outcome(nn.BatchNorm)
    check_equal(ours, linens, rtol=0)
    check_equal(our_results, linens_results, rtol=1e-5)


def test_batch_norm_of_constant_features_is_finite():
    layer = BatchNorm(use_running_average=False)
    x = jnp.full((8, 3), 1234.5)
    total = jax.jit(jax.value_and_grad(lambda x: layer.init_with_output(jax.random.key(0), x)[0].sum()))
    value, gradient = total(x)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_fused_layers_have_the_parameters_of_a_convolution():
    x = jnp.zeros((1, 4, 4, 2))
    initial = jax.jit(
        lambda key: [layer(**ODD).init(key, x) for layer in (nn.Conv, Conv, UpsampleConv, ConvDownsample)]
    )
    expected, *fused = initial(jax.random.key(0))
    for variables in fused:
        check_equal(variables, expected, rtol=0)


def test_the_fused_layers_refuse_other_sizes():
    kernel = jnp.zeros((3, 3, 1, 1))
    with pytest.raises(ValueError, match=r"\(5, 4\)"):
        conv_downsample(jnp.zeros((1, 5, 4, 1)), kernel)
    with pytest.raises(ValueError, match=r"odd.*\(4, 3\)"):
        conv_downsample(jnp.zeros((1, 4, 4, 1)), jnp.zeros((4, 3, 1, 1)))


def test_convolutions_run_outside_of_jit_too():
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(conv(x, jnp.full((1, 1, 1, 1), 2.0), strides=(2, 2)), 2 * x[:, ::2, ::2])


@pytest.mark.slow
@pytest.mark.parametrize("size", [8, 16, 28])
def test_a_dcgan_is_the_one_that_linens_layers_make(monkeypatch, size):
    def init_and_apply(module, key, x):
        variables = module.init(key, x, train=True)
        return variables, module.apply(variables, x, train=True, mutable=["batch_stats"])

    def outcome():
        key, results = jax.random.key(0), []
        for module, x in (
            (dcgan.Generator((size, size, 3), 4), jax.random.normal(key, (6, 10))),
            (dcgan.Discriminator(4), jax.random.normal(key, (6, size, size, 3))),
            (dcgan.Discriminator(4, norm="spectral"), jax.random.normal(key, (6, size, size, 3))),
        ):
            results.append(jax.jit(partial(init_and_apply, module))(key, x))
        return results

    ours = outcome()
    for layer in (nn.Conv, nn.ConvTranspose, nn.BatchNorm):
        monkeypatch.setattr(dcgan, layer.__name__, layer)
    check_equal(ours, outcome(), rtol=2e-5)
