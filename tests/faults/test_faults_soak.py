"""Row 16: nothing grows. `JAXGAN_SOAK_SECONDS=1800 pytest -n 0 -s -m long tests/faults/test_faults_soak.py`."""

import json
import os

import numpy as np
import pytest

from tiny_runs import run_to_end

SECONDS = int(os.environ.get("JAXGAN_SOAK_SECONDS", "240"))
MOST_MB_A_MINUTE = 1 if SECONDS >= 1800 else 60  # memory still settles
SAVE_EVERY = 1000 if SECONDS >= 1800 else 100  # the default

SOAK = """
import gc, json, os, signal, sys, threading, time
import jax
from jaxgan import train
from jaxgan.config import Config

seconds, compiled, rows = float(os.environ["SECONDS"]), [0], []
jax.monitoring.register_event_duration_secs_listener(
    lambda name, *_, **__: name == "/jax/core/compile/backend_compile_duration" and compiled.__setitem__(0, compiled[0] + 1)
)

def watch():
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        time.sleep(min(1, seconds / 60))
        resident = int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        rows.append([time.monotonic() - began, resident, len(os.listdir("/proc/self/fd")), compiled[0],
                     threading.active_count()])
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=watch, daemon=True).start()
try:
    train.main(Config(steps=10**7, image_size=28, penalty="r1", conditional=True, keep=2, tensorboard=True, log_every=20,
                      sample_every=100, save_every=int(os.environ["SAVE_EVERY"]), evaluate_every=5 * int(os.environ["SAVE_EVERY"]),
                      evaluate_n=500, quiet=True), "Soak.")
finally:
    json.dump(rows, open("rows.json", "w"))
"""


@pytest.mark.long
def test_memory_handles_threads_and_compilations_stay_as_they_are(tmp_path):
    program = tmp_path / "soak.py"
    program.write_text(SOAK)
    environment = {"SECONDS": str(SECONDS), "SAVE_EVERY": str(SAVE_EVERY)}
    environment["MALLOC_ARENA_MAX"] = "2"  # else each thread keeps what it frees
    run_to_end(
        tmp_path,
        "--workdir",
        "run",
        program=program,
        environment=environment,
        expect=75,
        seconds=SECONDS + 300,
    )
    rows = np.array(json.loads((tmp_path / "rows.json").read_text()))
    late = rows[rows[:, 0] > SECONDS / 2]  # a minute or two pass before all has happened once
    slope = np.polyfit(late[:, 0] / 60, late[:, 1] / 1e6, 1)[0]
    step = json.loads((tmp_path / "run/status.json").read_text())["step"]
    print(
        f"{SECONDS} s, {step} steps, {step // SAVE_EVERY} saves, {step // 100} grids: {slope:+.2f} MB a minute at "
        f"{late[-1, 1] / 1e6:.0f} MB, {late[0, 2]:.0f} to {late[-1, 2]:.0f} file handles, "
        f"{late[-1, 3]:.0f} compilations"
    )
    assert step >= 1000  # grids were among it, and in the short run saves and evaluations
    assert slope < MOST_MB_A_MINUTE
    assert np.ptp(late[:, 2]) <= 20  # a save opens some
    assert np.median(late[-5:, 2]) <= np.median(late[:5, 2]) + 10
    assert late[0, 3] == late[-1, 3]  # everything was compiled once
    assert np.median(late[-5:, 4]) <= np.median(late[:5, 4]) + 5
