"""Sub-pixel upsampling: the places of its channels, and an initialization without checkerboards."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.layers import Conv, sub_pixel_init, to_pixels


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_channels_become_the_pixels_of_their_place(scale):
    features = np.random.default_rng(0).normal(size=(2, 3, 4, scale**2 * 5)).astype(np.float32)
    expected = np.zeros((2, 3 * scale, 4 * scale, 5), np.float32)
    for i in range(scale):
        for j in range(scale):
            first = (i * scale + j) * 5
            expected[:, i::scale, j::scale] = features[..., first : first + 5]
    np.testing.assert_array_equal(to_pixels(jnp.asarray(features), scale), expected)


def test_it_begins_as_a_nearest_neighbor_upsampling():
    layer = Conv(2 * 9, (3, 3), kernel_init=sub_pixel_init(nn.initializers.lecun_normal(), 3))
    images, variables = layer.init_with_output(
        jax.random.key(0), jax.random.normal(jax.random.key(1), (1, 4, 5, 2))
    )
    pixels = np.asarray(to_pixels(images, 3)).reshape(1, 4, 3, 5, 3, 2)
    np.testing.assert_array_equal(pixels, np.broadcast_to(pixels[:, :, :1, :, :1], pixels.shape))
    assert float(variables["params"]["kernel"].std()) == pytest.approx((1 / 18) ** 0.5, rel=0.2)


def test_channels_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="6 channels do not make 2x2 pixels"):
        to_pixels(jnp.zeros((1, 2, 2, 6)), 2)
