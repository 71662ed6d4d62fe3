"""Streaming moments against numpy's over everything at once, in any chunks and on any devices."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, PartitionSpec

from jaxgan.metrics import Moments, shifted_sums

rng = np.random.default_rng(1)
FEATURES = (
    rng.normal(size=(97, 5)) @ rng.normal(size=(5, 5)) + 1e4
)  # far from zero: a naive sum of squares fails


def assert_moments(moments, features, rtol=1e-11):
    assert moments.count == len(features)
    np.testing.assert_allclose(moments.mean, features.mean(0), rtol=1e-13)
    covariance = np.cov(features - features.mean(0), rowvar=False)
    np.testing.assert_allclose(moments.covariance, covariance, rtol=rtol, atol=rtol * covariance.max())


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, len(FEATURES)), max_size=12))
def test_any_chunks_give_the_moments_of_the_whole(cuts):
    moments = Moments.empty(5)
    for chunk in np.split(FEATURES, sorted(cuts)):
        moments = moments.update(chunk)
    assert_moments(moments, FEATURES)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 97), st.integers(0, 97))
def test_merging_is_associative_and_commutative(i, j):
    a, b, c = (Moments.of(part) for part in np.split(FEATURES, sorted((i, j))))
    for moments in (a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(a).merge(b)):
        assert_moments(moments, FEATURES)


def test_more_rows_than_a_block():
    features = rng.normal(size=(5000, 3)) + 7
    assert_moments(Moments.of(features), features)
    assert_moments(Moments.of(features.astype(np.float32)), features.astype(np.float32).astype(np.float64))


def test_moments_are_immutable_and_float64():
    start = Moments.of(jnp.asarray(FEATURES[:10], jnp.float32))
    before = [np.copy(part) for part in start]
    start.update(FEATURES).merge(start)
    jax.tree.map(np.testing.assert_array_equal, list(start), before)
    assert start.mean.dtype == start.scatter.dtype == np.float64


def test_wrong_dimensions_and_too_few_are_refused():
    with pytest.raises(ValueError, match="5 and 4"):
        Moments.of(FEATURES).update(FEATURES[:, :4])
    with pytest.raises(ValueError, match="at least 2 examples, got 1"):
        _ = Moments.of(FEATURES[:1]).covariance
    with pytest.raises(ValueError, match=r"\(97,\)"):
        Moments.of(FEATURES[:, 0])


MESH = jax.make_mesh((2,), ("batch",), axis_types=(AxisType.Auto,))


def summed(features, center):
    return jax.lax.psum(shifted_sums(features, center), "batch")


def by_shard_map(features, center):
    mapped = jax.shard_map(
        summed, mesh=MESH, in_specs=(PartitionSpec("batch"), PartitionSpec()), out_specs=PartitionSpec()
    )
    return mapped(features, center)


def by_pmap(features, center):
    mapped = jax.pmap(summed, axis_name="batch", in_axes=(0, None), out_axes=None)
    return mapped(features.reshape(2, -1, features.shape[1]), center)


@pytest.mark.parametrize("mapped", [by_shard_map, by_pmap])
@pytest.mark.parametrize(("x64", "rtol"), [(True, 1e-11), (False, 3e-6)])
def test_sums_over_two_devices_are_the_moments_of_all(mapped, x64, rtol):
    features, center = FEATURES[:96].astype(np.float32), FEATURES[0].astype(np.float32)
    with jax.enable_x64(x64):
        as_device = partial(jnp.asarray, dtype=jnp.float64 if x64 else jnp.float32)
        moments = Moments.empty(5)
        for half in np.split(features, 2):
            sums = mapped(as_device(half), as_device(center))
            moments = moments.merge(Moments.from_sums(sums, center))
    expected = Moments.of(features)
    np.testing.assert_allclose(moments.mean, expected.mean, rtol=1e-6)
    np.testing.assert_allclose(
        moments.covariance, expected.covariance, rtol=rtol, atol=rtol * expected.covariance.max()
    )


def test_negative_control_unshifted_float32_sums_are_far_off():
    features = FEATURES.astype(np.float32)
    sums = shifted_sums(jnp.asarray(features), jnp.zeros(5))
    wrong = Moments.from_sums(sums, np.zeros(5)).covariance
    assert np.abs(wrong / Moments.of(features).covariance - 1).max() > 0.1
