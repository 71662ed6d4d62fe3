import json

import numpy as np
import pytest
from PIL import Image

import generators
from exports import LATENT, SHAPE, write
from jaxgan import cli, explain, export
from pictures import save_pictures
from tiny_runs import files_of


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    write(folder)
    return folder


def test_own_pictures_come_back_by_their_latents(run, tmp_path, capsys):
    generate = export.load_generator(run)
    latents = np.random.default_rng(0).normal(size=(5, LATENT)).astype(np.float32)
    images = np.asarray(generate(latents))
    np.savez(tmp_path / "own.npz", images=np.clip(np.round(127.5 * (images + 1)), 0, 255).astype(np.uint8))
    out = tmp_path / "new/found.npz"
    cli.main(["invert", str(run), str(tmp_path / "own.npz"), "--out", str(out)])
    said = capsys.readouterr().out
    assert "own fakes" in said
    assert "there are no training images of" in said
    with np.load(out) as found:
        assert found["latents"].shape == (5, LATENT)
        assert np.median(found["psnr"]) > 34
        again = np.asarray(generate(found["latents"]))
    np.testing.assert_allclose(again, images, atol=0.15)  # in the order of the pictures
    numbers = json.loads(out.with_suffix(".json").read_text())
    assert numbers["protocol"]["n"] == 5
    assert numbers["memorization"] is None
    with Image.open(out.with_suffix(".png")) as picture:
        assert min(picture.size) > 100


def test_pictures_of_another_size_are_resized_and_that_is_said(run, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 10, 12, 1), np.uint8)
    save_pictures(tmp_path / "pictures", images)
    found = explain.project(run, tmp_path / "pictures", steps=3, restarts=1)
    assert found.latents.shape == (3, LATENT)
    assert any("were cut around their center and resized" in note for note in found.notes)


@pytest.mark.slow
def test_a_run_is_asked_for_its_training_images_and_held_out_images(digits_run):
    found = explain.project(digits_run, n=4, steps=2, restarts=1)
    assert found.labels.shape == (4,)
    assert list(found.others) == ["own fakes", "training images"]
    assert any("no held-out images" in note for note in found.notes)


@pytest.mark.long
def test_a_stylegan2_has_its_pictures_in_w(tmp_path):
    network = generators.of_family("stylegan2")
    export.save_generator(
        tmp_path / "run", network.module, network.variables, image_shape=SHAPE, latent_dim=generators.LATENT,
        num_classes=None, step=7,
    )  # fmt: skip
    np.savez(tmp_path / "a.npz", images=np.random.default_rng(0).integers(0, 256, (2, *SHAPE), np.uint8))
    found = explain.project(tmp_path / "run", tmp_path / "a.npz", steps=2, restarts=1)
    assert found.space == "w"
    assert found.arrays["w"].shape == (2, 6)
    assert "latents" not in found.arrays


def test_mistakes_are_one_sentence_and_nothing_is_written(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "bare.npz", images=np.zeros((2, *SHAPE), np.uint8))
    write(tmp_path / "classes", classes=3)
    before = files_of(tmp_path)
    for arguments, sentence in (
        ([run], "--data is missing"),
        ([run, "bare.npz", "--out", "found.png"], "--out must end in .npz"),
        ([run, "bare.npz", "--n", "0"], "--n must be at least 1"),
        ([run, "bare.npz", "--steps", "0"], "--steps must be at least 1"),
        ([run, "bare.npz", "--restarts", "-1"], "--restarts must be at least 1"),
        ([tmp_path / "classes", "bare.npz"], "learned classes, and the images of"),
        ([run, tmp_path / "nowhere"], "nowhere"),
    ):
        with pytest.raises(SystemExit) as caught:
            cli.main(["invert", *map(str, arguments)])
        assert caught.value.code == 2
        said = capsys.readouterr().err
        assert sentence in said, said
        assert len(said.strip().splitlines()) == 1
    assert files_of(tmp_path) == before
