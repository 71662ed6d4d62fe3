"""What every metric refuses, warns of, and says of itself."""

import dataclasses
import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan
from jaxgan import metrics

rng = np.random.default_rng(0)
REAL, FAKE = rng.normal(size=(60, 4)), rng.normal(size=(50, 4)) + 0.2
PAIRED = {
    "frechet_distance": metrics.frechet_distance,
    "frechet_distance_infinity": metrics.frechet_distance_infinity,
    "kernel_distance": lambda real, fake, **options: metrics.kernel_distance(
        real, fake, subset_size=20, subsets=3, **options
    ),
    "precision_recall": metrics.precision_recall,
    "density_coverage": metrics.density_coverage,
    "sliced_wasserstein": metrics.sliced_wasserstein,
    "diversity": metrics.diversity,
    "memorisation": lambda real, fake, **options: metrics.memorisation(real, REAL + 0.1, fake, **options),
}
SINGLE = {
    "inception_score": metrics.inception_score,
    "mode_coverage": lambda fake: metrics.mode_coverage(fake, np.zeros((2, 4)), sigma=1.0),
}


def with_holes(features):
    features = features.copy()
    features[3, 1], features[7], features[9, 0] = np.nan, np.inf, -np.inf
    return features


@pytest.mark.parametrize("metric", PAIRED.values(), ids=PAIRED)
def test_bad_pairs_are_refused(metric):
    with pytest.raises(ValueError, match=r"real_features|train_features") as info:
        metric(with_holes(REAL), FAKE)
    assert "3 of 60 rows" in str(info.value)
    with pytest.raises(ValueError, match="fake_features: 3 of 50 rows hold NaN or infinite"):
        metric(REAL, with_holes(FAKE))
    with pytest.raises(ValueError, match=r"4.* 3"):
        metric(REAL, FAKE[:, :3])
    with pytest.raises(ValueError, match=r"\[N, d\], got shape \(50, 4, 1\)"):
        metric(REAL, FAKE[:, :, None])
    with pytest.raises(ValueError, match=r"\(0, 4\)|0 fakes"):
        metric(REAL, FAKE[:0])
    with pytest.raises(ValueError, match=r"\(60, 0\)"):
        metric(REAL[:, :0], FAKE[:, :0])


@pytest.mark.parametrize("metric", SINGLE.values(), ids=SINGLE)
def test_bad_sets_are_refused(metric):
    with pytest.raises(ValueError, match="3 of 50 rows hold NaN or infinite"):
        metric(with_holes(FAKE))
    with pytest.raises(ValueError, match=r"\(200,\)"):
        metric(FAKE.ravel())


def test_the_smallest_sets():
    for metric, count in (
        ("frechet_distance", 2),
        ("kernel_distance", 2),
        ("diversity", 2),
        ("precision_recall", 4),
    ):
        with pytest.raises(ValueError, match=f"at least {count} rows"):
            PAIRED[metric](REAL[: count - 1], FAKE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # few for their dimension
            PAIRED[metric](REAL[:count], FAKE[:count])
    with pytest.raises(ValueError, match="at least 6 rows"):
        metrics.density_coverage(REAL, FAKE[:5])


@pytest.mark.parametrize(
    "name", [name for name in PAIRED if name not in ("frechet_distance", "frechet_distance_infinity")]
)
def test_constant_features_are_noticed(name):
    with pytest.warns(UserWarning, match="fake_features: all 50 rows are the same"):
        PAIRED[name](REAL, np.full((50, 4), 0.1))


@pytest.mark.parametrize("metric", PAIRED.values(), ids=PAIRED)
def test_arrays_of_any_kind_give_the_same_numbers(metric):
    real, fake = REAL.astype(np.float32), FAKE.astype(np.float32)
    expected = metric(real.astype(np.float64), fake.astype(np.float64))
    assert metric(jnp.asarray(real), jnp.asarray(fake)) == expected == metric(real, fake)
    before = real.copy()
    real.flags.writeable = fake.flags.writeable = False  # pure: what goes in stays as it is
    metric(real, fake)
    np.testing.assert_array_equal(real, before)


def test_integers_are_features_too():
    pixels = rng.integers(0, 256, size=(60, 4)).astype(np.uint8)
    assert metrics.diversity(pixels, pixels) == metrics.diversity(pixels * 1.0, pixels * 1.0)
    halves = jnp.asarray(REAL, jnp.bfloat16)
    assert metrics.diversity(halves, halves) == metrics.diversity(np.asarray(halves, np.float64), halves)


@pytest.mark.parametrize("metric", PAIRED.values(), ids=PAIRED)
def test_a_result_is_frozen_and_says_how_it_was_made_in_one_line(metric):
    result = metric(REAL, FAKE, extractor_name="digits-cnn")
    line = str(result)
    assert "\n" not in line
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        if isinstance(value, int | str):
            assert f"{field.name} {value}" in line
        elif value is not None:
            assert f"{field.name} {value:.6g}" in line
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.n_fake = 3


def test_only_the_inception_of_2015_makes_a_fid():
    for extractor, name in (
        ("digits-cnn", "FID-digits-cnn"),
        ("inception-2015", "FID"),
        (None, "Frechet distance"),
    ):
        line = str(metrics.frechet_distance(REAL, FAKE, extractor_name=extractor))
        assert line.startswith(f"{name}: value "), line
    infinite = metrics.frechet_distance_infinity(REAL, FAKE)
    assert str(infinite).startswith("Frechet distance to infinitely many fakes: value ")
    assert PAIRED["kernel_distance"](REAL, FAKE, extractor_name="vgg").name == "KID-vgg"
    assert metrics.precision_recall(REAL, FAKE).name == "precision and recall"
    assert PAIRED["kernel_distance"](REAL, FAKE).name == "kernel distance"


def test_the_package_is_reached_by_its_name():
    assert jaxgan.metrics is metrics
    for name in metrics.__all__:
        assert getattr(metrics, name).__doc__, name


@pytest.mark.parametrize("metric", PAIRED.values(), ids=PAIRED)
def test_images_are_no_features(metric):
    images = np.zeros((60, 8, 8, 1), np.uint8)
    with pytest.raises(
        ValueError, match=r"take the features of images, features.get\(\"digits-cnn\"\)\(images\)"
    ):
        metric(images, FAKE)
    with pytest.raises(
        ValueError, match=r"fake_features must be \[N, d\], got shape \(60, 8, 8, 1\): metrics take"
    ):
        metric(REAL, jnp.asarray(images))


@pytest.mark.parametrize("metric", PAIRED.values(), ids=PAIRED)
@pytest.mark.parametrize(
    ("fake", "what"),
    [
        (FAKE.astype(complex), r"fake_features must be real numbers \[N, d\], got complex128"),
        (FAKE.astype(str), "fake_features must be real numbers .*, got <U"),
        (FAKE.astype(object), "fake_features must be real numbers .*, got object"),
        ([[1.0, 2.0], [3.0]], "fake_features must be one array .*, got rows of several lengths"),
        (np.where(FAKE > 1, 1e6, FAKE), None),
    ],
)
def test_what_are_no_numbers_is_refused(metric, fake, what):
    if what is None:
        with np.errstate(over="ignore"):
            fake = fake.astype(np.float16)
        what = r"rows hold NaN or infinite values: float16 ends at 65,504, so compute features in float32"
    with pytest.raises(ValueError, match=what):
        metric(REAL, fake)


@pytest.mark.parametrize("metric", PAIRED.values(), ids=PAIRED)
def test_integers_beside_floats_are_noticed(metric):
    pixels = np.random.default_rng(0).integers(0, 256, REAL.shape, np.uint8)
    with pytest.warns(
        UserWarning, match="real_features are uint8 and fake_features float64: one extractor gives"
    ):
        metric(pixels, FAKE)
