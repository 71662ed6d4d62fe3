"""The order: each image once an epoch, the same on host and device."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data import batch_at, batch_indices


@pytest.mark.parametrize(("size", "batch_size"), [(1, 3), (2, 1), (7, 3), (64, 64), (97, 10), (1797, 64)])
def test_every_image_comes_once_an_epoch(size, batch_size):
    epochs = 3
    steps = -(-epochs * size // batch_size)
    rows = [batch_indices(5, step, batch_size=batch_size, size=size, xp=np) for step in range(steps)]
    order = np.concatenate(rows)[: epochs * size].reshape(epochs, size)
    assert (np.sort(order, axis=1) == np.arange(size)).all()
    if size > 50:
        assert (order[0] != order[1]).any()


@pytest.mark.parametrize(("size", "step", "seed"), [(97, 0, 0), (1797, 12345, 3), (60000, 10**6, 2**32 - 1)])
def test_host_and_device_agree(size, step, seed):
    host = batch_indices(seed, step, batch_size=32, size=size, xp=np)
    device = jax.jit(lambda seed, step: batch_indices(seed, step, batch_size=32, size=size))(
        jnp.uint32(seed), jnp.uint32(step)
    )
    np.testing.assert_array_equal(host, device)


def test_a_batch_holds_matching_rows_of_all_arrays():
    data = {"image": jnp.arange(10.0)[:, None], "label": jnp.arange(10)}
    batch = batch_at(data, jnp.int32(4), seed=1, batch_size=6)
    rows = batch_indices(1, 4, batch_size=6, size=10, xp=np)
    np.testing.assert_array_equal(batch["label"], rows)
    np.testing.assert_array_equal(batch["image"][:, 0], rows)
