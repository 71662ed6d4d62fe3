"""What safety costs: saves, fingerprints and NaN checks as shares of the time of training.

python benchmarks/fault_cost.py

A run keeps a NaN of any step in its metrics, and saves every 1,000 steps. The NaN checks are compared with a
loop that has none. The two loops and the saves are timed in turns, so that other load on the machine slows
all of them alike.
"""

import argparse
import copy
import math
import statistics
import tempfile
from functools import partial
from pathlib import Path
from timeit import timeit
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan import build
from jaxgan.config import Config
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.run.checksums import describe, not_finite
from jaxgan.state import named_leaves
from tables import Table
from training import Training

CONFIGS = {
    "digits_mlp": Config(penalty="r1"),
    "mlp_28": Config(image_size=28),
    "digits_dcgan": Config(network="dcgan", width=32, batch_size=64),
}
TRIED = 50  # steps that show how many steps a second has
HEADING = ("network", "ms/step", "NaN checks", "quartiles", "a save", "its fingerprints", "ms")


def without_checks(checked: Training) -> Training:
    """Return the same training, whose loop does not keep a NaN of an earlier step in the metrics.

    The loop has the form that `jaxgan.parallel.compile_run` chose: one program, or calls of single steps.
    """
    step, batch_at = checked.experiment.step, checked.batch_at

    def one(state: Any, arrays: Any, key: Any) -> Any:
        return step(state, batch_at(arrays, state.step), key)

    def loop(state: Any, arrays: Any, key: Any, n: Any) -> Any:
        shapes = jax.eval_shape(one, state, arrays, key)[1]
        blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        return jax.lax.fori_loop(0, n, lambda _, carry: one(carry[0], arrays, key), (state, blank))

    def calls(state: Any, arrays: Any, key: Any, n: int) -> Any:
        metrics = None
        for _ in range(n):
            state, metrics = single(state, arrays, key)
        return state, metrics

    plain = copy.copy(checked)
    plain.state = checked.experiment.init(jax.random.key(0))
    inputs = plain.state, plain.arrays, plain.key
    if isinstance(checked.loop, jax.stages.Compiled):
        plain.loop = jax.jit(loop, donate_argnums=0).lower(*inputs, 1).compile()
    else:
        single = jax.jit(one, donate_argnums=0).lower(*inputs).compile()
        plain.loop = calls
    return plain


def measure(name: str, config: Config, steps: int | None, repetitions: int) -> list[str]:
    """Return a network's row of the table.

    Args:
        name: the network's name.
        config: the network's settings.
        steps: steps that are timed at once; None for as many as a second has.
        repetitions: number of turns.
    """
    checked = Training(config.check(), build.dataset(config))
    plain = without_checks(checked)
    if steps is None:
        plain.seconds(TRIED)  # warms up
        steps = min(config.save_every, math.ceil(TRIED / plain.seconds(TRIED)))

    def save(checkpoints: Checkpoints, step: int) -> None:
        checkpoints.save(step, checked.state)
        checked.advance(steps)
        checkpoints.wait()  # a save that goes on after these steps counts in full

    def mark() -> None:
        leaves = named_leaves(checked.state)
        describe(leaves)
        not_finite(leaves)

    times: dict[str, list[float]] = {"plain": [], "checked": [], "saving": [], "marks": []}
    with tempfile.TemporaryDirectory() as folder, Checkpoints(Path(folder)) as checkpoints:
        for i in range(repetitions + 1):
            times["plain"].append(plain.seconds(steps))
            times["checked"].append(checked.seconds(steps))
            times["saving"].append(timeit(partial(save, checkpoints, i), number=1))
            times["marks"].append(timeit(mark, number=1))
    times = {kind: seconds[1:] for kind, seconds in times.items()}  # the first turn warms up
    training, marks = statistics.median(times["plain"]), statistics.median(times["marks"])
    ratios = [after / before - 1 for before, after in zip(times["plain"], times["checked"], strict=True)]
    low, checks, high = (100 * value for value in statistics.quantiles(ratios, n=4))
    saving = statistics.median(b - a for a, b in zip(times["checked"], times["saving"], strict=True))
    between_saves = training * config.save_every / steps  # seconds
    return [
        name,
        f"{1e3 * training / steps:.2f}",
        f"{checks:+.2f} %",
        f"{low:+.2f} .. {high:+.2f}",
        f"{100 * saving / between_saves:+.2f} %",
        f"{100 * marks / between_saves:.2f} %",
        f"{1e3 * marks:.0f}",
    ]


def main() -> None:
    """Measure every network and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, help="steps that are timed at once (as many as a second has)")
    parser.add_argument("--only", choices=CONFIGS, help="measure one network")
    parser.add_argument("--repetitions", type=int, default=15, help="number of turns (%(default)s)")
    arguments = parser.parse_args()
    table = Table(HEADING, names=CONFIGS)
    for name in [arguments.only] if arguments.only else CONFIGS:
        table.add(measure(name, CONFIGS[name], arguments.steps, arguments.repetitions))


if __name__ == "__main__":
    main()
