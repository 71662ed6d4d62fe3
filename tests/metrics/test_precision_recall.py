"""Precision, recall, density and coverage against the prdc package, in a worked example, and by their expectation."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from jaxgan.metrics import density_coverage, precision_recall

GOLDEN = np.load(Path(__file__).parents[1] / "golden/metrics.npz")
NAMES = [str(name) for name in GOLDEN["names"]]
rng = np.random.default_rng(4)


def all_four(real, fake, k):
    first, second = precision_recall(real, fake, k=k), density_coverage(real, fake, k=k)
    return np.array([first.precision, first.recall, second.density, second.coverage])


@pytest.mark.filterwarnings("ignore:.*copies of others")
@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("name", NAMES)
def test_prdc_agrees(name, k):
    values = all_four(GOLDEN[f"{name}/real"], GOLDEN[f"{name}/fake"], k)
    np.testing.assert_allclose(values, GOLDEN[f"{name}/prdc{k}"], rtol=1e-12)


@pytest.mark.parametrize("inside", [np.less, np.less_equal])
def test_negative_control_closed_balls_are_another_metric(inside):
    real, fake = (GOLDEN[f"ties/{part}"].astype(float) for part in ("real", "fake"))
    radii = np.sort(cdist(real, real), axis=1)[:, 5]
    balls = inside(cdist(real, fake), radii[:, None])
    agrees = np.isclose([balls.sum(0).mean() / 5, balls.any(1).mean()], GOLDEN["ties/prdc5"][2:], rtol=1e-6)
    assert agrees.all() if inside is np.less else not agrees.any()


@pytest.mark.filterwarnings("ignore:.*copies of others")
def test_ties_stay_ties_where_they_round():
    """Pixels over 255 lie on a grid, and so do their distances, but for rounding."""
    real, fake = (GOLDEN[f"ties/{part}"].astype(float) / 255 + 0.3 for part in ("real", "fake"))
    np.testing.assert_allclose(all_four(real, fake, 5), GOLDEN["ties/prdc5"], rtol=1e-12)


def test_a_worked_example_on_a_line():
    real, fake = np.array([[0.0], [1.0], [3.0]]), np.array([[0.5], [1.0], [9.0]])
    # With k = 1 the real balls are (-1, 1), (0, 2) and (1, 5); the fake ones (0, 1), (0.5, 1.5) and (1, 17).
    result = precision_recall(real, fake, k=1)
    assert (result.precision, result.recall) == (2 / 3, 2 / 3)
    result = density_coverage(real, fake, k=1)
    assert (result.density, result.coverage) == (1.0, 2 / 3)


def test_identical_distributions_have_the_expected_coverage():
    """Naeem 2020, Lemma 2: 1 - (N-1)...(N-k) / ((M+N-1)...(M+N-k)), whatever the distribution."""
    n, m, k = 200, 150, 3
    values = [
        density_coverage(rng.normal(size=(n, 5)), rng.normal(size=(m, 5)), k=k).coverage for _ in range(60)
    ]
    steps = np.arange(1, k + 1)
    expected = 1 - np.prod((n - steps) / (m + n - steps))
    assert abs(np.mean(values) - expected) < 4 * np.std(values) / 60**0.5
    assert np.std(values) / 60**0.5 < 0.01


def test_one_outlier_among_the_reals_moves_nothing_else():
    """Brute force, by SciPy's distances of the features as they are."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(2, 200, 4))
    real[0] = 1e8
    radii = np.sort(cdist(real, real), axis=1)[:, 5], np.sort(cdist(fake, fake), axis=1)[:, 5]
    between = cdist(fake, real)
    precision, recall = (between < radii[0]).any(axis=1).mean(), (radii[1] > between.T).any(axis=1).mean()
    result = precision_recall(real, fake, k=5)
    np.testing.assert_allclose((result.precision, result.recall), (precision, recall), atol=0.011)
    assert precision > 0.9


def test_collapse_costs_recall_and_noise_costs_precision():
    real = rng.normal(size=(300, 4))
    collapsed = 0.05 * rng.normal(size=(300, 4))
    noisy = 6 * rng.normal(size=(300, 4))
    first, second = precision_recall(real, collapsed), density_coverage(real, collapsed)
    assert first.precision > 0.95 > 0.2 > max(first.recall, second.coverage)
    first, second = precision_recall(real, noisy), density_coverage(real, noisy)
    assert first.recall > 0.8 > 0.2 > max(first.precision, second.density)


def test_invariances():
    real, fake = (GOLDEN[f"plain/{part}"].astype(float) for part in ("real", "fake"))
    values, axes = all_four(real, fake, 5), np.linalg.qr(rng.normal(size=(12, 12)))[0]
    for change in (lambda x: x + 100, lambda x: 1e-3 * x, lambda x: x @ axes, lambda x: x[::-1]):
        np.testing.assert_allclose(all_four(change(real), change(fake), 5), values, rtol=1e-12)
    swapped = precision_recall(fake, real, k=5)
    np.testing.assert_allclose((swapped.recall, swapped.precision), values[:2], rtol=1e-12)


def test_copies_of_one_point_have_balls_that_hold_nothing():
    real = rng.normal(size=(30, 4))
    with pytest.warns(UserWarning, match="fake_features: all 30 rows are the same"):
        assert precision_recall(real, np.zeros((30, 4))).recall == 0


def test_no_neighbors_are_refused():
    with pytest.raises(ValueError, match="k = 0"):
        precision_recall(rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), k=0)


@pytest.mark.parametrize("metric", [precision_recall, density_coverage])
def test_copies_among_the_reals_are_noticed(metric):
    real, fake = rng.normal(size=(2, 200, 3))
    copied = np.concatenate([real] * 6)
    with pytest.warns(UserWarning, match="real_features: 1000 of 1200 rows are copies of others"):
        result = metric(copied, fake)
    assert (getattr(result, "precision", 0), getattr(result, "density", 0)) == (0, 0)
    metric(np.concatenate([real, real[:2]]), fake)  # two copies in 202 change little
