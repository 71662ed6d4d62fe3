"""Diversity against SciPy's distances and closed forms."""

from pathlib import Path

import numpy as np
import pytest

from jaxgan.metrics import diversity

GOLDEN = np.load(Path(__file__).parents[1] / "golden/metrics.npz")
NAMES = [str(name) for name in GOLDEN["names"]]
rng = np.random.default_rng(9)


@pytest.mark.parametrize("name", NAMES)
def test_scipys_distances_agree(name):
    result = diversity(GOLDEN[f"{name}/real"], GOLDEN[f"{name}/fake"])
    fake, real = GOLDEN[f"{name}/spread"]
    np.testing.assert_allclose((result.fake_distance, result.real_distance), (fake, real), rtol=1e-9)
    assert result.ratio == pytest.approx(fake / real, rel=1e-9)


def test_it_is_unbiased():
    """The distance of two draws of N(0, 1) is 2 / sqrt(pi) on average, at any N; counting i = j would halve it."""
    values = [diversity(rng.normal(size=(2, 1)), np.eye(2)[:, :1]).real_distance for _ in range(1500)]
    assert np.mean(values) == pytest.approx(2 / np.pi**0.5, abs=4 * np.std(values) / 1500**0.5)


def test_scale_and_shift():
    real = rng.normal(size=(50, 3))
    assert diversity(real, 0.25 * real + 1000).ratio == pytest.approx(0.25, rel=1e-9)


def test_one_image_again_and_again_has_none():
    with pytest.warns(UserWarning, match="fake_features: all 9 rows"):
        assert diversity(rng.normal(size=(9, 3)), np.full((9, 3), 0.1)).ratio < 1e-12
    with pytest.warns(UserWarning, match="real_features: all 9 rows"):
        assert diversity(np.zeros((9, 3)), rng.normal(size=(9, 3))).ratio == np.inf
