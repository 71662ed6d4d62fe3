"""Integrated and expected gradients against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.explain import expected_gradients, grid, integrated_gradients
from jaxgan.explain.regions import pooled

SHAPE = 6, 4, 2
DRAW = np.random.default_rng(0)
PICTURE, WEIGHTS = (DRAW.uniform(-1, 1, SHAPE).astype(np.float32) for _ in range(2))
OTHERS = DRAW.uniform(-1, 1, (3, *SHAPE)).astype(np.float32)
REGIONS = grid(SHAPE, 3, 2)


def linear(images):
    return (images * WEIGHTS[None]).sum((1, 2, 3))


def cubic(images):
    return (WEIGHTS[None] * images**3).sum((1, 2, 3))


@pytest.mark.parametrize("steps", [1, 9])
def test_of_a_linear_critic_they_are_weight_times_difference(steps):
    found = integrated_gradients(linear, PICTURE, OTHERS, steps=steps)
    np.testing.assert_allclose(found.values, WEIGHTS * (PICTURE - OTHERS.mean(axis=0)), atol=1e-6)
    assert found.evaluations == 3 * steps + 4
    assert float(found.residual) == pytest.approx(0, abs=5e-6)


def test_of_a_polynomial_two_nodes_are_exact_and_one_leaves_its_error():
    expected = WEIGHTS * (PICTURE**3 - OTHERS[0] ** 3)
    found = integrated_gradients(cubic, PICTURE, OTHERS[0], steps=2)
    np.testing.assert_allclose(found.values, expected, atol=1e-6)
    coarse = integrated_gradients(cubic, PICTURE, OTHERS[0], steps=1)
    middle = (PICTURE + OTHERS[0]) / 2
    error = (3 * WEIGHTS * middle**2 * (PICTURE - OTHERS[0]) - expected).sum()
    assert float(coarse.residual) == pytest.approx(error, abs=1e-5)
    assert abs(error) > 0.1


def test_values_of_regions_are_sums():
    found = integrated_gradients(cubic, PICTURE, OTHERS, regions=REGIONS, steps=2)
    pixels = integrated_gradients(cubic, PICTURE, OTHERS, steps=2).values
    blocks = pixels.reshape(3, 2, 2, 2, 2).sum(axis=(1, 3, 4)).reshape(-1)
    np.testing.assert_allclose(found.values, blocks, atol=1e-6)
    np.testing.assert_allclose(pooled(pixels[None], REGIONS)[0], blocks, atol=1e-6)


def test_expected_gradients_come_within_their_standard_errors():
    expected = WEIGHTS * (PICTURE**3 - (OTHERS**3).mean(axis=0))
    for regions in (None, REGIONS):
        truth = expected if regions is None else pooled(expected[None], regions)[0]
        explain = jax.jit(
            lambda key, regions=regions: expected_gradients(
                cubic, PICTURE, OTHERS, key=key, regions=regions, samples=1000
            )
        )
        found = explain(jax.random.key(0))
        scores = np.asarray((found.values - truth) / found.standard_error)
        assert np.abs(scores).max() < 4
        assert 0.3 < np.sqrt((scores**2).mean()) < 1.6
        assert found.evaluations == 1004
        assert np.abs(scores).max() > 0.01


def test_standard_errors_are_those_of_a_mean():
    # One reference and a linear critic: nothing varies. A square varies by the place, whose moments are known.
    still = expected_gradients(linear, PICTURE, OTHERS[0], key=jax.random.key(0), samples=100)
    np.testing.assert_allclose(still.standard_error, 0, atol=1e-6)
    np.testing.assert_allclose(still.values, WEIGHTS * (PICTURE - OTHERS[0]), atol=1e-6)
    zero = np.zeros(SHAPE, np.float32)
    found = expected_gradients(
        lambda x: (x**2).sum((1, 2, 3)), PICTURE, zero, key=jax.random.key(0), samples=4000
    )
    # 2 a x^2 with a uniform: mean x^2, deviation 2 x^2 / sqrt(12)
    np.testing.assert_allclose(found.standard_error, PICTURE**2 / (3 * 4000) ** 0.5, rtol=0.05)


def test_mistakes_are_refused():
    with pytest.raises(ValueError, match="steps must be at least 1"):
        integrated_gradients(linear, PICTURE, OTHERS, steps=0)
    with pytest.raises(ValueError, match="samples must be at least 2"):
        expected_gradients(linear, PICTURE, OTHERS, key=jax.random.key(0), samples=1)
    with pytest.raises(ValueError, match="without a gap"):
        integrated_gradients(linear, PICTURE, OTHERS, regions=REGIONS + 1)
    with pytest.raises(ValueError, match="no reference"):
        expected_gradients(linear, PICTURE, OTHERS[:0], key=jax.random.key(0))
    with pytest.raises(ValueError, match="one value for each image"):
        integrated_gradients(lambda x: jnp.ones((len(x), 2)), PICTURE, OTHERS)
