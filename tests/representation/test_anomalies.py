"""Anomalies: planted ones have the largest scores, and each score is its formula."""

import csv
import json
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from jaxgan.representation.anomalies import anomalies, picture, score
from jaxgan.system.errors import UserError
from readers import floats, opened, planted, reader, reals

RANDOM = np.random.default_rng(0)
IMAGES, LABELS = planted(n=90, noise=4)
USUAL = IMAGES[LABELS == 0]


def encoder():
    """Return a reader that can only make class 0 again: its mean image, times the code."""
    mean = floats(USUAL).mean(axis=0)
    return reader(
        encode=lambda images, labels=None: floats(images).mean(axis=(1, 2, 3))[:, None] / mean.mean(),
        generate=lambda latents, labels=None: latents[:, :, None, None] * mean[None],
        features=lambda images: {"a": floats(images)[:, :1], "b": floats(images)[:, ::2, :, 0] ** 2},
    )


def test_scores_of_an_encoder_are_f_anogans():
    scores = score(encoder(), IMAGES, None, USUAL)
    assert list(scores) == ["reconstruction and features", "reconstruction", "features", "PCA of pixels"]
    real = floats(IMAGES)
    made = real.mean(axis=(1, 2, 3), keepdims=True) / floats(USUAL).mean() * floats(USUAL).mean(axis=0)
    pixels = ((real - made) ** 2).mean(axis=(1, 2, 3))
    features = ((real[:, ::2] ** 2 - made[:, ::2] ** 2) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(scores["reconstruction"], pixels, rtol=1e-4)
    np.testing.assert_allclose(scores["features"], features, rtol=1e-4)
    np.testing.assert_allclose(scores["reconstruction and features"], pixels + features, rtol=1e-4)


def test_scores_without_an_encoder_are_a_distance_and_the_logit():
    scores = score(reader(), IMAGES, None, USUAL)
    assert list(scores) == ["nearest features", "discriminator", "PCA of pixels"]
    rows, learned = floats(IMAGES).reshape(90, -1), floats(USUAL).reshape(30, -1)
    distances = cdist(rows, learned)
    distances[distances < 1e-5] = np.inf  # an image is not its own neighbor
    np.testing.assert_allclose(scores["nearest features"], distances.min(axis=1), rtol=1e-4)
    np.testing.assert_allclose(scores["discriminator"], -rows.mean(axis=1), rtol=1e-5)


def test_pca_is_that_of_the_training_images(monkeypatch):
    monkeypatch.setattr(sys.modules["jaxgan.representation.anomalies"], "COMPONENTS", 5)
    fitted = PCA(5).fit(floats(USUAL).reshape(30, -1))
    rows = floats(IMAGES).reshape(90, -1)
    expected = ((rows - fitted.inverse_transform(fitted.transform(rows))) ** 2).mean(axis=1)
    found = score(reader(), IMAGES, None, USUAL)["PCA of pixels"]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)


def test_nothing_is_compared_with_training_images_that_are_not_there():
    assert list(score(reader(), IMAGES)) == ["discriminator"]
    assert list(score(encoder(), IMAGES)) == ["reconstruction and features", "reconstruction", "features"]


def test_numbers_that_are_not_finite_are_refused():
    diverged = reader(discriminate=lambda images, labels=None: np.full(len(images), np.nan))
    with pytest.raises(UserError, match="discriminator of 90 of 90 images is not finite, so its training"):
        score(diverged, IMAGES)
    diverged = reader(features=lambda images: {"a": np.full((len(images), 3), np.inf)})
    with pytest.raises(UserError, match="features of 90 of 90 images is not finite"):
        score(diverged, IMAGES, None, USUAL)


@pytest.mark.parametrize("of_run", [encoder(), reader()], ids=["encoder", "discriminator"])
@pytest.mark.parametrize("said", [{"normal": "0"}, {"anomalous": "bee, cow"}])
def test_planted_anomalies_are_found(of_run, said, tmp_path, monkeypatch):
    data = {
        "train": reals(USUAL, np.zeros(30, np.int32)),
        None: reals(IMAGES, LABELS, names=("ant", "bee", "cow") if "anomalous" in said else None),
    }
    opened(monkeypatch, "anomalies", of_run._replace(path=tmp_path), data)
    found = anomalies(tmp_path, out=tmp_path / "table.csv", **said)
    np.testing.assert_array_equal(found.anomalous, LABELS > 0)
    first = next(iter(found.comparison.rows.values()))
    assert first["auroc"] == 1
    for name, values in found.scores.items():
        area = roc_auc_score(LABELS > 0, values)
        assert found.comparison.rows[name]["auroc"] == pytest.approx(area)
    with (tmp_path / "table.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [int(line["index"]) for line in lines] == list(range(90))
    assert [line["label"] for line in lines[:3]] == (
        ["ant", "bee", "cow"] if "anomalous" in said else ["0", "1", "2"]
    )
    assert [int(line["anomalous"]) for line in lines] == (LABELS > 0).astype(int).tolist()
    for name, values in found.scores.items():
        column = [float(line[name.replace(" ", "_")]) for line in lines]
        np.testing.assert_allclose(column, values, rtol=1e-6)
    assert json.loads((tmp_path / "table.json").read_text())["methods"] == found.comparison.rows
    with Image.open(tmp_path / "table.png") as shown:
        assert shown.size[0] > 600


def test_a_line_has_the_place_of_its_image_in_the_data(tmp_path, monkeypatch):
    opened(monkeypatch, "anomalies", reader(tmp_path), {None: reals(IMAGES)})
    found = anomalies(tmp_path, n=20)
    with (tmp_path / "anomalies.csv").open() as file:
        lines = list(csv.DictReader(file))
    places = [int(line["index"]) for line in lines]
    assert len(set(places)) == 20
    assert places == sorted(places)
    np.testing.assert_allclose(found.scores["discriminator"], -floats(IMAGES[places]).mean((1, 2, 3)))
    assert list(lines[0])[:2] == ["index", "nearest_features"]  # no labels are known
    assert set(found.comparison.rows["discriminator"]) == {"median", "largest"}


def test_the_picture_begins_with_the_most_unusual_image():
    images = np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1) * np.ones((1, 4, 4, 1), np.uint8)
    shown = np.asarray(picture(reader(), images, None, np.arange(50.0)))
    scale = shown.shape[1] // (5 * 10 + 1)
    cells = shown[::scale, ::scale][2::5, 2::5][:5, :10]
    np.testing.assert_array_equal(cells[:2], np.arange(49, 29, -1).reshape(2, 10))
    np.testing.assert_array_equal(cells[2], 96)
    np.testing.assert_array_equal(cells[3:], np.arange(20).reshape(2, 10))


def test_the_picture_shows_reconstructions_below_their_images():
    shown = np.asarray(picture(encoder(), IMAGES[:12], None, np.arange(12.0)))
    scale = shown.shape[1] // (5 * 10 + 1)
    cells = shown[::scale, ::scale]
    assert cells.shape == (5 * 9 + 1, 51)
    made = encoder().reconstruct(IMAGES[11:12])[0, ..., 0].clip(-1, 1)
    assert np.abs(cells[6:10, 1:5].astype(int) - 127.5 * (made + 1)).max() <= 1
    np.testing.assert_array_equal(cells[11:15, 6:10], IMAGES[0, ..., 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normal": "3"}, "`normal` 3 is unknown: there are 0 to 2"),
        ({"normal": "0,1,2"}, "`normal` 0,1,2 makes every image of planted usual: name other classes"),
        ({"anomalous": "0,1,2"}, "`anomalous` 0,1,2 makes every image of planted an anomaly"),
        ({"normal": "0", "anomalous": "1"}, "give one of them"),
        ({"out": "table.txt"}, "`out` must end in .csv"),
        ({"n": 0}, "`n` must be at least 2"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(options, message, tmp_path, monkeypatch):
    opened(monkeypatch, "anomalies", reader(tmp_path), {None: reals(IMAGES, LABELS)})
    with pytest.raises(UserError, match=message):
        anomalies(tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_classes_of_images_without_labels_are_refused(tmp_path, monkeypatch):
    opened(monkeypatch, "anomalies", reader(tmp_path), {None: reals(IMAGES)})
    with pytest.raises(UserError, match="`normal` 0: the images of planted have no labels"):
        anomalies(tmp_path, normal="0")
