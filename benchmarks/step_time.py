"""How fast training is: steps a second of each network, and whether the input keeps up with them.

python benchmarks/step_time.py

benchmarks/README.md explains the method and the tables, and has figures.
"""

import argparse
import math
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import jax
import numpy as np

import inputs
from jaxgan import build, data
from jaxgan.config import INFO, Config, option, parse_size
from jaxgan.names import GAMES
from jaxgan.rules import Rules
from jaxgan.run import cost
from jaxgan.run.workdir import environment
from jaxgan.system.errors import UserError, choose, exits
from jaxgan.system.files import write_json
from tables import Table, spread
from timing import Work, matmul_peak, measure, quartiles
from training import NETWORKS, StreamedTraining, Training, image_shape, made_dataset

NAMES = ("loss", "penalty", "discriminator_norm", "precision")  # settings to change that take a name
COUNTS = ("batch_size", "width", "d_steps")
PLAIN = Rules.NAME
CONDITIONAL = ("acgan",)  # games that learn classes


class Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one sentence, as the library does."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UserError(message)


def parse(args: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add, own = parser.add_argument, "in place of each network's own"
    add("--networks", nargs="+", default=[*NETWORKS], metavar="NAME", help=f"any of {', '.join(NETWORKS)}")
    for field in NAMES:
        add(option(field), metavar="NAME", help=f"one of {', '.join(INFO[field].choices or ())}")
    for field in COUNTS:
        add(option(field), type=int, metavar="N", help=own)
    add("--image-size", metavar="HxW", help=f"pixels, {own}")
    add("--channels", type=int, metavar="N", help=own)
    add("--repetitions", type=int, default=7, metavar="N", help="repetitions of a measurement (%(default)s)")
    add("--seconds", type=float, default=1.0, metavar="S", help="length of a repetition (about %(default)s)")
    add("--images", type=int, default=60_000, metavar="N", help="images in the data set (%(default)s)")
    add("--pictures", type=int, default=10_000, metavar="N", help="pictures in the folder (%(default)s)")
    add("--data", metavar="NAME", help="a data set of yours for the input, such as mnist")
    add("--games", nargs="+", default=[], metavar="NAME", help=f"beside {PLAIN}, any of {', '.join(GAMES)}")
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
    """Return the checked settings of the networks that the command line names, with its changes.

    A change that only some of these networks can use leaves the others as they are.
    """
    fields = (*NAMES, *COUNTS, "image_size", "channels")
    changes = {name: value for name in fields if (value := getattr(arguments, name)) is not None}
    if arguments.image_size is not None:
        changes["image_size"] = parse_size(arguments.image_size)
    names = dict.fromkeys(choose("networks", name, NETWORKS) for name in arguments.networks)
    changed = {name: NETWORKS[name].replace(**changes) for name in names}
    if not set.intersection(*(set(config.without_effect()) for config in changed.values())):
        changed = {name: config.without_dead(config) for name, config in changed.items()}
    for config in changed.values():
        if min(image_shape(config)) < 1:
            raise UserError(f"--image-size is at least 1x1, got {arguments.image_size}")
    for game in dict.fromkeys(choose("games", name, GAMES) for name in arguments.games):
        for name in names:
            changed |= playing(game, name, changed[name])
    return {name: config.check() for name, config in changed.items()}


def playing(game: str, network: str, config: Config) -> dict[str, Config]:
    """Return a network's settings in a game, and those of the plain game that it is compared with.

    A game that learns classes is compared with the plain game of conditional networks.
    """
    if game == PLAIN:
        return {}
    config = config.replace(conditional=game in CONDITIONAL)
    return {plain_of(f"{network} {game}"): config, f"{network} {game}": config.replace(game=GAMES[game]())}


def plain_of(name: str) -> str:
    """Return the name of the plain game that a game such as "mlp infogan" is compared with."""
    network, game = name.split()
    return f"{network} conditional" if game in CONDITIONAL else network


def training(config: Config, images: int) -> tuple[Work, dict[str, Any]]:
    """Return a network's training on so many random images, and what is known of it before it is timed."""
    network = Training(config, made_dataset(config, images))
    generator, discriminator = cost.parameter_counts(network.experiment)
    facts = {
        "image_shape": image_shape(config),
        "batch_size": config.batch_size,
        "d_steps": config.d_steps,
        "generator_parameters": generator,
        "discriminator_parameters": discriminator,
        "compile_seconds": network.compile_seconds,
        "flops_per_step": cost.flops(cost.lowered_step(config, network.experiment)),
    }
    return Work(config.images_per_step, network.seconds), facts


def streamed(config: Config, images: int, file: Path) -> StreamedTraining:
    """Return a network's training on so many random images that a stream reads from a file."""
    return StreamedTraining(config, inputs.memory_mapped(images, image_shape(config), file))


def memory(config: Config, images: int) -> dict[str, float]:
    """Return what XLA counts of the compiled step.

    Returns:
        "bytes_per_step", which its operations read and write, and "peak_bytes", which it holds at most: the
        state, the batch, its outputs and what it computes in between.
    """
    experiment = build.experiment(config, made_dataset(config, images))
    compiled = cost.lowered_step(config, experiment).compile()
    traffic: Any = compiled.cost_analysis()
    held: Any = compiled.memory_analysis()
    kinds = (held.temp_size_in_bytes, held.argument_size_in_bytes, held.output_size_in_bytes)
    return {
        "bytes_per_step": traffic["bytes accessed"],
        "peak_bytes": sum(kinds) - held.alias_size_in_bytes,
    }


def commit() -> str | None:
    """Return the commit of this repository, marked if files differ from it; None outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        result = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()


def print_networks(results: dict[str, dict[str, Any]], peak: float) -> None:
    """Print the table of the train steps.

    Args:
        results: facts and rates of each network by its name.
        peak: floating-point operations a second of a matrix product.
    """
    heading = ["network", "images", "batch", "D steps", "compile s", "steps/s", "quartiles", "images/s"]
    heading += ["MB/step", "GFLOP/step", "GFLOP/s", "of peak"]
    rows = []
    for name, result in results.items():
        steps, flops = result["batches_per_second"], result["flops_per_step"] / 1e9
        rows.append([name, "x".join(map(str, result["image_shape"]))])
        rows[-1] += [f"{result['batch_size']}", f"{result['d_steps']}", f"{result['compile_seconds']:.1f}"]
        rows[-1] += [*spread(steps), spread(result["images_per_second"])[0]]
        rows[-1] += [f"{result['bytes_per_step'] / 1e6:,.0f}", f"{flops:.3g}"]
        rows[-1] += [f"{flops * steps[1]:.1f}", f"{1e11 * flops * steps[1] / peak:.1f} %"]
    Table(heading, rows)


def print_games(results: dict[str, dict[str, Any]]) -> None:
    """Print how the steps of games compare with those of the plain game, repetition by repetition.

    Args:
        results: facts and times of each network by its name; those of games are named "mlp infogan".
    """
    rows = []
    for name, result in results.items():
        if name.split()[1:] in ([], ["conditional"]):
            continue
        plain = results[plain_of(name)]
        ratios = times_of_a_step(result) / times_of_a_step(plain)
        low, median, high = quartiles(ratios)
        rows.append([name, plain_of(name), f"{median:.2f}", f"{low:.2f} .. {high:.2f}"])
        rows[-1] += [f"{result['flops_per_step'] / plain['flops_per_step']:.2f}"]
        rows[-1] += [f"{each['peak_bytes'] / 1e6:,.1f}" for each in (result, plain)]
    heading = ["game", "beside", "times its step", "quartiles", "times its FLOPs", "peak MB", "its peak MB"]
    Table(heading, rows)


def times_of_a_step(result: dict[str, Any]) -> np.ndarray:
    """Return the seconds of a step in each repetition."""
    return np.array(result["seconds"]) / result["batches"]


def print_inputs(results: dict[str, dict[str, Any]], networks: dict[str, dict[str, Any]]) -> None:
    """Print the table of the input; each way stands beside what the fastest training takes."""
    needs = {name: network["images_per_second"][1] for name, network in networks.items()}
    fastest, needed = max(needs.items(), key=lambda pair: pair[1])
    rows = []
    for name, result in results.items():
        rates = result["images_per_second"]
        rows.append([name, f"{result['images_per_batch']}", *spread(rates), f"{rates[1] / needed:,.1f}"])
    Table(["input", "batch", "images/s", "quartiles", f"times what {fastest} takes"], rows)


def print_waits(results: dict[str, dict[str, Any]], networks: dict[str, dict[str, Any]]) -> None:
    """Print how long steps wait for a streamed input.

    Args:
        results: rates and shares of waiting of each network's streamed training.
        networks: rates of the same networks with their data on the device.
    """
    rows = []
    for name, result in results.items():
        low, median, high = quartiles(100 * np.array(result["waits"]))
        steps = result["batches_per_second"]
        rows.append([name, *spread(networks[name]["batches_per_second"]), *spread(steps)])
        rows[-1] += [f"{10 * median / steps[1]:.3g}", f"{median:.2g} %", f"{low:.2g} .. {high:.2g} %"]
    heading = ["streamed", "steps/s, data on the device", "quartiles", "steps/s, streamed", "quartiles"]
    Table([*heading, "wait, ms a step", "of the time", "quartiles"], rows)


def print_opening(times: dict[str, list[float]], pictures: int) -> None:
    """Print how long a folder of pictures takes to open."""
    rows = []
    for name, seconds in times.items():
        low, median, high = quartiles(seconds)
        rows.append([name, f"{median:.3f}", f"{low:.3f} .. {high:.3f}", f"{pictures / median:,.0f}"])
    Table([f"opening a folder of {pictures:,} JPEGs", "s", "quartiles", "images/s"], rows)


def benchmark(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure what the command line asks for, print it, and return it for the JSON file."""
    chosen = configs(arguments)
    own = data.load(arguments.data) if arguments.data and not arguments.no_input else None
    facts: dict[str, dict[str, Any]] = {}
    works: dict[str, Work] = {}
    waiting: dict[str, StreamedTraining] = {}
    opening: dict[str, list[float]] = {}
    machine = environment() | {"cores": os.cpu_count(), "commit": commit()}
    print(f"jax {jax.__version__} on {machine['device']}, {machine['cores']} cores", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, config in chosen.items():
            works[name], facts[name] = training(config, arguments.images)
            facts[name] |= memory(config, arguments.images)
        if not arguments.no_input:
            ways, opening = inputs.works(
                own or inputs.memory_mapped(arguments.images, (28, 28, 1), Path(folder) / "images.npy"),
                pictures=arguments.pictures,
                batch_size=arguments.batch_size or Config().batch_size,
                repetitions=arguments.repetitions,
                folder=Path(folder),
            )
            works |= ways
            for name, config in chosen.items():
                waiting[name] = streamed(config, arguments.images, Path(folder) / f"{name}.npy")
                works[f"{name} streamed"] = Work(config.images_per_step, waiting[name].seconds)
        results = measure(works, repetitions=arguments.repetitions, seconds=arguments.seconds)
    networks = {name: facts[name] | results[name] for name in chosen}
    waits = {
        name: results.pop(f"{name} streamed") | {"waits": training.waits[-arguments.repetitions :]}
        for name, training in waiting.items()
    }
    ways = {name: results[name] for name in results if name not in chosen}
    machine["matmul_peak"] = matmul_peak(arguments.precision or "float32")
    print()
    print_networks(networks, machine["matmul_peak"])
    print(f"\nA matrix product makes {machine['matmul_peak'] / 1e9:,.0f} GFLOP/s at best.")
    if arguments.games:
        print()
        print_games(networks)
    if ways:
        print()
        print_inputs(ways, networks)
        print()
        print_waits(waits, networks)
        print()
        print_opening(opening, arguments.pictures)
    settings = {name: value for name, value in vars(arguments).items() if name != "json"}
    return {
        "environment": machine,
        "settings": settings | {"configs": {name: chosen[name].settings() for name in chosen}},
        "networks": networks,
        "input": ways,
        "streamed": waits,
        "opening_seconds": opening,
    }


def main(args: Sequence[str] | None = None) -> None:
    """Run the benchmark; a mistake of the user's is one sentence and exit code 2."""
    with exits():
        arguments = parse(args)
        record = benchmark(arguments)
        if arguments.json:
            write_json(arguments.json, record)


if __name__ == "__main__":
    main()
