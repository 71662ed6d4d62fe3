"""Trackers get each step once, also of a run that was stopped; CI's slow set has the real packages."""

import json
import sqlite3
import sys
import types

import pytest

from jaxgan import train
from jaxgan.config import Config
from jaxgan.run.trackers import FILE, Tracker
from jaxgan.system.errors import UserError
from tiny_runs import tiny


class Recorded(types.ModuleType):
    """A tracker that keeps what it is given."""

    def __init__(self, fails_at=None):
        super().__init__("wandb")
        self.inits, self.rows, self.finished, self.fails_at = [], [], 0, fails_at

    def login(self, prompt):
        assert not prompt
        return False

    def init(self, **options):
        self.inits.append(options)

    def log(self, values, step):
        if step == self.fails_at:
            raise ConnectionError("no network")
        self.rows.append((step, values))

    def finish(self):
        self.finished += 1


@pytest.fixture
def wandb(monkeypatch):
    recorded = Recorded()
    recorded.__spec__ = object()
    monkeypatch.setitem(sys.modules, "wandb", recorded)
    return recorded


def test_each_step_is_given_once_although_the_run_computes_it_twice(wandb, tmp_path):
    for last in (4, 6):  # the second run goes on from step 2 of the first
        tracker = Tracker("wandb", tmp_path, {"seed": 0})
        for step in range(2 if last == 6 else 0, last):
            tracker.add_scalars({"loss": float(step)}, step)
        tracker.close()
    assert [step for step, _ in wandb.rows] == [0, 1, 2, 3, 4, 5]
    assert wandb.finished == 2
    first, second = wandb.inits
    assert first["id"] == second["id"]
    assert (first["resume"], first["mode"], first["config"]) == ("allow", "offline", {"seed": 0})
    assert json.loads((tmp_path / FILE).read_text()) == {"wandb": 5}


@pytest.mark.slow
def test_a_run_gives_its_metrics_and_goes_on_where_it_was(wandb, tmp_path):
    train.run(tiny(tmp_path / "run", steps=2, log_every=1, track=("wandb",)))
    train.run(tiny(tmp_path / "run", steps=4, log_every=1, track=("wandb",)))
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [step for step, _ in wandb.rows] == [row["step"] for row in rows] == [1, 2, 3, 4]
    assert wandb.rows[2][1] == {name: value for name, value in rows[2].items() if name in wandb.rows[2][1]}
    assert wandb.inits[0]["config"]["batch_size"] == 8


def test_a_tracker_that_fails_does_not_stop_the_run(wandb, tmp_path, capsys):
    wandb.fails_at = 2
    result = train.run(tiny(tmp_path / "run", steps=4, log_every=1, track=("wandb",), quiet=False))
    assert int(result.state.step) == 4
    assert [step for step, _ in wandb.rows] == [1]
    said = capsys.readouterr().out
    assert said.count("warning: wandb failed, training goes on (ConnectionError: no network)") == 1


def test_a_tracker_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="`track` wandb needs the package wandb: pip install wandb"):
        Config(track=("wandb",)).check()
    with pytest.raises(UserError, match="`track` mlflow is unknown: there are trackio, wandb"):
        Config(track=("mlflow",)).check()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # of other people's packages
def test_trackio_has_each_step_of_a_resumed_run_once(tmp_path, monkeypatch):
    pytest.importorskip("trackio")
    monkeypatch.setattr("trackio.utils.TRACKIO_DIR", tmp_path / "trackio")
    monkeypatch.setattr("trackio.sqlite_storage.TRACKIO_DIR", tmp_path / "trackio")
    for steps in (2, 4):
        train.run(tiny(tmp_path / "run", steps=steps, log_every=1, track=("trackio",)))
    with sqlite3.connect(next((tmp_path / "trackio").glob("*.db"))) as database:
        found = database.execute("select run_name, step from metrics order by step").fetchall()
    assert [step for _, step in found] == [1, 2, 3, 4]
    assert {name[:4] for name, _ in found} == {"run-"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb_writes_offline_without_an_account(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    train.run(tiny(tmp_path / "run", steps=2, log_every=1, track=("wandb",)))
    (folder,) = (tmp_path / "run/wandb").glob("offline-run-*")
    assert next(folder.glob("*.wandb")).stat().st_size > 0
