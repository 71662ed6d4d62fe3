"""Activations as rows: pooled, and a few images at a time."""

import numpy as np
import pytest

from jaxgan.representation import activations
from jaxgan.representation.activations import all_layers, last_layer, pixels, pooled, rows_of

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(("size", "window"), [(8, 2), (16, 4)])
def test_pooling_takes_the_largest_of_each_window(size, window):
    values = RANDOM.normal(size=(3, size, size, 2)).astype(np.float32)
    expected = values.reshape(3, 4, window, 4, window, 2).max(axis=(2, 4)).reshape(3, -1)
    np.testing.assert_array_equal(pooled(values), expected)


def test_windows_of_seven_pixels_overlap_and_cover_all():
    values = np.zeros((7, 7, 1, 1), np.float32)
    values[range(7), range(7)] = 1  # image i has its row i lit
    lit = pooled(values).reshape(7, 4)
    cells = [{i for i in range(7) if lit[i, cell]} for cell in range(4)]
    assert cells == [{0, 1}, {1, 2, 3}, {3, 4, 5}, {5, 6}]  # floor(7i/4) to ceil(7(i+1)/4)


def test_small_and_flat_activations_stay_whole():
    values = RANDOM.normal(size=(2, 3, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(pooled(values), values.reshape(2, -1))
    np.testing.assert_array_equal(pooled(values[:, 0, 0]), values[:, 0, 0])


def test_layers_lie_side_by_side_whatever_the_chunk(monkeypatch):
    monkeypatch.setattr(activations, "CHUNK", 4)
    images, sizes = RANDOM.normal(size=(10, 4, 4, 1)), []

    def features(images):
        sizes.append(len(images))
        return {"first": images, "second": images.mean(axis=(1, 2))}

    rows = rows_of(features, images, all_layers)
    assert sizes == [4, 4, 2]
    np.testing.assert_allclose(rows[:, :16], images.reshape(10, 16), rtol=1e-6)
    np.testing.assert_allclose(rows[:, 16:], images.mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_array_equal(rows_of(features, images, last_layer), rows[:, 16:])


def test_pixels_are_in_minus_one_to_one():
    np.testing.assert_allclose(pixels(np.array([[[[0], [255]]]], np.uint8)), [[-1, 1]])
