"""The sliced Wasserstein distance against POT, SciPy and closed forms."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from jaxgan.metrics import sliced_wasserstein

GOLDEN = np.load(Path(__file__).parents[1] / "golden/metrics.npz")
NAMES = [str(name) for name in GOLDEN["names"]]
rng = np.random.default_rng(6)


@pytest.mark.parametrize("name", NAMES)
def test_pot_agrees(name):
    real, fake = GOLDEN[f"{name}/real"], GOLDEN[f"{name}/fake"]
    result = sliced_wasserstein(real, fake, projections=70, seed=3)  # more than a block of lines
    np.testing.assert_allclose(result.value, GOLDEN[f"{name}/sliced"], rtol=1e-6)
    other = sliced_wasserstein(real, fake, projections=70, seed=4)
    assert abs(other.value / result.value - 1) > 1e-6


def test_a_shift_is_its_length_along_the_lines():
    points = rng.normal(size=(40, 3))
    value = sliced_wasserstein(points, points + np.array([3.0, 0, 4]), projections=4000).value
    assert value == pytest.approx(5 / 3**0.5, rel=0.02)  # the mean of cos^2 is 1/d
    assert sliced_wasserstein(points, points[::-1]).value < 1e-12


def test_repeating_a_set_changes_nothing():
    """Of sizes n and m the two quantile functions have steps at different places."""
    real, fake = rng.normal(size=(12, 3)), rng.normal(size=(9, 3))
    repeated = sliced_wasserstein(np.repeat(real, 3, 0), np.repeat(fake, 4, 0)).value
    np.testing.assert_allclose(sliced_wasserstein(real, fake).value, repeated, rtol=1e-12)


def test_a_set_that_lies_below_another_moves_by_the_mean():
    """Where all mass moves by about the same distance, W2 is near SciPy's W1; in 1-D all lines are the axis."""
    real, fake = 1e-6 * rng.normal(size=(11, 1)), 5 + 1e-6 * rng.normal(size=(7, 1))
    expected = wasserstein_distance(real[:, 0], fake[:, 0])
    np.testing.assert_allclose(sliced_wasserstein(real, fake).value, expected, rtol=1e-9)


def test_invariances():
    real, fake = rng.normal(size=(40, 3)), rng.normal(size=(30, 3)) + 1
    value = sliced_wasserstein(real, fake).value
    assert sliced_wasserstein(fake, real).value == pytest.approx(value, rel=1e-12)
    assert sliced_wasserstein(real - 9, fake - 9).value == pytest.approx(value, rel=1e-12)
    assert sliced_wasserstein(4 * real, 4 * fake).value == pytest.approx(4 * value, rel=1e-12)


def test_no_projection_is_refused():
    with pytest.raises(ValueError, match="at least one projection"):
        sliced_wasserstein(np.eye(2), np.eye(2), projections=0)
