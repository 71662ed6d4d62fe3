"""``jaxgan explain`` on exported networks: what it writes and prints, and what it refuses."""

import json
import shutil
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import exports
from jaxgan import cli, explain, export
from jaxgan.explain.section import Section
from jaxgan.networks import mlp
from jaxgan.system.errors import UserError

command = sys.modules["jaxgan.explain.command"]
DRAW = np.random.default_rng(0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Images of three classes in an .npz."""
    file = tmp_path_factory.mktemp("data") / "shades.npz"
    images = DRAW.integers(0, 256, (30, *exports.SHAPE)).astype(np.uint8)
    np.savez(file, images=images, labels=np.arange(30) % 3)
    return str(file)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run without classes."""
    folder = tmp_path_factory.mktemp("plain")
    exports.write(folder / "export", discriminator=mlp.Discriminator((6,)))
    return folder


@pytest.fixture
def run(plain, tmp_path):
    return shutil.copytree(plain, tmp_path / "run")


@pytest.fixture
def quick(monkeypatch):
    """A part that explains nothing in no time; the list holds what it was given."""
    given = []

    def section(subject, **options):
        given.append((subject, options))
        picture = np.full((4, 4, 3), len(given), np.uint8)
        numbers = {"call": len(given), "missing": float("nan")}
        return Section(numbers, {f"call{len(given)}.png": picture}, [("calls", len(given))], ("a note",))

    monkeypatch.setattr(command, "SECTIONS", {"critic": section})
    return given


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_run_is_explained_from_the_command_line(run, data, capsys):
    cli.main(["explain", str(run), data, "--what", "critic", "--n", "2", "--regions", "2x2"])
    said = capsys.readouterr().out
    content = json.loads((run / "explain" / "explain.json").read_text())
    assert names(run / "explain") == ["attention.png", "critic.png", "explain.json"]
    assert content["pictures"] == ["critic.png", "attention.png"]
    assert content["protocol"]["data"] == {"data": data, "split": None, "n": 30}
    assert (content["protocol"]["step"], content["protocol"]["n"], content["protocol"]["what"]) == (
        7, 2, ["critic"]
    )  # fmt: skip
    numbers = content["critic"]
    assert (numbers["regions"], len(numbers["images"])) == ([2, 2], 2)
    assert numbers["evaluations"] == 16
    assert f"{numbers['auc']:.4g}" in said
    assert "critic.png, attention.png, explain.json in" in said
    with Image.open(run / "explain" / "critic.png") as picture:
        assert max(picture.size) >= 640


def test_a_later_call_replaces_what_an_earlier_one_wrote(run, quick):
    for call in (1, 2):
        found = explain.explain(run, reference="grey")
        assert names(run / "explain") == [f"call{call}.png", "explain.json"]
        content = json.loads((run / "explain" / "explain.json").read_text())
        assert content["critic"] == {"call": call, "missing": None}
        assert content["notes"][-1] == "a note"
    assert names(run) == ["explain", "export"]  # nothing is left over
    assert found.folder == run / "explain"
    assert "note: a note" in explain.table(found)


def test_where_writing_fails_the_earlier_folder_stays(run, quick, monkeypatch):
    explain.explain(run, reference="grey")

    def fail(*arguments, **options):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(command, "write_json", fail)
    with pytest.raises(UserError, match=r"cannot write to .*: Input/output error. What was found:"):
        explain.explain(run, reference="grey")
    assert names(run / "explain") == ["call1.png", "explain.json"]
    assert names(run) == ["explain", "export"]


def test_a_folder_of_something_else_is_refused(run, quick, tmp_path):
    explain.explain(run, reference="grey")
    (run / "explain" / "mine.txt").write_text("precious")
    other = tmp_path / "other"
    other.mkdir()
    (other / "critic.png").write_text("not ours")
    for out, foreign in ((None, "mine.txt"), (other, "critic.png")):
        with pytest.raises(UserError, match=f"new folder or one of an earlier call, and {foreign} is in it"):
            explain.explain(run, reference="grey", out=out)
    assert (run / "explain" / "mine.txt").read_text() == "precious"
    with pytest.raises(UserError, match="is a file"):
        explain.explain(run, reference="grey", out=other / "critic.png")
    empty = tmp_path / "empty"
    empty.mkdir()
    explain.explain(run, reference="grey", out=empty)
    assert names(empty) == ["call2.png", "explain.json"]


def test_an_export_folder_is_explained_into_itself(run, quick):
    found = explain.explain(run / "export", reference="grey")
    assert found.folder == run / "export" / "explain"


def test_classes_are_those_that_are_named(tmp_path, data, quick):
    folder = tmp_path / "classes"
    judge = mlp.Discriminator((6,), num_classes=3)
    exports.write(folder, discriminator=judge, classes=3, class_names=["bat", "cat", "dog"])
    explain.explain(folder, reference="grey", class_="cat, 2")
    assert quick[-1][1]["classes"] == [1, 2]
    with pytest.raises(UserError, match="`class` cow is unknown: there are bat, cat, dog"):
        explain.explain(folder, reference="grey", class_="cow")
    subject = quick[-1][0]
    assert (subject.learned, subject.held_out, subject.n, subject.seed) == (None, None, 8, 0)


def test_mistakes_are_one_sentence_and_write_nothing(run, data, quick, tmp_path):
    for options, message in (
        ({"what": "critic,cat"}, "`what` cat is unknown: .*there are critic"),
        ({"method": "gradcam"}, "`method` gradcam is unknown: there are shapley, lime, integrated, expected"),
        ({"reference": "blur"}, "`reference` blur is unknown: there are nearest, reals, grey"),
        ({"regions": "9x9"}, "the images have 8x8 pixels, so a grid has 1x1 to 8x8 regions"),
        ({"n": 0}, "`n` must be at least 1"),
        ({"masks": "things.npz"}, "`masks` things.npz has no effect without masks in `what`"),
        ({"seed": -1}, "`seed` must be at least 0"),
        ({"class_": "3"}, "has learned no classes"),
        ({"reference": "nearest"}, "`reference` nearest has nothing to compare with: .* `data` is missing"),
        ({"data": str(tmp_path / "nowhere.npz")}, "nowhere.npz"),
    ):
        with pytest.raises(UserError, match=message):
            explain.explain(run, **{"reference": "grey", **options})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(command.SECTIONS, "latents", None)
        for option, value in (("method", "lime"), ("regions", "2x2"), ("reference", "grey"), ("class_", "3")):
            with pytest.raises(UserError, match="has no effect without critic in `what`"):
                explain.explain(run, what="latents", **{option: value})
    with pytest.raises(UserError, match="there is no run"):
        explain.explain(tmp_path / "nothing")
    for file in (run / "export").glob("discriminator*"):
        file.unlink()
    with pytest.raises(UserError, match=r"no exported discriminator.*`jaxgan resume .*run` writes it"):
        explain.explain(run, reference="grey", what="critic")
    assert names(run) == ["export"]
    assert not quick


def test_a_run_of_points_is_refused(tmp_path):
    generator = mlp.Generator((2,), (4,))
    variables = generator.init(jax.random.key(0), jnp.zeros((1, 4)), train=False)
    export.save_generator(
        tmp_path, generator, variables, image_shape=(2,), latent_dim=4, num_classes=None, step=1
    )
    with pytest.raises(UserError, match="makes no images, and only networks of images are read"):
        explain.explain(tmp_path)


def test_the_command_line_names_flags(run, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["explain", str(run), "--class", "3"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "--class 3" in said
    assert len(said.strip().splitlines()) == 1
