"""The colors of values, and strips of images."""

import numpy as np

from jaxgan.explain.pictures import FAKE, REAL, heat, strips
from jaxgan.explain.regions import grid


def test_the_sign_is_the_hue_and_the_magnitude_the_strength():
    regions = grid((4, 6, 1), 2, 3)
    picture = heat(np.array([2.0, -2.0, 0.0, 1.0, -1.0, 0.1]), regions)
    assert (picture.shape, picture.dtype) == ((4, 6, 3), np.uint8)
    colors = picture[::2, ::2].reshape(6, 3).astype(int)
    assert colors[0].tolist() == list(REAL[-1])
    assert colors[1].tolist() == list(FAKE[-1])
    assert colors[2].tolist() == [247, 247, 247]
    assert colors[3][2] > colors[3][0] + 30  # blue
    assert colors[4][0] > colors[4][2] + 30  # red
    assert colors[5].min() > 225  # nearly neutral
    np.testing.assert_array_equal(picture, picture[::2, ::2].repeat(2, axis=0).repeat(2, axis=1))


def test_a_scale_can_be_shared_and_nothing_is_neutral():
    regions = grid((2, 2, 1), 1, 2)
    assert (heat(np.zeros(2), regions) == 247).all()
    assert (heat(np.array([np.nan, 0.0]), regions) == 247).all()
    half = heat(np.array([1.0, -4.0]), regions, largest=2.0)
    np.testing.assert_array_equal(half[0, 1], FAKE[-1])
    np.testing.assert_array_equal(half, heat(np.array([1.0, -2.0]), regions))


def test_the_two_hues_are_told_apart_without_red_and_green():
    # A person without red or green cones sees blue against yellow: blue minus the mean of red and green.
    for fake, real in zip(FAKE[2:], REAL[2:], strict=True):
        contrast = [color[2] - (color[0] + color[1]) / 2 for color in (fake, real)]
        assert contrast[1] - contrast[0] > 40


def test_strips_have_rows_of_images_of_any_channels_with_gaps():
    gray, color = np.full((4, 4, 1), 200, np.uint8), np.zeros((4, 4, 3), np.uint8)
    color[..., 0] = 255
    picture = strips([[gray, None, color], [color, None, None]])
    height, width, _ = picture.shape
    assert max(height, width) >= 640
    scale = width // (3 * 5 + 1)
    centers = picture[3 * scale :: 5 * scale, 3 * scale :: 5 * scale]
    assert centers[0, 0].tolist() == [200] * 3
    assert centers[0, 2].tolist() == centers[1, 0].tolist() == [255, 0, 0]
    assert len(set(centers[0, 1].tolist())) == 1  # a gap is gray
