"""A run of a table, from the command line to rows of a file: one small run serves all of this."""

import csv
import json

import jax
import numpy as np
import pytest
from PIL import Image

import jaxgan.cli
from jaxgan import export, train
from jaxgan.config import Config
from jaxgan.data.tables import read
from jaxgan.rules import Tables
from jaxgan.system.errors import UserError

COUNT = 48
SMALL = {
    "hidden": (8,),
    "latent_dim": 4,
    "batch_size": 16,
    "log_every": 1,
    "diagnose_every": 1,
    "quiet": True,
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "people.csv"
    random = np.random.default_rng(0)
    with path.open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(["id", "age", "height", "sex", "smokes"])
        for i in range(COUNT):
            height = "" if i % 5 == 0 else f"{random.normal(1.7, 0.1):.2f}"
            writer.writerow([i, random.integers(18, 90), height, ("female", "male")[i % 2], "yn"[i % 3 > 0]])
    return path


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    """A finished run of two steps."""
    folder = tmp_path_factory.mktemp("runs") / "table"
    config = config_of(table, folder).replace(diagnose_every=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxgan.run.tables.distributions", lambda real, made: Blank())
        train.run(config)
    return folder


class Blank:
    """A figure of one pixel."""

    def savefig(self, file, **options):
        Image.new("RGB", (1, 1)).save(file, format="png")


def config_of(table, folder):
    game = Tables(target="smokes", modes=2)
    return Config(data=str(table), game=game, workdir=str(folder), sample_every=1, steps=2, **SMALL)


@pytest.mark.slow
def test_a_run_in_two_parts_is_the_run_in_one_and_is_diagnosed(table, tmp_path, drawn_figures):
    config = config_of(table, tmp_path / "parts").replace(diagnose_every=1)
    train.run(config.replace(steps=1))
    parts = train.run(config)
    whole = train.run(config.replace(workdir=str(tmp_path / "whole")))
    leaves = [jax.tree.leaves(result.state) for result in (parts, whole)]
    jax.tree.map(np.testing.assert_array_equal, *leaves)
    looks = [json.loads(line) for line in (tmp_path / "parts/diagnostics.jsonl").read_text().splitlines()]
    assert [look["step"] for look in looks] == [1, 2]
    assert all(np.isfinite(look["diversity"]) for look in looks)
    titles = [axes.get_title() for axes in drawn_figures[0].axes if axes.get_title()]
    assert titles == ["age", "height", "sex", "smokes"]
    with Image.open(tmp_path / "parts/reals.png") as picture:
        assert picture.width > 100


@pytest.mark.slow
def test_the_folder_has_the_usual_files(run):
    status = json.loads((run / "status.json").read_text())
    assert (status["state"], status["step"]) == ("done", 2)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert all(np.isfinite(row["condition"]) for row in rows)
    assert "column id is left out: it numbers the rows" in (run / "log.txt").read_text()
    samples = read(run / "samples/step_00000002.csv", columns=export.read_table(run).columns)
    assert samples.names == ("age", "height", "sex", "smokes")
    assert {path.name for path in (run / "export").iterdir()} == {
        "config.json",
        "discriminator.json",
        "discriminator.safetensors",
        "generator.safetensors",
        "table.json",
    }
    assert export.read_table(run).target == "smokes"


def test_rows_are_what_was_asked_for(run, table, tmp_path):
    generator = export.load_table_generator(run)
    tests = ["sex=female and smokes=y", "age>=40"]
    rows = generator.sample(70, where=tests, seed=3)
    assert len(rows) == 70
    assert (rows.values["sex"] == 0).all()
    assert (rows.values["smokes"] == 1).all()
    assert rows.values["age"].min() >= 40
    fewer = generator.sample(20, where=tests, seed=3)
    for name in rows.names:
        np.testing.assert_array_equal(fewer.values[name], rows.values[name][:20])
    assert (generator.sample(20, seed=4).values["age"] != generator.sample(20, seed=5).values["age"]).any()
    real = read(table)
    assert rows.values["age"].max() <= real.column("age").high
    jaxgan.cli.sample(run, n=7, where=("sex=male",), out=tmp_path / "rows.csv")
    lines = list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))
    assert len(lines) == 7
    assert {line["sex"] for line in lines} == {"male"}
    assert all(line["age"].isdigit() for line in lines)
    assert all(len(line["height"]) in (0, 4) for line in lines)


def test_what_cannot_be_had_is_said_and_nothing_is_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr("jaxgan.export.table.LEAST_DRAWS", 2000)
    generator, encoding = export.load_table_generator(run), export.read_table(run)
    high = encoding.columns[0].high
    with pytest.raises(UserError, match=r"of 2,000 rows have age=.* and age!=.*, and `n` asks for 3"):
        generator.sample(3, where=[f"age={high:g}", f"age!={high:g}"])
    for options, message in (
        ({"where": ("sex=other",)}, "sex is one of female, male"),
        ({"out": tmp_path / "rows.png"}, r"written to a \.csv, \.npz or \.parquet"),
        ({"truncation": 0.5}, "`truncation` 0.5 is of images"),
        ({"n": 0}, "`n` must be at least 1"),
    ):
        with pytest.raises(UserError, match=message):
            jaxgan.cli.sample(run, **{"n": 3, "out": tmp_path / "rows.csv", **options})
    assert list(tmp_path.iterdir()) == []


def test_programs_for_images_refuse_a_table(run, tmp_path):
    for load in (export.load_generator, export.load_translator):
        with pytest.raises(UserError):
            load(run)
    with pytest.raises(UserError, match="makes no table"):
        export.load_table_generator(tmp_path)
    with pytest.raises(UserError, match="`where` sex=female is of a table's rows"):
        jaxgan.cli.sample(tmp_path, where=("sex=female",))


def test_a_damaged_description_is_refused(run, tmp_path):
    for file in (run / "export").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    for content in ("{", "[]", '{"format_version": 2}', '{"format_version": 1, "columns": 3}'):
        (tmp_path / "table.json").write_text(content)
        with pytest.raises(UserError, match="does not describe a table"):
            export.load_table_generator(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"game": Tables(target="id")}, "column id is left out: name it by `categorical`"),
        ({"game": Tables(target="weight")}, "has no such column, but age, height, sex, smokes"),
        ({"batch_size": 20}, "`batch_size` 20 must be a multiple of `pack` 8"),
        ({"batch_size": 64}, "`batch_size` 64 is more than the 48 rows"),
        ({"evaluate_every": 1}, "jaxgan evaluate RUN --against TABLE"),
        ({"terms": ("bcr",)}, "`terms` bcr is of images"),
        ({"mirror": True}, "`mirror` True has no effect"),
        ({"data": "digits"}, "there is no file digits"),
    ],
)
def test_what_a_table_does_not_have_is_refused_before_anything_is_written(table, tmp_path, options, message):
    settings = {
        "data": str(table),
        "game": Tables(modes=1),
        "workdir": str(tmp_path / "run"),
        **SMALL,
        "steps": 2,
    }
    with pytest.raises(UserError, match=message):
        train.run(Config(**settings | options))
    assert not (tmp_path / "run").exists()


def test_a_table_names_its_game_by_itself(table):
    assert jaxgan.cli._game_of(["--data", str(table)]) == "table"
    assert jaxgan.cli._game_of([f"--data={table}"]) == "table"
    assert jaxgan.cli._game_of(["--data", str(table), "--game", "infogan"]) == "infogan"
    assert jaxgan.cli._game_of(["--data", "mnist"]) == "gan"
