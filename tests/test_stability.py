"""The stability experiments: their commands run, and the documentation says what their JSON files hold."""

import json
import re
import sys

import pytest


@pytest.fixture
def experiments(request, monkeypatch):
    """The folder, importable as its scripts have it."""
    folder = request.config.rootpath / "experiments"
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in ("alarms", "laboratory", "ring", "mixture", "stability", "stability_figures"):
        sys.modules.pop(name, None)


def test_the_documentation_says_what_the_calibration_measured(request, experiments):
    import alarms

    runs = json.loads((request.config.rootpath / "docs/stability/alarms.json").read_text())["rows"]
    assert [sum(run["kind"] == kind for run in runs) for kind in alarms.KINDS] == [14, 13, 13, 40]
    told = alarms.judge(runs).splitlines()[-1]
    true, false = re.search(r"true alarms ([\d.]+)% of 40, false alarms ([\d.]+)% of 40", told).groups()
    text = (request.config.rootpath / "docs/stability.md").read_text()
    assert f"True alarms {true} % of 40, false alarms {false} % of 40" in text
    assert float(true) >= 90
    assert float(false) <= 5


def test_drawing_again_needs_no_training(experiments, run_program, tmp_path):
    rows = [
        {"arena": "digits", "norm": norm, "g_rate": rate, "d_rate": rate, "seed": seed, "fid": 5.0 + seed}
        for norm in ("batch", "none")
        for rate in (1e-4, 1e-3)
        for seed in (0, 1)
    ]
    (tmp_path / "norms.json").write_text(json.dumps({"study": "norms", "rows": rows}))
    result = run_program(experiments / "stability.py", "norms", "--redraw", "--out", tmp_path, cwd=tmp_path)
    assert "5.5 ± 0.5 (5 to 6)" in result.stdout
    assert (tmp_path / "norms.png").stat().st_size > 1000


@pytest.mark.slow
def test_a_study_trains_writes_and_draws(experiments, run_program, tmp_path):
    options = ("--steps", 2, "--seeds", 1, "--out", tmp_path)
    run_program(experiments / "stability.py", "losses", *options, cwd=tmp_path)
    rows = json.loads((tmp_path / "losses.json").read_text())["rows"]
    assert len(rows) == 24
    assert all(row["fid"] > 0 for row in rows)
    assert (tmp_path / "losses.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("rate", "--redraw"), "did you mean rates"),
        (("rates", "--redraw"), "run the study without --redraw first"),
        (("rates", "--seeds", 0), "--seeds must be at least 1"),
    ],
)
def test_mistakes_are_one_sentence(experiments, run_program, tmp_path, arguments, what):
    program = experiments / "stability.py"
    result = run_program(program, *arguments, "--out", tmp_path, cwd=tmp_path, expect=2)
    assert what in result.stderr
    assert "Traceback" not in result.stderr
