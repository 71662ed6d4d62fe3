"""How long the metrics take, and how much memory.

python benchmarks/metrics.py
python benchmarks/metrics.py --rows 1000 --seconds 5      # a trial

Every line is a process of its own, of random images or features: what it peaks at is its alone, Python and
JAX included. Metrics of 50,000 x 2,048 go over blocks of one size for up to an hour, so they are ended after
`--seconds`: after a few blocks, what they hold does not grow. docs/metrics.md has figures.
"""

import argparse
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import features, metrics
from jaxgan.features.classifiers import RECIPES, Classifier
from jaxgan.images import to_float

LIMITED = "ended"  # what is said of a metric that was


def fid_of_images(rows: int) -> Callable[[], object]:
    """Return the work of an FID: two sets of images through a network like mnist-cnn, compiling included."""
    rng = np.random.default_rng(0)
    sets = rng.integers(0, 256, (2, rows, 28, 28, 1), np.uint8)
    recipe = RECIPES["mnist-cnn"]
    network = Classifier(10, recipe.dimension, recipe.strides)
    variables = network.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))

    def apply(variables: Any, images: jax.Array) -> Any:
        return network.apply(variables, to_float(images))

    extractor = features.Extractor("random", apply, variables)
    return lambda: metrics.frechet_distance(*(extractor(images) for images in sets))


def of_features(rows: int, dimension: int, *some: Callable[..., object]) -> Callable[[], object]:
    """Return the work of metrics of two sets of features."""
    real, fake = np.random.default_rng(0).standard_normal((2, rows, dimension), np.float32)
    return lambda: [metric(real, fake) for metric in some]


WORKS: dict[str, Callable[[int], Callable[[], object]]] = {
    "FID of 28x28 images": fid_of_images,
    "precision, recall, density, coverage, d = 256": lambda rows: of_features(
        rows, 256, metrics.precision_recall, metrics.density_coverage
    ),
    "Fréchet distance, d = 2,048": lambda rows: of_features(5 * rows, 2048, metrics.frechet_distance),
    "kernel distance, d = 2,048": lambda rows: of_features(5 * rows, 2048, metrics.kernel_distance),
    "precision and recall, d = 2,048": lambda rows: of_features(5 * rows, 2048, metrics.precision_recall),
    "density and coverage, d = 2,048": lambda rows: of_features(5 * rows, 2048, metrics.density_coverage),
}


def child(name: str, rows: int, limit: float) -> None:
    """Do one work for so many seconds at most; print seconds, those of all cores, and peaks in MB."""
    work = WORKS[name](rows)
    before, began, busy = _peak(), time.perf_counter(), time.process_time()

    def end() -> None:
        print(f"{LIMITED} {time.process_time() - busy:.1f} {before:.0f} {_peak():.0f}", flush=True)
        os._exit(0)

    timer = threading.Timer(limit, end)
    timer.daemon = True
    timer.start()
    work()
    timer.cancel()
    times = time.perf_counter() - began, time.process_time() - busy
    print(f"{times[0]:.1f} {times[1]:.1f} {before:.0f} {_peak():.0f}", flush=True)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main(args: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rows", type=int, default=10_000, help="of each set; five times as many of d = 2,048"
    )
    parser.add_argument("--seconds", type=float, default=60, help="after which a metric is ended")
    parser.add_argument("--work", choices=WORKS, help="one alone")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(args)
    if options.child:
        child(options.work, options.rows, options.seconds)
        return
    print(
        "| metric | rows of each set | seconds | of all cores | peak, MB | before it |\n" + "|---" * 6 + "|"
    )
    for name in [options.work] if options.work else WORKS:
        command = [sys.executable, __file__, "--child", "--work", name]
        command += ["--rows", str(options.rows), "--seconds", str(options.seconds)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, busy, before, peak = printed.split()[-4:]
        took = f"ended after {options.seconds:g}" if seconds == LIMITED else seconds
        rows = options.rows * (5 if "2,048" in name else 1)
        print(f"| {name} | {rows:,} | {took} | {busy} | {int(peak):,} | {int(before):,} |", flush=True)


if __name__ == "__main__":
    main()
