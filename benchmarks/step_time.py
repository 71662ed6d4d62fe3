"""How fast training is: steps a second of each network, and whether its input keeps up.

python benchmarks/step_time.py

benchmarks/README.md has the method, how to read the tables, and figures.
"""

import argparse
import dataclasses
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from timeit import timeit
from typing import Any, NoReturn

import jax

import inputs
import tables
from jaxgan import build, data, parallel
from jaxgan.config import Config, choose, option, parse_size
from jaxgan.names import NAMES as CHOICES
from jaxgan.run import figures
from jaxgan.run.workdir import environment
from jaxgan.system.errors import UserError, exits
from jaxgan.system.files import write_json
from timing import Work, matmul_peak, measure

NETWORKS = {
    "mlp": Config(network="mlp", image_size="28", channels=1, batch_size=128),
    "dcgan_28": Config(network="dcgan", image_size="28", channels=1, batch_size=64, width=32),
    "dcgan_32": Config(network="dcgan", image_size="32", channels=3, batch_size=64, width=64),
}
NAMES = ("loss", "penalty", "discriminator_norm", "precision")  # fields that can be changed, for all networks
COUNTS = ("batch_size", "width", "d_steps")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, as the library does."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UserError(message)


def parse(args: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add, own = parser.add_argument, "instead of each network's own"
    add("--networks", nargs="+", default=[*NETWORKS], metavar="NAME", help=f"any of {', '.join(NETWORKS)}")
    for field in NAMES:
        add(option(field), metavar="NAME", help=f"one of {', '.join(CHOICES[field])}")
    for field in COUNTS:
        add(option(field), type=int, metavar="N", help=own)
    add("--image-size", metavar="HxW", help=f"pixels, {own}")
    add("--channels", type=int, metavar="N", help=own)
    add("--repetitions", type=int, default=7, metavar="N", help="of every measurement (%(default)s)")
    add("--seconds", type=float, default=1.0, metavar="S", help="of a repetition, about (%(default)s)")
    add("--images", type=int, default=60_000, metavar="N", help="in a made data set (%(default)s)")
    add("--pictures", type=int, default=10_000, metavar="N", help="in the made folder (%(default)s)")
    add("--data", metavar="NAME", help="a data set of yours for the input, such as mnist")
    add("--no-input", action="store_true", help="measure the networks alone")
    add("--json", type=Path, metavar="FILE", help="write the machine, all settings and every repetition")
    arguments = parser.parse_args(args)
    for name in ("repetitions", "images", "pictures", "channels"):
        if (value := getattr(arguments, name)) is not None and value < 1:
            raise UserError(f"--{name} must be at least 1, got {value}")
    if not (math.isfinite(arguments.seconds) and arguments.seconds > 0):
        raise UserError(f"--seconds must be a positive number, got {arguments.seconds}")
    if arguments.json and (arguments.json.is_dir() or not arguments.json.absolute().parent.is_dir()):
        raise UserError(f"--json must be a file in a folder that exists, got {arguments.json}")
    return arguments


def configs(arguments: argparse.Namespace) -> dict[str, Config]:
    """Return the networks that were asked for, with what was changed of them, checked."""
    fields = (*NAMES, *COUNTS, "image_size", "channels")
    changes = {name: value for name in fields if (value := getattr(arguments, name)) is not None}
    names = dict.fromkeys(choose("networks", name, NETWORKS) for name in arguments.networks)
    checked = {name: build.check(NETWORKS[name].replace(**changes)) for name in names}
    for config in checked.values():
        image_shape(config)
    return checked


def image_shape(config: Config) -> tuple[int, ...]:
    """Return height, width and channels of what a network draws."""
    size = parse_size(config.image_size)
    if size is None or min(size) < 1:
        raise UserError(f"--image-size is at least 1x1, got {config.image_size}")
    return *size, config.channels or 1


def training(config: Config, images: int) -> tuple[Work, dict[str, Any]]:
    """Return a network's training, compiled as `jaxgan.train` does it, and what is known of it beforehand."""
    experiment = build.experiment(config, inputs.made_images(images, image_shape(config)))
    taken = config.batch_size * config.d_steps
    state, key = experiment.init(jax.random.key(0)), jax.random.key(1)
    arrays = jax.device_put(experiment.arrays)
    batch_at = partial(data.batch_at, seed=0, batch_size=taken)
    began = time.perf_counter()
    advance = parallel.compile_run(experiment.step, batch_at, state, arrays, key)
    compile_seconds = time.perf_counter() - began

    def run(steps: int) -> None:
        nonlocal state
        state, metrics = advance(state, arrays, key, steps)
        jax.block_until_ready((state, metrics))

    generator, discriminator = figures.parameter_counts(experiment)
    facts = {
        "image_shape": image_shape(config),
        "batch_size": config.batch_size,
        "d_steps": config.d_steps,
        "generator_parameters": generator,
        "discriminator_parameters": discriminator,
        "compile_seconds": compile_seconds,
        "flops_per_step": figures.flops(figures.lowered_step(config, experiment)),
    }
    return Work(taken, lambda steps: timeit(lambda: run(steps), number=1)), facts


def traffic(config: Config, images: int) -> float:
    """Return the bytes that the compiled step's operations read and write, as XLA counts them."""
    experiment = build.experiment(config, inputs.made_images(images, image_shape(config)))
    analysis: Any = figures.lowered_step(config, experiment).compile().cost_analysis()
    return analysis["bytes accessed"]


def commit() -> str | None:
    """Return the commit of this file's repository, marked where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def benchmark(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure what was asked for, print it, and return it for JSON to hold."""
    chosen = configs(arguments)
    own = data.load(arguments.data) if arguments.data and not arguments.no_input else None
    facts: dict[str, dict[str, Any]] = {}
    works: dict[str, Work] = {}
    opening: dict[str, list[float]] = {}
    machine = environment() | {"cores": os.cpu_count(), "commit": commit()}
    print(f"jax {jax.__version__} on {machine['device']}, {machine['cores']} cores", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, config in chosen.items():
            works[name], facts[name] = training(config, arguments.images)
            facts[name]["bytes_per_step"] = traffic(config, arguments.images)
        if not arguments.no_input:
            ways, opening = inputs.works(
                own or inputs.memory_mapped(arguments.images, Path(folder) / "images.npy"),
                pictures=arguments.pictures,
                batch_size=arguments.batch_size or Config().batch_size,
                repetitions=arguments.repetitions,
                folder=Path(folder),
            )
            works |= ways
        results = measure(works, repetitions=arguments.repetitions, seconds=arguments.seconds)
    networks = {name: facts[name] | results[name] for name in chosen}
    ways = {name: results[name] for name in results if name not in chosen}
    machine["matmul_peak"] = matmul_peak(arguments.precision or "float32")
    print(f"\n{tables.networks(networks, machine['matmul_peak'])}")
    print(f"\nA matrix product makes {machine['matmul_peak'] / 1e9:,.0f} GFLOP/s at best.")
    if ways:
        print(f"\n{tables.inputs(ways, networks)}\n\n{tables.opening(opening, arguments.pictures)}")
    settings = {name: value for name, value in vars(arguments).items() if name != "json"}
    return {
        "environment": machine,
        "settings": settings | {"configs": {name: dataclasses.asdict(chosen[name]) for name in chosen}},
        "networks": networks,
        "input": ways,
        "opening_seconds": opening,
    }


def main(args: Sequence[str] | None = None) -> None:
    """Run the benchmark; exit code 2 and one sentence for a mistake of the user's."""
    with exits():
        arguments = parse(args)
        record = benchmark(arguments)
        if arguments.json:
            write_json(arguments.json, record)


if __name__ == "__main__":
    main()
