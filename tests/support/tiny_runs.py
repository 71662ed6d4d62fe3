"""A tiny run, in this process or in one of its own that can be killed."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from jaxgan import train
from jaxgan.config import Config
from jaxgan.networks import mlp
from pictures import forty_pictures

PICTURES = forty_pictures(4, 4, 1)
DIGITS = Path(__file__).parents[2] / "experiments/digits_mlp.py"


def tiny(workdir, **options):
    """Return the config of a run of 12 steps that saves every 4."""
    small = {"steps": 12, "batch_size": 8, "latent_dim": 5}
    intervals = {"log_every": 1, "sample_every": 6, "save_every": 4}
    return Config(workdir=str(workdir), **{**small, **intervals, **options})


def train_tiny(config, **own):
    """Run it in this process, with networks that compile fast."""
    small = {"generator": mlp.Generator((4, 4, 1), (8,)), "discriminator": mlp.Discriminator((8,))}
    return train.run(config, dataset=PICTURES, **{**small, **own})


@contextlib.contextmanager
def started(folder, *options, program=DIGITS, environment=(), shell=""):
    """Start a digits run as a user would; what is left of it at the end is killed.

    ``process.said()`` is what it has printed, ``process.wait_for(text)`` returns when it has printed that.
    """
    command = [sys.executable, str(program), "--batch-size", "8", *map(str, options)]
    if shell:
        command = ["bash", "-c", f'{shell}; exec "$@"', "bash", *command]
    kept = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "PYTHONWARNINGS")}
    log = folder / f"said-{time.monotonic_ns()}.txt"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=folder, env={**kept, **dict(environment)}, stdout=out, stderr=subprocess.STDOUT
        )

    def wait_for(text, seconds=200):
        deadline = time.monotonic() + seconds
        while text not in log.read_text() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert text in log.read_text(), log.read_text()

    process.said, process.wait_for = log.read_text, wait_for
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def run_to_end(folder, *options, expect=0, seconds=300, **how):
    """Return what a digits run says until it ends."""
    with started(folder, *options, **how) as process:
        code = process.wait(timeout=seconds)
        assert code == expect, process.said()
        return process.said()


def files_of(folder):
    """Return what is in each file under a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
