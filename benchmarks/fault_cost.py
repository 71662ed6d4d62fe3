"""What safety costs: saves, fingerprints and NaN checks as shares of the step time, ratios within one run.

python benchmarks/fault_cost.py

The default settings save every 1,000 steps. A share is what one save, or the checks of 1,000 steps, add to
the time of 1,000 steps; both are timed by turns, so that what else the machine does falls on either.
"""

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax

from jaxgan import build, data, parallel
from jaxgan.config import Config
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.run.checksums import describe, not_finite
from jaxgan.state import named_leaves

CONFIGS = {
    "digits_mlp": Config(penalty="r1"),
    "mlp_28": Config(image_size="28"),
    "digits_dcgan": Config(network="dcgan", width=32, batch_size=64),
}


TRIED = 50  # steps, to find out how many a second has


def seconds(work: Callable[[], Any]) -> float:
    """Return how long a call takes, its results included."""
    began = time.perf_counter()
    jax.block_until_ready(jax.tree.leaves(work()))
    return time.perf_counter() - began


def compiled(config: Config, *, checked: bool) -> tuple[Callable[..., Any], Any, Any, jax.Array]:
    """Return the loop of a run with or without what keeps a NaN in sight, and its first inputs."""
    dataset = build.dataset(config)
    experiment = build.experiment(config, dataset)
    key = jax.random.key(0)
    keep = parallel.loops._keep_not_finite
    parallel.loops._keep_not_finite = keep if checked else lambda earlier, later: later
    arrays = jax.device_put({"image": dataset.images})
    batch_at = partial(data.batch_at, seed=0, batch_size=config.batch_size)
    run = parallel.compile_run(experiment.step, batch_at, experiment.shapes, arrays, key)
    parallel.loops._keep_not_finite = keep
    return run, experiment.init(key), arrays, key


def _advance(loops: dict[bool, Any], states: dict[bool, Any], checked: bool, n: int) -> Any:
    run, _, arrays, key = loops[checked]
    states[checked], metrics = run(states[checked], arrays, key, n)
    return metrics


def measure(name: str, config: Config, steps: int | None, repetitions: int) -> None:
    """Print a line of ratios; `steps` stand for the 1,000 between two saves (None: a second's)."""
    loops = {checked: compiled(config, checked=checked) for checked in (False, True)}
    states = {checked: loop[1] for checked, loop in loops.items()}
    if steps is None:
        tried = [seconds(lambda: _advance(loops, states, False, TRIED)) for _ in range(2)]
        steps = min(config.save_every, math.ceil(TRIED / tried[1]))
    share = steps / config.save_every
    times: dict[str, list[float]] = {"plain": [], "checked": [], "saving": [], "marks": []}

    advance = partial(_advance, loops, states, n=steps)

    def save(checkpoints: Checkpoints, step: int) -> Any:
        checkpoints.save(step, states[True])
        metrics = advance(True)
        jax.block_until_ready(metrics)
        checkpoints.wait()  # what is not written by then counts in full
        return metrics

    def mark(state: Any) -> Any:
        return describe(named_leaves(state)), not_finite(named_leaves(state))

    with tempfile.TemporaryDirectory() as folder, Checkpoints(Path(folder)) as checkpoints:
        for i in range(repetitions + 1):
            row = {
                "plain": seconds(lambda: advance(False)),
                "checked": seconds(lambda: advance(True)),
                "saving": seconds(partial(save, checkpoints, i)),
                "marks": seconds(lambda: mark(states[True])),
            }
            for kind, taken in row.items():
                times[kind].append(taken)
    times = {kind: taken[1:] for kind, taken in times.items()}  # the first warms up
    plain = statistics.median(times["plain"])
    ratios = [b / a - 1 for a, b in zip(times["plain"], times["checked"], strict=True)]
    low, checks, high = (100 * value for value in statistics.quantiles(ratios, n=4))
    saving = statistics.median(b - a for a, b in zip(times["checked"], times["saving"], strict=True))
    marks = statistics.median(times["marks"])
    per_save = plain / share  # the time of the steps between two saves
    print(
        f"{name:<16}{1e3 * plain / steps:8.2f} ms a step; "
        f"NaN checks {checks:+.2f} % ({low:+.2f} .. {high:+.2f}); "
        f"a save {100 * saving / per_save:+.2f} %, of that fingerprints {100 * marks / per_save:.2f} % "
        f"({1e3 * marks:.0f} ms)",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, help="steps that are timed at a time; a second's if not given")
    parser.add_argument("--only", choices=CONFIGS, help="one of the lines")
    parser.add_argument("--repetitions", type=int, default=15)
    arguments = parser.parse_args()
    for name in [arguments.only] if arguments.only else CONFIGS:
        measure(name, CONFIGS[name], arguments.steps, arguments.repetitions)
