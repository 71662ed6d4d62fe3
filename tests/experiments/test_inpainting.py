"""Holes in digits: where they are, and what the nearest image outside of them is."""

import importlib

import numpy as np

RNG = np.random.default_rng(0)


def test_holes_are_known_and_the_nearest_image_is_chosen_by_what_is_outside(experiments):
    inpainting = importlib.import_module("mnist_inpainting")
    images = RNG.integers(0, 256, (5, 28, 28, 1)).astype(np.uint8)
    sources, places = inpainting.holes(images)
    assert places.reshape(5, -1).sum(axis=1).tolist() == 5 * [14 * 14]
    real = images / 127.5 - 1
    np.testing.assert_allclose(sources[~places], real[~places], atol=1e-5)
    assert np.abs(sources[places]).max() < 0.01
    assert len({place.tobytes() for place in places}) > 1
    learned = RNG.uniform(-1, 1, (40, 28, 28, 1)).astype(np.float32)
    nearest = inpainting.of_nearest(real.astype(np.float32), places, learned)
    for image, place, found in zip(real, places, nearest, strict=True):
        distances = [((image - each)[~place] ** 2).sum() for each in learned]
        np.testing.assert_array_equal(found, learned[np.argmin(distances)])
