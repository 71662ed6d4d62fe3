"""Rows 4 and 11: no room, and what a run can do without."""

import collections
import errno
import json
import logging
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from jaxgan.export import safetensors
from jaxgan.run import orbax_noise
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.run.workdir import Workdir
from jaxgan.system import files
from jaxgan.system.errors import UserError
from tiny_runs import run_to_end, started, tiny, train_tiny

RUN = ["--workdir", "run", "--log-every", "1", "--save-every", "2", "--sample-every", "100"]


@pytest.mark.slow
def test_a_file_size_limit_stops_the_run_and_loses_nothing(tmp_path):
    """A checkpoint of this run holds a file of 5 MB; the limit is 2 MB."""
    run_to_end(tmp_path, *RUN, "--steps", 2)
    said = run_to_end(tmp_path, *RUN, "--steps", 6, shell="ulimit -f 2000", expect=1)
    last = said.splitlines()[-1]
    assert last.startswith(f"error: cannot write a checkpoint to {tmp_path}/run/checkpoints"), said
    assert "MB free" in last
    assert "Traceback" not in said
    assert json.loads((tmp_path / "run/status.json").read_text())["state"] == "failed"
    said = run_to_end(tmp_path, *RUN, "--steps", 6)
    assert "goes on at step 2" in said
    with Checkpoints(tmp_path / "run/checkpoints") as checkpoints:
        assert checkpoints.latest_step() == 6
    assert not list((tmp_path / "run/checkpoints").glob("*tmp*"))


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 3 MB, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a tmpfs")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_names_the_file_and_spares_the_old_one(small_disk):
    files.write_json(small_disk / "status.json", {"state": "running"})
    with pytest.raises(OSError, match=r"cannot write .*status\.json, .* MB free: No space left"):
        files.write_json(small_disk / "status.json", {"state": "x" * 4_000_000})
    assert [path.name for path in small_disk.iterdir()] == ["status.json"]
    assert json.loads((small_disk / "status.json").read_text()) == {"state": "running"}
    with Checkpoints(small_disk / "checkpoints") as checkpoints:
        checkpoints.save(1, {"a": np.ones(100_000, np.float32)})
    with (
        pytest.raises(OSError, match="cannot write a checkpoint"),
        Checkpoints(small_disk / "checkpoints") as two,
    ):
        two.save(2, {"a": np.random.default_rng(0).normal(size=1_000_000)})
    with Checkpoints(small_disk / "checkpoints") as checkpoints:
        assert checkpoints.latest_step() == 1
        assert checkpoints.restore({"a": np.zeros(100_000, np.float32)})["a"].sum() == 100_000


class FailsLate:
    def __init__(self, why):
        self.why = why

    def __del__(self):
        raise RuntimeError(self.why)


def test_only_what_orbax_raises_too_is_kept_quiet(caplog, monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda failed: seen.append(str(failed.exc_value)))
    orbax_noise.mute.__wrapped__()  # it may have been called before
    FailsLate("Event loop is closed")
    FailsLate("mine")
    for where in ("/lib/orbax/checkpoint/a.py", "/home/mine.py"):
        logging.getLogger("asyncio").error(
            "Task exception was never retrieved: <Task coro=<write() at %s>>", where
        )
    for where, level in (("future", logging.ERROR), ("future", logging.WARNING), ("deleter", logging.ERROR)):
        path = f"/lib/orbax/checkpoint/_src/futures/{where}.py"
        logging.getLogger("absl").handle(
            logging.LogRecord("absl", level, path, 1, f"{where} {level}", (), None)
        )
    fails = compile("raise OSError(28, 'no room')", "/lib/orbax/checkpoint/_src/path/async_path.py", "exec")
    try:
        exec(fails)
    except OSError:  # a future of a thread, whose text does not name Orbax
        logging.getLogger("asyncio").exception("Future exception was never retrieved")
    logging.getLogger("absl").handle(
        logging.LogRecord("absl", logging.ERROR, "/lib/orbax/m.py", 1, "metadata", (), None, "_write_and_log")
    )
    waited = "Waiting for previous save to complete took 1.5 seconds. If this number is high, ..."
    logging.getLogger("absl").warning(waited)
    assert seen == ["mine"]
    said = [record.getMessage() for record in caplog.records]
    assert [line for line in said if "orbax" in line] == []
    assert [line.split()[0] for line in said] == ["Task", "future", "deleter"]


def test_space_is_asked_for_before_the_first_step(tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 10_000))
    with pytest.raises(UserError, match=r"room for 4 checkpoints in .*: .* GB needed, 1e-05 GB free"):
        train_tiny(tiny(tmp_path / "run"))
    assert not (tmp_path / "run/metrics.jsonl").exists()


def test_a_log_that_cannot_be_written_hides_no_error(tmp_path, monkeypatch):
    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = Workdir(tmp_path / "run", {})
    monkeypatch.setattr(folder, "log", no_room)
    with pytest.raises(ZeroDivisionError), folder:
        print(1 / 0)
    with Workdir(tmp_path / "run", {}):  # and the lock is free
        pass


@pytest.mark.slow
def test_pictures_plots_and_tensorboard_are_no_reason_to_stop(tmp_path, capsys):
    """Each lies in the way of what would be written."""
    run = tmp_path / "run"
    with Workdir(run, {"not": "a run"}):
        pass
    (run / "config.json").unlink()
    shutil.rmtree(run)
    first = train_tiny(tiny(run, steps=1))
    for name in ("samples", "plots"):
        shutil.rmtree(run / name)
    (run / "samples.gif").unlink()
    (run / "reals.png").unlink()
    for name in ("samples", "plots", "tb"):
        (run / name).write_text("in the way")
    for name in ("samples.gif", "reals.png"):
        (run / name).mkdir()
    capsys.readouterr()
    result = train_tiny(tiny(run, tensorboard=True))
    assert (first.status, result.status, int(result.state.step)) == ("done", "done", 12)
    out = capsys.readouterr().out
    for what in ("a picture", "the plot", "TensorBoard", "the animation"):
        assert out.count(f"warning: {what} failed, training goes on") == 1
    assert (run / "export/generator.safetensors").exists()
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 12


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.slow
def test_a_disk_that_tensorboard_fills_makes_no_run_wait(tmp_path, capsys, monkeypatch):
    """tensorboardX's thread ends at the first failed write, and whoever gives it more waits for ever."""
    with open("/dev/full", "wb") as device:
        monkeypatch.setattr("tensorboardX.record_writer.open_file", lambda path: device)
        result = train_tiny(tiny(tmp_path / "run", tensorboard=True))
    out = capsys.readouterr().out
    assert result.status == "done"
    assert out.count("warning: TensorBoard failed, training goes on (NoRoomError: cannot write") == 1


@pytest.mark.slow
def test_a_profile_without_room_is_removed_and_the_run_goes_on(tmp_path, capsys, monkeypatch):
    run = tmp_path / "run"

    def stop():
        part = run / "profile/plugins/profile/now"
        part.mkdir(parents=True)
        (part / "half").write_text("half")
        raise RuntimeError("RESOURCE_EXHAUSTED: vm.xplane.pb; No space left on device")

    monkeypatch.setattr("jax.profiler.start_trace", lambda folder: None)
    monkeypatch.setattr("jax.profiler.stop_trace", stop)
    result = train_tiny(tiny(run, profile=True, steps=4))
    assert result.status == "done"
    assert (
        "warning: the profile failed, training goes on (NoRoomError: cannot write" in capsys.readouterr().out
    )
    assert list((run / "profile").rglob("half")) == []


@pytest.mark.parametrize(
    ("writer", "file"),
    [
        pytest.param(
            "jaxgan.export.safetensors.save_file", "export/generator.safetensors", marks=pytest.mark.slow
        ),
        pytest.param("jaxgan.run.workdir.write_text", "metrics.jsonl", marks=pytest.mark.slow),
        ("jaxgan.system.files.write_text", "config.json"),
        ("jaxgan.run.workdir._opened", ".lock"),
        ("orbax.checkpoint.CheckpointManager.save", "checkpoints"),
    ],
)
def test_a_full_disk_is_one_sentence_in_every_writer(tmp_path, monkeypatch, writer, file):
    monkeypatch.setattr(writer, full)
    sentence = rf"cannot write .*{re.escape(file)}, [0-9.,]+ MB free: .*No space left on device"
    with pytest.raises(OSError, match=f"^{sentence}$"):
        train_tiny(tiny(tmp_path / "run", steps=1))


@pytest.mark.slow
def test_a_discriminator_without_room_is_one_sentence_and_leaves_no_half(tmp_path, monkeypatch):
    save = safetensors.save_file

    def save_generator_alone(arrays, file):
        return full() if "discriminator" in file.name else save(arrays, file)

    monkeypatch.setattr(safetensors, "save_file", save_generator_alone)
    with pytest.raises(OSError, match=r"^cannot write .*export/discriminator\.safetensors, .* MB free: "):
        train_tiny(tiny(tmp_path / "run", steps=1))
    names = sorted(path.name for path in (tmp_path / "run/export").iterdir())
    assert names == ["config.json", "generator.safetensors"]


@pytest.mark.long
def test_a_disk_that_is_full_at_the_export(small_disk):
    """The checkpoint of 0.25 MB fits, the generator beside it does not: the rest of the disk is taken."""
    options = [
        "--hidden",
        "16",
        "--latent-dim",
        "9",
        "--workdir",
        small_disk / "run",
        "--sample-every",
        "999",
    ]
    for taken in range(2_000_000, 3_100_000, 100_000):
        (small_disk / "taken").write_bytes(bytes(taken))
        with started(small_disk.parent, *options, "--steps", 2) as process:
            code = process.wait(timeout=300)
            said = process.said()
        shutil.rmtree(small_disk / "run", ignore_errors=True)
        assert "Traceback" not in said
        assert code in (0, 1, 2), said
        assert (code == 0) == ("error: " not in said), said
        if code == 1:
            assert re.search(r"^error: cannot write .*MB free: ", said, re.MULTILINE), said
            return
    pytest.fail("no file was too much")


@pytest.mark.parametrize("torn", ['{"step": 9, "disc', pytest.param("\x00\x00\x00", marks=pytest.mark.slow)])
def test_a_torn_last_line_is_tolerated(tmp_path, torn):
    train_tiny(tiny(tmp_path / "run", steps=5))
    file = tmp_path / "run/metrics.jsonl"
    whole = file.read_text()
    file.write_text(whole + torn)
    train_tiny(tiny(tmp_path / "run", steps=5))
    assert file.read_text() == whole
