"""Modulated convolutions against a kernel for each example, in NumPy's float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from jax.test_util import check_grads

from jaxgan.layers import ModulatedConv, modulated_conv


def factors(taps=3, size=(5, 6), batch=2):
    keys = jax.random.split(jax.random.key(0), 3)
    shapes = (batch, *size, 3), (taps, taps, 3, 4), (batch, 3)
    return [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]


def by_kernels_of_examples(images, kernel, styles, *, demodulate, upsample):
    """Scale and normalize the kernel of each example; upsample, pad and convolve as StyleGAN2 does."""
    images, kernel, styles = (np.asarray(each, np.float64) for each in (images, kernel, styles))
    results = []
    for image, style in zip(images, styles, strict=True):
        own = kernel * style[:, None]
        if demodulate:
            own /= np.sqrt((own**2).sum((0, 1, 2)) + 1e-8)
        half = kernel.shape[0] // 2
        if upsample:
            stuffed = np.zeros((2 * image.shape[0], 2 * image.shape[1], image.shape[2]))
            stuffed[::2, ::2] = image
            stuffed = np.pad(stuffed, ((half + 2, half + 1), (half + 2, half + 1), (0, 0)))
            taps = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16
            image = np.stack([correlated(channel, taps) for channel in stuffed.transpose(2, 0, 1)], -1)
        else:
            image = np.pad(image, ((half, half), (half, half), (0, 0)))
        channels = range(image.shape[2])
        results.append(
            np.stack(
                [sum(correlated(image[..., c], own[..., c, f]) for c in channels) for f in range(4)], axis=-1
            )
        )
    return np.stack(results)


correlated = partial(scipy.signal.correlate2d, mode="valid")


@pytest.mark.parametrize(
    ("taps", "demodulate", "upsample"),
    [
        pytest.param(
            taps,
            demodulate,
            upsample,
            marks=() if upsample == (taps == 3) == demodulate else pytest.mark.slow,
        )
        for taps in (1, 3, 5)
        for demodulate in (False, True)
        for upsample in (False, True)
    ],
)
def test_scaling_inputs_and_outputs_is_a_kernel_for_each_example(taps, demodulate, upsample):
    options = {"demodulate": demodulate, "upsample": upsample}
    want = by_kernels_of_examples(*factors(taps), **options)
    np.testing.assert_allclose(modulated_conv(*factors(taps), **options), want, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("upsample", [False, True])
def test_gradients_of_second_order_are_those_of_finite_differences(upsample):
    def energy(*arrays):
        features = modulated_conv(*map(jnp.asarray, arrays), upsample=upsample)
        return jnp.sin(features).mean()

    check_grads(
        energy, factors(size=(3, 2), batch=1), order=2, modes=("rev",), eps=1e-2, atol=1e-2, rtol=1e-2
    )


def test_a_population_has_the_features_of_its_members():
    members = [jnp.stack([each, 2 * each + 0.1]) for each in factors()]
    layer = partial(modulated_conv, upsample=True)
    want = [layer(*(each[i] for each in members)) for i in range(2)]
    np.testing.assert_allclose(jax.vmap(layer)(*members), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("demodulate", [False, True])
def test_the_layer_begins_with_styles_around_one(demodulate):
    images, w = jax.random.normal(jax.random.key(1), (2, 4, 4, 3)), jnp.zeros((2, 5))
    module = ModulatedConv(4, 3, demodulate=demodulate)
    features, variables = module.init_with_output(jax.random.key(0), images, w)
    params = variables["params"]
    assert {name: leaf.shape for name, leaf in params["affine"].items()} == {"kernel": (5, 3), "bias": (3,)}
    style = 1.0 if demodulate else 1 / np.sqrt(3 * 3 * 3)
    want = by_kernels_of_examples(
        images, params["kernel"], np.full((2, 3), style), demodulate=demodulate, upsample=False
    )
    np.testing.assert_allclose(features, want, rtol=1e-4, atol=1e-5)


def test_bfloat16_stays_bfloat16_and_near():
    images, kernel, styles = factors()
    coarse = modulated_conv(*(each.astype(jnp.bfloat16) for each in (images, kernel, styles)), upsample=True)
    assert coarse.dtype == jnp.bfloat16
    fine = modulated_conv(images, kernel, styles, upsample=True)
    np.testing.assert_allclose(coarse.astype(jnp.float32), fine, atol=0.06)
