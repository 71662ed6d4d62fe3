"""Distances between all pairs of two sets, a block at a time: the whole matrix never exists.

A block of squared distances is ``|a|^2 + |b|^2 - 2 a.b``, one matrix product in float64. Taking a common
centre off first keeps its rounding errors at 1e-16 of the spread of the features, wherever they lie.
Rows that lie nearer to each other than a millionth of that spread count as one point.
"""

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from jaxgan.metrics.inputs import BLOCK, blocks

Rows = Float[np.ndarray, "n d"]
Centre = Float64[np.ndarray, " d"]
TIE = 1e-12  # of the squared lengths: nearer to each other, two squared distances are equal but for rounding


def centre_of(features: Rows) -> Centre:
    """Return the (upper) median `[d]`: a mean would follow one outlier away from all other rows."""
    middle = len(features) // 2
    return np.partition(features, middle, axis=0)[middle].astype(np.float64)


def squared_distances(
    first: Float64[np.ndarray, "n d"], second: Float64[np.ndarray, "m d"]
) -> Float64[np.ndarray, "n m"]:
    """Return the squared Euclidean distances `[n, m]` between the rows of two centred blocks."""
    distances = first @ second.T
    distances *= -2
    distances += (first**2).sum(axis=1)[:, None]
    distances += (second**2).sum(axis=1)
    return np.maximum(distances, 0, out=distances)


def ball_thresholds(features: Rows, k: int, centre: Centre) -> Float64[np.ndarray, " n"]:
    """Return what a squared distance must be below to lie inside each row's ball.

    The ball of a row reaches to its k-th neighbour among the other rows, and is open: a tie is outside. So
    the threshold is the k-th squared distance less the rounding of a tie.
    """
    thresholds = []
    for block in blocks(features, centre):
        smallest = np.empty((len(block), 0))
        for other in blocks(features, centre):
            smallest = np.concatenate([smallest, squared_distances(block, other)], axis=1)
            smallest = np.partition(smallest, min(k, smallest.shape[1] - 1), axis=1)[:, : k + 1]
        squared = smallest.max(axis=1)  # k + 1 values: the row itself is one of them
        thresholds.append(squared - TIE * (squared + (block**2).sum(axis=1)))
    return np.concatenate(thresholds)


def count_balls(
    features: Rows, thresholds: Float64[np.ndarray, " n"], points: Float[np.ndarray, "m d"], centre: Centre
) -> tuple[Int[np.ndarray, " m"], Bool[np.ndarray, " n"]]:
    """Return how many balls of `features` each point lies in, and which balls have a point in them."""
    counts, occupied = np.zeros(len(points), int), np.zeros(len(features), bool)
    for i, block in enumerate(blocks(features, centre)):
        balls = slice(i * BLOCK, i * BLOCK + len(block))
        for j, others in enumerate(blocks(points, centre)):
            inside = squared_distances(block, others) < thresholds[balls, None]
            counts[j * BLOCK : j * BLOCK + len(others)] += inside.sum(axis=0)
            occupied[balls] |= inside.any(axis=1)
    return counts, occupied


def nearest_distances(points: Rows, features: Float[np.ndarray, "m d"]) -> Float64[np.ndarray, " n"]:
    """Return the Euclidean distance of each point to the nearest row of `features`.

    A copy's is 0, but where another row differs from it by rounding alone.
    """
    centre, result = centre_of(features), []
    for i, block in enumerate(blocks(points, centre)):
        best, index = np.full(len(block), np.inf), np.zeros(len(block), int)
        for j, others in enumerate(blocks(features, centre)):
            distances = squared_distances(block, others)
            nearest = distances.argmin(axis=1)
            value = distances[np.arange(len(block)), nearest]
            index = np.where(value < best, j * BLOCK + nearest, index)
            best = np.minimum(value, best)
        exact = points[i * BLOCK : i * BLOCK + len(block)].astype(np.float64) - features[index]
        result.append(np.sqrt((exact**2).sum(axis=1)))
    return np.concatenate(result)


def mean_distance(features: Rows) -> float:
    """Return the mean Euclidean distance over all pairs of different rows."""
    centre, total, count = centre_of(features), 0.0, len(features)
    for i, block in enumerate(blocks(features, centre)):
        for j, others in enumerate(blocks(features, centre)):
            if j >= i:
                distances = np.sqrt(squared_distances(block, others))
                if i == j:
                    np.fill_diagonal(distances, 0)
                total += distances.sum() * (1 if i == j else 2)
    return float(total / (count * (count - 1)))
