"""Distances between all pairs of rows of two sets, a block at a time, so that the whole matrix never exists.

A block of squared distances is ``|a|^2 + |b|^2 - 2 a.b``: one matrix product in float64. A common center is
subtracted first, so that rounding errors are about 1e-16 of the features' spread, wherever the features lie.
Rows whose distance is less than a millionth of that spread count as one point.
"""

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from jaxgan.metrics.inputs import BLOCK, blocks

Rows = Float[np.ndarray, "n d"]
Centre = Float64[np.ndarray, " d"]
TIE = 1e-12  # Squared distances that differ by less than this part of the squared lengths count as equal.


def center_of(features: Rows) -> Centre:
    """Return the (upper) median `[d]`. Unlike a mean, it does not follow an outlier."""
    middle = len(features) // 2
    return np.partition(features, middle, axis=0)[middle].astype(np.float64)


def squared_distances(
    first: Float64[np.ndarray, "n d"], second: Float64[np.ndarray, "m d"]
) -> Float64[np.ndarray, "n m"]:
    """Return the squared Euclidean distances `[n, m]` between the rows of two centerd blocks."""
    distances = first @ second.T
    distances *= -2
    distances += (first**2).sum(axis=1)[:, None]
    distances += (second**2).sum(axis=1)
    return np.maximum(distances, 0, out=distances)


def ball_thresholds(features: Rows, k: int, center: Centre) -> Float64[np.ndarray, " n"]:
    """Return, for each row, the bound below which a squared distance lies inside the row's ball.

    The ball of a row reaches to its k-th neighbor among the other rows. It is open: a point at exactly this
    distance is outside. The bound is therefore the k-th squared distance minus the rounding errors of a tie.
    """
    thresholds = []
    for block in blocks(features, center):
        smallest = np.empty((len(block), 0))
        for other in blocks(features, center):
            smallest = np.concatenate([smallest, squared_distances(block, other)], axis=1)
            smallest = np.partition(smallest, min(k, smallest.shape[1] - 1), axis=1)[:, : k + 1]
        squared = smallest.max(axis=1)  # The row itself is one of the k + 1 smallest.
        thresholds.append(squared - TIE * (squared + (block**2).sum(axis=1)))
    return np.concatenate(thresholds)


def count_balls(
    features: Rows, thresholds: Float64[np.ndarray, " n"], points: Float[np.ndarray, "m d"], center: Centre
) -> tuple[Int[np.ndarray, " m"], Bool[np.ndarray, " n"]]:
    """Return the number of balls of `features` that contain each point, and which balls contain a point."""
    counts, occupied = np.zeros(len(points), int), np.zeros(len(features), bool)
    for i, block in enumerate(blocks(features, center)):
        balls = slice(i * BLOCK, i * BLOCK + len(block))
        for j, others in enumerate(blocks(points, center)):
            inside = squared_distances(block, others) < thresholds[balls, None]
            counts[j * BLOCK : j * BLOCK + len(others)] += inside.sum(axis=0)
            occupied[balls] |= inside.any(axis=1)
    return counts, occupied


def nearest_distances(points: Rows, features: Float[np.ndarray, "m d"]) -> Float64[np.ndarray, " n"]:
    """Return the Euclidean distance of each point to the nearest row of `features`.

    The distance of a copy is exactly 0, unless another row differs from it only by rounding.
    """
    center, nearest_of_blocks = center_of(features), []
    for i, block in enumerate(blocks(points, center)):
        best, index = np.full(len(block), np.inf), np.zeros(len(block), int)
        for j, others in enumerate(blocks(features, center)):
            distances = squared_distances(block, others)
            nearest = distances.argmin(axis=1)
            value = distances[np.arange(len(block)), nearest]
            index = np.where(value < best, j * BLOCK + nearest, index)
            best = np.minimum(value, best)
        exact = points[i * BLOCK : i * BLOCK + len(block)].astype(np.float64) - features[index]
        nearest_of_blocks.append(np.sqrt((exact**2).sum(axis=1)))
    return np.concatenate(nearest_of_blocks)


def mean_distance(features: Rows) -> float:
    """Return the mean Euclidean distance over all pairs of different rows."""
    center, total, count = center_of(features), 0.0, len(features)
    for i, block in enumerate(blocks(features, center)):
        for j, others in enumerate(blocks(features, center)):
            if j >= i:
                distances = np.sqrt(squared_distances(block, others))
                if i == j:
                    np.fill_diagonal(distances, 0)
                total += distances.sum() * (1 if i == j else 2)
    return float(total / (count * (count - 1)))
