"""How long the metrics take, and how much memory.

python benchmarks/metrics.py
python benchmarks/metrics.py --rows 1000 --seconds 5      # a trial

Each row is measured in a process of its own, so its peak of memory belongs to one metric, with Python and JAX
included. Images and features are random. The metrics of 50,000 x 2,048 features go through blocks of one size
for up to an hour. They are ended after `--seconds`: their memory does not grow after the first few blocks.
docs/metrics.md has figures.
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
from tables import Table

ENDED = "ended"  # a child prints this in place of the seconds of a metric that it has ended
HEADING = ("metric", "rows of each set", "seconds", "of all cores", "peak, MB", "before it")


def fid_of_images(rows: int) -> Callable[[], object]:
    """Return the work of an FID: two sets of images through a network like mnist-cnn, and compiling it."""
    rng = np.random.default_rng(0)
    sets = rng.integers(0, 256, (2, rows, 28, 28, 1), np.uint8)
    recipe = RECIPES["mnist-cnn"]
    network = Classifier(10, recipe.dimension, recipe.strides)
    variables = network.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))

    def apply(variables: Any, images: jax.Array) -> Any:
        return network.apply(variables, to_float(images))

    extractor = features.Extractor("random", apply, variables)
    return lambda: metrics.frechet_distance(*(extractor(images) for images in sets))


def of_features(rows: int, dimension: int, *functions: Callable[..., object]) -> Callable[[], object]:
    """Return the work of metrics of two sets of features."""
    real, fake = np.random.default_rng(0).standard_normal((2, rows, dimension), np.float32)
    return lambda: [metric(real, fake) for metric in functions]


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
    """Do one work for so many seconds at most; print its seconds, those of all cores, and peaks in MB."""
    work = WORKS[name](rows)
    before, began, busy = _peak(), time.perf_counter(), time.process_time()

    def end() -> None:
        print(f"{ENDED} {time.process_time() - busy:.1f} {before:.0f} {_peak():.0f}", flush=True)
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
    """Measure every work in a process of its own, and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rows", type=int, default=10_000, help="rows of each set; d = 2,048 has five times as many"
    )
    parser.add_argument(
        "--seconds", type=float, default=60, help="a metric is ended after these (%(default)s)"
    )
    parser.add_argument("--work", choices=WORKS, help="measure one row")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(args)
    if options.child:
        child(options.work, options.rows, options.seconds)
        return
    names = [options.work] if options.work else [*WORKS]
    table = Table(HEADING, names=names)
    for name in names:
        command = [sys.executable, __file__, "--child", "--work", name]
        command += ["--rows", str(options.rows), "--seconds", str(options.seconds)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, busy, before, peak = printed.split()[-4:]
        took = f"ended after {options.seconds:g}" if seconds == ENDED else seconds
        rows = options.rows * (5 if "2,048" in name else 1)
        table.add([name, f"{rows:,}", took, busy, f"{int(peak):,}", f"{int(before):,}"])


if __name__ == "__main__":
    main()
