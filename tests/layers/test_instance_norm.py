"""Instance normalization against its formula."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.layers import InstanceNorm


def test_each_channel_of_each_image_is_normalized_over_its_pixels():
    images = 3 + 5 * jax.random.normal(jax.random.key(0), (2, 4, 3, 2)) * jnp.array([1.0, 0.01]).reshape(
        1, 1, 1, 2
    )
    normalized = np.asarray(InstanceNorm().apply({}, images))
    for image, result in zip(np.asarray(images, np.float64), normalized, strict=True):
        for channel in range(2):
            pixels = image[..., channel]
            expected = (pixels - pixels.mean()) / np.sqrt(pixels.var() + 1e-5)
            np.testing.assert_allclose(result[..., channel], expected, rtol=1e-4, atol=1e-4)


def test_it_has_no_variables_and_keeps_the_dtype():
    images = jnp.ones((1, 2, 2, 1), jnp.bfloat16)
    assert InstanceNorm().init(jax.random.key(0), images) == {}
    normalized = InstanceNorm().apply({}, images)
    assert normalized.dtype == jnp.bfloat16
    assert not normalized.any()
