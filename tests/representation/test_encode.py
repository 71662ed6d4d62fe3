import csv
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from exports import LATENT, SHAPE, write
from jaxgan import cli, data, export, representation
from jaxgan.games.heads import Head
from jaxgan.networks import encoders, mlp
from jaxgan.system.errors import UserError
from tiny_runs import files_of

DIGITS = data.digits()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with an encoder and a category."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    heads = (Head("category_0", "category", 3),)
    write(
        folder,
        discriminator=mlp.Discriminator((5,), heads=(3,)),
        heads=heads,
        encoder=encoders.DenseEncoder(LATENT, (5,)),
    )
    return folder


def test_codes_of_all_images_are_written(run, tmp_path, capsys):
    cli.main(["encode", str(run), "digits", "--out", str(tmp_path / "new/codes.npz")])
    assert "latents [1797, 4], category_0 [1797, 3], labels [1797]" in capsys.readouterr().out
    expected = export.load_encoder(run)(DIGITS.images)
    with np.load(tmp_path / "new/codes.npz") as codes:
        np.testing.assert_allclose(codes["latents"], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(codes["labels"], DIGITS.labels)
        np.testing.assert_allclose(codes["category_0"].sum(axis=1), 1, rtol=1e-5)
    found = representation.encode(run, "digits", out=tmp_path / "codes.csv", n=20)
    with (tmp_path / "codes.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 20
    for i, row in enumerate(rows):
        np.testing.assert_array_equal(
            np.array([row[f"latents_{k}"] for k in range(LATENT)], np.float32), found.latents[i]
        )
        assert (row["index"], row["label"]) == (str(i), str(found.labels[i]))


def test_mistakes_are_one_sentence_and_nothing_is_written(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "plain", discriminator=mlp.Discriminator((5,)))
    before = files_of(tmp_path)
    for arguments, sentence in (
        ([tmp_path / "plain", "digits"], "DATA --train` trains one"),
        ([run, "digits", "--out", "codes.txt"], "--out must end in .npz or .csv"),
        ([run], "DATA is missing"),
        ([run, "digits", "--split", "test"], "digits has no splits"),
        ([run, "digits", "--n", "0"], "--n must be at least 1"),
        ([run, "digits", "--steps", "3"], "--steps 3 has no effect without --train"),
        ([run, "digits", "--train", "--n", "3"], "--split and --n choose the images of --out"),
        ([run, "digits", "--train"], "has an encoder already"),
        ([tmp_path / "nothing", "digits"], "there is no run"),
        ([tmp_path / "plain", "digits", "--train", "--steps", "0"], "--steps must be at least 1"),
    ):
        with pytest.raises(SystemExit) as caught:
            cli.main(["encode", *map(str, arguments)])
        assert caught.value.code == 2
        assert sentence in capsys.readouterr().err, sentence
    assert files_of(tmp_path) == before


def test_codes_that_are_not_finite_are_refused(tmp_path):
    encoder = encoders.DenseEncoder(LATENT, (5,))
    write(tmp_path / "run", encoder=encoder)
    variables = encoder.init(jax.random.key(0), jnp.zeros((1, *SHAPE)), train=False)
    broken = jax.tree.map(lambda leaf: leaf * jnp.nan, variables)
    common = {"image_shape": SHAPE, "latent_dim": LATENT, "num_classes": None, "step": 7}
    export.save_encoder(tmp_path / "run", encoder, broken, **common)
    with pytest.raises(UserError, match="latents of 1,797 of 1,797 images are not finite"):
        representation.encode(tmp_path / "run", "digits", out=tmp_path / "codes.npz")
    assert not (tmp_path / "codes.npz").exists()


def test_class_names_are_written(tmp_path):
    encoder = encoders.DenseEncoder(LATENT, (5,), num_classes=2)
    write(tmp_path / "run", encoder=encoder, classes=2, class_names=["ant", "bee"])
    images = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.array(["bee", "ant", "bee", "ant"]))
    codes = representation.encode(tmp_path / "run", tmp_path / "a.npz", out=tmp_path / "codes.csv")
    assert codes.class_names == ("ant", "bee")
    lines = (tmp_path / "codes.csv").read_text().splitlines()
    assert [line.split(",")[-1] for line in lines] == ["label", "bee", "ant", "bee", "ant"]
    expected = export.load_encoder(tmp_path / "run")(images, np.array([1, 0, 1, 0]))
    np.testing.assert_allclose(codes.latents, expected, rtol=1e-4, atol=1e-5)
    assert json.loads((tmp_path / "run/encoder.json").read_text())["num_classes"] == 2
