"""The subject of an evaluation: a run knows its data, and held-out images are images that it has not seen."""

import json
import shutil

import numpy as np
import pytest

from jaxgan import data, evaluate, train
from jaxgan.config import Config
from jaxgan.evaluate import subject
from jaxgan.system.errors import UserError
from pictures import save_pictures

DIGITS = data.digits()


def small_run(folder, source, **options):
    config = {"steps": 2, "batch_size": 8, "latent_dim": 5, "hidden": (8,), "quiet": True}
    train.run(Config(workdir=folder, data=source, **{**config, **options}))
    return folder


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Two folders named pics with as many pictures of one size, and a run that has learned the first."""
    for name, images in (("a", DIGITS.images[:120]), ("b", 255 - DIGITS.images[:120])):
        save_pictures(tmp_path / name / "pics", images)
    monkeypatch.chdir(tmp_path / "a")
    small_run(tmp_path / "run", "pics")
    return tmp_path


QUICK = {"extractor": "digits-cnn", "metrics": ["sliced_wasserstein"], "n": 60}


@pytest.mark.slow
def test_a_run_is_measured_against_what_it_learned_from_any_folder(places, digits_cnn, monkeypatch):
    expected = evaluate.evaluate(places / "run", **QUICK)
    monkeypatch.chdir(places / "b")
    report = evaluate.evaluate(str(places / "run"), **QUICK)
    assert report.scalars == expected.scalars
    assert report.protocol["against"] == str(places / "a/pics")
    assert evaluate.evaluate(places / "run", against="pics", **QUICK).scalars != expected.scalars


def test_the_export_of_a_run_knows_what_the_run_learned(places, digits_cnn):
    expected = evaluate.evaluate(places / "run", **QUICK).scalars
    for name in ("export", "export/generator.safetensors"):
        assert evaluate.evaluate(places / "run" / name, out=places / "out", **QUICK).scalars == expected
    shutil.copytree(places / "run/export", places / "alone")
    with pytest.raises(UserError, match=r"`against` is missing: .* does not say what it was trained on"):
        evaluate.evaluate(places / "alone", **QUICK)
    assert evaluate.evaluate(places / "alone", against=places / "a/pics", **QUICK).scalars == expected


def test_other_data_in_the_same_place_are_refused(places, digits_cnn):
    shutil.rmtree(places / "a/pics")
    with pytest.raises(UserError, match="where nothing is now: name real images with `against`"):
        evaluate.evaluate(places / "run", **QUICK)
    shutil.copytree(places / "b/pics", places / "a/pics")
    with pytest.raises(
        UserError, match=r"is not what .*run learned \(the data have the same number and size, but"
    ):
        evaluate.evaluate(places / "run", **QUICK)
    assert evaluate.evaluate(places / "run", against=places / "a/pics", **QUICK).scalars


@pytest.mark.slow
def test_a_run_of_ones_own_arrays_wants_a_name(tmp_path, digits_cnn):
    dataset = data.from_arrays(DIGITS.images[:40])
    train.run(Config(workdir=tmp_path / "run", steps=2, batch_size=8, hidden=8, quiet=True), dataset=dataset)
    with pytest.raises(UserError, match="learned arrays given in Python: name real images with `against`"):
        evaluate.evaluate(tmp_path / "run", **QUICK)


def test_a_picture_folder_with_the_files_of_a_run_is_a_picture_folder(places, digits_cnn):
    (places / "b/pics/export").mkdir()
    (places / "b/pics/config.json").write_text("{}")
    report = evaluate.evaluate(places / "b/pics", against="digits", **QUICK)
    assert report.protocol["images"].endswith("b/pics")
    shutil.copytree(places / "run", places / "v1.pt")
    assert evaluate.evaluate(places / "v1.pt", **QUICK).protocol["generator"].endswith("v1.pt")


def test_fewer_pictures_than_asked_for_are_noted(places, digits_cnn):
    report = evaluate.evaluate(places / "b/pics", against="digits", **QUICK | {"n": 500})
    assert any("has 120 images, fewer than `n` 500" in note for note in report.notes)


def test_an_extractor_of_other_images_is_noted(places, digits_cnn):
    report = evaluate.evaluate(places / "run", **QUICK)
    assert any("digits-cnn has learned digits: its numbers say little of" in note for note in report.notes)
    assert not any(
        "has learned" in note for note in evaluate.evaluate(places / "run", against="digits", **QUICK).notes
    )


class TestHeldOut:
    @pytest.fixture
    def source(self, tmp_path):
        np.savez(tmp_path / "digits.npz", images=DIGITS.images[:300], labels=DIGITS.labels[:300])
        return tmp_path / "digits.npz"

    @pytest.fixture
    def options(self, digits_cnn):
        return {"extractor": "digits-cnn", "metrics": "memorisation", "n": 50}

    @pytest.mark.slow
    def test_a_run_keeps_its_own(self, tmp_path, source, options):
        run = small_run(tmp_path / "run", source, held_out=0.2)
        for held_out in (None, 0.2, "0.2"):
            (result,) = evaluate.evaluate(run, held_out=held_out, **options).results["memorisation"]
            assert (result.n_train, result.n_test) == (240, 60)
        with pytest.raises(UserError, match=r"all but 0.2 of them: train with `held_out` 0.1, or name other"):
            evaluate.evaluate(run, held_out=0.1, **options)

    @pytest.mark.slow
    def test_a_run_that_has_seen_all_says_how(self, tmp_path, source, options):
        run = small_run(tmp_path / "run", source)
        with pytest.raises(
            UserError, match=r"has no split of such: train with `held_out` 0.1, or name other"
        ):
            evaluate.evaluate(run, **options)
        with pytest.raises(UserError, match="was trained on all of them"):
            evaluate.evaluate(run, held_out="0.1", **options)
        with pytest.raises(UserError, match="is the training set itself"):
            evaluate.evaluate(run, held_out=source, **options)
        np.savez(tmp_path / "more.npz", images=DIGITS.images[300:400])
        (result,) = evaluate.evaluate(run, held_out=tmp_path / "more.npz", **options).results["memorisation"]
        assert (result.n_train, result.n_test) == (300, 100)

    def test_pictures_split_the_reals(self, tmp_path, source, options):
        np.savez(tmp_path / "fakes.npz", images=DIGITS.images[400:450])
        report = evaluate.evaluate(tmp_path / "fakes.npz", against=source, held_out=0.2, **options)
        (result,) = report.results["memorisation"]
        assert (result.n_train, result.n_test) == (240, 60)
        for held_out in ("0", "1.5"):
            with pytest.raises(
                UserError, match="`held_out` is a share between 0 and 1 or the name of real images"
            ):
                evaluate.evaluate(tmp_path / "fakes.npz", against=source, held_out=held_out, **options)


@pytest.mark.slow
def test_classes_of_other_names_are_not_compared(tmp_path, digits_cnn):
    for kind in ("here", "there"):
        for i, name in enumerate(("cat", "dog") if kind == "here" else ("cat", "fox")):
            save_pictures(tmp_path / kind / name, DIGITS.images[i:120:2])
    run = small_run(tmp_path / "run", tmp_path / "here", conditional=True)
    options = {"extractor": "digits-cnn", "metrics": "kid", "n": 60}
    assert set(evaluate.evaluate(run, **options).classes) == {0, 1}
    report = evaluate.evaluate(run, against=tmp_path / "there", **options)
    assert not report.classes
    assert any("nothing is compared class by class" in note for note in report.notes)


def test_the_extractor_of_the_run_is_used_again(tmp_path, digits_cnn):
    np.savez(tmp_path / "digits.npz", images=DIGITS.images[:120])
    run = small_run(tmp_path / "run", tmp_path / "digits.npz", extractor="digits-cnn")
    report = evaluate.evaluate(run, metrics=("kid",), n=60)
    assert report.protocol["extractor"] == "digits-cnn"
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(settings | {"inception_weights": "gone.pth"}))
    assert evaluate.evaluate(run, metrics=("kid",), n=60).protocol["extractor"] == "digits-cnn"


@pytest.mark.slow
def test_a_file_with_splits_is_learned_and_measured_by_them(tmp_path, digits_cnn):
    """MedMNIST's files hold train_images, train_labels, test_images, ..."""
    parts = {"train": slice(0, 200), "val": slice(200, 220), "test": slice(220, 300)}
    arrays = {f"{split}_images": DIGITS.images[rows, ..., 0] for split, rows in parts.items()}
    arrays |= {f"{split}_labels": DIGITS.labels[rows, None] for split, rows in parts.items()}
    np.savez(tmp_path / "med.npz", **arrays)
    run = small_run(tmp_path / "run", tmp_path / "med.npz", conditional=True)
    assert json.loads((run / "config.json").read_text())["fingerprint"]["images"] == [200, 8, 8, 1]
    report = evaluate.evaluate(run, extractor="digits-cnn", metrics="memorisation,sliced_wasserstein", n=60)
    assert (report.protocol["split"], report.protocol["n_real"]) == ("test", 60)
    (result,) = report.results["memorisation"]
    assert (result.n_train, result.n_test) == (200, 80)
    report = evaluate.evaluate(run, extractor="digits-cnn", metrics="kid", n=60, split="val")
    assert (report.protocol["split"], report.protocol["n_real"]) == ("val", 20)
    with pytest.raises(UserError, match='has no split "dev": it has train, val, test'):
        evaluate.evaluate(run, extractor="digits-cnn", metrics="kid", n=60, split="dev")


def test_data_are_not_overwritten(tmp_path):
    run, pictures, table = tmp_path / "run", tmp_path / "pictures", tmp_path / "table.csv"
    save_pictures(pictures, DIGITS.images[:2])
    picture = next(pictures.rglob("*.png"))
    table.write_text("a\n1\n")
    run.mkdir()
    for settings, sources, own in (
        ({"data": str(table)}, (), table),
        ({"data": str(pictures)}, (None,), picture),
        ({"data": "digits", "source": str(pictures)}, (), picture),
        ({"data": "digits", "source": None}, (table,), table),
        ({}, (pictures,), picture),
    ):
        (run / "config.json").write_text(json.dumps(settings))
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(own)
        for out in (own, tmp_path / "link"):
            with pytest.raises(UserError, match=f"`out` {out} is of the data .*, which are not overwritten"):
                subject.refuse_data(out, run, *sources)
        for out in (pictures / "new.png", tmp_path / "new.csv", run / "config.json", tmp_path):
            subject.refuse_data(out, run, *sources)
