import jax
import numpy as np
import pytest
from PIL import Image

from exports import write
from jaxgan import cli, explain, export
from jaxgan.explain.edit import amounts_of
from jaxgan.system.errors import UserError
from tiny_runs import files_of


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    write(folder, classes=3)
    return folder


@pytest.mark.slow
def test_images_are_moved_along_the_direction_that_is_asked_for(run, tmp_path, capsys):
    out = tmp_path / "new/edit.png"
    cli.main(
        ["edit", str(run), "--direction", "2", "--amount", "-4:4", "--n", "3", "--steps", "5", "--class", "2,0",
         "--out", str(out)]
    )  # fmt: skip
    assert "direction 2 of z by jacobian in" in capsys.readouterr().out
    edited = explain.edit(run, direction=2, amount="-4:4", n=3, steps=5, classes=[2, 0])
    assert edited.images.shape == (3, 5, 8, 8, 1)
    with Image.open(out) as picture:
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(edited.picture))
    generator = export.read_generator(run)
    space = explain.space_of(generator)
    labels = np.array([2, 0, 2], np.int32)
    latents = space.draw(jax.random.key(0), labels, 3)
    np.testing.assert_allclose(edited.images[:, 2], space.generate(latents, labels), atol=1e-5)
    assert edited.moved > 0
    first = explain.edit(run, direction=1, n=3, steps=5, classes=[2, 0])
    assert first.moved > edited.moved
    assert first.moved > first.random


def test_amounts_are_evenly_spaced():
    assert amounts_of("-4:4", 5) == [-4, -2, 0, 2, 4]
    assert amounts_of("2:0", 3) == [2, 1, 0]
    for text in ("4", "a:b", "1:1", "0:inf", "nan:2", ":", "1:2:3"):
        with pytest.raises(UserError, match="`amount` is the first and the last step, such as -4:4"):
            amounts_of(text, 3)


def test_mistakes_are_one_sentence_and_nothing_is_written(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "plain")
    before = files_of(tmp_path)
    for arguments, sentence in (
        (
            [run, "--direction", "5"],
            "--direction 5 does not exist: --method jacobian finds directions 1 to 4 of",
        ),
        ([run, "--direction", "0"], "--direction 0 does not exist"),
        ([run, "--method", "shap"], "--method shap is unknown: there are jacobian, ganspace, sefa"),
        ([run, "--amount", "much"], "--amount is the first and the last step"),
        ([run, "--n", "0"], "--n must be at least 1"),
        ([run, "--steps", "1"], "--steps at least 2"),
        ([run, "--out", "edit.jpg"], "--out must end in .png"),
        ([run, "--class", "3"], "--class 3 is unknown: there are 0 to 2"),
        ([tmp_path / "plain", "--class", "1"], "has learned no classes"),
        ([tmp_path / "nothing"], "nothing"),
    ):
        with pytest.raises(SystemExit) as caught:
            cli.main(["edit", *map(str, arguments)])
        assert caught.value.code == 2
        said = capsys.readouterr().err
        assert sentence in said, said
        assert len(said.strip().splitlines()) == 1
    assert files_of(tmp_path) == before
