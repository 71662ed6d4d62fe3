"""FIR resampling against `scipy.signal.upfirdn`, under the transformations that training a GAN uses."""

from functools import partial

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from jax.sharding import PartitionSpec
from jax.test_util import check_grads

from choosing import each_once, slow_but, slow_pairs_but
from jaxgan.layers.resampling import blur, downsample, upsample

TAPS = [(1,), (1, 1), (1, 2, 1), (1, 3, 3, 1), (4, -1, 2, 0.5, 3), (1, 2, 3, 4, 5, 6)]
SHAPES = [(1, 2, 3, 1), (2, 5, 8, 3)]
OPERATIONS = {
    "upsample": upsample,
    "downsample": downsample,
    "blur": partial(blur, pads=(2, 1), taps=(1, 2, 4)),
    "odd": partial(upsample, taps=(1, 2, 4)),
}


def images(*shape):
    return jax.random.normal(jax.random.key(0), shape)


def filtered(x, taps, pads, *, up=1, down=1, gain=1.0):
    """Return what StyleGAN2 calls upfirdn: zeros after each pixel, padding, a convolution, every n-th."""
    x = np.asarray(x, np.float64)
    weights = np.asarray(taps) / np.sum(taps) * gain**0.5
    for axis in (1, 2):
        size = x.shape[axis]
        whole = scipy.signal.upfirdn(weights, x, up=up, axis=axis)
        whole = np.concatenate([whole, np.zeros_like(whole)], axis)  # enough zeros after it
        first, count = len(weights) - 1 - pads[0], size * up + sum(pads) - len(weights) + 1
        if first < 0:
            whole = np.concatenate([np.zeros_like(whole.take(range(-first), axis)), whole], axis)
        x = whole.take(range(max(0, first), max(0, first) + count, down), axis)
    return x


@pytest.mark.parametrize(("taps", "shape"), slow_pairs_but(each_once(TAPS, SHAPES), TAPS, SHAPES))
def test_resampling_is_scipys_upfirdn_with_the_paddings_of_stylegan2(taps, shape):
    x, count = images(*shape), len(taps)
    up, down = ((count + 1) // 2, (count - 2) // 2), ((count - 1) // 2, (count - 2) // 2)
    doubled, halved = upsample(x, taps), downsample(x, taps)
    assert doubled.shape == (shape[0], 2 * shape[1], 2 * shape[2], shape[3])
    assert halved.shape == (shape[0], shape[1] // 2, shape[2] // 2, shape[3])
    np.testing.assert_allclose(doubled, filtered(x, taps, up, up=2, gain=4), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(halved, filtered(x, taps, down, down=2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pads", [(2, 1), (1, 1), (0, 3), (6, 7), (-1, 4), (5, -2)], ids=str)
def test_a_blur_is_scipys_upfirdn_with_the_given_paddings(pads):
    x, taps = images(2, 5, 7, 2), (1, 3, 2, 1)
    want = filtered(x, taps, pads, gain=4)
    np.testing.assert_allclose(blur(x, pads, taps, gain=4), want, rtol=1e-5, atol=1e-6)


def test_constant_images_keep_their_value_inside():
    x = jnp.ones((1, 6, 6, 1))
    for y in (upsample(x)[:, 2:-2, 2:-2], downsample(x)[:, 1:-1, 1:-1], blur(x, (2, 1))[:, 2:-2, 2:-2]):
        np.testing.assert_allclose(y, 1.0, rtol=1e-6)


@pytest.mark.parametrize("name", slow_but(["upsample", "odd"], OPERATIONS))
def test_gradients_of_second_order_are_those_of_finite_differences(name):
    def energy(x):
        return jnp.sin(OPERATIONS[name](jnp.asarray(x))).sum()

    check_grads(energy, (images(1, 4, 5, 2),), order=2, modes=("fwd", "rev"), eps=1e-2, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("name", slow_but(["downsample", "blur"], OPERATIONS))
def test_a_population_and_bfloat16_have_the_values_of_one_member_in_float32(name):
    operation, x = OPERATIONS[name], images(3, 2, 6, 6, 2)
    each = jnp.stack([operation(member) for member in x])
    np.testing.assert_allclose(jax.vmap(operation, in_axes=2)(jnp.moveaxis(x, 0, 2)), each, rtol=1e-6)
    coarse = operation(x[0].astype(jnp.bfloat16))
    assert coarse.dtype == jnp.bfloat16
    np.testing.assert_allclose(coarse.astype(jnp.float32), each[0], atol=0.05)


@pytest.mark.parametrize("name", slow_but(["upsample", "blur"], OPERATIONS))
def test_shards_and_exported_functions_have_the_values_of_one_device(name):
    operation, x = OPERATIONS[name], images(4, 6, 6, 2)

    def gradient(x):
        return jax.grad(lambda x: (operation(x) ** 2).sum())(x)

    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = PartitionSpec("batch")
    sharded = jax.jit(jax.shard_map(gradient, mesh=mesh, in_specs=spec, out_specs=spec))
    np.testing.assert_allclose(sharded(x), gradient(x), rtol=1e-5)
    shape = jax.ShapeDtypeStruct(jax.export.symbolic_shape("n, 6, 6, 2"), x.dtype)
    exported = jax.export.export(jax.jit(operation), platforms=["cpu", "cuda"])(shape)
    np.testing.assert_allclose(exported.call(x), operation(x), rtol=1e-6)


@pytest.mark.parametrize("taps", [(), (1, -1), (float("nan"),)], ids=str)
def test_taps_without_a_sum_are_refused(taps):
    with pytest.raises(ValueError, match="at least one tap"):
        upsample(images(1, 4, 4, 1), taps)


def test_images_of_which_nothing_is_left_are_refused():
    with pytest.raises(ValueError, match="at least 2x2 pixels"):
        downsample(images(1, 1, 4, 1))
    with pytest.raises(ValueError, match="leave nothing"):
        blur(images(1, 2, 2, 1), (0, 0))
