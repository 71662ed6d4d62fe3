"""The probe: its draws, its accuracies beside scikit-learn's, and which splits it takes."""

import json
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from jaxgan.export import Network
from jaxgan.networks import mlp
from jaxgan.representation.probe import Labelled, probe, probe_images, stratified_rows
from jaxgan.system.errors import UserError
from readers import floats, opened, planted, reader, reals

TRAIN, TEST = (Labelled(*planted(seed, n=n, noise=60)) for seed, n in ((0, 120), (1, 60)))


def generator():
    return np.random.default_rng(5)


@pytest.mark.parametrize(
    ("sizes", "count", "expected"),
    [
        ([50, 30, 20], 10, [5, 3, 2]),
        ([50, 30, 20], 100, [50, 30, 20]),
        ([90, 8, 2], 10, [6, 2, 2]),  # no class has fewer than two
        ([2, 2, 60], 64, [2, 2, 60]),
        ([10, 10, 10], 8, [3, 3, 2]),
    ],
)
def test_each_class_has_its_share_of_a_draw(sizes, count, expected):
    labels = np.repeat([3, 4, 7], sizes)
    rows = stratified_rows(labels, count, generator())
    assert np.unique(rows).tolist() == rows.tolist()
    assert np.bincount(labels[rows])[[3, 4, 7]].tolist() == expected
    if count < len(labels):
        assert stratified_rows(labels, count, np.random.default_rng(6)).tolist() != rows.tolist()


def test_accuracies_are_scikit_learns_on_standardized_rows(monkeypatch):
    monkeypatch.setattr("jaxgan.representation.shallow.STRENGTHS", (0.01,))  # nothing to choose
    found = probe_images(
        {"features": lambda images, given: floats(images).reshape(len(images), -1) ** 2},
        TRAIN,
        TEST,
        count=None,
        draws=3,
        seed=0,
    )
    scaler = StandardScaler().fit(floats(TRAIN.images).reshape(120, -1) ** 2)
    model = LogisticRegression(C=0.01, max_iter=1000)
    model.fit(scaler.transform(floats(TRAIN.images).reshape(120, -1) ** 2), TRAIN.classes)
    expected = model.score(scaler.transform(floats(TEST.images).reshape(60, -1) ** 2), TEST.classes)
    assert found.accuracies == {"features": (pytest.approx(expected, abs=1 / 60),)}  # all labels: one draw
    row = found.comparison.rows["features"]
    assert row == {"accuracy": found.accuracies["features"][0], "features": 16, "C": 0.01}


def test_mean_and_deviation_are_those_of_the_draws():
    representations = {
        "says the class": lambda images, given: 5 * np.eye(3, dtype=np.float32)[given],
        "says nothing": lambda images, given: np.ones((len(images), 2), np.float32),
    }
    train, test = (each._replace(given=each.classes) for each in (TRAIN, TEST))
    found = probe_images(representations, train, test, count=12, draws=4, seed=0)
    assert found.accuracies["says the class"] == (1.0,) * 4
    assert found.accuracies["says nothing"] == (1 / 3,) * 4
    row = found.comparison.rows["says the class"]
    assert (row["accuracy"], row["deviation"]) == (1.0, 0.0)
    again = probe_images(representations, train, test, count=12, draws=4, seed=0)
    assert again.comparison == found.comparison


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose discriminator's features are the pixels, and data with splits."""
    data = {split: reals(part.images, part.classes, split=split) for split, part in
            (("train", TRAIN), ("test", TEST))}  # fmt: skip
    opened(monkeypatch, "probe", reader(tmp_path), {None: None, **data})
    description = {"takes": ["image"], "image_shape": [4, 4, 1], "num_classes": None}
    network = Network(mlp.Discriminator((8,)), {}, description)
    monkeypatch.setattr(
        sys.modules["jaxgan.representation.probe"], "read_discriminator", lambda path: network
    )
    return tmp_path


@pytest.mark.slow
def test_the_command_compares_and_writes(run):
    found = probe(run, labels=30, draws=2)
    rows = found.comparison.rows
    assert list(rows) == ["discriminator", "untrained discriminator", "PCA of pixels", "pixels"]
    assert [row["features"] for row in rows.values()] == [16, 8, 16, 16]
    assert rows["discriminator"]["accuracy"] > 0.8
    content = json.loads((run / "probe.json").read_text())
    assert content["methods"] == rows
    assert content["protocol"]["labels"] == 30
    assert content["protocol"]["n_train"] == 120
    assert content["protocol"]["n"] == 60
    assert len(content["protocol"]["accuracies"]["pixels"]) == 2


def test_all_labels_are_used_where_there_are_fewer_than_the_usual_number(run):
    protocol = probe(run).comparison.protocol
    assert (protocol["labels"], protocol["draws"]) == (120, 1)


def test_a_run_with_an_encoder_has_a_row_of_its_codes(run, monkeypatch):
    of_run = reader(run, encode=lambda images, labels=None: floats(images)[:, 0, :, 0])
    data = {None: reals(TRAIN.images, TRAIN.classes)}
    opened(monkeypatch, "probe", of_run, data)
    assert probe(run, labels=30, draws=1).comparison.rows["encoder"]["features"] == 4


def test_half_of_data_without_splits_is_held_out(run, monkeypatch):
    opened(monkeypatch, "probe", reader(run), {None: reals(TRAIN.images, TRAIN.classes)})
    found = probe(run, labels="all")
    protocol = found.comparison.protocol
    assert (protocol["n_train"], protocol["n"], protocol["labels"]) == (60, 60, 60)
    assert any("a random half of each class is held out" in note for note in found.comparison.notes)
    assert "deviation" not in found.comparison.rows["pixels"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": 121}, "`labels` 121 is more than the 120 training images"),
        ({"labels": 5}, "`labels` must be at least 6, 2 for each of 3 classes, got 5"),
        ({"labels": "some"}, "`labels` is a number of labels or \"all\", got 'some'"),
        ({"labels": 0}, '`labels` is a number of labels or "all", got 0'),
        ({"draws": 0}, "`draws` must be at least 1"),
        ({"out": "probe.csv"}, "`out` must end in .json"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(run, options, message):
    with pytest.raises(UserError, match=message):
        probe(run, **options)
    assert not list(run.iterdir())


def test_images_without_labels_or_with_one_class_are_refused(run, monkeypatch):
    opened(monkeypatch, "probe", reader(run), {None: reals(TRAIN.images)})
    with pytest.raises(UserError, match="the images of planted have no labels"):
        probe(run)
    opened(monkeypatch, "probe", reader(run), {None: reals(TRAIN.images, np.zeros(120, np.int32))})
    with pytest.raises(UserError, match="all training images are of class 0"):
        probe(run)
