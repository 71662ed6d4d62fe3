"""Mode coverage of mixtures that are known, and of classes."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.metrics import class_coverage, mode_coverage

GOLDEN = np.load(Path(__file__).parents[1] / "golden/metrics.npz")
rng = np.random.default_rng(7)
ANGLES = 2 * np.pi * np.arange(8) / 8
RING = 2 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)


def test_the_mixture_itself():
    samples = RING[rng.integers(0, 8, 100_000)] + 0.02 * rng.normal(size=(100_000, 2))
    result = mode_coverage(samples, RING, sigma=0.02)
    assert result.modes == result.n_modes == 8
    assert result.high_quality == pytest.approx(1 - np.exp(-4.5), abs=0.001)  # Rayleigh, within 3 sigma
    assert 0 <= result.kl < 1e-3
    assert mode_coverage(samples, RING, sigma=0.02, within=1.0).high_quality == pytest.approx(
        1 - np.exp(-0.5), abs=0.005
    )


def test_by_hand():
    centers = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    samples = np.array([[0.0, 0.0], [0.0, 2.9], [0.0, -3.0], [10.0, 0.1], [0.0, 13.5], [5.0, 5.0]])
    result = mode_coverage(jnp.asarray(samples), jnp.asarray(centers), sigma=1.0)
    assert result.modes == 2  # the third mode has a sample, but none of high quality
    assert result.high_quality == 4 / 6
    assert result.kl == pytest.approx(np.log(3) + 0.75 * np.log(0.75) + 0.25 * np.log(0.25))


def test_one_good_sample_makes_a_mode_and_no_good_sample_no_divergence():
    assert mode_coverage(RING[:1], RING, sigma=0.02).modes == 1
    assert mode_coverage(RING[:1], RING, sigma=0.02).kl == pytest.approx(np.log(8))
    nothing = mode_coverage(RING + 1, RING, sigma=0.02)
    assert (nothing.modes, nothing.high_quality) == (0, 0.0)
    assert np.isnan(nothing.kl)


def test_classes_against_scipys_entropy():
    counts = GOLDEN["counts"]
    classes = rng.permutation(np.repeat(np.arange(1000), counts))
    result = class_coverage(jnp.asarray(classes), n_modes=1000)
    assert result.modes == np.count_nonzero(counts)
    assert result.kl == pytest.approx(float(GOLDEN["kl"]), rel=1e-9)
    assert result.n_fake == counts.sum()


def test_even_classes_and_one_class():
    assert class_coverage(np.arange(10), n_modes=10).kl == pytest.approx(0, abs=1e-12)
    assert class_coverage(np.zeros(5, int), n_modes=10).kl == pytest.approx(np.log(10))


def test_bad_input():
    with pytest.raises(ValueError, match="2 of 4 classes lie outside 0 to 9"):
        class_coverage(np.array([0, -1, 10, 3]), n_modes=10)
    for classes in (np.zeros(3), np.zeros((3, 1), int), np.zeros(0, int)):
        with pytest.raises(ValueError, match="integers"):
            class_coverage(classes, n_modes=10)
    with pytest.raises(ValueError, match="dimension 2, the centers 3"):
        mode_coverage(RING, np.zeros((2, 3)), sigma=1.0)
    for options in ({"sigma": 0.0}, {"sigma": float("nan")}, {"sigma": 1.0, "within": -1.0}):
        with pytest.raises(ValueError, match="must be positive"):
            mode_coverage(RING, RING, **options)
