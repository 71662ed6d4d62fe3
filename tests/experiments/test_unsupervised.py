"""The studies of what GANs know of images: codes, classes and what is unusual, at a tiny scale."""

import json

import numpy as np
import pytest


def strokes(slants, *, size=21, seed=0):
    """Return images of strokes that lean by so many pixels for each row."""
    images = np.zeros((len(slants), size, size, 1), np.uint8)
    for image, slant in zip(images, slants, strict=True):
        for row in range(4, size - 4):
            image[row, round(size // 2 + slant * (row - size // 2)), 0] = 200
    return images


def test_slant_width_and_ink_are_those_of_the_strokes(experiments):
    import info_codes

    numbers = info_codes.measured(strokes([0.0, 0.5, -0.5, 1.0]))
    np.testing.assert_allclose(numbers["slant"], [0, 0.5, -0.5, 1], atol=0.03)
    np.testing.assert_allclose(numbers["ink"], 13 * 200, rtol=1e-6)
    offsets = np.arange(-6, 7)
    np.testing.assert_allclose(numbers["width"][[0, 3]], [0, offsets.std()], atol=1e-3)
    blank = info_codes.measured(np.zeros((1, 8, 8, 1), np.uint8))
    assert np.isfinite([value[0] for value in blank.values()]).all()


def test_a_code_that_is_the_slant_is_found_whatever_its_sign_and_scale(experiments):
    import info_codes

    slants = np.linspace(-0.9, 0.9, 19)
    codes = np.stack([np.random.default_rng(0).normal(size=19), -np.tanh(slants)], axis=1)
    found = info_codes.correlations(codes, strokes(slants))
    assert found["slant"] > 0.99


def test_real_images_of_the_classes_that_are_asked_for_come_once(experiments):
    import conditional_games
    from jaxgan.data import Dataset

    labels = np.repeat(np.arange(3), 4).astype(np.int32)
    images = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    draw = conditional_games.real_images(Dataset("some", images, labels, 3))
    asked = np.array([2, 0, 2, 1, 2, 2])
    rows = draw(asked)[:, 0, 0, 0]
    np.testing.assert_array_equal(labels[rows], asked)
    assert len(set(rows.tolist())) == len(asked)


@pytest.mark.long
def test_conditional_games_are_compared_and_go_on(experiments, command, tmp_path, monkeypatch, digits_cnn):
    import conditional_games

    monkeypatch.delitem(conditional_games.GAMES, "projection")
    quick = conditional_games.classifiers.RECIPES["digits-cnn"]._replace(epochs=2)
    monkeypatch.setattr(conditional_games.classifiers, "recipe_of", lambda dataset: quick)
    options = ("--data", "digits", "--steps", 2, "--workdir", tmp_path)
    code, printed = command(conditional_games, *options)
    assert code == 0, printed.err
    rows = json.loads((tmp_path / "conditional_games.json").read_text())["rows"]
    assert [row["game"] for row in rows] == ["ACGAN", "ADC", "real"]
    real = rows[-1]
    assert real["class accuracy"] > 0.95
    for row in rows[:2]:
        assert row["class accuracy"] < 0.6
        assert row["FID"] > 10 * real["FID"]
        assert row["recall"] < real["recall"]
    saved = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("checkpoints/*/*")}
    assert command(conditional_games, *options)[0] == 0
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("checkpoints/*/*")} == saved
    code, printed = command(conditional_games, "--data", "cifar10", "--workdir", tmp_path)
    assert (code, printed.err.count("\n")) == (2, 1)


@pytest.mark.slow
def test_a_gan_of_each_class_scores_the_others(experiments, command, tmp_path, monkeypatch):
    import one_class

    whole = one_class.study.labelled_images

    def two_classes(source, data_dir):
        return tuple(
            part._replace(images=part.images[part.labels < 2], labels=part.labels[part.labels < 2])
            for part in whole(source, data_dir)
        )

    monkeypatch.setattr(one_class.study, "labelled_images", two_classes)
    options = ("--data", "digits", "--steps", 2, "--encoder-steps", 40, "--workdir", tmp_path)
    code, printed = command(one_class, *options)
    assert code == 0, printed.err
    rows = json.loads((tmp_path / "one_class.json").read_text())["rows"]
    assert {row["usual"] for row in rows} == {0, 1}
    areas = {(row["usual"], row["score"]): row["auroc"] for row in rows}
    assert areas[0, "PCA of pixels"] > 0.99
    assert areas[1, "PCA of pixels"] > 0.95
    assert (tmp_path / "one_class.png").exists()
    code, _ = command(one_class, *options)
    assert code == 0
    assert json.loads((tmp_path / "one_class.json").read_text())["rows"] == rows


@pytest.mark.long
def test_codes_are_compared_with_what_is_measured(experiments, command, tmp_path):
    import info_codes

    options = ("--data", "digits", "--seeds", 1, "--steps", 2, "--workdir", tmp_path)
    code, printed = command(info_codes, *options)
    assert code == 0, printed.err
    rows = json.loads((tmp_path / "info_codes.json").read_text())["rows"]
    assert [row["method"] for row in rows] == ["k-means on pixels", "InfoGAN"]
    assert rows[0]["accuracy"] == pytest.approx(0.79, abs=0.02)
    assert all(0 <= rows[1][name] <= 1 for name in ("accuracy", "slant", "width", "ink"))
    assert "| InfoGAN | mean |" in printed.out
