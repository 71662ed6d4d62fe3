"""Layers with an equalized learning rate: what they compute, how they begin, and how fast they learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.layers import EqualizedConv, EqualizedDense, scaled_leaky_relu


def initialized(module, shape):
    inputs = jax.random.normal(jax.random.key(1), shape)
    outputs, variables = module.init_with_output(jax.random.key(0), inputs)
    return inputs, outputs, variables["params"]


@pytest.mark.parametrize("lr_mult", [1.0, 0.01])
def test_a_dense_layer_multiplies_by_its_factor_at_each_call(lr_mult):
    module = EqualizedDense(200, lr_mult=lr_mult, bias=0.5)
    inputs, outputs, params = initialized(module, (3, 400))
    np.testing.assert_allclose(params["kernel"].std(), 1 / lr_mult, rtol=0.02)
    want = inputs @ (params["kernel"] * lr_mult / 20) + 0.5
    np.testing.assert_allclose(outputs, want, rtol=1e-4, atol=1e-4)
    assert "bias" not in initialized(EqualizedDense(2, use_bias=False), (3, 4))[2]


def test_a_parameter_of_a_slow_layer_moves_the_output_by_its_multiplier():
    """At equal steps of the parameters, the outputs of a layer move lr_mult times as much."""
    inputs = jnp.ones((1, 4))
    moves = []
    for lr_mult in (1.0, 0.01):
        module = EqualizedDense(3, lr_mult=lr_mult)
        params = module.init(jax.random.key(0), inputs)["params"]
        stepped = jax.tree.map(lambda leaf: leaf + 1.0, params)
        moves.append(module.apply({"params": stepped}, inputs) - module.apply({"params": params}, inputs))
    np.testing.assert_allclose(moves[1], 0.01 * moves[0], rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "strides", "padding"),
    [({}, (1, 1), "SAME"), ({"strides": 2, "padding": "VALID"}, (2, 2), "VALID")],
    ids=["same", "strided"],
)
def test_a_convolution_is_that_of_the_scaled_kernel(options, strides, padding):
    inputs, outputs, params = initialized(EqualizedConv(64, (3, 3), **options), (2, 7, 5, 32))
    np.testing.assert_allclose(params["kernel"].std(), 1.0, rtol=0.02)
    assert not params["bias"].any()
    kernel = params["kernel"] / np.sqrt(3 * 3 * 32)
    want = jax.lax.conv_general_dilated(
        inputs, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(outputs, want, rtol=1e-4, atol=1e-4)


def test_bfloat16_stays_bfloat16():
    for module, shape in ((EqualizedDense(3), (2, 4)), (EqualizedConv(3, (3, 3)), (2, 4, 4, 2))):
        inputs, _, params = initialized(module, shape)
        coarse = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), (params, inputs))
        assert module.apply({"params": coarse[0]}, coarse[1]).dtype == jnp.bfloat16


def test_the_scaled_leaky_relu_keeps_the_size_of_normal_numbers():
    values = scaled_leaky_relu(jnp.array([-1.0, 0.0, 2.0]))
    np.testing.assert_allclose(values, np.sqrt(2) * np.array([-0.2, 0, 2]), rtol=1e-6)
