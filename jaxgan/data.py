"""Image sources, and the order in which a run sees them.

Batch t is a pure function of ``(seed, t)``: nothing is shuffled, stored or carried along, so a run resumes
exactly and the host and the device agree on every index. Position p of the endless stream lies in epoch
``p // N``; there it is sent to an image by a keyed permutation of ``0 .. N-1``, a Feistel network with cycle
walking, which costs microseconds where sorting random numbers costs a pass over the data set.

References:
    Luby and Rackoff 1988, How to construct pseudorandom permutations from pseudorandom functions
    Black and Rogaway 2002, Ciphers with arbitrary finite domains (cycle walking; generalised Feistel)
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_ROUNDS = 16  # with 12, the orders of five images are still visibly uneven (tests/test_order.py)


class Dataset(NamedTuple):
    """Images at rest.

    Attributes:
        name: what to call it.
        images: uint8 ``[N, H, W, C]`` in [0, 255], or float32 ``[N, ...]`` used as it is.
        labels: int32 ``[N]`` in [0, num_classes), or None.
        num_classes: None without labels.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None = None
    num_classes: int | None = None


def digits() -> Dataset:
    """Return scikit-learn's embedded handwritten digits: 1,797 images 8x8x1, ten classes.

    References:
        Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository
    """
    from sklearn.datasets import load_digits  # a second to import

    bunch: Any = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    return Dataset("digits", images, bunch.target.astype(np.int32), 10)


def from_arrays(images: Any, labels: Any = None, *, name: str = "arrays") -> Dataset:
    """Make a data set of your own arrays.

    Args:
        images: uint8 ``[N, H, W, C]`` or ``[N, H, W]`` (one channel), or float ``[N, ...]`` in [-1, 1].
        labels: integers ``[N]``, >= 0, or None.
        name: what to call it.

    Returns:
        A `Dataset` with at least one image.

    Raises:
        ValueError: for other dtypes or shapes, values that are not finite, or labels that do not match.
    """
    images = np.asarray(images)
    if images.ndim < 2 or 0 in images.shape:
        raise ValueError(f"images have shape [N, H, W, C], got {images.shape}")
    if np.issubdtype(images.dtype, np.floating):
        images = images.astype(np.float32)
        if not np.isfinite(images).all():
            raise ValueError("images hold values that are not finite")
    elif images.dtype == np.uint8:
        images = images[..., None] if images.ndim == 3 else images
    else:
        raise ValueError(f"images are uint8, or float in [-1, 1], got {images.dtype}")
    if labels is None:
        return Dataset(name, images)
    labels = np.asarray(labels)
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError(
            f"labels are integers >= 0 of shape {images.shape[:1]}, got {labels.dtype} {labels.shape}"
        )
    return Dataset(name, images, labels.astype(np.int32), int(labels.max()) + 1)


def first_images(dataset: Dataset, count: int, *, by_class: bool = False) -> np.ndarray:
    """Return `count` images to look at, fewer where there are fewer.

    Args:
        dataset: where from.
        count: how many.
        by_class: take the first of each class, then the second of each, and so on.
    """
    if not by_class or dataset.labels is None:
        return dataset.images[:count]
    order = np.argsort(dataset.labels, kind="stable")
    starts = np.searchsorted(dataset.labels[order], dataset.labels[order])
    rank = np.arange(len(order)) - starts  # how many of its class come before an image
    return dataset.images[order[np.lexsort((dataset.labels[order], rank))[:count]]]


@partial(jax.jit, static_argnames="batch_size")
def batch_at(
    data: dict[str, jax.Array], step: int | jax.Array, *, seed: int | jax.Array, batch_size: int
) -> dict[str, jax.Array]:
    """Return the batch of one step, gathered on the device.

    Args:
        data: arrays with a common leading dimension N, e.g. ``{"image": ..., "label": ...}``.
        step: which batch.
        seed: of the order.
        batch_size: images a step takes: ``B * d_steps``.

    Returns:
        The rows of that batch, under the same names.
    """
    size = len(next(iter(data.values())))
    rows = batch_indices(seed, step, batch_size=batch_size, size=size)
    return jax.tree.map(lambda values: values[rows], data)


def batch_indices(seed: Any, step: Any, *, batch_size: int, size: int, xp: Any = jnp) -> Any:
    """Return which images batch `step` holds: each comes once an epoch, in an order of that epoch's own.

    Args:
        seed: uint32 seed of the order.
        step: which batch, >= 0; ``(step + 1) * batch_size`` stays below 2**32.
        batch_size: indices to return; it may exceed `size`.
        size: images in the data set, >= 1 and < 2**31.
        xp: `jax.numpy` or `numpy`; the integers are the same.

    Returns:
        uint32 ``[batch_size]`` in [0, size).
    """
    seed = xp.asarray(seed, dtype=xp.uint32).reshape(1)  # arrays wrap around; NumPy's scalars warn
    step = xp.asarray(step, dtype=xp.uint32).reshape(1)
    positions = step * np.uint32(batch_size) + xp.arange(batch_size, dtype=xp.uint32)
    epoch, offset = positions // np.uint32(size), positions % np.uint32(size)
    key = _mix(_mix(seed + np.uint32(0x9E3779B9)) + epoch)
    return _permute(offset, key, size, xp)


def _permute(values: Any, key: Any, size: int, xp: Any) -> Any:
    """Send each value of [0, size) to another: the `key`'s permutation, elementwise."""
    rows = math.isqrt(size - 1) + 1
    columns = -(-size // rows)  # rows * columns is at least size, and hardly more

    def shift(half, i):  # the round function: other inputs, rounds or keys, other bits
        return _mix(key + half * np.uint32(0x9E3779B9) + np.uint32(i * 0x7F4A7C15 % 2**32))

    def encrypt(values):
        left, right = values // np.uint32(columns), values % np.uint32(columns)
        for i in range(0, _ROUNDS, 2):
            left = (left + shift(right, i) % np.uint32(rows)) % np.uint32(rows)
            right = (right + shift(left, i + 1) % np.uint32(columns)) % np.uint32(columns)
        return left * np.uint32(columns) + right

    def walk(values):  # what falls outside goes on until it is inside: still a permutation
        return xp.where(values < size, values, encrypt(values))

    values = encrypt(values)
    if xp is np:
        while (values >= size).any():
            values = walk(values)
        return values
    return jax.lax.while_loop(lambda values: (values >= size).any(), walk, values)


def _mix(word: Any) -> Any:
    """Return 32 well-mixed bits of a 32-bit word (the finaliser of MurmurHash3, Appleby 2011)."""
    word = (word ^ (word >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    word = (word ^ (word >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return word ^ (word >> np.uint32(16))
