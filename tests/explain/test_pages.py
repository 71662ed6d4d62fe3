import numpy as np

from jaxgan.explain.pages import eight_bits, page, paired


def test_rows_of_pairs_lie_below_each_other_and_the_last_is_filled():
    first = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    both = paired(first, first + 10, columns=3)
    assert both.ravel().tolist() == [0, 1, 2, 10, 11, 12, 3, 4, 0, 13, 14, 0]
    assert paired(first[:2], first[:2] + 10, columns=3).ravel().tolist() == [0, 1, 10, 11]


def test_floats_beyond_the_range_are_clipped():
    images = np.array([-2, -1, 1, 3], np.float32).reshape(4, 1, 1, 1)
    assert eight_bits(images).ravel().tolist() == [0, 0, 255, 255]
    assert page(images, columns=2).shape[0] >= 640
