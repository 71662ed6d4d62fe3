"""How the benchmarks measure times: after a warm-up, in turns, as a median between quartiles."""

import timeit
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Work(NamedTuple):
    """Something to time.

    Attributes:
        images: number of real images in a batch.
        seconds: ``n -> seconds`` that n batches took, from the start of the first to the end of the last.
    """

    images: int
    seconds: Callable[[int], float]


def quartiles(values: Any) -> list[float]:
    """Return the lower quartile, the median and the upper quartile."""
    return np.percentile(values, [25, 50, 75]).tolist()


def matmul_peak(precision: str = "float32") -> float:
    """Return the floating-point operations a second of the fastest square matrix product on this machine.

    Args:
        precision: type of the factors. Sums are float32. GPUs may round float32 factors to TF32.
    """
    rates = []
    for size in (1024, 2048) if jax.default_backend() == "cpu" else (4096, 8192):
        factor = jax.random.normal(jax.random.key(0), (size, size), precision)
        multiply = jax.jit(lambda a, b: jax.lax.dot(a, b, preferred_element_type=jnp.float32))
        jax.block_until_ready(multiply(factor, factor))
        seconds = timeit.repeat(
            lambda f=factor, m=multiply: jax.block_until_ready(m(f, f)), number=1, repeat=5
        )
        rates.append(2 * size**3 / min(seconds))
    return max(rates)


def measure(works: dict[str, Work], *, repetitions: int, seconds: float) -> dict[str, dict[str, Any]]:
    """Time all works in turns, so that other load on the machine slows all of them alike.

    Args:
        works: the works by name.
        repetitions: how often each work is timed after its warm-up.
        seconds: approximate length of a repetition; the warm-up finds out how many batches that is.

    Returns:
        For each work, the batches and seconds of its repetitions, and the quartiles of its rates.
    """
    counts = {}
    for name, work in works.items():
        work.seconds(1)  # the first batch may still compile, or read files
        count = 1
        while (taken := work.seconds(count)) < seconds / 4:
            count *= 2
        counts[name] = max(1, round(count * seconds / taken))
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repetitions):
        for name, work in works.items():
            times[name].append(work.seconds(counts[name]))
    results = {}
    for name, work in works.items():
        rates = counts[name] / np.array(times[name])
        results[name] = {
            "batches": counts[name],
            "images_per_batch": work.images,
            "seconds": times[name],
            "batches_per_second": quartiles(rates),
            "images_per_second": quartiles(work.images * rates),
        }
    return results
