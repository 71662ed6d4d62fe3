"""Plain layers compute the same numbers without primitives of our own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from choosing import slow_but
from jaxgan import layers
from jaxgan.layers import convolution
from jaxgan.layers.plain import is_plain, plain
from jaxgan.layers.resampling import TAPS, downsample, upsample

OWN = {"conv", "conv_input_grad", "conv_kernel_grad", "filter"}
IMAGES = jax.random.normal(jax.random.key(0), (2, 6, 8, 4))
LAYERS = {
    "conv": layers.Conv(6, (3, 3)),
    "strided": layers.Conv(6, (4, 4), strides=(2, 2), padding=[(1, 2), (0, 1)]),
    "point": layers.Conv(6, (1, 1)),
    "grouped": layers.Conv(6, (3, 3), feature_group_count=2),
    "reflecting": layers.Conv(6, (3, 3), padding="REFLECT"),
    "transposed": layers.ConvTranspose(6, (4, 4), strides=(2, 2)),
    "transposed valid": layers.ConvTranspose(6, (5, 3), strides=(2, 3), padding="VALID"),
    "transposed circular": layers.ConvTranspose(6, (4, 4), strides=(2, 2), padding="CIRCULAR"),
    "upsampling": convolution.UpsampleConv(6, (3, 3)),
    "downsampling": convolution.ConvDownsample(6, (3, 3)),
}
FUNCTIONS = {
    **{
        name: (lambda x, layer=layer: layer.apply(layer.init(jax.random.key(1), x), x))
        for name, layer in LAYERS.items()
    },
    "FIR up": lambda x: upsample(x, TAPS),
    "FIR down": lambda x: downsample(x, TAPS),
}


def primitives(jaxpr):
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", None)
            if inner is not None:
                yield from primitives(getattr(inner, "jaxpr", inner))


@pytest.mark.parametrize(
    "name", slow_but(["strided", "grouped", "transposed", "downsampling", "FIR up"], FUNCTIONS)
)
def test_a_plain_layer_is_the_layer_without_our_primitives(name):
    function = FUNCTIONS[name]
    assert OWN & set(primitives(jax.make_jaxpr(lambda x: function(x))(IMAGES).jaxpr))
    with plain():
        assert not OWN & set(primitives(jax.make_jaxpr(lambda x: function(x))(IMAGES).jaxpr))
        given = function(IMAGES)
    np.testing.assert_allclose(given, function(IMAGES), rtol=1e-5, atol=1e-5)


def test_plain_ends_with_its_body_also_after_an_error():
    def fails():
        with plain():
            assert is_plain()
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert not is_plain()


def test_a_plain_layer_has_gradients():
    with plain():
        gradient = jax.grad(lambda x: jnp.square(FUNCTIONS["transposed"](x)).sum())(IMAGES)
    wanted = jax.grad(lambda x: jnp.square(FUNCTIONS["transposed"](x)).sum())(IMAGES)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-4, atol=1e-4)
