"""The order in which a run sees its images.

Batch t is a pure function of ``(seed, t)``. Nothing is shuffled, stored or carried along, so a run resumes
exactly. Position p of the endless stream lies in epoch ``p // N``. Within the epoch, a keyed permutation of
``0 .. N-1`` sends the position to an image. The permutation is a Feistel network with cycle walking: it costs
microseconds, where sorting random numbers costs a pass over the data set.

A loader such as Grain would not do. It computes its order on the host and keeps a cursor that a checkpoint
has to store. Here the compiled step computes the same integers on the device as NumPy does on the host, and
the step counter is the only cursor.

References:
    Luby and Rackoff 1988, How to construct pseudorandom permutations from pseudorandom functions
    Black and Rogaway 2002, Ciphers with arbitrary finite domains (cycle walking; generalized Feistel)
"""

import math
import zlib
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_ROUNDS = 16  # with 12, the orders of five images are visibly uneven (tests/data/test_order.py)


@partial(jax.jit, static_argnames="batch_size")
def batch_at(
    data: dict[str, Any], step: int | jax.Array, *, seed: int | np.uint32 | jax.Array, batch_size: int
) -> dict[str, jax.Array]:
    """Return the batch of one step, gathered on the device.

    Args:
        data: arrays with a common leading dimension N, e.g. ``{"image": ..., "label": ...}``. A dict among
            them is a set of arrays with a length and an order of its own, e.g. ``{"image": ..., "unpaired":
            {"source": ...}}``.
        step: the number of the batch.
        seed: uint32 seed of the order.
        batch_size: the number of images that a step takes.

    Returns:
        The rows of that batch under the names of the arrays, of all sets together.
    """
    batch = {}
    for own_seed, arrays in sets_of(data, seed, xp=jnp):
        size = len(next(iter(arrays.values())))
        rows = batch_indices(own_seed, step, batch_size=batch_size, size=size)
        batch |= jax.tree.map(lambda values, rows=rows: values[rows], arrays)
    return batch


def sets_of(data: dict[str, Any], seed: Any, *, xp: Any) -> list[tuple[Any, dict[str, Any]]]:
    """Return the sets of arrays that have an order of their own, each with the seed of its order.

    Args:
        data: arrays by name, as for `batch_at`.
        seed: uint32 seed of the order of all arrays that are in no set. Another set's is mixed of it and of
            the set's name, so that the two orders have nothing to do with each other.
        xp: `jax.numpy` or `numpy`; the integers are the same.
    """
    alone = {name: array for name, array in data.items() if not isinstance(array, dict)}
    apart = {name: arrays for name, arrays in data.items() if isinstance(arrays, dict)}
    first = xp.asarray(seed, xp.uint32)
    return [
        (seed, alone),
        *((first ^ np.uint32(zlib.crc32(name.encode())), arrays) for name, arrays in apart.items()),
    ]


def merged(data: dict[str, Any]) -> dict[str, Any]:
    """Return all arrays of a data set by the names that they have in a batch."""
    return {name: array for _, arrays in sets_of(data, 0, xp=np) for name, array in arrays.items()}


def batch_indices(seed: Any, step: Any, *, batch_size: int, size: int, xp: Any = jnp) -> Any:
    """Return the indices of one batch's images: each image comes once an epoch, in a new order each time.

    Args:
        seed: uint32 seed of the order.
        step: the number of the batch, >= 0; ``(step + 1) * batch_size`` stays below 2**32.
        batch_size: the number of indices to return; it may exceed `size`.
        size: the number of images in the data set, >= 1 and < 2**31.
        xp: `jax.numpy` or `numpy`; the integers are the same.

    Returns:
        uint32 ``[batch_size]`` in [0, size).
    """
    seed = xp.asarray(seed, dtype=xp.uint32).reshape(1)  # arrays wrap around in silence; NumPy's scalars warn
    step = xp.asarray(step, dtype=xp.uint32).reshape(1)
    positions = step * np.uint32(batch_size) + xp.arange(batch_size, dtype=xp.uint32)
    epoch, offset = positions // np.uint32(size), positions % np.uint32(size)
    key = _mix(_mix(seed + np.uint32(0x9E3779B9)) + epoch)
    return _permute(offset, key, size, xp)


def _permute(values: Any, key: Any, size: int, xp: Any) -> Any:
    """Apply the permutation of [0, size) that belongs to `key` to each value."""
    rows = math.isqrt(size - 1) + 1
    columns = -(-size // rows)  # rows * columns is at least size, and hardly larger

    def shift(half, i):  # the round function: its bits change with the half, the round and the key
        return _mix(key + half * np.uint32(0x9E3779B9) + np.uint32(i * 0x7F4A7C15 % 2**32))

    def encrypt(values):
        left, right = values // np.uint32(columns), values % np.uint32(columns)
        for i in range(0, _ROUNDS, 2):
            left = (left + shift(right, i) % np.uint32(rows)) % np.uint32(rows)
            right = (right + shift(left, i + 1) % np.uint32(columns)) % np.uint32(columns)
        return left * np.uint32(columns) + right

    def walk(values):  # cycle walking: a value outside is encrypted until it is inside
        return xp.where(values < size, values, encrypt(values))

    values = encrypt(values)
    if xp is np:
        while (values >= size).any():
            values = walk(values)
        return values
    return _whole(jax.lax.while_loop(lambda values: (values >= size).any(), walk, _whole(values)))


def _whole(values: jax.Array) -> jax.Array:
    """Keep values whole on each device of a mesh: if they are cut, each turn of a loop asks all devices."""
    if not jax.sharding.get_abstract_mesh().auto_axes:
        return values
    return jax.lax.with_sharding_constraint(values, jax.sharding.PartitionSpec())


def _mix(word: Any) -> Any:
    """Return 32 well-mixed bits of a 32-bit word (the finalizer of MurmurHash3, Appleby 2011)."""
    word = (word ^ (word >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    word = (word ^ (word >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return word ^ (word >> np.uint32(16))
