"""Clusters: planted ones are found by the way that a run has, and k-means on pixels stands beside it."""

import json

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from jaxgan.representation.cluster import EXAMPLES, cluster, cluster_images, picture
from jaxgan.system.errors import UserError
from readers import floats, opened, planted, reader, reals

IMAGES, LABELS = planted(noise=5)


def test_a_category_is_the_cluster():
    read = np.random.default_rng(1).dirichlet(np.ones(4), len(IMAGES)).astype(np.float32)
    of_run = reader(reads=lambda images: {"codes_0": read[:, :1], "category_0": read})
    found = cluster_images(of_run, IMAGES, None, LABELS)
    np.testing.assert_array_equal(found.assigned, read.argmax(axis=1))
    assert found.k == 4
    rows = found.comparison.rows
    assert list(rows) == ["category_0", "k-means on pixels"]
    assert rows["category_0"]["adjusted_rand"] == pytest.approx(adjusted_rand_score(LABELS, found.assigned))
    expected = normalized_mutual_info_score(LABELS, found.assigned)
    assert rows["category_0"]["normalized_mutual_information"] == pytest.approx(expected)
    assert rows["k-means on pixels"]["clusters"] == 4
    sizes = [part["images"] for part in found.comparison.parts.values()]
    assert sizes == np.bincount(found.assigned, minlength=4).tolist()
    assert (rows["category_0"]["smallest"], rows["category_0"]["largest"]) == (min(sizes), max(sizes))


@pytest.mark.parametrize("by", ["codes", "features"])
def test_k_means_finds_planted_clusters_in_what_the_run_has(by):
    rows = 10 * np.eye(3, dtype=np.float32)[LABELS]  # says the class; the pixels of the images say nothing
    noise = np.random.default_rng(0).integers(0, 255, IMAGES.shape).astype(np.uint8)
    functions = {"encode": lambda images, given: rows} if by == "codes" else {}
    of_run = reader(features=lambda images: {"a": floats(images), "b": rows}, **functions)
    found = cluster_images(of_run, noise, None, LABELS)
    assert list(found.comparison.rows) == [f"k-means on {by}", "k-means on pixels"]
    first, pixels = found.comparison.rows.values()
    assert (first["accuracy"], first["clusters"]) == (1.0, 3)
    assert pixels["accuracy"] < 0.8
    assert [part["class"] for part in found.comparison.parts.values()] != ["0", "0", "0"]
    assert all(part["share"] == 1 and part["images"] == 20 for part in found.comparison.parts.values())


def test_without_labels_there_are_sizes():
    found = cluster_images(reader(), IMAGES, k=3)
    assert found.comparison.rows["k-means on pixels"] == {"clusters": 3, "smallest": 20, "largest": 20}
    assert any("have no labels" in note for note in found.comparison.notes)


def test_the_picture_has_a_row_of_each_cluster():
    images = np.arange(30, dtype=np.uint8).reshape(30, 1, 1, 1) * np.ones((1, 8, 8, 1), np.uint8)
    assigned = np.repeat([0, 2], [25, 5])
    shown = np.asarray(picture(images, assigned, 3))
    scale = shown.shape[1] // (9 * EXAMPLES + 1)
    cells = shown[::scale, ::scale][4::9, 4::9][:3, :EXAMPLES]
    np.testing.assert_array_equal(cells[0], [0, 2, 5, 7, 10, 12, 15, 17, 20, 22])  # all over the cluster
    np.testing.assert_array_equal(cells[1], 96)
    np.testing.assert_array_equal(cells[2], [25, 26, 27, 28, 29, *[96] * 5])


def test_the_command_writes_a_picture_and_numbers(tmp_path, monkeypatch):
    data = {None: reals(IMAGES, LABELS, names=("ant", "bee", "cow"))}
    opened(monkeypatch, "cluster", reader(tmp_path), data)
    found = cluster(tmp_path, n=45, seed=3)
    assert len(found.assigned) == 45
    assert found.comparison.rows["k-means on pixels"]["accuracy"] == 1
    content = json.loads((tmp_path / "clusters.json").read_text())
    assert content["methods"] == found.comparison.rows
    assert {part["class"] for part in content["parts"].values()} == {"ant", "bee", "cow"}
    assert content["protocol"]["n"] == 45
    with Image.open(tmp_path / "clusters.png") as shown:
        assert shown.size[0] > shown.size[1]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["clusters.json", "clusters.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 1}, "`k` must be at least 2, got 1"),
        ({"k": "many"}, "`k` is a whole number"),
        ({"k": 61}, "`k` 61 is more than the 60 images"),
        ({"n": 1}, "`n` must be at least 2, got 1"),
        ({"seed": -1}, "`seed` must be at least 0"),
        ({"out": "clusters.jpg"}, "`out` must end in .png"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(options, message, tmp_path, monkeypatch):
    opened(monkeypatch, "cluster", reader(tmp_path), {None: reals(IMAGES, LABELS)})
    with pytest.raises(UserError, match=message):
        cluster(tmp_path, **options)
    assert not list(tmp_path.iterdir())
