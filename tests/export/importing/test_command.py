"""``jaxgan import``: what the authors' programs draw, jaxgan draws; and one sentence for everything else."""

import json
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from jaxgan import cli, export
from jaxgan.export.hub import card
from jaxgan.export.importing import import_weights
from jaxgan.export.importing.plan import OtherNetworkError, Source
from jaxgan.export.importing.stylegan2 import generator as stylegan2_plan
from jaxgan.inert import WeightFile, entries_of, layers_of
from jaxgan.system.errors import UserError

GOLDEN = Path(__file__).parents[2] / "golden"  # made by make_import.py with the authors' programs
SMALL = GOLDEN / "import_stylegan2_resnet.pkl"
CASES = {
    "import_stylegan2_resnet": ("stylegan2", ".pkl"),
    "import_stylegan2": ("stylegan2", ".pkl"),
    "import_r3gan": ("r3gan", ".pkl"),
    "import_biggan": ("biggan", ".pth"),
    "import_biggan_tables": ("biggan", ".pth"),
    "import_biggan_deep": ("biggan_deep", ".pth"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_images_and_logits_are_those_of_the_authors_program(tmp_path, name):
    network, suffix = CASES[name]
    judge = GOLDEN / f"{name}_judge.pth" if suffix == ".pth" else None
    written = import_weights(
        GOLDEN / f"{name}{suffix}", network=network, out=tmp_path / "run", discriminator=judge
    )
    assert written.folder == tmp_path / "run/export"
    assert written.lines[0].startswith("generator and discriminator of ")
    golden, description = np.load(GOLDEN / f"{name}.npz"), export.read_description(tmp_path / "run")
    labels = None if description["num_classes"] is None else golden["labels"].astype(np.int32)

    generate = export.load_generator(tmp_path / "run")
    images = generate(golden["latents"], labels)
    np.testing.assert_allclose(images[: len(golden["images"])], golden["images"], atol=1e-4, rtol=0)
    if "half" in golden:
        half = generate(golden["latents"], labels, truncation=0.5)
        np.testing.assert_allclose(half, golden["half"], atol=1e-4, rtol=0)

    shown = np.random.default_rng(0).normal(size=images.shape).astype(np.float32)
    count = len(golden["logits"])
    given = None if labels is None else labels[:count]
    logits = export.load_discriminator(tmp_path / "run")(shown[:count], given)
    np.testing.assert_allclose(logits, golden["logits"], atol=1e-4, rtol=1e-5)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    out = tmp_path_factory.mktemp("imported") / "run"
    return import_weights(SMALL, network="StyleGAN2", out=out)


def test_the_license_is_said_and_recorded(imported):
    description = json.loads((imported.folder / "config.json").read_text())
    assert description["imported"]["file"] == SMALL.name
    assert len(description["imported"]["sha256"]) == 64
    assert "not commercially" in description["imported"]["license"]
    assert re.search("license: NVIDIA Source Code License.*stylegan2-ada-pytorch", "\n".join(imported.lines))


def test_images_are_those_of_the_authors_program(imported):
    golden = np.load(SMALL.with_suffix(".npz"))
    images = export.load_generator(imported.folder.parent)(golden["latents"])
    np.testing.assert_allclose(images, golden["images"], atol=1e-4, rtol=0)


@pytest.mark.slow
def test_the_run_is_one_for_other_commands(imported, tmp_path, capsys):
    cli.main(["sample", str(imported.folder.parent), "--n", "4", "--out", str(tmp_path / "x.npz")])
    assert np.load(tmp_path / "x.npz")["images"].shape == (4, 8, 8, 1)
    assert capsys.readouterr().out.endswith("x.npz\n")


def failing(arguments, capsys):
    """Return the one sentence of a command that fails."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["import", *map(str, arguments)])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def files(folder):
    """Write files that cannot be imported, and return the sentence that each deserves."""
    contents = {
        "empty.pkl": (b"", "holds no weights that can be read"),
        "picture.pkl": (b"\xff\xd8\xff\xe0", "holds no weights that can be read"),
        "bomb.pkl": (pickle.dumps(Bomb(folder / "marker")), "has no generator"),
        "hidden.pkl": (pickle.dumps({"G_ema": Bomb(folder / "marker")}), "has no generator"),
        "zip.pth": (b"PK\x03\x04" + b"\0" * 40, "zip is damaged"),
        "cut.pkl": (SMALL.read_bytes()[:-9000], "holds no weights that can be read"),
        "settings.pkl": (pickle.dumps({"lr": 1.0}), "has no generator"),
        "tensorflow.pkl": (
            b"(cdnnlib.tflib.network\nNetwork\n)\x81}bt.",
            "StyleGAN of TensorFlow: legacy.py",
        ),
        "renamed.pkl": (SMALL.read_bytes().replace(b"torgb", b"other"), "lacks synthesis.b8.torgb.weight"),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    return {name: sentence for name, (_, sentence) in contents.items()}


def test_files_that_are_no_weights_are_refused(tmp_path, capsys):
    for name, sentence in files(tmp_path).items():
        out = tmp_path / "out"
        error = failing([tmp_path / name, "--network", "stylegan2", "--out", out], capsys)
        assert sentence in error, name
        assert name in error
        assert not out.exists()
    assert not [each for each in tmp_path.iterdir() if "marker" in each.name or each.name.startswith(".")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([SMALL, "--out", "new"], "--network is missing: there are stylegan2, r3gan, biggan, biggan_deep"),
        ([SMALL, "--network", "stylegan3", "--out", "new"], "--network stylegan3 is unknown"),
        ([SMALL, "--network", "stylegan2"], "--out is missing"),
        ([SMALL, "--network", "stylegan2", "--out", "full"], "full holds files"),
        ([SMALL, "--network", "stylegan2", "--out", "full/mine.txt"], "mine.txt is a file"),
        (["none.pkl", "--network", "stylegan2", "--out", "new"], "there is no file at none.pkl"),
        (["full", "--network", "stylegan2", "--out", "new"], "there is no file at full"),
        ([SMALL, "--network", "r3gan", "--out", "new"], "lacks MainLayers.0"),
        ([SMALL, "--network", "biggan", "--out", "new"], "lacks blocks.0.0.conv1.weight, and has synthesis"),
        (
            [GOLDEN / "import_biggan.pth", "--network", "biggan_deep", "--out", "new"],
            "lacks blocks.1.0.conv4.weight, and has ",
        ),
        (
            [GOLDEN / "import_biggan_judge.pth", "--network", "biggan", "--out", "new"],
            "import_biggan_judge.pth holds another network than jaxgan's biggan",
        ),
        (
            [SMALL, "--network", "stylegan2", "--discriminator", SMALL, "--out", "new"],
            "has a discriminator already: leave out --discriminator",
        ),
    ],
)
def test_mistakes_write_nothing(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    assert sentence in failing(arguments, capsys)
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["full", "mine.txt"]


def test_a_discriminator_of_another_architecture_is_left_out(tmp_path):
    content = SMALL.read_bytes().replace(b"fromrgb", b"fromxyz")
    (tmp_path / "x.pkl").write_bytes(content)
    written = import_weights(tmp_path / "x.pkl", network="stylegan2", out=tmp_path / "run")
    assert "the discriminator is left out: " in written.lines[-1]
    assert "lacks b8.fromrgb.weight" in written.lines[-1]
    assert not export.has_discriminator(tmp_path / "run")


def test_a_damaged_discriminator_is_no_other_one(tmp_path):
    content, start = SMALL.read_bytes(), SMALL.read_bytes().index(b"fromrgb")
    place = content.index(b"FloatStorage", start)
    (tmp_path / "x.pkl").write_bytes(content[:place] + b"FloatStorm__" + content[place + 12 :])
    with pytest.raises(UserError, match=r"holds no stylegan2 that can be read: .*FloatStorm__"):
        import_weights(tmp_path / "x.pkl", network="stylegan2", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    content, start = bytearray(SMALL.read_bytes()), SMALL.read_bytes().index(b"G_ema")
    place = content.index(b"FloatStorage", start)
    end = content.index(b"\x0a\x00\x00\x00\x00\x00\x00\x00", place)  # ten numbers follow
    content[end + 8 : end + 12] = b"\x00\x00\xc0\x7f"
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(UserError, match=r"has numbers that are not finite"):
        import_weights(tmp_path / "x.pkl", network="stylegan2", out=tmp_path / "run")


def test_a_file_without_an_average_says_so(tmp_path):
    content = SMALL.read_bytes().replace(b"\x05G_ema", b"\x05other")
    (tmp_path / "x.pkl").write_bytes(content)
    written = import_weights(tmp_path / "x.pkl", network="stylegan2", out=tmp_path / "run")
    assert (
        written.lines[-1] == "note: the file has no average of the generator, G_ema: this is the last one, G"
    )


@pytest.fixture
def source():
    weights = WeightFile(SMALL.read_bytes())
    return Source(weights, layers_of(weights, entries_of(weights.root)["G_ema"]))


@pytest.mark.parametrize(
    ("place", "setting", "value", "sentence"),
    [
        ("synthesis.b8.conv1", "activation", "relu", "activation of synthesis.b8.conv1 is relu, not lrelu"),
        ("mapping.fc0", "bias_gain", 0.1, "bias_gain of mapping.fc0 is 0.1, not 0.01"),
    ],
)
def test_other_settings_are_named(source, place, setting, value, sentence):
    source.settings[place][setting] = value
    with pytest.raises(OtherNetworkError, match=re.escape(sentence)):
        stylegan2_plan(source)


def test_layers_of_other_sizes_are_named(source):
    narrow = source.tensors["synthesis.b4.conv1.weight"]
    source.tensors["synthesis.b4.conv1.weight"] = narrow._replace(shape=(5, 8, 3, 3))
    with pytest.raises(OtherNetworkError, match=r"block of side 4 has 5 channels, where 8 fit"):
        stylegan2_plan(source)
    del source.tensors["synthesis.b8.conv1.weight"]
    with pytest.raises(OtherNetworkError, match=r"it lacks synthesis.b8.conv1.weight, and has "):
        stylegan2_plan(source)


def test_another_filter_is_refused(source):
    source.tensors["synthesis.b8.resample_filter"] = source.tensors["mapping.fc0.weight"]
    with pytest.raises(OtherNetworkError, match=r"synthesis.b8.resample_filter is another one"):
        stylegan2_plan(source)


def test_a_damaged_network_replaces_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxgan.export.importing.command.save_discriminator", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_weights(SMALL, network="stylegan2", out=tmp_path / "run")
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="`network` is missing"):
        import_weights(SMALL)


def test_the_hubs_card_does_not_claim_the_training(imported):
    text = card(
        export.read_description(imported.folder),
        title="x", license="other", settings={}, metrics=[], warnings=[],
    )  # fmt: skip
    assert "imported from import_stylegan2_resnet.pkl, weights of https://github.com/NVlabs/" in text
    assert "(license there: NVIDIA Source Code License" in text
    assert "trained by jaxgan" not in text
