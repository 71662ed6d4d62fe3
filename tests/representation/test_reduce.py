"""Codes in two dimensions: reconstruction errors and neighbors against formulas."""

import json
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from jaxgan.export import Network
from jaxgan.networks import encoders, mlp
from jaxgan.representation.reduce import Code, Images, pca_code, reduce, reduce_images
from jaxgan.representation.shallow import other_images
from jaxgan.system.errors import UserError
from readers import floats, opened, planted, reader, reals

IMAGES, LABELS = planted(n=60, noise=60)
TRAIN, TRAIN_LABELS = planted(2, n=90, noise=60)


def leave_one_out(codes, labels):
    distances = cdist(codes, codes)
    np.fill_diagonal(distances, np.inf)
    return (labels[distances.argmin(axis=1)] == labels).mean()


def directions(rows, size):
    return np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][:size]


def test_numbers_of_pca_are_those_of_the_svd():
    found = reduce_images({"PCA": pca_code(IMAGES, 5, seed=0)}, Images(IMAGES, LABELS), seed=0)
    rows = floats(IMAGES).reshape(60, -1)
    codes = (rows - rows.mean(axis=0)) @ directions(rows, 5).T
    made = codes @ directions(rows, 5) + rows.mean(axis=0)
    row = found.comparison.rows["PCA"]
    assert row["codes"] == 5
    assert row["reconstruction_error"] == pytest.approx(((made - rows) ** 2).mean(), rel=1e-4)
    assert row["1_nn_of_codes"] == pytest.approx(leave_one_out(codes, LABELS))
    assert row["1_nn_of_plane"] == pytest.approx(leave_one_out(codes[:, :2], LABELS))
    np.testing.assert_allclose(np.abs(found.points["PCA"]), np.abs(codes[:, :2]), atol=1e-3)


def test_neighbors_are_looked_for_among_the_training_images():
    code = Code(lambda images, given: floats(images).reshape(len(images), -1), lambda codes, given: codes)
    found = reduce_images({"pixels": code}, Images(IMAGES, LABELS), Images(TRAIN, TRAIN_LABELS), seed=0)
    rows, seen = floats(IMAGES).reshape(60, -1), floats(TRAIN).reshape(90, -1)
    expected = (TRAIN_LABELS[cdist(rows, seen).argmin(axis=1)] == LABELS).mean()
    row = found.comparison.rows["pixels"]
    assert (row["reconstruction_error"], row["1_nn_of_codes"]) == (0, pytest.approx(expected))
    plane = directions(seen, 2)
    expected = (TRAIN_LABELS[cdist(rows @ plane.T, seen @ plane.T).argmin(axis=1)] == LABELS).mean()
    assert row["1_nn_of_plane"] == pytest.approx(expected)


def test_the_ratio_is_that_of_distances_and_one_where_another_image_is_made():
    other = other_images(IMAGES)
    assert not (other == IMAGES).all(axis=(1, 2, 3)).any()
    for made, expected in ((other, 1.0), (IMAGES, 0.0)):
        code = Code(
            lambda images, given: np.arange(60.0).reshape(60, 1), lambda codes, given, made=made: floats(made)
        )
        row = reduce_images({"code": code}, Images(IMAGES), seed=0).comparison.rows["code"]
        assert row["reconstruction_ratio"] == pytest.approx(expected, abs=1e-6)


def test_neighbors_by_features_are_found_beside_those_by_codes():
    pixels = lambda images, given: floats(images).reshape(len(images), -1)
    code = Code(lambda images, given: pixels(images, given)[:, :3], lambda codes, given: codes[:, :1], pixels)
    for train, labels, expected in (
        (None, None, leave_one_out(floats(IMAGES).reshape(60, -1), LABELS)),
        (TRAIN, TRAIN_LABELS, None),
    ):
        if train is not None:
            nearest = cdist(floats(IMAGES).reshape(60, -1), floats(TRAIN).reshape(90, -1)).argmin(axis=1)
            expected = (TRAIN_LABELS[nearest] == LABELS).mean()
        known = None if train is None else Images(train, labels)
        row = reduce_images({"code": code}, Images(IMAGES, LABELS), known, seed=0).comparison.rows["code"]
        assert row["1_nn_of_features"] == pytest.approx(expected)


@pytest.mark.parametrize("size", [1, 2])
def test_codes_of_two_numbers_are_their_own_map(size):
    codes = np.random.default_rng(0).normal(size=(60, size)).astype(np.float32)
    code = Code(lambda images, given: codes, lambda codes, given: np.zeros((len(codes), 16)))
    found = reduce_images({"code": code}, Images(IMAGES, LABELS), seed=0)
    np.testing.assert_array_equal(found.points["code"][:, :size], codes)
    assert found.points["code"].shape == (60, 2)
    row = found.comparison.rows["code"]
    assert row["1_nn_of_plane"] == row["1_nn_of_codes"] == pytest.approx(leave_one_out(codes, LABELS))
    assert row["reconstruction_error"] == pytest.approx((floats(IMAGES) ** 2).mean(), rel=1e-5)


def test_without_labels_there_is_an_error_alone():
    found = reduce_images({"PCA": pca_code(IMAGES, 3, seed=0)}, Images(IMAGES), seed=0)
    assert set(found.comparison.rows["PCA"]) == {"codes", "reconstruction_error", "reconstruction_ratio"}


def test_codes_that_are_not_finite_are_refused():
    code = Code(lambda images, given: np.full((60, 2), np.nan), lambda codes, given: codes)
    with pytest.raises(UserError, match="the codes of the encoder are not finite, so its training diverged"):
        reduce_images({"encoder": code}, Images(IMAGES), seed=0)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run with an encoder of three numbers, and data with splits."""
    of_run = reader(
        tmp_path,
        encode=lambda images, labels=None: floats(images).reshape(len(images), -1)[:, :3],
        generate=lambda latents, labels=None: np.repeat(latents[:, :1], 16, axis=1).reshape(-1, 4, 4, 1),
    )._replace(description={"latent_dim": 3})
    data = {"train": reals(TRAIN, TRAIN_LABELS, split="train"), None: reals(IMAGES, LABELS, split="test")}
    opened(monkeypatch, "reduce", of_run, data)
    modules = {"encoder": encoders.DenseEncoder(3, (8,)), "generator": mlp.Generator((4, 4, 1), (8,))}
    for name, module in modules.items():
        network = Network(module, {}, {})
        monkeypatch.setattr(
            sys.modules["jaxgan.representation.reduce"], f"read_{name}", lambda path, network=network: network
        )
    return tmp_path


@pytest.mark.slow
def test_the_command_draws_three_maps(run, drawn_figures):
    found = reduce(run, steps=2, n=50)
    assert list(found.comparison.rows) == ["encoder", "PCA", "autoencoder"]
    (figure,) = drawn_figures
    panels = {axes.get_title(): axes for axes in figure.axes}
    for name, points in found.points.items():
        drawn = np.asarray(panels[name].collections[0].get_offsets())
        np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(points, axis=0))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0", "1", "2"]
    content = json.loads((run / "map.json").read_text())
    assert content["methods"] == found.comparison.rows
    assert (content["protocol"]["n"], content["protocol"]["n_train"]) == (50, 50)
    assert (run / "map.png").stat().st_size > 1000


def test_mistakes_are_one_sentence_and_write_nothing(run, monkeypatch):
    for options, message in (
        ({"steps": 0}, "`steps` must be at least 1"),
        ({"out": "map.pdf"}, "`out` must end in .png"),
        ({"n": 1}, "`n` must be at least 2"),
    ):
        with pytest.raises(UserError, match=message):
            reduce(run, **options)
    opened(monkeypatch, "reduce", reader(run), {None: reals(IMAGES)})
    with pytest.raises(UserError, match=r"has no encoder: .jaxgan encode .* DATA --train. trains one"):
        reduce(run)
    assert not list(run.iterdir())
