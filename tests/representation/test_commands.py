"""The commands as a user types them, on real runs."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from jaxgan import cli, data, representation, train
from jaxgan.config import Config
from jaxgan.rules import BiGAN, InfoGAN
from pictures import save_pictures

pytestmark = pytest.mark.slow
DIGITS = data.digits()


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """A GAN that has learned the zeros and ones among the digits, with an encoder that was trained after it."""
    folder, rows = tmp_path_factory.mktemp("usual"), DIGITS.labels < 2
    np.savez(folder / "usual.npz", images=DIGITS.images[rows], labels=DIGITS.labels[rows])
    options = {"steps": 1500, "batch_size": 64, "latent_dim": 8, "hidden": (64, 64), "quiet": True}
    train.run(Config(data=str(folder / "usual.npz"), workdir=str(folder / "run"), **options))
    representation.train_encoder(folder / "run", steps=600, quiet=True)
    return folder / "run"


@pytest.fixture(scope="module")
def bigan(tmp_path_factory):
    """A conditional BiGAN that has learned digits for a few steps."""
    folder = tmp_path_factory.mktemp("bigan") / "run"
    options = {"steps": 20, "batch_size": 32, "latent_dim": 4, "hidden": (32,), "quiet": True}
    train.run(Config(workdir=str(folder), conditional=True, game=BiGAN(), **options))
    return folder


@pytest.fixture(scope="module")
def infogan(tmp_path_factory):
    """An InfoGAN of convolutions that has learned digits for a few steps."""
    folder = tmp_path_factory.mktemp("infogan") / "run"
    game = InfoGAN(categories=(10,), continuous_codes=0)
    train.run(
        Config(workdir=str(folder), network="dcgan", width=8, steps=5, batch_size=32, game=game, quiet=True)
    )
    return folder


def run(capsys, *arguments, expect=0):
    """Return what a command prints."""
    if expect:
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        assert ended.value.code == expect
    else:
        cli.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return printed.err if expect else printed.out


def test_a_gan_of_two_digits_finds_the_others(usual, tmp_path, capsys):
    out = tmp_path / "table.csv"
    said = run(capsys, "anomalies", usual, "digits", "--normal", "0,1", "--out", out)
    found = json.loads(out.with_suffix(".json").read_text())["methods"]
    assert list(found) == ["reconstruction and features", "reconstruction", "features", "PCA of pixels"]
    assert all(name in said for name in found)
    assert found["PCA of pixels"]["auroc"] > 0.95
    assert found["reconstruction"]["auroc"] > 0.9
    with out.open() as file:
        lines = list(csv.DictReader(file))
    assert [int(line["label"]) for line in lines] == DIGITS.labels.tolist()
    with Image.open(out.with_suffix(".png")) as shown:
        assert shown.size[0] > 600


def test_a_run_with_an_encoder_is_clustered_reduced_and_probed(usual, tmp_path, capsys):
    assert "k-means on codes" in run(capsys, "cluster", usual, "--k", "2", "--out", tmp_path / "c.png")
    assert json.loads((tmp_path / "c.json").read_text())["protocol"]["n"] == (DIGITS.labels < 2).sum()
    run(capsys, "reduce", usual, "--steps", "200", "--out", tmp_path / "m.png")
    found = json.loads((tmp_path / "m.json").read_text())["methods"]
    assert [row["codes"] for row in found.values()] == [8, 8, 8]
    assert found["PCA"]["reconstruction_error"] < found["encoder"]["reconstruction_error"] < 0.5
    assert all(row["1_nn_of_codes"] > 0.9 for row in found.values())
    run(capsys, "probe", usual, "digits", "--labels", "100", "--draws", "2", "--out", tmp_path / "p.json")
    found = json.loads((tmp_path / "p.json").read_text())["methods"]
    assert list(found) == [
        "discriminator", "encoder", "untrained discriminator", "PCA of pixels", "pixels"
    ]  # fmt: skip
    assert all(row["accuracy"] > 0.5 for row in found.values())


def test_a_conditional_bigan_is_given_the_labels_of_its_images(bigan, tmp_path, capsys):
    for command, suffix in (("cluster", ".png"), ("anomalies", ".csv"), ("reduce", ".png")):
        out = (tmp_path / command).with_suffix(suffix)
        run(capsys, command, bigan, "--n", "100", "--out", out)
        assert out.is_file()
        assert out.with_suffix(".json").is_file()
    run(capsys, "probe", bigan, "--labels", "40", "--draws", "1", "--out", tmp_path / "probe.json")
    np.savez(tmp_path / "bare.npz", images=DIGITS.images[:50])
    for command in ("cluster", "anomalies", "reduce"):
        said = run(capsys, command, bigan, tmp_path / "bare.npz", expect=2)
        assert "learned classes, and the images of" in said


@pytest.mark.long
def test_an_infogan_is_clustered_by_its_category_also_from_its_export(infogan, tmp_path, capsys):
    assert "category_0" in run(capsys, "cluster", infogan)
    shutil.copytree(infogan / "export", tmp_path / "alone")
    run(capsys, "cluster", tmp_path / "alone", "digits")
    here, there = (
        json.loads((folder / "clusters.json").read_text()) for folder in (infogan, tmp_path / "alone")
    )
    assert here["methods"] == there["methods"]
    reader = representation.open_reader(infogan)
    category = reader.reads(DIGITS.images)["category_0"].argmax(axis=1)
    sizes = [part["images"] for part in here["parts"].values()]
    assert sizes == np.bincount(category, minlength=10).tolist()
    assert "has no encoder" in run(capsys, "reduce", infogan, expect=2)


def test_a_folder_has_names_of_files_and_classes(infogan, tmp_path, capsys):
    for name, label in (("one", 1), ("seven", 7)):
        save_pictures(tmp_path / "pics" / name, DIGITS.images[label == DIGITS.labels][:20])
    said = run(
        capsys, "anomalies", infogan, tmp_path / "pics", "--anomalous", "seven", "--out", tmp_path / "t.csv"
    )
    assert "nearest features" in said
    with (tmp_path / "t.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 40
    assert all((tmp_path / "pics" / line["file"]).is_file() for line in lines)
    assert {line["file"].split("/")[0] + line["label"] + line["anomalous"] for line in lines} == {
        "oneone0", "sevenseven1"
    }  # fmt: skip
    assert "--normal cat is unknown: there are one, seven" in run(
        capsys, "anomalies", infogan, tmp_path / "pics", "--normal", "cat", expect=2
    )


def test_mistakes_end_with_one_sentence(infogan, tmp_path, capsys):
    for arguments, message in (
        (("cluster", tmp_path / "nowhere"), "there is no run"),
        (("cluster", infogan, "--k", "1"), "--k must be at least 2"),
        (("cluster", infogan, "--split", "test"), "digits has no splits"),
        (("probe", infogan, "--labels", "5000"), "--labels 5,000 is more than the 901 training images"),
        (("probe", infogan, "--out", "probe.txt"), "--out must end in .json"),
        (("anomalies", infogan, "--normal", "11"), "--normal 11 is unknown: there are 0 to 9"),
    ):
        said = run(capsys, *arguments, expect=2)
        assert message in said
        assert len(said.strip().splitlines()) == 1
