"""Which metric sees which defect, on real digits: the ranking that docs/metrics.md shows for MNIST."""

import json
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "experiments/metric_defects.py"
REAL, BLURRED, DROPPED = "real", "blurred by 1 pixel", "three classes dropped"
COPIED, REPEATED = "training images copied", "fifty images, repeated"


@pytest.mark.slow
def test_every_defect_is_seen_by_a_metric(tmp_path, run_program, digits_cnn):
    result = run_program(PROGRAM, "--data", "digits", "--out", "defects.json", cwd=tmp_path)
    rows = json.loads((tmp_path / "defects.json").read_text())
    assert "digits, 399 images a row" in result.stdout
    assert all(f"| {name} |" in result.stdout for name in rows)

    def order(metric):
        return sorted((REAL, REPEATED, DROPPED, BLURRED), key=lambda name: rows[name][metric])

    assert order("fid") == order("kid") == [REAL, REPEATED, DROPPED, BLURRED]
    assert rows[REPEATED]["fid"] > 3 * rows[REAL]["fid"]
    assert rows[COPIED]["fid"] < 1.5 * rows[REAL]["fid"]  # a distance does not see copies,
    assert (rows[COPIED]["memorisation_nearer_train"], rows[COPIED]["memorisation_copies"]) == (1, 399)
    for name in {*rows} - {COPIED}:  # and memorisation sees nothing else
        assert rows[name]["memorisation_nearer_train"] == pytest.approx(0.5, abs=0.12)
        assert rows[name]["memorisation_copies"] == 0
    for metric in ("prdc_recall", "prdc_coverage"):
        seen = [rows[name][metric] for name in (BLURRED, REPEATED, DROPPED)]
        assert max(seen) < 0.85 * rows[REAL][metric]
    for name in (DROPPED, REPEATED):  # precision asks another question
        assert rows[name]["prdc_precision"] == pytest.approx(rows[REAL]["prdc_precision"], abs=0.05)
    assert rows[DROPPED]["modes_kl"] > 10 * rows[REAL]["modes_kl"]
    assert rows[BLURRED]["diversity_ratio"] < 0.7 < 0.9 < rows[REAL]["diversity_ratio"] < 1.1
