"""Blocked distances against all of them at once; speed and memory."""

import time
import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from jaxgan import metrics
from jaxgan.metrics import inputs, neighbors

rng = np.random.default_rng(3)


@pytest.fixture(params=[7, 2048])
def block(request, monkeypatch):
    """Blocks that cut the sets into many uneven parts, or not at all."""
    monkeypatch.setattr(inputs, "BLOCK", request.param)
    monkeypatch.setattr(neighbors, "BLOCK", request.param)


@pytest.mark.parametrize("offset", [0, 1e6])
def test_balls_in_blocks_are_the_balls_of_the_whole_matrix(block, offset):
    real, fake = rng.normal(size=(50, 3)) + offset, rng.normal(size=(33, 3)) + offset
    center = neighbors.center_of(real)
    for k in (1, 5, 49):
        radii = np.sort(cdist(real, real), axis=1)[:, k]
        thresholds = neighbors.ball_thresholds(real, k, center)
        np.testing.assert_allclose(thresholds, radii**2, rtol=1e-9)
        inside = cdist(real, fake) < radii[:, None]
        counts, occupied = neighbors.count_balls(real, thresholds, fake, center)
        np.testing.assert_array_equal(counts, inside.sum(0))
        np.testing.assert_array_equal(occupied, inside.any(1))


def test_nearest_and_mean_distances_in_blocks(block):
    first, second = rng.normal(size=(50, 3)) + 100, rng.normal(size=(33, 3)) + 100
    np.testing.assert_allclose(
        neighbors.nearest_distances(first, second), cdist(first, second).min(1), rtol=1e-14
    )
    np.testing.assert_allclose(neighbors.mean_distance(first), pdist(first).mean(), rtol=1e-12)
    second[11] = first[40]
    assert neighbors.nearest_distances(first, second)[40] == 0


@pytest.mark.parametrize("count", [97, 2100])
def test_two_equal_sets(count):
    """Every ball holds its own center and k - 1 neighbors: density is 1, to the last digit."""
    points = rng.normal(size=(count, 16)) + 50
    result = metrics.density_coverage(points, points.copy(), k=5)
    assert (result.density, result.coverage) == (1.0, 1.0)


def test_the_matrix_never_exists():
    real, fake = rng.normal(size=(6144, 8)), rng.normal(size=(6144, 8))
    tracemalloc.start()
    metrics.density_coverage(real, fake)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.6 * 8 * 6144**2  # of 302 MB


@pytest.mark.long
def test_speed_and_memory_at_the_sizes_that_are_used():
    real, fake = rng.normal(size=(10_000, 256)), rng.normal(size=(10_000, 256))
    tracemalloc.start()
    start = time.process_time()
    metrics.precision_recall(real, fake)
    metrics.density_coverage(real, fake)
    assert time.process_time() - start < 2 * 30  # of two cores, whatever else they do
    assert tracemalloc.get_traced_memory()[1] < 400e6
    start = time.process_time()
    images = rng.integers(0, 256, size=(10_000, 784)).astype(np.uint8)
    metrics.frechet_distance(images, images[::-1])
    assert time.process_time() - start < 2 * 60
    tracemalloc.stop()
