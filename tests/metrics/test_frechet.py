"""The Fréchet distance against torch-fidelity, SciPy's sqrtm and closed forms; classical mistakes must show."""

from pathlib import Path

import numpy as np
import pytest

from jaxgan.metrics import Moments, frechet_distance, frechet_distance_infinity

GOLDEN = np.load(Path(__file__).parents[1] / "golden/metrics.npz")
SINGULAR = "fewer than dimensions"
FULL_RANK = [str(name) for name in GOLDEN["names"] if name != SINGULAR]
quiet = pytest.mark.filterwarnings("ignore:.*the covariance is singular")
rng = np.random.default_rng(2)


def pair(name):
    return GOLDEN[f"{name}/real"], GOLDEN[f"{name}/fake"]


def near(value, expected, rtol=1e-6):
    return abs(value - expected) <= rtol * abs(expected)


def gaussian(mean, covariance, count=10**6):
    """The moments of a sample that has exactly these."""
    return Moments(count, np.asarray(mean, float), np.asarray(covariance) * (count - 1))


def rotation(dimension):
    return np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]


@pytest.mark.parametrize("name", FULL_RANK)
def test_torch_fidelity_and_sqrtm_agree_to_1e_9(name):
    value = frechet_distance(*pair(name)).value
    assert near(value, GOLDEN[f"{name}/frechet"], 1e-9)
    assert near(value, GOLDEN[f"{name}/frechet_by_sqrtm"], 1e-9)


@quiet
def test_singular_covariances_agree_to_1e_6():
    value = frechet_distance(*pair(SINGULAR)).value
    assert near(value, GOLDEN[f"{SINGULAR}/frechet"], 1e-6)
    assert near(value, GOLDEN[f"{SINGULAR}/frechet_by_sqrtm"], 1e-6)


def biased_covariance(real, fake):
    shrink = lambda part: Moments(part.count, part.mean, part.scatter * (part.count - 1) / part.count)
    return shrink(Moments.of(real)), shrink(Moments.of(fake))


def float32_moments(real, fake):
    """mean(x x^T) - mean(x) mean(x)^T, in single precision."""

    def of(part):
        mean = part.mean(0, dtype=np.float32)
        second = (part.T @ part) / np.float32(len(part))
        return Moments(
            len(part), mean.astype(np.float64), (second - np.outer(mean, mean)).astype(float) * len(part)
        )

    return of(real), of(fake)


def eps_on_the_diagonal(real, fake):
    of = lambda part: gaussian(
        part.mean(0), np.cov(part, rowvar=False) + 1e-6 * np.eye(part.shape[1]), len(part)
    )
    return of(real.astype(float)), of(fake.astype(float))


def rescaled_fakes(real, fake):
    return real, (fake - fake.min()) / (fake.max() - fake.min()) * (real.max() - real.min()) + real.min()


MISTAKES = {
    "biased covariance": (biased_covariance, "plain"),
    "float32 moments": (float32_moments, "far from zero"),
    "eps on the diagonal": (eps_on_the_diagonal, SINGULAR),
    "another number of fakes": (lambda real, fake: (real, fake[:250]), "plain"),
    "fakes rescaled by their own range": (rescaled_fakes, "plain"),
}


@quiet
@pytest.mark.parametrize(("mistake", "name"), MISTAKES.values(), ids=MISTAKES)
def test_negative_control_classical_mistakes_are_outside_the_gate(mistake, name):
    assert not near(frechet_distance(*mistake(*pair(name))).value, GOLDEN[f"{name}/frechet"])


@pytest.mark.parametrize("ranks", [(40, 40), (40, 15), (15, 40), (15, 25)])
def test_gaussians_with_commuting_covariances_by_closed_form(ranks):
    axes = rotation(40)
    first, second = (np.exp(2 * rng.normal(size=40)) * (np.arange(40) < rank) for rank in ranks)
    means = rng.normal(size=(2, 40))
    value = frechet_distance(
        gaussian(means[0], axes * first @ axes.T), gaussian(means[1], axes * second @ axes.T)
    ).value
    expected = np.sum((means[0] - means[1]) ** 2) + np.sum((np.sqrt(first) - np.sqrt(second)) ** 2)
    assert near(value, expected, 1e-7)


def test_one_dimension_by_closed_form():
    real, fake = rng.normal(size=(50, 1)), 3 * rng.normal(size=(60, 1)) + 1
    expected = (real.mean() - fake.mean()) ** 2 + (real.std(ddof=1) - fake.std(ddof=1)) ** 2
    assert near(frechet_distance(real, fake).value, expected, 1e-12)


def test_invariances():
    real, fake = (part.astype(float) for part in pair("plain"))
    value = frechet_distance(real, fake).value
    assert near(frechet_distance(fake, real).value, value, 1e-9)
    assert near(frechet_distance(real + 5.0, fake + 5.0).value, value, 1e-9)
    axes = rotation(12)
    assert near(frechet_distance(real @ axes, fake @ axes).value, value, 1e-9)
    assert near(frechet_distance(3 * real, 3 * fake).value, 9 * value, 1e-9)
    assert near(frechet_distance(Moments.of(real), fake).value, value, 1e-12)
    assert 0 <= frechet_distance(real, real[::-1]).value < 1e-12
    shifted = frechet_distance(real, real + np.eye(12)[0] * 2).value
    assert near(shifted, 4, 1e-9)


def test_constant_features_are_points():
    assert near(frechet_distance(np.full((9, 3), 2.0), np.full((9, 3), 4.0)).value, 12, 1e-12)


def test_too_few_examples_for_the_dimension_are_warned_of():
    real, fake = rng.normal(size=(30, 8)), rng.normal(size=(8, 8))
    with pytest.warns(UserWarning, match="fake_features: 8 examples for 8 dimensions"):
        frechet_distance(real, fake)
    with pytest.warns(UserWarning, match="real_features: 8 examples for 8 dimensions"):
        frechet_distance(fake, real)
    frechet_distance(real, rng.normal(size=(9, 8)))  # no warning


def test_moments_that_are_not_finite_are_refused():
    moments = Moments(10, np.array([np.nan, 0.0]), np.eye(2))
    with pytest.raises(ValueError, match="real_features: the moments hold NaN"):
        frechet_distance(moments, moments)


@pytest.mark.parametrize("name", FULL_RANK)
def test_infinity_is_torch_fidelitys_distances_and_a_fitted_line(name):
    result = frechet_distance_infinity(*pair(name), points=6, seed=3)
    np.testing.assert_allclose((result.value, result.slope), GOLDEN[f"{name}/frechet_infinity"], rtol=1e-6)


def test_infinity_takes_the_bias_off():
    """Fakes of the very distribution of the reals: the truth is 0."""
    real, plain, infinite = gaussian(np.zeros(6), np.eye(6)), [], []
    for seed in range(12):
        fake = np.random.default_rng(seed).normal(size=(4000, 6))
        plain.append(frechet_distance(real, fake).value)
        infinite.append(frechet_distance_infinity(real, fake, seed=seed).value)
    error = np.std(infinite) / 12**0.5
    assert abs(np.mean(infinite)) < 2 * error < 0.3 * np.mean(plain)


def test_infinity_refuses_what_gives_no_line():
    real, fake = rng.normal(size=(30, 8)), rng.normal(size=(9, 8))
    for options in ({}, {"smallest": 9}, {"smallest": 1}, {"smallest": 5, "points": 1}):
        with pytest.raises(ValueError, match="give no line"):
            frechet_distance_infinity(real, fake, **options)
