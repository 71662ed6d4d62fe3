"""The kernel distance against torch-fidelity, and by what an unbiased estimate must do."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from jaxgan.metrics import kernel_distance

GOLDEN = np.load(Path(__file__).parents[1] / "golden/metrics.npz")
NAMES = [str(name) for name in GOLDEN["names"]]
rng = np.random.default_rng(5)


def pair(name):
    return GOLDEN[f"{name}/real"], GOLDEN[f"{name}/fake"]


@pytest.mark.parametrize("name", NAMES)
def test_torch_fidelity_agrees(name):
    real, fake = pair(name)
    result = kernel_distance(real, fake, subsets=8, subset_size=100, seed=3)
    np.testing.assert_allclose((result.value, result.deviation), GOLDEN[f"{name}/kernel"], rtol=1e-6)
    assert result.standard_error == result.deviation / 8**0.5
    size = min(len(real), len(fake))
    result = kernel_distance(real[:size], fake[:size], subsets=2, subset_size=size, seed=9)
    np.testing.assert_allclose(result.value, GOLDEN[f"{name}/kernel_of_all"], rtol=1e-6)


def by_sums(real, fake, *, biased=False, degree=3, gamma=None, coef=1.0):
    """The definition, term by term."""
    kernel = lambda a, b: (np.dot(a, b) * (gamma or 1 / len(a)) + coef) ** degree
    within = 0.0
    for part in (real, fake):
        pairs = itertools.product(range(len(part)), repeat=2)
        terms = [kernel(part[i], part[j]) for i, j in pairs if biased or i != j]
        within += np.mean(terms)
    return within - 2 * np.mean([kernel(a, b) for a in real for b in fake])


MISTAKES = [{"biased": True}, {"degree": 2}, {"gamma": 1.0}, {"coef": 0.0}]


@pytest.mark.parametrize("options", [{}, *MISTAKES])
def test_the_definition_and_as_negative_controls_the_mistakes(options):
    real, fake = (part[:20].astype(float) for part in pair("plain"))
    value = kernel_distance(real, fake, subsets=1, subset_size=20).value
    assert (abs(by_sums(real, fake, **options) / value - 1) < 1e-6) == (not options)


def test_it_is_unbiased_and_its_standard_error_is_right():
    """Equal distributions, disjoint draws: the mean is 0 within its error, which a biased estimate is not."""
    values = [
        kernel_distance(rng.normal(size=(40, 6)), rng.normal(size=(40, 6)), subsets=1, subset_size=40).value
        for _ in range(300)
    ]
    error = np.std(values) / 300**0.5
    assert abs(np.mean(values)) < 4 * error
    assert min(values) < 0
    bias = 2 * ((1 + 1) ** 3 - 1) / 40  # about what the diagonals of two kernel matrices would add
    assert bias > 20 * error
    large = kernel_distance(
        rng.normal(size=(20000, 6)), rng.normal(size=(20000, 6)), subset_size=40, subsets=300
    )
    np.testing.assert_allclose(large.standard_error, error, rtol=0.25)


def test_subsets_are_clipped_and_say_so():
    real, fake = rng.normal(size=(50, 3)), rng.normal(size=(30, 3))
    result = kernel_distance(real, fake, subsets=4)
    assert (result.subset_size, result.clipped_from) == (30, 1000)
    assert "subset_size 30, clipped_from 1000" in str(result)
    whole = kernel_distance(real[:30], fake, subsets=4)  # each would be the same two sets
    assert whole.subsets == 1
    assert np.isnan(whole.deviation)
    assert np.isnan(whole.standard_error)
    result = kernel_distance(real, fake, subsets=4, subset_size=30)
    assert result.clipped_from is None
    assert "clipped" not in str(result)


def test_symmetry_rotation_seed():
    real, fake = rng.normal(size=(60, 4)), rng.normal(size=(60, 4)) + 1
    options = {"subsets": 2, "subset_size": 60}
    value = kernel_distance(real, fake, **options).value
    axes = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    np.testing.assert_allclose(kernel_distance(fake, real, **options).value, value, rtol=1e-10)
    np.testing.assert_allclose(kernel_distance(real @ axes, fake @ axes, **options).value, value, rtol=1e-10)
    results = [kernel_distance(real, fake, subsets=5, subset_size=9, seed=seed) for seed in (1, 1, 2)]
    assert results[0] == results[1]
    assert results[0].value != results[2].value


@pytest.mark.parametrize("options", [{"subsets": 0}, {"subset_size": 1}])
def test_no_subset_is_refused(options):
    with pytest.raises(ValueError, match="at least 1 subset of 2 rows"):
        kernel_distance(rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), **options)
