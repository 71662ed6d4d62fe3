"""Runs an hour: many GANs in one program, beside a Python loop over single runs and a process for each run.

python benchmarks/populations.py

benchmarks/README.md explains the method, and has figures.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from timeit import timeit
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from inputs import made_images
from jaxgan import build, data, parallel
from jaxgan.config import Config
from jaxgan.data import Dataset
from jaxgan.run.workdir import environment
from jaxgan.state import GANState
from jaxgan.step import Batch, Step
from jaxgan.sweep.settings import read_config
from jaxgan.system.errors import UserError, choose, exits
from jaxgan.system.files import write_json
from jaxgan.system.limits import require_devices
from step_time import Parser, commit
from tables import Table, spread
from timing import Work, measure

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
QUICK = {"members": [1, 2], "repetitions": 2, "seconds": 0.02, "images": 1000}
RING = Config(  # the settings of experiments/ring.py
    data="ring",
    network="mlp",
    hidden=(128, 128, 128, 128),
    latent_dim=2,
    loss="relativistic",
    penalty="r1_r2",
    penalty_weight=0.002,
    steps=8000,
    batch_size=256,
    generator_learning_rate=4e-3,
    discriminator_learning_rate=4e-3,
    learning_rate_schedule="cosine",
    decay_steps=8000,
    beta1=0.0,
    beta2=0.9,
)


class Workload(NamedTuple):
    """One experiment, in the parts that all ways of running it need.

    Attributes:
        init: ``key -> state``.
        step: the train step.
        batch_at: ``(arrays, step, seed) -> batch``.
        arrays: the data set's arrays on the device.
        steps: number of steps of a whole run.
        batch_size: number of real images of a step.
    """

    init: Callable[[jax.Array], GANState]
    step: Step
    batch_at: Callable[[Any, jax.Array, jax.Array], Batch]
    arrays: Any
    steps: int
    batch_size: int


def workload(config: Config, dataset: Dataset) -> Workload:
    """Return the workload of an experiment's settings and data."""
    config = config.check()
    experiment = build.experiment(config, dataset)

    def batch_at(arrays: Any, step: jax.Array, seed: jax.Array) -> Batch:
        return data.batch_at(arrays, step, seed=seed, batch_size=config.images_per_step)

    arrays = jax.device_put(experiment.arrays)
    return Workload(experiment.init, experiment.step, batch_at, arrays, config.steps, config.images_per_step)


def pictures(script: str, shape: tuple[int, ...], images: int) -> Workload:
    """Return an experiment on so many random images."""
    return workload(read_config(EXPERIMENTS / script), made_images(images, shape))


WORKLOADS: dict[str, Callable[[int], Workload]] = {
    "ring": lambda images: workload(RING, data.load("ring")),
    "digits": lambda images: pictures("digits_mlp.py", (8, 8, 1), min(images, 1797)),
    "mnist": lambda images: pictures("mnist_mlp.py", (28, 28, 1), images),
}


def parse(args: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--workloads", nargs="+", default=[*WORKLOADS], metavar="NAME", help=f"any of {', '.join(WORKLOADS)}")
    add("--members", nargs="+", type=int, default=[1, 8, 64], metavar="K", help="runs side by side (1 8 64)")
    add("--processes", type=int, metavar="N", help="processes at the same time (as many as cores)")
    add("--repetitions", type=int, default=5, metavar="N", help="repetitions of a measurement (%(default)s)")
    add("--seconds", type=float, default=2.0, metavar="S", help="length of a repetition (about %(default)s)")
    add("--images", type=int, default=60_000, metavar="N", help="images in the data set (%(default)s)")
    add("--quick", action="store_true", help="a trial: few members, short repetitions")
    add("--json", type=Path, metavar="FILE", help="write the machine, all settings and every repetition")
    add("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args(args)
    if arguments.quick:
        vars(arguments).update(QUICK)
    arguments.workloads = [
        choose("workloads", name, WORKLOADS) for name in dict.fromkeys(arguments.workloads)
    ]
    arguments.processes = (os.cpu_count() or 1) if arguments.processes is None else arguments.processes
    for name in ("members", "processes", "repetitions"):
        if np.min(getattr(arguments, name)) < 1:
            raise UserError(f"--{name} must be at least 1, got {getattr(arguments, name)}")
    if arguments.images < 128:
        raise UserError(f"--images must be at least a batch, 128, got {arguments.images}")
    if not (math.isfinite(arguments.seconds) and arguments.seconds > 0):
        raise UserError(f"--seconds must be a positive number, got {arguments.seconds}")
    if arguments.json and (arguments.json.is_dir() or not arguments.json.absolute().parent.is_dir()):
        raise UserError(f"--json must be a file in a folder that exists, got {arguments.json}")
    return arguments


def population(workload: Workload, members: int) -> tuple[Work, float]:
    """Return the training of all members in one program, and the seconds of compiling it."""
    devices = jax.devices()[: math.gcd(members, jax.device_count())]
    mesh = parallel.batch_mesh(devices)
    each, whole = NamedSharding(mesh, PartitionSpec(parallel.AXIS)), parallel.whole(mesh)
    seeds = jnp.arange(members, dtype=jnp.uint32)
    state = parallel.init_population(workload.init, seeds)
    state = jax.device_put(state, jax.tree.map(lambda _: each, state).replace(step=whole))
    seeds, arrays = jax.device_put((seeds, workload.arrays), (each, whole))
    run = parallel.population(lambda hyper: workload.step, workload.batch_at, mesh)
    began = time.perf_counter()
    compiled = run.lower(None, state, arrays, seeds, 1).compile()
    seconds = time.perf_counter() - began
    return _work(workload, state, lambda state, n: compiled(None, state, arrays, seeds, n)), seconds


def single(workload: Workload) -> tuple[Work, float]:
    """Return the training of one run, whose program serves every seed, and the seconds of compiling it."""

    def batch_at(seeded: Any, step: jax.Array) -> Batch:
        return workload.batch_at(seeded[0], step, seeded[1])

    key, seeded = jax.random.key(0), (workload.arrays, jnp.uint32(0))
    state = workload.init(key)
    began = time.perf_counter()
    compiled = parallel.scan(workload.step, batch_at).lower(state, seeded, key, 1).compile()
    seconds = time.perf_counter() - began
    return _work(workload, state, lambda state, n: compiled(state, seeded, key, n)), seconds


def _work(workload: Workload, state: Any, run: Callable[[Any, int], Any]) -> Work:
    def advance(steps: int) -> None:
        nonlocal state
        state, metrics = run(state, steps)
        jax.block_until_ready((state, metrics))

    return Work(workload.batch_size, lambda steps: timeit(partial(advance, steps), number=1))


def worker(name: str, arguments: argparse.Namespace) -> None:
    """Be one process of many: compile, print "ready", wait for a line, and train for a while."""
    work, _ = single(WORKLOADS[name](arguments.images))
    work.seconds(1)
    print("ready", flush=True)
    sys.stdin.readline()
    result = measure({name: work}, repetitions=arguments.repetitions, seconds=arguments.seconds)[name]
    print(json.dumps(result["batches_per_second"]), flush=True)


def processes(name: str, count: int, arguments: argparse.Namespace, cache: Path) -> tuple[float, list[float]]:
    """Return the seconds until `count` processes have all taken a step, and the steps a second of each."""
    command = [sys.executable, __file__, "--worker", name]
    for option in ("repetitions", "seconds", "images"):
        command += [f"--{option}", str(getattr(arguments, option))]
    environ = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache), "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    environ |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    began = time.perf_counter()
    started = [
        subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    rates = []
    try:
        for process in started:
            process.stdout.readline()  # pyrefly: ignore
        seconds = time.perf_counter() - began
        for process in started:
            process.stdin.write("go\n")  # pyrefly: ignore
            process.stdin.flush()  # pyrefly: ignore
        for process in started:
            rates.append(json.loads(process.stdout.readline()))  # pyrefly: ignore
    except ValueError as error:
        raise UserError(f"one of {count} processes for {name} failed: see above") from error
    finally:
        for process in started:
            process.kill()
            process.wait()
    return seconds, np.mean(rates, axis=0).tolist()


def compare(name: str, arguments: argparse.Namespace, cache: Path) -> list[dict[str, Any]]:
    """Measure one workload in all ways, and return a result for each way and number of members."""
    workload = WORKLOADS[name](arguments.images)
    alone, compile_seconds = single(workload)
    works, compiled = {"loop": alone}, {"loop": compile_seconds}
    for k in arguments.members:
        works[str(k)], compiled[str(k)] = population(workload, k)
    rates = measure(works, repetitions=arguments.repetitions, seconds=arguments.seconds)
    del works, alone
    counts = sorted({min(k, arguments.processes) for k in arguments.members})
    processes(name, 1, arguments, cache)  # fills the compilation cache, as a first run does
    beside = {count: processes(name, count, arguments, cache) for count in counts}

    rows = []
    for k in arguments.members:
        count = min(k, arguments.processes)
        waves, (start, each) = -(-k // count), beside[count]
        ways = {
            "population": (compiled[str(k)], 1, rates[str(k)]["batches_per_second"], k),
            "loop": (compiled["loop"], k, rates["loop"]["batches_per_second"], 1),
            f"{count} process{'es' * (count > 1)} at a time": (waves * start, waves, each, count),
        }
        for way, (before, times, speeds, together) in ways.items():
            hours = [(before + times * workload.steps / speed) / 3600 for speed in speeds]
            row = {"workload": name, "members": k, "way": way, "steps": workload.steps}
            row |= {"start_seconds": before, "steps_per_second": [together * speed for speed in speeds]}
            rows.append(row | {"runs_per_hour": [k / hour for hour in hours]})
    return rows


def print_ways(results: list[dict[str, Any]]) -> None:
    """Print the table of the ways to run many GANs; each stands beside the loop over single runs."""
    heading = [
        "workload",
        "runs",
        "way",
        "start, s",
        "steps/s of all",
        "runs/hour",
        "quartiles",
        "times the loop",
    ]
    loops = {each["members"]: each["runs_per_hour"][1] for each in results if each["way"] == "loop"}
    rows = []
    for result in results:
        hourly = result["runs_per_hour"]
        rows.append([result["workload"], f"{result['members']}", result["way"]])
        rows[-1] += [f"{result['start_seconds']:.1f}", spread(result["steps_per_second"])[0], *spread(hourly)]
        rows[-1] += [f"{hourly[1] / loops[result['members']]:.2f}"]
    Table(heading, rows)


def benchmark(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure what the command line asks for, print it, and return it for the JSON file."""
    machine = environment() | {"cores": os.cpu_count(), "commit": commit()}
    print(f"jax {jax.__version__} on {machine['device']}, {machine['cores']} cores", flush=True)
    rows = []
    for name in arguments.workloads:
        with tempfile.TemporaryDirectory() as cache:
            rows += compare(name, arguments, Path(cache))
        print()
        print_ways([row for row in rows if row["workload"] == name])
        jax.clear_caches()
    settings = {name: value for name, value in vars(arguments).items() if name not in ("json", "worker")}
    return {"environment": machine, "settings": settings, "rows": rows}


def main(args: Sequence[str] | None = None) -> None:
    """Run the benchmark; a mistake of the user's is one sentence and exit code 2."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # several processes share the device
    with exits():
        arguments = parse(args)
        if arguments.worker:
            worker(arguments.worker, arguments)
            return
        require_devices(each_core=True)  # a sweep shares its members so
        record = benchmark(arguments)
        if arguments.json:
            write_json(arguments.json, record)


if __name__ == "__main__":
    main()
