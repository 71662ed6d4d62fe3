"""How much sooner an evaluation is done when several processes share it, each on a core of its own.

    python benchmarks/shared_evaluation.py

A DCGAN of 32x32 pixels draws the fakes, and its discriminator's logits stand for features. Each measurement
starts its processes anew, in turns: one process, and then two. benchmarks/README.md has the figures.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time

import jax
import jax.numpy as jnp

from jaxgan.evaluate import from_generator
from jaxgan.evaluate.fakes import spread_outputs
from jaxgan.features import from_function
from jaxgan.networks import dcgan
from jaxgan.system import processes
from jaxgan.system.errors import exits
from tables import Table
from timing import quartiles

SHAPE, LATENT_DIM = (32, 32, 3), 100


def work(fakes: int, times: int) -> list[float]:
    """Return the seconds of each evaluation in this process and those it is connected to."""
    generator, discriminator = dcgan.Generator(SHAPE), dcgan.Discriminator()
    keys = jax.random.split(jax.random.key(0))
    made = generator.init(keys[0], jnp.zeros((1, LATENT_DIM)), train=False)
    judged = discriminator.init(keys[1], jnp.zeros((1, *SHAPE)), train=False)
    generate = jax.jit(lambda latents, labels: generator.apply(made, latents, train=False))

    def logits(images: jax.Array) -> jax.Array:
        return jnp.asarray(discriminator.apply(judged, images, train=False))[:, None]

    extractor = from_function("logits", logits)
    drawn = from_generator(generate, latent_dim=LATENT_DIM, n=fakes)
    spread_outputs(drawn, extractor)  # compiles
    seconds = []
    for _ in range(times):
        processes.gather("ready")
        began = time.perf_counter()
        spread_outputs(drawn, extractor)
        seconds.append(time.perf_counter() - began)
    return seconds


def in_processes(number: int, fakes: int, times: int) -> list[float]:
    """Return what `work` returns in the first of so many processes, each on a core of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = ["--fakes", fakes, "--times", times, "--port", port, "--of", number]
    started = [
        subprocess.Popen(
            [sys.executable, __file__, *map(str, own), "--process", str(i)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for i in range(number)
    ]
    said = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise RuntimeError("a process has failed")
    return json.loads(said[0].splitlines()[-1])


def main() -> None:
    """Run the benchmark, or one of its processes."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--fakes", type=int, default=2000, help="images in an evaluation (%(default)s)")
    parser.add_argument("--times", type=int, default=3, help="evaluations of each start (%(default)s)")
    parser.add_argument("--repetitions", type=int, default=3, help="starts of each kind (%(default)s)")
    for name in ("--process", "--of", "--port"):
        parser.add_argument(name, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.process is not None:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[arguments.process]})
        with exits():
            processes.join(f"127.0.0.1:{arguments.port}", arguments.of, arguments.process)
            print(json.dumps(work(arguments.fakes, arguments.times)))
        return
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(arguments.repetitions):
        for number, measured in seconds.items():
            measured += in_processes(number, arguments.fakes, arguments.times)
    alone = quartiles(seconds[1])[1]
    rows = []
    for number, measured in seconds.items():
        low, median, high = quartiles(measured)
        rows.append([f"{number}", f"{median:.2f}", f"{low:.2f} .. {high:.2f}", f"{alone / median:.2f}"])
    Table(["processes", "s", "quartiles", "speed-up"], rows)


if __name__ == "__main__":
    main()
