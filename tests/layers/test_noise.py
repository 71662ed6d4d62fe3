"""Noise of a generator's layers: a key for each example, whatever the devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from jaxgan.layers import Noise

FEATURES = jnp.zeros((4, 3, 5, 2))


def variables(strength=1.0):
    noise = jax.random.normal(jax.random.key(9), (3, 5, 1))
    return {"params": {"strength": jnp.float32(strength)}, "buffers": {"noise": noise}}


def trained(key, features=FEATURES, axis_name=None, **options):
    return Noise(axis_name).apply(variables(**options), features, train=True, rngs={"examples": key})


def test_noise_begins_with_strength_zero_and_a_fixed_image():
    features, made = Noise().init_with_output(jax.random.key(0), FEATURES + 1, train=True)
    np.testing.assert_array_equal(features, FEATURES + 1)
    assert made["params"]["strength"] == 0
    assert made["buffers"]["noise"].shape == (3, 5, 1)
    assert 0.3 < made["buffers"]["noise"].std() < 2


def test_drawing_adds_the_fixed_image_to_all_examples():
    features = Noise().apply(variables(2.0), FEATURES, train=False)
    want = jnp.broadcast_to(2 * variables()["buffers"]["noise"], FEATURES.shape)
    np.testing.assert_allclose(features, want)


def test_training_draws_one_normal_number_for_each_pixel_of_each_example():
    features = trained(jax.random.key(1), jnp.zeros((64, 16, 16, 2)), strength=3.0)
    np.testing.assert_array_equal(features[..., 0], features[..., 1])
    np.testing.assert_allclose([features.mean(), features.std()], [0, 3], atol=0.06)
    assert len(np.unique(features)) > 0.99 * 64 * 16 * 16
    assert not np.array_equal(trained(jax.random.key(1)), trained(jax.random.key(2)))


def test_two_devices_draw_the_noise_of_one():
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = PartitionSpec("batch")

    def on_axis(features):
        return trained(jax.random.key(3), features, "batch")

    sharded = jax.jit(jax.shard_map(on_axis, mesh=mesh, in_specs=spec, out_specs=spec))
    np.testing.assert_allclose(sharded(FEATURES), trained(jax.random.key(3)), rtol=1e-6)


def test_training_without_a_key_is_refused_in_words():
    with pytest.raises(ValueError, match=r'rngs=\{"examples": key\}'):
        Noise().apply(variables(), FEATURES, train=True)
