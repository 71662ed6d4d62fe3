"""Convolutions by tiles against direct sums."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from choosing import slow_pairs_but
from jaxgan.layers.kernels import lowerings, primitives, winograd
from jaxgan.layers.kernels.lowerings import Window


def of_one_member(operation):
    return lambda first, second, window: operation(first[None], second[None], window)[0]


DIRECT = {
    "conv": of_one_member(lowerings.lax_conv),
    "conv_input_grad": of_one_member(lowerings.lax_conv_input_grad),
    "conv_kernel_grad": of_one_member(lowerings.lax_conv_kernel_grad),
}


def arguments(window, *, examples=2, channels=3, features=5, seed=0):
    """Return the two arrays that each operation takes, in float64."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(examples, *window.image, channels))
    kernel = rng.normal(size=(*window.taps, channels, features))
    results = rng.normal(size=(examples, *window.positions, features))
    return {
        "conv": (images, kernel),
        "conv_input_grad": (results, kernel),
        "conv_kernel_grad": (images, results),
    }


@pytest.mark.parametrize(
    "window",
    [
        Window((9, 12), (4, 4), (2, 2), ((1, 1), (1, 1))),
        pytest.param(Window((8, 9), (3, 3), (1, 1), ((1, 1), (2, 0))), marks=pytest.mark.slow),
        Window((10, 13), (3, 6), (1, 3), ((-1, 3), (4, 2))),
        pytest.param(Window((15, 9), (9, 2), (3, 1), ((0, 4), (1, -1))), marks=pytest.mark.slow),
        pytest.param(Window((11, 16), (6, 4), (2, 2), ((3, 0), (0, 5))), marks=pytest.mark.slow),
    ],
)
def test_tiles_give_the_direct_sums(window):
    with jax.enable_x64(True):
        pairs = arguments(window)

        def results_of(operations):
            return jax.jit(
                lambda pairs: {
                    name: operation(*pairs[name], window) for name, operation in operations.items()
                }
            )(pairs)

        direct = results_of(DIRECT)
        for name, tiles in results_of({name: getattr(winograd, name) for name in DIRECT}).items():
            assert tiles.dtype == direct[name].dtype
            np.testing.assert_allclose(
                tiles, direct[name], rtol=1e-12, atol=1e-12 * np.abs(direct[name]).max()
            )


@pytest.mark.parametrize(
    ("taps", "dtype"),
    slow_pairs_but([(4, jnp.bfloat16), (3, jnp.float32)], [4, 3], [jnp.float32, jnp.bfloat16, jnp.float16]),
)
def test_tiles_are_about_as_exact_as_direct_sums(taps, dtype):
    stride = {4: 2, 3: 1}[taps]
    window = Window((8, 8), (taps, taps), (stride, stride), ((1, 1), (1, 1)))
    for name, pair in arguments(window, examples=8, channels=64, features=32).items():
        with jax.enable_x64(True):
            exact = np.asarray(DIRECT[name](*(jnp.asarray(x) for x in pair), window))
        pair = [jnp.asarray(x, dtype) for x in pair]
        direct, tiles = (
            jax.jit(operation, static_argnums=2)(*pair, window)
            for operation in (DIRECT[name], getattr(winograd, name))
        )
        errors = [np.std(np.asarray(x, np.float64) - exact) for x in (direct, tiles)]
        assert tiles.dtype == dtype
        assert errors[1] < 2.5 * errors[0], name


WIDE = Window((16, 16), (4, 4), (2, 2), ((1, 1), (1, 1)))


def products_and_convolutions(name, pair, window, platform):
    shapes = [jax.ShapeDtypeStruct((1, *x.shape), jnp.float32) for x in pair]
    traced = jax.jit(lambda *pair: getattr(primitives, name)(*pair, window=window)).trace(*shapes)
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    return text.count("stablehlo.dot_general"), text.count("stablehlo.convolution")


def test_wide_layers_are_tiles_on_a_cpu_and_nowhere_else():
    wide = arguments(WIDE, examples=32, channels=64, features=128)
    thin = arguments(WIDE, examples=32, channels=3, features=64)
    few = arguments(WIDE, examples=1, channels=64, features=128)
    for name in DIRECT:
        assert products_and_convolutions(name, wide[name], WIDE, "cpu") == (9, 0)
        assert products_and_convolutions(name, wide[name], WIDE, "cuda") == (0, 1)
        for pair in (thin[name], few[name]):
            products, convolutions = products_and_convolutions(name, pair, WIDE, "cpu")
            assert products == 0
            assert convolutions > 0


@pytest.mark.parametrize(
    "window",
    [
        Window((9, 9), (5, 5), (1, 1), ((2, 2), (2, 2))),  # five taps
        Window((9, 9), (3, 3), (2, 2), ((1, 1), (1, 1))),  # phases of unequal taps
        Window((8, 8), (1, 1), (1, 1), ((0, 0), (0, 0))),  # a matrix product already
        Window((4, 4), (4, 4), (2, 2), ((0, 0), (0, 0))),  # a single result
    ],
)
def test_other_windows_are_left_to_direct_sums(window):
    assert not winograd.suits(window, 4096, 512, 512)


def test_a_population_of_wide_layers_is_its_members():
    images, kernel = (
        jnp.asarray(x, jnp.float32) for x in arguments(WIDE, examples=32, channels=32, features=64)["conv"]
    )
    kernels = jnp.stack([kernel, -2 * kernel])[:, None]
    conv = jax.jit(lambda images, kernel: primitives.conv(images[None], kernel, window=WIDE)[0])
    members = jax.jit(jax.vmap(conv, in_axes=(None, 0)))(images, kernels)
    for member, own in zip(members, kernels, strict=True):
        np.testing.assert_allclose(member, conv(images, own), rtol=1e-5, atol=1e-4)
