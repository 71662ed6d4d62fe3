import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from choosing import each_once, slow_pairs_but
from jaxgan import data

SIZES = [1, 2, 3, 10, 1797, 60_000, 2**31 - 1]


def stream(count, *, seed, batch_size, size):
    """The first `count` batches, one after the other."""
    batches = [
        data.batch_indices(seed, step, batch_size=batch_size, size=size, xp=np) for step in range(count)
    ]
    return np.concatenate(batches)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(size=st.integers(1, 500), batch_size=st.integers(1, 600), seed=st.integers(0, 2**32 - 1))
def test_every_image_comes_once_an_epoch(size, batch_size, seed):
    rows = stream(-(-3 * size // batch_size), seed=seed, batch_size=batch_size, size=size)[: 3 * size]
    for epoch in rows.reshape(3, size):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(size))


@pytest.mark.parametrize(
    ("size", "seed"), slow_pairs_but(each_once(SIZES, [2**32 - 1, 0, 7]), SIZES, [0, 7, 2**32 - 1])
)
def test_host_and_device_agree_on_every_integer(size, seed):
    on_device = jax.jit(lambda step: data.batch_indices(seed, step, batch_size=64, size=size))
    for step in (0, 1, 999, 2**25):
        on_host = data.batch_indices(seed, step, batch_size=64, size=size, xp=np)
        assert on_host.dtype == np.uint32
        np.testing.assert_array_equal(on_device(step), on_host)


def test_seeds_may_be_traced_and_vmapped():
    seeds = jnp.arange(5, dtype=jnp.uint32)
    rows = jax.vmap(lambda seed: data.batch_indices(seed, 3, batch_size=8, size=100))(seeds)
    for seed, row in enumerate(rows):
        np.testing.assert_array_equal(row, data.batch_indices(seed, 3, batch_size=8, size=100, xp=np))


def test_the_order_looks_random():
    """Between epochs, between seeds, and along an epoch: correlations of 10,000 within 4.5 deviations."""
    size = 10_000
    orders = [
        order.astype(float)
        for seed in (0, 1)
        for order in stream(2, seed=seed, batch_size=size, size=size).reshape(2, size)
    ]
    orders.append(np.arange(size, dtype=float))
    correlations = np.corrcoef(orders)[np.triu_indices(len(orders), 1)]
    assert np.abs(correlations).max() < 4.5 / np.sqrt(size)
    neighbors = np.corrcoef(orders[0][1:], orders[0][:-1])[0, 1]
    assert abs(neighbors) < 4.5 / np.sqrt(size)


@pytest.mark.parametrize(("size", "orders", "limit"), [(3, 6, 25.7), (4, 24, 57.1), (5, 120, 185.1)])
def test_all_orders_of_few_images_are_equally_likely(size, orders, limit):
    """Chi-square over 1,000 epochs per order: below scipy.stats.chi2.ppf(0.9999, orders - 1)."""
    epochs = stream(1, seed=3, batch_size=size * 1000 * orders, size=size).reshape(-1, size)
    _, counts = np.unique(epochs @ 8 ** np.arange(size), return_counts=True)
    assert len(counts) == orders
    assert ((counts - 1000.0) ** 2 / 1000).sum() < limit


def test_batches_are_rows_of_the_data():
    arrays = {"image": jnp.arange(20, dtype=jnp.uint8).reshape(10, 2, 1, 1), "label": jnp.arange(10)}
    batch = data.batch_at(arrays, 4, seed=1, batch_size=6)
    rows = data.batch_indices(1, 4, batch_size=6, size=10, xp=np)
    np.testing.assert_array_equal(batch["label"], rows)
    np.testing.assert_array_equal(batch["image"][:, 0, 0, 0], 2 * rows)
