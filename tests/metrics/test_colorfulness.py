"""Colorfulness against the standard library's statistics, and of images whose value is known."""

import math
import statistics

import numpy as np
import pytest

from jaxgan.metrics import colorfulness

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 5, 4, 3)).astype(np.uint8)


def of_pixels(pixels):
    """The paper's value of a list of (red, green, blue)."""
    opponents = [r - g for r, g, _ in pixels], [0.5 * (r + g) - b for r, g, b in pixels]
    variance = sum(statistics.pvariance(each) for each in opponents)
    mean = sum(statistics.fmean(each) ** 2 for each in opponents)
    return math.sqrt(variance) + 0.3 * math.sqrt(mean)


def test_it_is_the_papers_formula():
    expected = statistics.fmean(of_pixels(image.reshape(-1, 3).tolist()) for image in IMAGES)
    result = colorfulness(IMAGES)
    assert result.value == pytest.approx(expected, rel=1e-12)
    assert str(result) == f"colorfulness: value {expected:.6g} (n_fake 3)"
    assert colorfulness(IMAGES / 127.5 - 1).value == pytest.approx(expected, rel=1e-12)


def test_gray_has_none_and_one_color_has_its_distance_from_gray():
    assert colorfulness(np.repeat(IMAGES[..., :1], 3, axis=3)).value == 0
    red = np.zeros((1, 2, 2, 3), np.uint8)
    red[..., 0] = 200
    assert colorfulness(red).value == pytest.approx(0.3 * math.hypot(200, 100))
    red[0, 0] = 0  # half of the pixels: the deviations are half of the values, and so are the means
    assert colorfulness(red).value == pytest.approx(1.3 * math.hypot(100, 50))


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (IMAGES[..., :1], r"color images have shape \[N, H, W, 3\], got \[3, 5, 4, 1\]"),
        (IMAGES[0], r"got \[5, 4, 3\]"),
        (IMAGES[:0], r"got \[0, 5, 4, 3\]"),
        (IMAGES.astype(int), "uint8, or float in .-1, 1., got int64"),
        (IMAGES + np.nan, "NaN"),
    ],
)
def test_what_has_no_colors_is_refused(images, sentence):
    with pytest.raises(ValueError, match=sentence):
        colorfulness(images)
