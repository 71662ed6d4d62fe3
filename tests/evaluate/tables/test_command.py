"""``jaxgan evaluate`` of tables: a run, a file of rows, and what cannot be measured."""

import dataclasses
import json
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import cli, export
from jaxgan.data.dataset import held_out_rows
from jaxgan.data.tables import Table, read, write
from jaxgan.data.tables.encoding import fitted
from jaxgan.evaluate import evaluate
from jaxgan.evaluate.tables import copula
from jaxgan.networks.tables import Generator
from jaxgan.prior import Prior
from jaxgan.system.errors import UserError
from small_tables import small_table

QUICK = "quality,closest_record"  # without scikit-learn's models


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of training, unseen and synthetic rows."""
    folder = tmp_path_factory.mktemp("tables")
    for name, seed in (("train", 0), ("test", 1), ("rows", 2)):
        write(small_table(seed, 60), folder / f"{name}.csv")
    return folder


@pytest.fixture(scope="module")
def run(folder):
    """What a run leaves behind that held out a quarter of its rows; nothing was trained."""
    table, run = read(folder / "train.csv"), folder / "run"
    encoding, rows = fitted(table.take(~held_out_rows(60, 0.25)), target="kind", modes=1)
    generator = Generator(encoding.places, encoding.sizes, 2, (4,))
    latents, condition = 2 + sum(encoding.sizes), sum(encoding.category_sizes)
    variables = jax.jit(generator.init, static_argnames="train")(
        jax.random.key(0), jnp.zeros((1, latents + condition)), train=False
    )
    export.save_generator(
        run / "export",
        generator,
        variables,
        image_shape=(encoding.width,),
        latent_dim=latents,
        num_classes=None,
        step=2,
        prior=Prior((("normal", 2), ("gumbel", sum(encoding.sizes)))),
        condition=condition,
    )
    export.save_table(run / "export", encoding)
    settings = {
        "data": str(folder / "train.csv"),
        "held_out": 0.25,
        "fingerprint": {"images": list(rows.shape)},
    }
    (run / "config.json").write_text(json.dumps(settings))
    (run / "status.json").write_text("{}")
    return run


def test_a_run_is_measured_by_rows_that_it_was_not_trained_on(run, folder, capsys):
    report = evaluate(run, against=str(folder / "test.csv"), metrics=QUICK, seed=3)
    protocol = report.protocol
    assert protocol["against"] == str(folder / "test.csv")
    assert protocol["trained_on"] == str(folder / "train.csv")
    assert protocol["n_fake"] == protocol["n_train"] < 60  # the others are held out
    assert (protocol["n_real"], protocol["target"], protocol["step"], protocol["seed"]) == (60, "kind", 2, 3)
    content = json.loads((run / "metric-quality.json").read_text())
    assert content["results"][0]["value"] == report.scalars["quality"]
    assert (run / "plots/table.png").is_file()
    cli.main(["evaluate", str(run), "--metrics", QUICK, "--n", "20"])
    printed = capsys.readouterr().out
    assert "column shapes" in printed
    assert "note:" not in printed  # its own held-out rows are there
    content = json.loads((run / "metric-quality.json").read_text())["protocol"]
    assert content["n_fake"] == 20
    assert content["n_real"] == 60 - protocol["n_train"]


def test_a_file_of_rows_is_measured_by_those_that_it_was_made_from(folder, tmp_path):
    report = evaluate(
        folder / "rows.csv",
        against=str(folder / "train.csv"),
        held_out=str(folder / "test.csv"),
        target="kind",
        metrics="quality,trained_on_fakes",
    )
    assert set(report.scalars) >= {"quality", "trained_on_fakes_auc", "copula_quality", "real_quality"}
    assert report.notes == ()
    assert not list(folder.glob("metric-*"))
    alone = evaluate(folder / "rows.csv", against=str(folder / "train.csv"), metrics="quality", out=tmp_path)
    assert "train.csv is what was trained on" in " ".join(alone.notes)
    assert Counter(file.suffix for file in tmp_path.iterdir()) == {".json": 3, "": 1}
    same = evaluate(
        folder / "rows.csv",
        against=str(folder / "train.csv"),
        held_out=str(folder / "train.csv"),
        metrics=QUICK,
    )
    assert np.isnan(
        same.scalars["closest_record_held_out_copies"]
    )  # rows that were trained on are not unseen
    with pytest.raises(UserError, match=r"rows.csv has 60 rows, fewer than `n` 61"):
        evaluate(folder / "rows.csv", against=str(folder / "train.csv"), n=61)


def test_categories_and_missing_values_that_the_training_rows_lack_are_counted(folder, tmp_path):
    train = read(folder / "train.csv")
    kinds = dataclasses.replace(train.column("kind"), categories=("blue", "red", "new"))
    present = train.values["kind"] != train.column("kind").categories.index("")
    known = train.take(present)
    recoded = np.searchsorted(
        ["blue", "red"], np.asarray(train.column("kind").categories)[known.values["kind"]]
    )
    columns = tuple(kinds if column.name == "kind" else column for column in train.columns)
    whole = Table(columns, {**known.values, "kind": recoded.astype(np.int32)})
    write(whole, tmp_path / "train.csv")
    write(dataclasses.replace(whole, values={**whole.values, "kind": recoded * 0 + 2}), tmp_path / "rows.csv")
    report = evaluate(
        tmp_path / "rows.csv",
        against=str(tmp_path / "train.csv"),
        held_out=str(folder / "test.csv"),
        metrics=QUICK,
    )
    (quality,) = report.results["quality"]
    assert quality.columns["kind"] == pytest.approx(0, abs=1e-5)
    assert quality.columns["x"] > 0.7


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "`against` is missing: the table that the rows of"),
        ({"against": "none.csv"}, "there is no file none.csv"),
        ({"against": "train.csv", "target": "z"}, "`target` z is none of the columns x, y, count, kind"),
        ({"against": "train.csv", "metrics": "fid"}, "`metrics`"),
        ({"against": "train.csv", "truncation": 0.5}, "`truncation` has no effect on the rows of a table"),
        ({"against": "train.csv", "n": 1}, "`n` must be at least 2"),
    ],
)
def test_mistakes_with_a_file_are_one_sentence(folder, monkeypatch, options, sentence):
    monkeypatch.chdir(folder)
    with pytest.raises(UserError) as error:
        evaluate(folder / "rows.csv", **options)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_mistakes_with_a_run_are_one_sentence(run, folder, tmp_path):
    with pytest.raises(UserError, match="`held_out` goes with a file of rows"):
        evaluate(run, held_out=str(folder / "test.csv"))
    write(read(folder / "train.csv").take(slice(9)), tmp_path / "short.csv")
    settings = json.loads((run / "config.json").read_text())
    moved = tmp_path / "moved"
    (moved / "export").mkdir(parents=True)
    for file in (run / "export").iterdir():
        (moved / "export" / file.name).write_bytes(file.read_bytes())
    (moved / "status.json").write_text("{}")
    for data, sentence in (
        (str(tmp_path / "short.csv"), "is not what .* learned: 45 rows then, 7 now"),
        (str(tmp_path / "gone.csv"), "gone.csv, where nothing is now"),
    ):
        (moved / "config.json").write_text(json.dumps(settings | {"data": data}))
        with pytest.raises(UserError, match=sentence):
            evaluate(moved, metrics=QUICK)
    with pytest.raises(UserError, match="`target` is a column of a table"):
        evaluate(tmp_path, target="kind")


def test_rows_of_a_copula_are_a_file_like_any_other(folder, tmp_path):
    train = read(folder / "train.csv")
    write(copula(train, 30, seed=0), tmp_path / "copula.csv")
    report = evaluate(tmp_path / "copula.csv", against=str(folder / "train.csv"), metrics="quality")
    assert report.scalars["quality_shapes"] > 0.85
