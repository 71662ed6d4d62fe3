import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.images import to_float, to_uint8


def test_every_byte_survives_the_round_trip():
    every = jnp.arange(256, dtype=jnp.uint8)
    floats = to_float(every)
    assert floats.dtype == jnp.float32
    assert (floats.min(), floats.max()) == (-1, 1)
    np.testing.assert_array_equal(to_uint8(floats), every)


def test_floats_are_taken_as_they_are_and_clipped_on_the_way_back():
    points = jnp.array([-7.5, 0.25, 3.0])
    np.testing.assert_array_equal(to_float(points), points)
    for dtype in (jnp.float16, jnp.bfloat16):  # in which a penalty's square would overflow or vanish
        assert to_float(points.astype(dtype)).dtype == jnp.float32
    np.testing.assert_array_equal(to_uint8(points), [0, 159, 255])


def test_other_dtypes_are_refused():
    with pytest.raises(ValueError, match="int32"):
        to_float(jnp.arange(3))
