"""What the looks for trouble cost (`jaxgan.run.diagnosis`), as a share of the steps between two looks.

python benchmarks/look_cost.py

A run looks every 200 steps. Rounds of steps and looks take turns, so that other load on the machine slows
both alike. The table has medians over the rounds.
"""

import argparse
import tempfile
from pathlib import Path
from timeit import timeit

import jax
import numpy as np

from jaxgan import build
from jaxgan.config import Config
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.run.diagnosis import Diagnosis
from jaxgan.run.keys import run_keys
from jaxgan.run.recorder import Recorder
from jaxgan.run.run import Run
from jaxgan.run.workdir import Workdir
from jaxgan.system.signals import Preemption
from tables import Table
from training import Training

CONFIGS = {
    "digits_mlp": Config(),
    "digits_dcgan": Config(network="dcgan", width=32, batch_size=64),
    "dcgan_28": Config(network="dcgan", width=32, batch_size=64, image_size=28),
}
EVERY = Config().diagnose_every or 200
HEADING = ("network", "ms/look", "ms/step", f"share of {EVERY} steps", "rounds", "first look s")


def measure(name: str, config: Config, rounds: int, steps: int) -> list[str]:
    """Return a network's row of the table.

    Args:
        name: the network's name.
        config: the network's settings.
        rounds: number of rounds.
        steps: steps of a round.
    """
    config = config.replace(quiet=True, progress=False).check()
    dataset = build.dataset(config)
    training = Training(config, dataset)
    with (
        tempfile.TemporaryDirectory() as path,
        Workdir(Path(path) / "run", {}) as folder,
        Checkpoints(folder.path / "checkpoints") as checkpoints,
    ):
        keys = run_keys(config.seed)
        run = Run(config, dataset, training.experiment, folder, checkpoints, Preemption(), keys, None)
        with Recorder(run, start=0) as recorder:
            diagnosis = Diagnosis(run, recorder, start=0)

            def look() -> None:
                for work in diagnosis.look(EVERY, training.state):
                    work()  # waits for the numbers, judges them, and writes them down

            first = timeit(look, number=1)  # compiles
            training.advance(steps)
            between, looks = [], []
            for _ in range(rounds):
                between.append(training.seconds(steps) * EVERY / steps)
                looks.append(timeit(look, number=1))
    shares = 100 * np.array(looks) / np.array(between)
    return [
        name,
        f"{1e3 * np.median(looks):.1f}",
        f"{1e3 * np.median(between) / EVERY:.2f}",
        f"{100 * np.median(looks) / np.median(between):.2f} %",
        f"{shares.min():.2f} .. {shares.max():.2f}",
        f"{first:.1f}",
    ]


def main() -> None:
    """Measure every network and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, help="rounds of steps and a look (%(default)s)")
    parser.add_argument("--steps", type=int, default=50, help="steps of a round (%(default)s)")
    arguments = parser.parse_args()
    print(f"{jax.devices()[0].device_kind}, jax {jax.__version__}\n")
    table = Table(HEADING, names=CONFIGS)
    for name in CONFIGS:
        table.add(measure(name, CONFIGS[name], arguments.rounds, arguments.steps))


if __name__ == "__main__":
    main()
