import collections
import errno
import itertools
import json
import os
import subprocess
import sys

import pytest

from jaxgan.run import workdir
from jaxgan.run.workdir import OtherRunError, Workdir, read_rows
from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError

SETTINGS = {"loss": "hinge", "steps": 10}


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_folder_says_what_was_asked_for_and_where(tmp_path):
    with Workdir(tmp_path / "a/b", SETTINGS) as folder:
        folder.write_status("running", 3)
        folder.log("a line")
    assert json.loads((folder.path / "config.json").read_text()) == SETTINGS
    assert "jax" in json.loads((folder.path / "env.json").read_text())["packages"]
    assert json.loads((folder.path / "status.json").read_text())["state"] == "running"
    assert (folder.path / "log.txt").read_text().endswith("a line\n")


def test_practical_settings_may_change_and_others_may_not(tmp_path):
    run = tmp_path / "run"
    with Workdir(run, SETTINGS):
        pass
    with Workdir(run, {"loss": "hinge", "steps": 20}, practical={"steps"}):
        pass
    assert json.loads((run / "config.json").read_text())["steps"] == 20
    before = contents(run)
    (tmp_path / "run-2").mkdir()
    with pytest.raises(
        OtherRunError, match=r"loss was hinge, is now minimax; steps was 20, is now 9"
    ) as caught:
        Workdir(run, {"loss": "minimax", "steps": 9})
    assert caught.value.free == tmp_path / "run-3"
    del before[run / ".lock"]
    assert before.items() <= contents(run).items()
    with Workdir(run, {"loss": "hinge", "steps": 20}):  # the refused one holds no lock
        pass


@pytest.mark.parametrize("damage", ["[]", "{", "3"])
def test_settings_that_are_none_are_one_sentence(tmp_path, damage):
    with Workdir(tmp_path / "run", SETTINGS):
        pass
    (tmp_path / "run/config.json").write_text(damage)
    with pytest.raises(UserError, match="does not hold a run's settings as JSON"):
        Workdir(tmp_path / "run", SETTINGS)


def test_what_is_no_run_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    before = contents(tmp_path)
    with pytest.raises(UserError, match="no run of jaxgan"):
        Workdir(tmp_path, SETTINGS)
    with pytest.raises(UserError, match="cannot write"):
        Workdir(tmp_path / "thesis.tex", SETTINGS)
    with pytest.raises(UserError, match="cannot write"):
        Workdir(tmp_path / "thesis.tex" / "run", SETTINGS)
    with pytest.raises(UserError, match="cannot write"):
        Workdir("/proc/nowhere", SETTINGS)
    assert contents(tmp_path) == before


def test_a_run_is_kept_to_itself_while_it_lasts(tmp_path):
    message = f"in use by process {os.getpid()} on"
    with Workdir(tmp_path / "run", SETTINGS), pytest.raises(UserError, match=message):
        Workdir(tmp_path / "run", SETTINGS)
    with Workdir(tmp_path / "run", SETTINGS):
        pass


@pytest.mark.slow
def test_another_process_is_kept_out_while_the_run_lasts(tmp_path):
    program = f"from jaxgan.run.workdir import Workdir; Workdir({str(tmp_path / 'run')!r}, {SETTINGS!r})"
    with Workdir(tmp_path / "run", SETTINGS):
        refused = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        assert f"in use by process {os.getpid()} on" in refused.stderr
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_failure_is_written_down(tmp_path):
    folder = Workdir(tmp_path / "run", SETTINGS)
    folder.write_status("running", 7)
    with pytest.raises(ZeroDivisionError, match="division by zero"), folder:
        print(1 / 0)
    status = json.loads((folder.path / "status.json").read_text())
    assert (status["state"], status["step"]) == ("failed", 7)
    assert "division by zero" in status["why"]
    assert "Traceback" in (folder.path / "log.txt").read_text()


def test_metrics_are_trimmed_to_the_step_and_a_torn_line_is_dropped(tmp_path):
    with Workdir(tmp_path / "run", SETTINGS) as folder:
        for step in (10, 20, 30):
            folder.append_metrics(step, {"loss": step / 3})
        file = folder.path / "metrics.jsonl"
        whole = file.read_text()
        file.write_text(whole + '{"step": 40, "lo')
        assert [row["step"] for row in folder.read_metrics()] == [10, 20, 30]
        folder.trim_metrics(30)
        assert file.read_text() == whole
        folder.trim_metrics(20)
        assert file.read_text() == "".join(whole.splitlines(keepends=True)[:2])


def test_the_metrics_of_an_older_version_have_this_versions_names(tmp_path):
    """A run that goes on has one curve of each metric, and trimming writes the new name down."""
    with Workdir(tmp_path / "run", SETTINGS) as folder:
        folder.append_metrics(10, {"discriminator_accuracy": 0.5, "loss": 1.0})
        folder.append_metrics(20, {"pair_accuracy": 0.75, "loss": 2.0})
        expected = [
            {"step": 10, "pair_accuracy": 0.5, "loss": 1.0},
            {"step": 20, "pair_accuracy": 0.75, "loss": 2.0},
        ]
        assert folder.read_metrics() == folder.last_metrics(2) == folder.some_metrics(2) == expected
        folder.trim_metrics(20)
        text = (folder.path / "metrics.jsonl").read_text()
        assert [json.loads(line) for line in text.splitlines()] == expected


@pytest.mark.parametrize(
    "damaged", [b"", b"[]", b'{"step": null}', b'{"step": 20, "lo\xffss": 1', b"\x00" * 9]
)
def test_a_damaged_row_costs_that_row_alone(tmp_path, damaged):
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(b'{"step": 10}\n' + damaged + b'\n{"step": 30}\n')
    assert [row["step"] for row in read_rows(tmp_path)] == [10, 30]


def test_a_run_that_was_killed_while_it_began_can_begin_again(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.lock").write_text("process 1 on elsewhere")
    (tmp_path / "run/.config.1.json").write_text('{"lo')
    with Workdir(tmp_path / "run", SETTINGS) as folder:
        assert json.loads((folder.path / "config.json").read_text()) == SETTINGS


def test_a_run_of_an_older_version_had_the_defaults_of_newer_settings(tmp_path):
    run, settings = tmp_path / "run", {"loss": "hinge", "new": "none"}
    with Workdir(run, {"loss": "hinge"}):
        pass
    with Workdir(run, settings, upgrade=lambda saved: {"new": "none", "loss": "minimax"} | saved):
        pass
    with Workdir(tmp_path / "other", {"loss": "hinge"}):
        pass
    with pytest.raises(UserError, match=r"new was none, is now some"):
        Workdir(tmp_path / "other", settings | {"new": "some"}, upgrade=lambda saved: {"new": "none"} | saved)


def test_the_last_rows_are_those_at_the_end_of_a_long_file(tmp_path):
    with Workdir(tmp_path / "run", {"steps": 1}) as folder:
        assert folder.last_metrics(3) == folder.some_metrics(3) == []
        folder.trim_metrics(0)  # an empty file, as a run has at its start
        assert folder.last_metrics(3) == folder.some_metrics(3) == []
        for step in range(1, 2001):
            folder.append_metrics(step, {"loss": 0.1 * step})
        assert folder.last_metrics(3) == folder.read_metrics()[-3:]
        assert len(folder.last_metrics(5000)) == 2000
        rows = folder.read_metrics()
        assert folder.some_metrics(2000) == rows
        for most in (1, 7, 999, 1999):
            some = folder.some_metrics(most)
            assert 0.5 * most <= len(some) <= most
            assert some[-1] == rows[-1]
            assert len({b["step"] - a["step"] for a, b in itertools.pairwise(some)}) <= 1


def test_names_that_are_no_text_are_written_down(tmp_path):
    path = tmp_path / "n\udcff"
    with Workdir(path, {"data": "rün \udcff"}) as folder:
        folder.log(f"{path}: starts")
        folder.append("rows.jsonl", {"step": 1, "why": "\udcff"})
    assert rb"n\udcff: starts" in (path / "log.txt").read_bytes()
    assert json.loads((path / "config.json").read_bytes())["data"] == "rün \udcff"
    assert read_rows(path, name="rows.jsonl") == [{"step": 1, "why": "\udcff"}]
    with Workdir(path, {"data": "rün \udcff"}):
        pass


@pytest.mark.slow
def test_a_file_of_a_run_is_utf_8_whatever_the_locale(tmp_path):
    program = f"""
from jaxgan.run.workdir import Workdir
with Workdir({str(tmp_path / "run")!r}, {{"data": "r\\xfcn"}}) as folder:
    folder.log("r\\xfcn")
"""
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", program], env=os.environ | locale, check=True)
    assert (tmp_path / "run/log.txt").read_text(encoding="utf-8").endswith(" rün\n")


def test_the_free_space_is_that_of_the_runs_disk(tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    frees = {tmp_path / "run": 7}
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(9, 2, frees.get(path, 1)))
    with Workdir(tmp_path / "run", SETTINGS):
        pass
    assert json.loads((tmp_path / "run/env.json").read_text())["disk_free_bytes"] == 7


def test_an_unknown_home_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("os.path.expanduser", str)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^~/run: no home folder is known"):
        Workdir("~/run", SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_a_status_is_written_where_a_new_file_has_no_room(tmp_path, monkeypatch):
    def full(*_):
        raise NoRoomError("cannot write")

    with Workdir(tmp_path / "run", SETTINGS) as folder:
        write_json = workdir.write_json
        monkeypatch.setattr(workdir, "write_json", full)
        with pytest.raises(NoRoomError):  # there is no file yet
            folder.write_status("running", 0)
        write_json(
            tmp_path / "run/status.json", {"state": "running", "why": "for a while, and in many words"}
        )
        with pytest.raises(NoRoomError):  # more than the file has room for
            folder.write_status("failed", 7, 10**5 * "é")
        assert json.loads((tmp_path / "run/status.json").read_text())["state"] == "running"
        folder.write_status("failed", 7, "é")
    expected = {"state": "failed", "step": 7, "why": "é"}
    assert json.loads((tmp_path / "run/status.json").read_text(encoding="utf-8")) == expected


@pytest.mark.parametrize("mode", ["a", "a+"])
def test_a_disk_that_is_full_from_the_start_is_no_mistake_in_the_command(tmp_path, monkeypatch, mode):
    def full(file, opened="a"):
        if opened == mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened_before(file, opened)

    opened_before = workdir._opened
    monkeypatch.setattr(workdir, "_opened", full)
    with pytest.raises(NoRoomError, match=r"cannot write .*, .* MB free: No space left on device"):
        Workdir(tmp_path / "run", SETTINGS)


def test_a_lock_that_cannot_be_written_says_so_though_closing_it_fails_too(tmp_path, monkeypatch):
    class Full:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def flush(self):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            self.file.close()
            self.flush()

    opened = workdir._opened
    monkeypatch.setattr(workdir, "_opened", lambda *how: Full(opened(*how)))
    with pytest.raises(NoRoomError, match=r"cannot write .*\.lock, .* MB free: No space left on device"):
        Workdir(tmp_path / "run", SETTINGS)
