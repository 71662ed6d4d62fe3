"""A report of synthetic rows: what is in it, what is left out, and why."""

import json

import numpy as np
import pytest

from jaxgan import evaluate
from jaxgan.evaluate.tables import Rows, measure
from jaxgan.metrics import table_quality
from jaxgan.system.errors import UserError
from small_tables import small_table


@pytest.fixture(scope="module")
def report():
    train, test = small_table(0, 80, name="train.csv"), small_table(1, 60, name="test.csv")
    fakes = small_table(2, 70)
    return measure(fakes, Rows(train, test, "kind"), beside=("copula",), protocol={"step": 7})


def test_the_generator_stands_beside_a_baseline_and_real_rows(report):
    lines = evaluate.table(report).splitlines()
    assert lines[0].split("  ")[-3:] == ["synthetic rows", "copula", "real rows"]
    cells = {line[0]: line[1:] for line in report.comparison}
    assert cells["column shapes"][0] == f"{report.scalars['quality_shapes']:.3f}"
    assert cells["column shapes"][2] == f"{report.scalars['real_quality_shapes']:.3f}"
    assert cells["copies of training rows"][0] == "0.000"
    of_models = cells["AUC on real rows, trained on these"]
    assert of_models[2] == f"{report.scalars['trained_on_fakes_auc_of_reals']:.3f}"
    assert "R2 on real rows, trained on these" not in cells
    assert report.scalars["real_quality"] > report.scalars["copula_quality"] - 0.1


def test_numbers_and_their_protocol_are_files(report, tmp_path):
    files = {file.name for file in evaluate.write(report, tmp_path)}
    assert {"metric-quality.json", "metric-copula-detection.json", "metric-closest-record.json"} <= files
    content = json.loads((tmp_path / "metric-quality.json").read_text())
    (result,) = content["results"]
    assert set(result["columns"]) == {"x", "y", "count", "kind"}
    assert len(result["pairs"]) == 6
    assert result["value"] == report.scalars["quality"]
    protocol = content["protocol"]
    assert (protocol["against"], protocol["trained_on"], protocol["step"]) == ("test.csv", "train.csv", 7)
    assert (protocol["n_fake"], protocol["n_train"], protocol["n_real"]) == (70, 80, 60)


def test_what_takes_unseen_rows_is_left_out_without_them():
    train, fakes = small_table(0, 40, name="train.csv"), small_table(2, 40)
    report = measure(
        fakes, Rows(train, None, "kind"), ("quality", "trained_on_fakes", "closest_record"), beside=()
    )
    assert set(report.results) == {"quality", "closest_record"}
    assert "trained_on_fakes is left out, as it takes rows that were not trained on" in report.notes[0]
    assert "train.csv is what was trained on" in report.notes[1]
    same = table_quality(train.values, fakes.values)  # with the missing kind as a category
    assert report.scalars["quality_shapes"] == pytest.approx(same.shapes, abs=0.1)
    assert np.isnan(report.scalars["closest_record_held_out_median"])
    untargeted = measure(fakes, Rows(train, fakes, None), ("trained_on_fakes", "quality"), beside=())
    assert "a column to predict: name it with `target`" in untargeted.notes[0]


def test_a_metric_that_cannot_be_had_is_one_sentence():
    train = small_table(0, 20)
    with pytest.raises(UserError, match="at least 6 of each kind, got 5"):
        measure(small_table(1, 5), Rows(train, None), ("detection",), beside=())
