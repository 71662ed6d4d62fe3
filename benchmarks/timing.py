"""How the benchmarks time things: warmed up, in turns, as a median between quartiles."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Work(NamedTuple):
    """Something to time.

    Attributes:
        images: real images per batch.
        seconds: ``n -> seconds`` that n batches took, from the first to the end of the last.
    """

    images: int
    seconds: Callable[[int], float]


def quartiles(values: Any) -> list[float]:
    """Return the lower quartile, the median and the upper quartile."""
    return np.percentile(values, [25, 50, 75]).tolist()


def measure(works: dict[str, Work], *, repetitions: int, seconds: float) -> dict[str, dict[str, Any]]:
    """Time all works in turns, so that what else the machine does falls on all alike.

    Args:
        works: by name.
        repetitions: how often each is timed, after a warm-up.
        seconds: that a repetition takes, about: the warm-up finds out how many batches that is.

    Returns:
        For each work, the batches and seconds of its repetitions, and the quartiles of its rates.
    """
    counts = {}
    for name, work in works.items():
        work.seconds(1)  # compiles, or reads for the first time, what is not yet
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
