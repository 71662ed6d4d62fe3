"""Arguments of several commands."""

import numpy as np
import pytest

from jaxgan.representation.settings import check_seed, most_images, taken
from jaxgan.system.errors import UserError
from readers import planted, reals


def test_the_images_that_are_taken_are_the_same_ones_in_their_order():
    images, labels = planted(n=50)
    everything = reals(images, labels)
    some, places = taken(everything, 20)
    assert len(set(places)) == 20
    assert (np.diff(places) > 0).all()
    np.testing.assert_array_equal(some.images, images[places])
    np.testing.assert_array_equal(some.labels, labels[places])
    np.testing.assert_array_equal(taken(everything, 20)[1], places)
    assert taken(everything, 50)[0] is everything
    assert taken(reals(images), 5)[0].labels is None


def test_numbers_out_of_range_are_refused():
    assert (check_seed("7"), most_images(1e4)) == (7, 10_000)
    for value in (-1, 2**32):
        with pytest.raises(UserError, match="`seed` must be at least 0 and below"):
            check_seed(value)
    with pytest.raises(UserError, match="`n` must be at least 2, got 1"):
        most_images(1)
