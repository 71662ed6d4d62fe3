"""Grids of regions, and what is refused."""

import numpy as np
import pytest

from jaxgan.explain import grid
from jaxgan.explain.regions import count_of, parse_grid
from jaxgan.system.errors import UserError


def test_a_grid_covers_the_image_by_blocks_of_about_one_size():
    np.testing.assert_array_equal(grid((4, 6, 1), 2, 3), np.kron([[0, 1, 2], [3, 4, 5]], np.ones((2, 2))))
    for shape, blocks in (((28, 28, 1), (7, 7)), ((9, 5, 3), (4, 3)), ((8, 8), (8, 8))):
        regions = grid(shape, *blocks)
        sizes = np.bincount(regions.ravel())
        assert (regions.shape, len(sizes)) == (shape[:2], blocks[0] * blocks[1])
        assert count_of(regions, shape) == len(sizes)
        low, high = ([edge(shape[i] / blocks[i]) for i in (0, 1)] for edge in (np.floor, np.ceil))
        assert np.prod(low) <= sizes.min() <= sizes.max() <= np.prod(high)
        assert (np.diff(regions, axis=0) >= 0).all()


@pytest.mark.parametrize("blocks", [(0, 2), (5, 2), (2, 7)])
def test_grids_finer_than_pixels_are_refused(blocks):
    with pytest.raises(ValueError, match="1x1 to 4x6 regions"):
        grid((4, 6, 1), *blocks)


def test_the_command_line_names_grids():
    assert parse_grid(None, (28, 28, 1)) == (7, 7)
    assert parse_grid(None, (8, 8, 1)) == (8, 8)
    assert parse_grid(None, (9, 32, 1)) == (7, 7)
    assert parse_grid(None, (1, 1, 1)) == (1, 1)
    assert parse_grid("3x5", (8, 8, 1)) == (3, 5)
    assert parse_grid("4", (8, 8, 1)) == parse_grid((4, 4), (8, 8, 1)) == (4, 4)
    for text in ("9x1", "1x9", "0x3", "0"):
        with pytest.raises(UserError, match=r"the images have 8x8 pixels, so a grid has 1x1 to 8x8 regions"):
            parse_grid(text, (8, 8, 1))
    for text in ("seven", "7x", "-1x2", "7x7x7", ""):
        with pytest.raises(UserError, match="`regions` is ROWSxCOLUMNS, such as 7x7, got"):
            parse_grid(text, (8, 8, 1))
