"""A classifier that learns fakes is tested with real images: the accuracies, their files and the mistakes."""

import json
from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from jaxgan import cli, data, evaluate, train
from jaxgan.config import Config
from jaxgan.evaluate import Fakes, Reals
from jaxgan.features import classifiers
from jaxgan.system.errors import UserError

DIGITS = data.digits()
RECIPE = classifiers.RECIPES["digits-cnn"]
SMALL = {"batch_size": 8, "steps": 1, "hidden": (8,), "latent_dim": 4, "quiet": True, "diagnose_every": None}


@pytest.fixture
def recipe(monkeypatch):
    """The classifier of the digits, with a third of its epochs."""
    monkeypatch.setitem(classifiers.RECIPES, "digits-cnn", RECIPE._replace(epochs=10))


@pytest.fixture
def learned(monkeypatch):
    """A list of the training sets that classifiers are given; none of them learns anything."""
    sets = []

    def note(name, network, steps, train, test, seed):
        sets.append(train)
        return {"accuracy": np.float64(0.25)}

    monkeypatch.setattr(classifiers, "_train", note)
    return sets


def reals(rows, split=None):
    return Reals("digits", split, DIGITS.images[rows], DIGITS.labels[rows], 10)


def some(images, labels):
    """Images to measure in the place of a generator's, with labels that they should belong to."""
    return evaluate.from_dataset(data.from_arrays(images, labels), len(images))


TRAIN, TEST = reals(slice(0, 1200)), reals(slice(1200, None))


@pytest.mark.slow
def test_copies_teach_as_much_as_the_originals_and_wrong_labels_teach_nothing(recipe, own_cache):
    copies = evaluate.trained_on_fakes(some(TRAIN.images, TRAIN.labels), TRAIN, TEST)
    linear = LogisticRegression(max_iter=500).fit(TRAIN.images.reshape(1200, -1) / 255, TRAIN.labels)
    simple = linear.score(TEST.images.reshape(len(TEST.images), -1) / 255, TEST.labels)
    assert copies.accuracy_of_reals > simple - 0.03  # another implementation, without convolutions
    assert abs(copies.accuracy - copies.accuracy_of_reals) < 0.03  # the order of the images differs
    assert (copies.n_fake, copies.n_real, copies.n_test) == (1200, 1200, 597)
    assert copies.steps == 10 * 1200 // 128
    assert len(list((own_cache / "classifiers").iterdir())) == 1  # that of the reals alone
    wrong = evaluate.trained_on_fakes(some(TRAIN.images, (TRAIN.labels + 1) % 10), TRAIN, TEST)
    assert wrong.accuracy < 0.05
    assert wrong.accuracy_of_reals == copies.accuracy_of_reals


def test_what_cannot_be_compared_is_one_sentence():
    fakes = some(TRAIN.images, TRAIN.labels)
    for lacking, what in (
        ((fakes._replace(labels=None), TRAIN, TEST), "the labels of the fakes, and these have none"),
        ((fakes, TRAIN._replace(labels=None), TEST), "the images of digits have no labels"),
        ((fakes, TRAIN, TEST._replace(labels=None, split="test")), r"digits \(test\) have no labels"),
        ((fakes, TRAIN._replace(num_classes=9), TEST), "have other classes than the 9"),
        ((fakes._replace(labels=fakes.labels + 1), TRAIN, TEST), "have other classes than the 10"),
    ):
        with pytest.raises(UserError, match=what):
            evaluate.trained_on_fakes(*lacking)


def test_large_fakes_are_resized_a_batch_at_a_time(learned):
    sizes = []

    def batch(first, size):
        sizes.append(size)
        return np.zeros((size, 80, 40, 1), np.uint8)

    large = Reals("large", None, np.zeros((20, 80, 40, 1), np.uint8), np.arange(20, dtype=np.int32) % 2, 2)
    fakes = Fakes(300, batch, np.arange(300, dtype=np.int32) % 2, {})
    evaluate.trained_on_fakes(fakes, large, large)
    assert sizes == [250, 250]
    assert [each.images.shape for each in learned] == [(300, 64, 32, 1), (20, 64, 32, 1)]


@pytest.mark.slow
def test_the_number_of_updates_and_the_seed_decide_what_a_classifier_learns():
    few = data.from_arrays(DIGITS.images[:60], DIGITS.labels[:60])  # fewer than a batch
    test = data.from_arrays(DIGITS.images[60:260], DIGITS.labels[60:260])
    learn = partial(classifiers.accuracy_after, few, test, RECIPE)
    accuracy = learn(steps=40, seed=1)
    assert accuracy == learn(steps=40, seed=1)
    assert accuracy > 0.5
    assert learn(steps=1, seed=1) < accuracy


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A conditional run of one step that left a fifth of the digits out."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    train.run(Config(conditional=True, held_out=0.2, workdir=str(folder), **SMALL))
    return folder


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(["evaluate", *map(str, arguments)])
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


@pytest.mark.slow
def test_a_run_is_measured_in_one_table_with_the_other_metrics(run, recipe, digits_cnn, tmp_path, capsys):
    options = ("--metrics", "fid,trained_on_fakes", "--n", 600, "--seed", 3, "--out", tmp_path)
    cli.main(["evaluate", str(run), *map(str, options)])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[3] for line in lines if line[:3] == ["trained", "on", "fakes"]] == [
        "accuracy", "accuracy_of_reals"
    ]  # fmt: skip
    assert any(line[0] == "FID-digits-cnn" for line in lines)
    record = json.loads((tmp_path / "metric-trained-on-fakes.json").read_text())
    (result,) = record["results"]
    assert 0 <= result["accuracy"] < result["accuracy_of_reals"] <= 1  # after one step, fakes are noise
    held_out = result["n_test"]
    assert held_out == pytest.approx(360, abs=60)
    assert (result["n_fake"], result["n_real"]) == (600, 1797 - held_out)
    protocol = record["protocol"]
    assert (protocol["n_fake"], protocol["n_train"], protocol["n_real"]) == (600, 1797 - held_out, held_out)
    assert (protocol["weights"], protocol["step"], protocol["seed"]) == ("EMA", 1, 3)
    assert json.loads((tmp_path / "metric-fid.json").read_text())["protocol"]["extractor"] == "digits-cnn"


def test_there_are_as_many_fakes_as_training_images_of_the_same_classes(run, learned, tmp_path):
    report = evaluate.evaluate(run, metrics="trained_on_fakes", out=tmp_path)  # needs no extractor
    assert report.scalars == {"trained_on_fakes_accuracy": 0.25, "trained_on_fakes_accuracy_of_reals": 0.25}
    fakes, real = learned
    assert len(fakes.images) == len(real.images)
    np.testing.assert_array_equal(np.bincount(fakes.labels), np.bincount(real.labels))
    assert [file.name for file in tmp_path.iterdir()] == ["metric-trained-on-fakes.json"]


def test_mistakes_are_one_sentence_and_nothing_is_written(run, digits_run, tmp_path, capsys):
    only = ("--metrics", "trained_on_fakes", "--out", tmp_path / "out")
    assert "has no effect with --metrics trained_on_fakes" in refused(
        capsys, run, *only, "--extractor", "own"
    )
    assert "train with --held-out 0.1" in refused(capsys, digits_run, *only)
    unlabelled = tmp_path / "images.npz"
    np.savez(unlabelled, images=DIGITS.images[:40])
    message = refused(capsys, run, *only, "--held-out", unlabelled)
    assert "takes real images of the generator's 10 classes, and" in message
    assert "has no labels" in message
    message = refused(capsys, unlabelled, *only, "--against", "digits", "--held-out", 0.2)
    assert "takes fakes with labels, and" in message
    assert not (tmp_path / "out").exists()


def test_an_unconditional_run_is_told_to_learn_classes(tmp_path, capsys):
    train.run(Config(workdir=str(tmp_path / "run"), **SMALL))
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*")}
    message = refused(capsys, tmp_path / "run", "--metrics", "trained_on_fakes")
    assert "takes fakes with labels" in message
    assert "train with --conditional" in message
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*")} == before
