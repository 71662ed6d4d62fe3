"""Degradations against NumPy: what each makes of images, and that an example depends on its own key alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.games.degradations import coloring, denoising, inpainting, super_resolution
from jaxgan.images import to_float, to_uint8

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 12, 3)).astype(np.uint8)
IMAGES = to_float(jnp.asarray(PIXELS))
KEYS = jax.random.split(jax.random.key(1), len(PIXELS))
ALL = {
    "super_resolution": super_resolution(scale=4),
    "coloring": coloring(),
    "inpainting": inpainting(hole=0.5),
    "denoising": denoising(noise=0.2),
}


def made(name):
    return np.asarray(ALL[name](IMAGES, keys=KEYS))


def test_super_resolution_begins_with_the_means_of_blocks():
    means = PIXELS.astype(float).reshape(6, 2, 4, 3, 4, 3).mean(axis=(2, 4))
    assert np.abs(127.5 * (made("super_resolution") + 1) - means).max() < 0.51


def test_coloring_begins_with_the_luma():
    luma = PIXELS @ np.array([0.299, 0.587, 0.114])
    assert np.abs(127.5 * (made("coloring") + 1) - luma[..., None]).max() < 0.51


def test_inpainting_begins_with_a_hole_of_its_size_anywhere_inside():
    sources = np.asarray(
        inpainting(hole=0.5)(jnp.ones((200, 8, 12, 2)), keys=jax.random.split(jax.random.key(0), 200))
    )
    corners = []
    for source in sources:
        hole = np.abs(source) < 0.01
        rows, columns = (np.unique(place) for place in np.nonzero(hole)[:2])
        assert (len(rows), len(columns), hole.sum()) == (4, 6, 4 * 6 * 2)
        corners.append((rows[0], columns[0]))
    assert set(corners) == {(row, column) for row in range(5) for column in range(7)}
    kept = np.abs(sources) > 0.01
    np.testing.assert_array_equal(sources[kept], 1)


def test_denoising_begins_with_normal_noise_of_its_deviation():
    gray = jnp.zeros((50, 16, 16, 1))
    noise = np.asarray(denoising(noise=0.2)(gray, keys=jax.random.split(jax.random.key(0), 50)))
    assert noise.std() == pytest.approx(0.2, rel=0.02)
    assert abs(noise.mean()) < 0.01
    assert np.abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.2


@pytest.mark.parametrize("name", ALL)
def test_an_examples_source_depends_on_its_own_image_and_key_and_is_a_picture(name):
    whole = made(name)
    alone = ALL[name](IMAGES[3:4], keys=KEYS[3:4])
    np.testing.assert_array_equal(alone[0], whole[3])
    np.testing.assert_array_equal(to_float(to_uint8(jnp.asarray(whole))), whole)


def test_what_images_do_not_allow_is_refused():
    with pytest.raises(ValueError, match="`scale` 5 does not divide images of 8x12"):
        super_resolution(scale=5)(IMAGES, keys=KEYS)
    with pytest.raises(ValueError, match="color images of 3 channels, got 1"):
        coloring()(IMAGES[..., :1], keys=KEYS)
