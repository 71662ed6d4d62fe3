"""The train step beside PyTorch's and plain linen's, on the same machine, in turns.

python benchmarks/vs_pytorch.py --torch-python PATH/TO/A/VENV/WITH/TORCH/bin/python

Each side is a process of its own, and all have the same threads and allocator. In each round each side trains
for a few seconds while the others wait. `--clock processor` counts the seconds in which a processor works for
a side, which other work on the machine changes less. Without `--torch-python` jaxgan stands beside linen
alone.
benchmarks/README.md explains the method, and has figures.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxgan.config import Config
from jaxgan.names import PRECISIONS
from jaxgan.rules import Paired
from jaxgan.run.workdir import environment
from jaxgan.system.errors import UserError, choose, exits
from jaxgan.system.files import write_json
from step_time import commit
from tables import Table
from training import NETWORKS as LIBRARY

IMAGES = 4096
NETWORKS = {name: LIBRARY[name] for name in ("mlp", "dcgan_28", "dcgan_32")} | {
    "dcgan_64": Config(network="dcgan", image_size=64, channels=3, batch_size=64, width=64),
    "sngan_32": Config(
        network="resnet", image_size=32, channels=3, batch_size=16, width=128, latent_dim=128, loss="hinge"
    ),
    "biggan_32": Config(
        network="biggan",
        image_size=32,
        channels=3,
        batch_size=16,
        width=32,
        latent_dim=128,
        loss="hinge",
        conditional=True,
    ),
    "r3gan_32": Config(
        network="r3gan",
        image_size=32,
        channels=3,
        batch_size=8,
        width=64,
        latent_dim=64,
        loss="relativistic",
        penalty="r1_r2",
        penalty_weight=0.1,
    ),
    "stylegan2_64": Config(
        network="stylegan2",
        image_size=64,
        channels=3,
        batch_size=8,
        width=64,
        latent_dim=512,
        penalty="r1",
        penalty_weight=0.1,
    ),
    "pix2pix_64": Config(
        image_size=64, channels=3, batch_size=8, game=Paired("coloring", translator_width=32, patch_width=32)
    ),
    "srresnet_64": Config(
        image_size=64,
        channels=3,
        batch_size=8,
        game=Paired("super_resolution", scale=4, translator_width=32, patch_width=32),
    ),
}
TORCH_VARIANTS = ["fused", "channels_last+fused", "channels_last+fused+compile", "channels_last+fused+graphs"]
CLOCKS = {"wall": "step_seconds", "processor": "processor_seconds"}  # names in a worker's answer
HEADING = (
    "network",
    "precision",
    "batch",
    "jaxgan images/s",
    "linen",
    "ratio",
    "PyTorch (best)",
    "ratio",
    "MB: jaxgan, linen, PyTorch",
)
HERE = Path(__file__).parent


class Worker:
    """One side: a process that trains on request.

    Args:
        command: the process's command line.
        environment: the process's environment variables.

    Attributes:
        times: seconds of a step in each round.
        first: what the process says when it has warmed up.
        peak_bytes: the most memory that training has held: on a CPU all that the process holds, its libraries
            included, and on a GPU what its arrays hold there.
    """

    def __init__(self, command: list[str], environment: dict[str, str]):
        self.times: list[float] = []
        self.first: dict[str, Any] = {}
        self.peak_bytes = 0
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def wait(self) -> bool:
        """Wait until the process has warmed up; return False if it has ended, e.g. without memory."""
        try:
            self.first = self._answer()
        except UserError as error:
            print(f"note: {error}", file=sys.stderr)
            return False
        return True

    def train(self, seconds: float, clock: str = "wall") -> None:
        """Let the process train for about so long, and keep the seconds of a step by a clock."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        answer = self._answer()
        self.times.append(answer[CLOCKS[clock]])
        self.peak_bytes = answer.get("peak_bytes", 0)

    def stop(self) -> None:
        """End the process."""
        self.process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise UserError(f"a worker ended by itself: {' '.join(self.process.args)}")  # pyrefly: ignore
        return json.loads(line)


def compare(name: str, batch: int, precision: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train one network on all sides in turns, and return every round's seconds per step."""
    threads = str(arguments.threads)
    settings = os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    settings |= {"OMP_PROC_BIND": "true", "GOMP_SPINCOUNT": "100000"}
    settings |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # several processes share a GPU's memory
    ours = [sys.executable, str(HERE / "worker_jaxgan.py"), name, str(batch)]
    commands = {"jaxgan": [*ours, precision]} | ({"linen": [*ours, "linen"]} if arguments.linen else {})
    for variant in arguments.variants if arguments.torch_python else ():
        theirs = [arguments.torch_python, str(HERE / "worker_pytorch.py"), name, str(batch)]
        commands[f"torch {variant}"] = [*theirs, variant + "+bfloat16" * (precision == "bfloat16")]
    workers = {side: Worker(command, settings) for side, command in commands.items()}
    try:
        workers = {side: worker for side, worker in workers.items() if worker.wait()}
        if not commands.keys() & {"jaxgan", "linen"} <= workers.keys():
            raise UserError(f"{name} does not run with batch size {batch}")
        counts = {side: worker.first["parameters"] for side, worker in workers.items()}
        if any(count != counts["jaxgan"] for count in counts.values()):
            raise UserError(f"{name} is not the same network on all sides: parameters {counts}")
        for round_ in range(arguments.rounds):
            for worker in [*workers.values()][:: 1 if round_ % 2 == 0 else -1]:
                worker.train(arguments.seconds, arguments.clock)
    finally:
        for worker in workers.values():
            worker.stop()
    versions = {key: value for worker in workers.values() for key, value in worker.first["versions"].items()}
    return {
        "network": name,
        "batch_size": batch,
        "precision": precision,
        "clock": arguments.clock,
        "versions": versions,
        "parameters": counts["jaxgan"],
        "step_seconds": {side: worker.times for side, worker in workers.items()},
        "peak_bytes": {side: worker.peak_bytes for side, worker in workers.items()},
    }


def row(result: dict[str, Any]) -> list[str]:
    """Return one row of the table: images a second, medians of the rounds' ratios, and each side's memory."""
    times, batch = result["step_seconds"], result["batch_size"]
    torch = [side for side in times if side.startswith("torch")]
    best = min(torch, key=lambda side: statistics.median(times[side])) if torch else None

    def speed(side: str) -> str:
        rate = batch / statistics.median(times[side])
        return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"

    def ratio(side: str) -> str:
        ratios = sorted(other / ours for other, ours in zip(times[side], times["jaxgan"], strict=True))
        return f"{statistics.median(ratios):.2f}x ({ratios[0]:.2f} .. {ratios[-1]:.2f})"

    cells = [
        result["network"],
        result["precision"],
        str(batch),
        speed("jaxgan"),
    ]
    cells += [speed("linen"), ratio("linen")] if "linen" in times else ["", ""]
    cells += [f"{speed(best)} ({best.removeprefix('torch ')})", ratio(best)] if best else ["", ""]
    peaks = [result["peak_bytes"].get(side) for side in ("jaxgan", "linen", best)]
    return [*cells, ", ".join(f"{peak / 1e6:,.0f}" if peak else "-" for peak in peaks)]


def parse(args: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--networks", nargs="+", default=[*NETWORKS], metavar="NAME", help=f"any of {', '.join(NETWORKS)}")
    add("--torch-python", metavar="PATH", help="a Python that has torch (PyTorch is left out)")
    add("--variants", nargs="+", default=TORCH_VARIANTS, metavar="NAME", help="PyTorch's ways (%(default)s)")
    add("--all", action="store_true", help="every network, in float32 and bfloat16")
    add("--precision", nargs="+", default=["float32"], metavar="NAME", help="float32, bfloat16 (%(default)s)")
    add("--batch-size", nargs="+", type=int, metavar="N", help="in place of each network's own")
    add("--threads", type=int, default=os.cpu_count(), metavar="N", help="threads of a side (%(default)s)")
    add("--rounds", type=int, default=5, metavar="N", help="rounds (%(default)s)")
    add("--seconds", type=float, default=3.0, metavar="S", help="training of a side in a round (%(default)s)")
    add("--clock", default="wall", metavar="NAME", help="wall, or processor: the seconds of all threads")
    add("--no-linen", dest="linen", action="store_false", help="leave linen out, which takes long for r3gan")
    add("--json", type=Path, metavar="FILE", help="write every round")
    arguments = parser.parse_args(args)
    arguments.networks = [choose("networks", name, NETWORKS) for name in arguments.networks]
    arguments.precision = [choose("precision", name, PRECISIONS) for name in arguments.precision]
    arguments.clock = choose("clock", arguments.clock, CLOCKS)
    if arguments.all:
        arguments.networks, arguments.precision = [*NETWORKS], [*PRECISIONS]
    if arguments.rounds < 1 or not arguments.seconds > 0:
        raise UserError("--rounds must be at least 1 and --seconds positive")
    if arguments.torch_python and not has_modules(arguments.torch_python, "torch"):
        raise UserError(f"--torch-python {arguments.torch_python} is no Python that has torch")
    return arguments


def has_modules(python: str, *names: str) -> bool:
    """Return whether a path is a Python that has all of these modules."""
    look = "import sys, importlib.util as u; sys.exit(not all(map(u.find_spec, sys.argv[1:])))"
    try:
        return subprocess.run([python, "-c", look, *names], check=False).returncode == 0
    except OSError:
        return False


def main(args: Sequence[str] | None = None) -> None:
    """Run the comparison; a mistake of the user's is one sentence and exit code 2."""
    with exits():
        arguments = parse(args)
        if not arguments.torch_python:
            print("note: without --torch-python PyTorch is not measured", file=sys.stderr)
        table, results = Table(HEADING, names=NETWORKS), []
        for name in arguments.networks:
            for batch in arguments.batch_size or [NETWORKS[name].batch_size]:
                for precision in arguments.precision:
                    results.append(compare(name, batch, precision, arguments))
                    table.add(row(results[-1]))
                    if arguments.json:  # after each, so that stopping halfway loses nothing
                        machine = environment() | {"commit": commit()}
                        write_json(arguments.json, {"environment": machine, "rows": results})


if __name__ == "__main__":
    main()
