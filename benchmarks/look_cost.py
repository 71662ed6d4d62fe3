"""What looking for trouble costs: a look of `jaxgan.diagnostics`, against the steps between two looks.

python benchmarks/look_cost.py

Rounds of steps without a look and looks take turns, so that what else the machine does meets both; medians.
`jaxgan` looks every 200 steps. Prints the share of each network, and the time to compile a look.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgan import build, data, parallel
from jaxgan.config import Config
from jaxgan.run.diagnosis import Monitor
from jaxgan.run.recorder import Recorder
from jaxgan.run.workdir import Workdir

CONFIGS = {
    "digits_mlp": Config(),
    "digits_dcgan": Config(network="dcgan", width=32, batch_size=64),
    "dcgan_28": Config(network="dcgan", width=32, batch_size=64, image_size="28"),
}
EVERY = Config().diagnose_every or 200


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds that some work takes, results included."""
    start = time.perf_counter()
    jax.block_until_ready(work())
    return time.perf_counter() - start


def share(config: Config, rounds: int, steps: int) -> str:
    """Return a line on what looks cost a network."""
    config = build.check(config.replace(quiet=True, progress=False))
    dataset = build.dataset(config)
    experiment = build.experiment(config, dataset)
    arrays = {"image": dataset.images}
    batch_at = partial(data.batch_at, seed=0, batch_size=config.batch_size)
    key = jax.random.key(0)
    state = experiment.init(key)
    run = parallel.compile_run(experiment.step, batch_at, state, jax.device_put(arrays), key)
    resident = jax.device_put(arrays)
    with tempfile.TemporaryDirectory() as folder, Workdir(Path(folder) / "run", {}) as workdir:
        recorder = Recorder(workdir, config, dataset, experiment, key=key, start=0)
        monitor = Monitor(config, dataset, experiment, workdir, recorder, key=key, start=0)

        def look() -> None:
            for work in monitor.look(EVERY, state):
                work()  # waits for the numbers, judges them, writes them down

        compiling = timed(look)
        state, _ = run(state, resident, key, steps)
        between, looks = [], []
        for _ in range(rounds):
            start = time.perf_counter()
            state, metrics = run(state, resident, key, steps)
            jax.block_until_ready(metrics)
            between.append((time.perf_counter() - start) * EVERY / steps)
            looks.append(timed(look))
    cost, work = statistics.median(looks), statistics.median(between)
    shares = np.array(looks) / np.array(between)
    return (
        f"{1e3 * cost:7.1f} ms a look, {1e3 * work / EVERY:7.2f} ms a step: {cost / work:.2%} of {EVERY} "
        f"steps (rounds {shares.min():.2%} to {shares.max():.2%}); first look {compiling:.1f} s"
    )


def main() -> None:
    """Measure every network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, help="of steps and looks in turn")
    parser.add_argument("--steps", type=int, default=50, help="between two looks of the measurement")
    chosen = parser.parse_args()
    print(f"{jax.devices()[0].device_kind}, jax {jax.__version__}")
    for name, config in CONFIGS.items():
        print(f"{name:<14}{share(config, chosen.rounds, chosen.steps)}", flush=True)


if __name__ == "__main__":
    main()
