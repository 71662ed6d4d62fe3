"""Rows 1, 2, 3, 8 and 10: real processes, real signals."""

import json
import os
import random
import signal
import socket
import time
from functools import partial

import numpy as np
import orbax.checkpoint as ocp
import pytest

from jaxgan import features, parallel, train
from jaxgan.run import evaluation_plan
from jaxgan.run.checkpoint import Checkpoints, read, steps_in
from jaxgan.run.workdir import Workdir
from jaxgan.system.errors import UserError
from tiny_runs import run_to_end, started, tiny, train_tiny

RUN = ["--log-every", "1", "--save-every", "3", "--sample-every", "50"]


def saved_leaves(run, step):
    """Every leaf of a checkpoint by name, read by Orbax alone."""
    leaves = ocp.StandardCheckpointer().restore(run.resolve() / f"checkpoints/{step}/state")
    return {name: np.asarray(leaf) for name, leaf in leaves.items()}


@pytest.mark.parametrize(
    ("kills", "steps"),
    [pytest.param(2, 30, marks=pytest.mark.slow), pytest.param(20, 150, marks=pytest.mark.long)],
)
def test_killed_at_any_moment_a_run_ends_with_the_same_bits(tmp_path, kills, steps):
    """A checkpoint is being written most of the time; the first kill comes before there is one."""
    to_the_end = [*RUN, "--steps", steps]
    run_to_end(tmp_path, "--workdir", "whole", *to_the_end)
    run = tmp_path / "run"
    generator = random.Random(kills)
    done = 0
    while done < kills:
        with started(tmp_path, "--workdir", "run", *to_the_end) as process:
            process.wait_for("at step")
            if done == 0:
                with pytest.raises(
                    UserError, match=f"in use by process {process.pid} on {socket.gethostname()}"
                ):
                    Workdir(run, {})
            else:
                saved = max(steps_in(run / "checkpoints"), default=0)
                process.wait_for(f"goes on at step {saved}" if saved else "starts at step 0")
                time.sleep(generator.uniform(0, 3))
            process.send_signal(signal.SIGKILL)
            done += 1
    (run / ".status.77.tmp.json").write_text("{")  # of somebody who was killed while writing it
    run_to_end(tmp_path, "--workdir", "run", *to_the_end)
    one, other = saved_leaves(tmp_path / "whole", steps), saved_leaves(run, steps)
    assert one.keys() == other.keys()
    assert all(leaf.tobytes() == other[name].tobytes() for name, leaf in one.items())
    assert (run / "metrics.jsonl").read_bytes() == (tmp_path / "whole/metrics.jsonl").read_bytes()
    assert not [path for path in run.rglob("*") if "tmp" in path.name]
    assert len(list((run / "checkpoints").iterdir())) == 3


CORNERS = features.from_function(
    "corners", lambda images: images[:, ::3, ::3, 0].reshape(len(images), -1), hash="1"
)


@pytest.mark.parametrize(
    "moment",
    [
        "save",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("compile", "sample", "evaluation", "publish")
        ),
    ],
)
def test_sigterm_at_any_time_saves_the_present_step(tmp_path, moment, monkeypatch):
    owner, name = {
        "compile": (parallel, "compile_run"),
        "sample": (train.Recorder, "draw"),
        "evaluation": (evaluation_plan, "measure"),
        "save": (Checkpoints, "save"),
        "publish": (train.Recorder, "publish"),
    }[moment]
    true = getattr(owner, name)

    def interrupted(*inputs, **options):
        monkeypatch.setattr(owner, name, true)
        os.kill(os.getpid(), signal.SIGTERM)
        return true(*inputs, **options)

    monkeypatch.setattr(owner, name, interrupted)
    watched = {"evaluate_every": 6, "evaluate_n": 20} if moment == "evaluation" else {}
    again = partial(train_tiny, extractor=CORNERS)
    result = again(tiny(tmp_path / "run", steps=400, **watched))
    assert result.status == "preempted"
    step = int(result.state.step)
    assert step in steps_in(result.workdir / "checkpoints")
    read(result.workdir / f"checkpoints/{step}")
    status = json.loads((result.workdir / "status.json").read_text())
    assert status == {"state": "preempted", "step": step, "why": "SIGTERM"}
    assert again(tiny(tmp_path / "run", steps=step + 2, **watched)).status == "done"


HANGS = """
import time
from jaxgan import train
from jaxgan.config import Config
train.Recorder.publish = lambda *_: (print("hangs", flush=True), time.sleep(100))
train.main(Config(penalty="r1"), "A run whose end hangs.")
"""


@pytest.mark.slow
def test_one_signal_ends_with_75_and_a_second_one_at_once(tmp_path):
    program = tmp_path / "hangs.py"
    program.write_text(HANGS)
    with started(tmp_path, "--workdir", "run", "--log-every", "1", program=program) as process:
        process.wait_for("step 3/")
        process.send_signal(signal.SIGTERM)
        process.wait_for("hangs")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == -signal.SIGTERM
    with started(tmp_path, "--workdir", "run", "--log-every", "1") as process:
        process.wait_for("goes on at step")  # the save had begun, and ended
        process.wait_for("it/s")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 75


@pytest.mark.parametrize("error", [RuntimeError("the cause"), pytest.param(None, marks=pytest.mark.slow)])
def test_what_was_saved_is_durable_whatever_comes_next(tmp_path, error, monkeypatch):
    """An exception, or the end of the program, right after an asynchronous save has begun."""

    def publish(recorder, step, networks):
        if error is not None:
            raise error

    monkeypatch.setattr(train.Recorder, "publish", publish)
    if error is None:
        train_tiny(tiny(tmp_path / "run", steps=4))
    else:
        with pytest.raises(RuntimeError, match="the cause"):
            train_tiny(tiny(tmp_path / "run"))
    assert steps_in(tmp_path / "run/checkpoints") == [4]
    assert int(read(tmp_path / "run/checkpoints/4")["step"]) == 4


@pytest.mark.slow
def test_another_number_of_devices_goes_on_with_the_same_batches(tmp_path):
    """8, then 2 devices, beside one, all of which share the batches."""
    options = ["--log-every", "1", "--save-every", "100", "--sample-every", "100"]
    for devices, steps in ((8, 20), (2, 40)):
        flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
        said = run_to_end(tmp_path, "--workdir", "run", *options, "--steps", steps, environment=flags)
    assert "goes on at step 20" in said
    assert "on 2 x cpu" in said
    run_to_end(tmp_path, "--workdir", "whole", *options, "--steps", 40)
    rows = [
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("run", "whole")
    ]
    assert [row["step"] for row in rows[0]] == list(range(1, 41))
    for one, other in zip(*rows, strict=True):
        np.testing.assert_allclose(list(one.values()), list(other.values()), rtol=1e-4, atol=1e-5)
