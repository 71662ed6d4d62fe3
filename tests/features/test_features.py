"""Extractors: batches, sizes, what is refused; and the classifier that digits train."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import data, features
from jaxgan.features import classifiers
from jaxgan.images import eight_bits
from jaxgan.system.errors import UserError

PICTURES = np.random.default_rng(0).integers(0, 256, (23, 6, 10, 3), np.uint8)


def mean_colors(images):
    return images.mean(axis=(1, 2))


def test_a_function_of_ones_own_sees_floats_and_batches_change_nothing():
    extractor = features.from_function("colors", mean_colors)
    expected = (PICTURES / 127.5 - 1).mean(axis=(1, 2))
    np.testing.assert_allclose(extractor(PICTURES), expected, atol=1e-6)
    assert extractor(PICTURES).dtype == np.float32
    small = features.Extractor("colors", extractor.apply, batch_size=5)
    np.testing.assert_allclose(small(PICTURES), expected, atol=1e-6)
    seen = []
    assert small.outputs(PICTURES, ended=seen.append).logits is None
    assert seen == [5, 5, 5, 5, 3]


def test_fakes_are_rounded_to_8_bits_as_reals_are():
    extractor = features.from_function("colors", mean_colors)
    floats = (PICTURES / 127.5 - 1).astype(np.float32)
    np.testing.assert_array_equal(extractor(floats + 0.3 / 127.5), extractor(PICTURES.clip(0, 255)))


@pytest.mark.parametrize(
    ("images", "what"),
    [
        (np.zeros((4, 8, 8), np.uint8), r"shape \[N, H, W, C\], got \[4, 8, 8\]"),
        (np.zeros((4, 8, 8, 1), int), "uint8, or float in .*, got int64"),
        (np.where(np.arange(4)[:, None, None, None] < 3, np.nan, np.zeros((4, 8, 8, 1))), "3 of 4 images"),
    ],
)
def test_images_that_are_none_are_refused(images, what):
    with pytest.raises(ValueError, match=what):
        features.from_function("colors", mean_colors)(images)


def test_features_must_be_rows_and_finite():
    with pytest.raises(ValueError, match=r"flat: features have shape \[B, d\], got \[23, 6, 10, 3\]"):
        features.from_function("flat", lambda images: images)(PICTURES)
    dark = features.from_function("dark", lambda images: jnp.where(images[:, 0, 0] < 0, jnp.nan, 0.0))
    bad = np.count_nonzero((PICTURES[:, 0, 0] < 127.5).any(-1))
    with pytest.raises(features.FeaturesNotFiniteError, match=f"dark: {bad} of 23 features"):
        dark(PICTURES)


def test_other_sizes_and_channels_are_cut_and_resized_and_said():
    extractor = features.from_function(
        "gray", lambda images: images.reshape(len(images), -1), image_shape=(4, 4, 1)
    )
    assert extractor.change((4, 4, 1)) is None
    assert "6x10x3 are cut around their center and resized (Lanczos) to 4x4x1" in extractor.change((6, 10, 3))
    with_pillow = [
        np.asarray(
            Image.fromarray(x).convert("L").crop((2, 0, 8, 6)).resize((4, 4), Image.Resampling.LANCZOS)
        )
        for x in PICTURES
    ]
    expected = np.stack(with_pillow).reshape(23, -1) / 127.5 - 1
    np.testing.assert_allclose(extractor(PICTURES), expected, atol=1e-6)


def test_digits_cnn_knows_digits_that_it_has_not_seen(digits_cnn):
    digits = data.digits()
    held_out = np.arange(len(digits.images)) % 5 == 0
    outputs = digits_cnn.outputs(digits.images)
    right = outputs.logits.argmax(axis=1) == digits.labels
    assert right[held_out].mean() == pytest.approx(digits_cnn.details["test_accuracy"])
    assert right[held_out].mean() > 0.96
    assert digits_cnn.details["n_test"] == held_out.sum()
    assert outputs.features.shape == (1797, 64)
    assert (outputs.features[~held_out] ** 2).mean() == pytest.approx(1, abs=1e-5)
    assert digits_cnn.classes == "digits"


def test_a_classifier_is_trained_once(digits_cnn, own_cache):
    (file,) = (own_cache / "classifiers").iterdir()
    written = file.stat().st_mtime_ns
    assert features.get(source="digits").hash == digits_cnn.hash
    assert file.stat().st_mtime_ns == written


@pytest.mark.slow
def test_a_classifier_comes_out_the_same_again(digits_cnn, own_cache):
    """And it is the one that tests have from tests/golden, but for their weights' rounding and the CPU's."""
    hashes = []
    for _ in range(2):
        for file in (own_cache / "classifiers").iterdir():
            file.unlink()
        trained = features.get("digits-cnn")
        hashes.append(trained.hash)
    assert hashes[0] == hashes[1]
    accuracies = [each.details["test_accuracy"] for each in (trained, digits_cnn)]
    assert accuracies[0] == pytest.approx(accuracies[1], abs=0.006)  # two of 360 images
    ours, theirs = (each(data.digits().images) for each in (trained, digits_cnn))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99


def test_an_unknown_extractor_is_one_sentence():
    with pytest.raises(
        UserError, match="`extractor` resnet is unknown: there are digits-cnn, mnist-cnn, fashion"
    ):
        features.get("resnet")
    with pytest.raises(UserError, match="no extractor goes with pictures"):
        features.get(source="pictures")


def test_bfloat16_images_are_floats():
    images = np.linspace(-1, 1, 16, dtype=np.float32).reshape(1, 4, 4, 1)
    halves = np.asarray(jnp.asarray(images, jnp.bfloat16))
    assert np.abs(eight_bits(halves).astype(int) - eight_bits(images).astype(int)).max() <= 1


@pytest.mark.long
def test_the_classifier_of_ones_own_labels(tmp_path, own_cache, monkeypatch):
    """Two kinds of noise, 20x24 in color: an easy task, learned in few steps."""
    monkeypatch.setattr(classifiers, "STEPS", 40)
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    levels = np.where(labels, 60, 200)[:, None, None, None]
    images = (levels + rng.integers(-40, 40, (200, 20, 24, 3))).astype(np.uint8)
    dataset = data.from_arrays(images, labels, name="noise")
    extractor = features.get(source="noise", dataset=dataset)
    assert extractor.name.startswith("own-cnn-")
    assert extractor.details["test_accuracy"] == 1
    assert extractor.classes == "noise"
    assert features.get("own", dataset=dataset).hash == extractor.hash
    assert len(list((own_cache / "classifiers").iterdir())) == 1
    other = features.get("own", dataset=dataset._replace(labels=labels[::-1].copy()))
    assert other.name != extractor.name
    large = dataset._replace(
        images=np.repeat(np.repeat(images[:40], 5, axis=1), 5, axis=2), labels=labels[:40]
    )
    assert features.get("own", dataset=large).image_shape == (53, 64, 3)


@pytest.mark.parametrize(
    ("dataset", "sentence"),
    [
        (None, "`extractor` own learns from labels, and here has none"),
        (data.from_arrays(PICTURES, name="here"), "learns from labels, and the images of here have none"),
        (
            data.from_arrays(PICTURES, np.arange(23) % 4, name="here"),
            "10 images of each, and here has 23 images of 4",
        ),
        (data.from_arrays(PICTURES, np.zeros(23, int), name="here"), "two classes and 10 images of each"),
    ],
)
def test_labels_that_cannot_be_learned_are_one_sentence(dataset, sentence):
    with pytest.raises(UserError, match=sentence):
        features.get("own", source="here", dataset=dataset)
    with pytest.raises(UserError, match="no extractor goes with here"):
        features.get(source="here", dataset=dataset)


def test_inception_is_found_where_it_was_fetched(own_cache):
    (own_cache / "weights").mkdir()
    (own_cache / "weights/weights-inception-2015-12-05-6726825d.pth").write_bytes(b"")
    name, file = features.choose(None, source="pictures")
    assert (name, file.parent) == ("inception-2015", own_cache / "weights")
