"""A dense layer's product in bfloat16, against float64 on what bfloat16 makes of the factors."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.layers.dense import dot_general

DIMENSIONS = (((1,), (0,)), ((), ()))


def factors(*shapes):
    keys = jax.random.split(jax.random.key(0), len(shapes))
    return [jax.random.normal(k, shape, jnp.bfloat16) for k, shape in zip(keys, shapes, strict=True)]


def product(x, w):
    return dot_general(x, w, DIMENSIONS)


def assert_rounded_once(value, exact):
    """Equal to bfloat16's half unit: a sum in bfloat16 is many times as far off."""
    assert value.dtype == jnp.bfloat16
    np.testing.assert_allclose(
        np.float64(value), exact, rtol=2**-7.9, atol=1e-5 * np.abs(np.float64(exact)).max()
    )


@pytest.mark.parametrize("jit", [False, True])
def test_value_and_gradients_are_summed_in_float32(jit):
    x, w, y = factors((64, 300), (300, 40), (64, 40))
    value, vjp = jax.vjp(jax.jit(product) if jit else product, x, w)
    exact = [np.float64(each) for each in (x, w, y)]
    assert_rounded_once(value, exact[0] @ exact[1])
    dx, dw = vjp(y)
    assert_rounded_once(dx, exact[2] @ exact[1].T)
    assert_rounded_once(dw, exact[0].T @ exact[2])


def test_second_order_and_forward_mode():
    x, w, y, dx = factors((8, 30), (30, 5), (8, 5), (8, 30))

    def weight_gradient(x):
        return jax.vjp(lambda w: product(x, w), w)[1](y)[0]

    tangent = jax.jvp(weight_gradient, (x,), (dx,))[1]
    assert_rounded_once(tangent, np.float64(dx).T @ np.float64(y))


def test_mapped_over_weights_and_over_more_axes():
    x, w = factors((3, 8, 30), (3, 30, 5))
    assert_rounded_once(jax.vmap(product)(x, w), np.float64(x) @ np.float64(w))
    assert_rounded_once(dot_general(x, w[0], (((2,), (0,)), ((), ()))), np.float64(x) @ np.float64(w[0]))


def test_in_float32_it_is_the_ordinary_layer():
    x = jax.random.normal(jax.random.key(0), (8, 30))
    layers = nn.Dense(5), nn.Dense(5, dot_general=dot_general)
    variables = layers[0].init(jax.random.key(1), x)
    one, other = (jax.make_jaxpr(layer.apply)(variables, x) for layer in layers)
    assert str(one) == str(other)
