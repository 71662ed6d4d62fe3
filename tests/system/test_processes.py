"""Two real processes that talk over loopback: the numbers, the faults, and who writes what."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

import tiny_process
from jaxgan.config import Config
from jaxgan.run import checkpoint, evaluation, workdir
from jaxgan.system import processes
from jaxgan.system.errors import UserError

PROGRAM = tiny_process.__file__


@contextlib.contextmanager
def two_processes(folder, *options, second=((), {}), **environment):
    """Start both; what is left of them at the end is killed. `second` is what process 1 alone is given."""
    kept = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "PYTHONWARNINGS")}
    kept |= {"XLA_FLAGS": "--xla_backend_optimization_level=0", **environment}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    who = ["--distributed", "--coordinator", f"127.0.0.1:{port}", "--num-processes", "2"]
    processes = []
    for i in range(2):
        command = [sys.executable, PROGRAM, *who, "--process-id", str(i), "--workdir", "run", *options]
        own = kept | second[1] if i else kept
        command += second[0] if i else []
        with (folder / f"said-{i}.txt").open("w") as out:
            processes.append(
                subprocess.Popen(list(map(str, command)), cwd=folder, env=own, stdout=out, stderr=out)
            )
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def said(folder):
    files = [*folder.glob("said-*.txt"), *folder.glob("run/log*.txt")]
    return "\n".join(f"== {file.name}\n{file.read_text()}" for file in files if file.is_file())


def finish(processes, folder, seconds=200):
    """Return the exit codes."""
    deadline = time.monotonic() + seconds
    try:
        return [process.wait(timeout=max(1, deadline - time.monotonic())) for process in processes]
    except subprocess.TimeoutExpired:
        raise AssertionError(said(folder)) from None


def run_two(folder, *options, expect=(0, 0), second=((), {}), **environment):
    with two_processes(folder, *options, second=second, **environment) as processes:
        codes = finish(processes, folder)
        assert codes == list(expect), said(folder)


def wait_for_step(processes, folder, step, seconds=200):
    deadline = time.monotonic() + seconds
    while f"step {step}/" not in said(folder):
        assert all(process.poll() is None for process in processes), said(folder)
        assert time.monotonic() < deadline, said(folder)
        time.sleep(0.05)


def run_alone(folder, name, options, extractor=None):
    """Train in this process, with two devices."""
    workdir = str(folder / name)
    tiny_process.run(tiny_process.TINY.replace(workdir=workdir, devices=2, **options), extractor)
    return folder / name


def assert_same_run(folder, other, step=12):
    states = [checkpoint.read(path / "checkpoints" / str(step)) for path in (folder, other)]
    assert states[0].keys() == states[1].keys()
    for name, a in states[0].items():
        b = np.asarray(states[1][name])
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * (np.abs(b).max() + 0.05), err_msg=name)
    rows = [
        [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
        for path in (folder, other)
    ]
    assert [row["step"] for row in rows[0]] == list(range(1, step + 1))
    for a, b in zip(*rows, strict=True):
        np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_processes_one_and_two_again_are_one_run(tmp_path):
    """Saved on two, gone on with on one, and back: as one process with two devices."""
    run_two(tmp_path, "--steps", 4)
    tiny_process.run(tiny_process.TINY.replace(workdir=str(tmp_path / "run"), devices=1, steps=8))
    run_two(tmp_path, "--steps", 12)
    assert "goes on at step 8" in (tmp_path / "said-0.txt").read_text()
    assert "2 x cpu on 2 hosts" in (tmp_path / "said-0.txt").read_text()
    assert "goes on at step 8" in (tmp_path / "run/log-1.txt").read_text()
    assert "goes on" not in (tmp_path / "said-1.txt").read_text()
    tiny_process.run(tiny_process.TINY.replace(workdir=str(tmp_path / "whole"), devices=2))
    assert_same_run(tmp_path / "run", tmp_path / "whole")


@pytest.mark.slow
def test_each_process_reads_its_share_of_a_stream(tmp_path):
    run_two(tmp_path, "--device-data", 0, READS="1")
    for i in range(2):
        assert "reads 8 of 16 images" in (tmp_path / f"said-{i}.txt").read_text()
    tiny_process.run(tiny_process.TINY.replace(workdir=str(tmp_path / "whole"), devices=2))
    assert_same_run(tmp_path / "run", tmp_path / "whole")


@pytest.mark.long
@pytest.mark.parametrize("slow", [0, 1])
def test_a_slow_process_whose_clock_is_two_hours_behind_changes_nothing(tmp_path, slow):
    late = {"SLOW": "0.5", "CLOCK": "-7200"}
    if slow == 1:
        run_two(tmp_path, second=((), late))
    else:
        run_two(tmp_path, second=((), {"SLOW": "0", "CLOCK": "0"}), **late)
    run_alone(tmp_path, "whole", {})
    assert_same_run(tmp_path / "run", tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("process", [pytest.param(0, marks=pytest.mark.long), 1])
def test_if_one_raises_both_end_and_both_know_why(tmp_path, process):
    began = time.monotonic()
    run_two(tmp_path, "--steps", "1000000", FAULT=f"raise {process} 6", expect=(1, 1))
    assert time.monotonic() - began < 150  # start and compilation included
    for log in ("log.txt", "log-1.txt"):
        assert "the host is on fire" in (tmp_path / "run" / log).read_text(), log
    status = json.loads((tmp_path / "run/status.json").read_text())
    assert status["state"] == "failed"
    assert "the host is on fire" in status["why"]
    assert checkpoint.read(tmp_path / "run/checkpoints/4")


@pytest.mark.slow
@pytest.mark.parametrize("process", [pytest.param(0, marks=pytest.mark.long), 1])
def test_if_one_is_killed_the_other_ends_and_what_was_saved_is_sound(tmp_path, process):
    with two_processes(tmp_path, "--steps", "1000000") as processes:
        wait_for_step(processes, tmp_path, 9)  # step 8 is saved only after step 4 is on disk
        processes[process].kill()
        assert processes[1 - process].wait(timeout=60) not in (0, None)
    # JAX 0.10 may end the process before Python does, by a C++ error of its own: std::bad_cast.
    words = "another task died", "waits for process 1, which is busy or gone", "Gloo", "bad_cast"
    assert any(word in said(tmp_path) for word in words), said(tmp_path)
    steps = checkpoint.steps_in(tmp_path / "run/checkpoints")
    assert all(checkpoint.read(tmp_path / f"run/checkpoints/{step}") for step in steps)
    assert max(steps) >= 4
    result = tiny_process.run(tiny_process.TINY.replace(workdir=str(tmp_path / "run"), steps=max(steps) + 2))
    assert result.status == "done"


@pytest.mark.slow
def test_if_one_is_killed_in_a_save_the_other_does_not_blame_the_disk(tmp_path):
    with two_processes(tmp_path, FAULT="kill 1 8") as processes:
        assert processes[0].wait(timeout=200) not in (0, None)
    last = said(tmp_path)
    assert "cannot write a checkpoint" not in last
    assert any(
        sentence in last
        for sentence in (
            "waits for all processes to save step 8: one of them is busy or gone",
            "another process ended or cannot be reached",
            "another task died",  # JAX says so where a heartbeat is missed first
        )
    )
    assert checkpoint.steps_in(tmp_path / "run/checkpoints") == [4]
    assert checkpoint.read(tmp_path / "run/checkpoints/4")


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked", [pytest.param((0, 1), id="both", marks=pytest.mark.long), pytest.param((1,), id="one")]
)
def test_sigterm_saves_the_same_step_on_both(tmp_path, asked):
    options = ["--steps", "1000000", "--save-every", "1000000"]
    with two_processes(tmp_path, *options) as processes:
        wait_for_step(processes, tmp_path, 6)
        for i in asked:
            processes[i].send_signal(signal.SIGTERM)
        assert finish(processes, tmp_path, seconds=100) == [75, 75], said(tmp_path)
    (step,) = checkpoint.steps_in(tmp_path / "run/checkpoints")
    assert step >= 6
    for log in ("log.txt", "log-1.txt"):
        assert f"stopped at step {step:,}" in (tmp_path / "run" / log).read_text()
    status = json.loads((tmp_path / "run/status.json").read_text())
    assert (status["state"], status["step"]) == ("preempted", step)


@pytest.mark.slow
def test_each_process_draws_its_share_of_an_evaluation(tmp_path):
    run_two(tmp_path, "--steps", 4, "--evaluate-every", 4, "--evaluate-n", 600, EXTRACTOR="1", SHARE="1")
    for i in range(2):  # of three batches of 250
        assert "draws 500 of 600 images" in (tmp_path / f"said-{i}.txt").read_text()
    options = {"steps": 4, "evaluate_every": 4, "evaluate_n": 600}
    alone = run_alone(tmp_path, "alone", options, tiny_process.CORNERS)
    assert_same_run(tmp_path / "run", alone, step=4)
    rows = [workdir.read_rows(folder, name=evaluation.FILE) for folder in (tmp_path / "run", alone)]
    assert [row["step"] for row in rows[0]] == [4]
    for a, b in zip(*rows, strict=True):
        assert a["fid"] == pytest.approx(b["fid"], rel=1e-3)
    log = (tmp_path / "run/log-1.txt").read_text()
    assert f"evaluated step 4: fid {rows[0][-1]['fid']:.4g}" in log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "environment", "sentence"),
    [
        ([], {"OTHER_CODE": "1"}, "process 1 has another code than process 0 (0123, "),
        ([], {"OTHER_DATA": "1"}, "process 1 has another content than process 0 ("),
    ],
    ids=["code", "data"],
)
def test_processes_that_differ_are_refused_in_one_sentence(tmp_path, options, environment, sentence):
    run_two(tmp_path, expect=(2, 2), second=(options, environment))
    for i in range(2):
        lines = (tmp_path / f"said-{i}.txt").read_text().splitlines()
        errors = [line for line in lines if "Gloo" not in line]
        assert len(errors) == 1
        assert errors[0].startswith(f"error: {sentence}"), errors
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_folder_that_process_1_does_not_see_is_one_sentence_on_both(tmp_path):
    run_two(tmp_path, "--steps", 4, expect=(1, 2), second=(["--workdir", "elsewhere"], {}))
    sentence = "process 1 cannot write to --workdir elsewhere (No such file or directory): all processes need"
    assert f"error: {sentence}" in (tmp_path / "said-1.txt").read_text()
    first = (tmp_path / "said-0.txt").read_text()
    assert "error: process 1 failed: UserError: process 1 cannot write" in first
    assert "Traceback" not in first


@pytest.mark.long
def test_process_0_decides_when_it_is_good_enough(tmp_path):
    run_two(tmp_path, "--evaluate-every", 2, "--stop-at", "fid=1e9", "--evaluate-n", 20, EXTRACTOR="1")
    assert checkpoint.steps_in(tmp_path / "run/checkpoints") == [2]
    assert (tmp_path / "run/best/generator.safetensors").exists()
    for log in ("log.txt", "log-1.txt"):
        assert "done at step 2, as fid" in (tmp_path / "run" / log).read_text()


def test_one_process_agrees_with_itself():
    assert processes.gather({"steps": 3}) == [{"steps": 3}]
    assert processes.first("why") == "why"
    assert processes.is_first()
    with pytest.raises(KeyError), processes.fail_together():  # and nothing is ended
        raise KeyError


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"coordinator": "localhost:1"}, "go together, with `distributed`"),
        ({"distributed": True, "coordinator": "localhost:1", "num_processes": 2}, "go together"),
        ({"distributed": True, "devices": 2}, "`distributed` takes `devices` all and `parallel` auto"),
        ({"distributed": True, "parallel": "pmap"}, "`distributed` takes `devices` all and `parallel` auto"),
    ],
)
def test_who_is_who_is_said_in_full(options, what):
    with pytest.raises(UserError, match=what):
        Config(**options).check()


def test_what_keeps_processes_apart_comes_with_what_to_give(monkeypatch):
    def initialize(*arguments, **options):
        raise ValueError("coordinator_address should be defined.\nAnd more.")

    monkeypatch.setattr("jax.distributed.initialize", initialize)
    message = (
        "^`distributed`: coordinator_address should be defined. .give `coordinator`, `num_processes` and"
    )
    with pytest.raises(UserError, match=message):
        processes.join(None, None, None)


@pytest.mark.parametrize(
    ("everywhere", "sentence"),
    [
        (
            [{"seed": 0}, {"seed": 0}, {"seed": 1}],
            "process 2 has another seed than process 0 (1, 0): be alike",
        ),
        (
            [{"seed": 0}, {"seed": 0, "new": 3}],
            "process 1 has another new than process 0 (3, None): be alike",
        ),
    ],
)
def test_the_first_difference_between_processes_is_named(monkeypatch, everywhere, sentence):
    monkeypatch.setattr(processes, "gather", lambda facts: everywhere)
    with pytest.raises(UserError) as error:
        processes.require_same({}, cure="be alike")
    assert str(error.value) == sentence


def test_what_may_differ_between_processes_is_not_compared(monkeypatch):
    compared = []
    monkeypatch.setattr(processes, "gather", lambda facts: compared.append(facts) or [facts])
    processes.require_same({"seed": 0, "quiet": True}, but={"quiet"}, cure="")
    assert compared == [{"seed": 0}]


@pytest.mark.parametrize(
    ("count", "text", "is_lost"),
    [
        (2, "UNAVAILABLE: The following tasks are unhealthy (stopped sending heartbeats):\n1", True),
        (2, "Barrier timed out. Id: save:8", True),
        (2, "FAILED_PRECONDITION: Gloo all-reduce failed: Connection closed by peer", True),
        (2, "RESOURCE_EXHAUSTED: No space left on device", False),
        (1, "UNAVAILABLE: a file system that is not there", False),
    ],
)
def test_an_error_that_comes_of_another_process_is_told_from_others(monkeypatch, count, text, is_lost):
    monkeypatch.setattr("jax.process_count", lambda: count)
    error = processes.lost(OSError(text), " while a checkpoint was written")
    assert (error is not None) == is_lost
    if error is not None:
        assert str(error).startswith(
            "another process ended or cannot be reached while a checkpoint was written: its log may say why, "
            "and the same command goes on from the last whole checkpoint ("
        )
        assert "\n" not in str(error)


def test_a_long_wait_for_the_others_is_a_line_of_the_log(monkeypatch):
    lines = []
    monkeypatch.setattr(processes, "_logs", [lines.append])
    monkeypatch.setattr(processes, "PATIENCE_SECONDS", 0.01)
    for count in (1, 2):
        monkeypatch.setattr("jax.process_count", lambda count=count: count)
        with processes.waiting("waits for all processes to save step 8"):
            time.sleep(0.1 * count)
    assert lines == ["waits for all processes to save step 8: one of them is busy or gone"]


def test_a_coordinator_without_a_port_is_refused():
    for coordinator in ("host", "host:", "host:http", "host:70000"):
        with pytest.raises(UserError, match=f"`coordinator` is host:port, got {coordinator}"):
            processes.join(coordinator, 2, 0)


def test_a_port_that_is_taken_is_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} cannot be used .Address already in use."):
            processes.join(f"127.0.0.1:{port}", 2, 0)


@pytest.mark.slow
def test_processes_that_do_not_come_are_waited_for_no_longer_than_promised(run_program, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    (tmp_path / "alone.py").write_text(
        f"from jaxgan.system import processes\n"
        f"processes.JOIN_SECONDS = 3\n"
        f"processes.join('{coordinator}', 2, 0)\n"
    )
    result = run_program(tmp_path / "alone.py", cwd=tmp_path, expect=1)
    assert result.stderr.startswith(
        f"error: --distributed: the 2 processes have not all found {coordinator} within 3 s: start each"
    )
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.slow
def test_without_a_cluster_it_says_what_to_give(run_program, tmp_path):
    result = run_program(PROGRAM, "--distributed", cwd=tmp_path, expect=2)
    assert "give --coordinator, --num-processes and --process-id" in result.stderr
    assert len(result.stderr.splitlines()) == 1
