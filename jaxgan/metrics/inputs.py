"""What a metric takes: features, `[N, d]` numbers that are all finite, from NumPy or from JAX.

They stay in the precision they come in, so that 50,000 x 2,048 of them are not copied; every sum and product
is then taken in float64, a block of rows at a time.
"""

import warnings
from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Float64, Num

Features = Num[np.ndarray | jax.Array, "..."]  # [N, d], checked by as_features

BLOCK = 2048  # rows: two blocks of 2,048 features and their distances are 100 MB


def as_features(features: Features, name: str, *, at_least: int = 1) -> np.ndarray:
    """Return features `[N, d]` as a float NumPy array on the host.

    Args:
        features: `[N, d]`, of any real dtype.
        name: what to call them in a message.
        at_least: rows that there must be.

    Returns:
        `[N, d]`; float32 and float64 as they are, anything else as float64.

    Raises:
        ValueError: if the rank is not 2, there are too few rows or no columns, or some are not finite.
    """
    array = np.asarray(features)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.ndim != 2:
        raise ValueError(f"{name} must be [N, d], got shape {array.shape}")
    if len(array) < at_least or array.shape[1] < 1:
        raise ValueError(f"{name} must have at least {at_least} rows and one column, got shape {array.shape}")
    bad = np.count_nonzero(~np.isfinite(array).all(axis=1))
    if bad:
        raise ValueError(f"{name}: {bad} of {len(array)} rows hold NaN or infinite values")
    return array


def as_pair(
    real_features: Features, fake_features: Features, *, at_least: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return real `[N, d]` and fake `[M, d]` features of one dimension; warn of a constant set.

    Args:
        real_features: `[N, d]`.
        fake_features: `[M, d]`.
        at_least: rows that each must have.

    Returns:
        The two arrays, as `as_features` gives them.

    Raises:
        ValueError: if their dimensions differ, and where `as_features` does.
    """
    real = as_features(real_features, "real_features", at_least=at_least)
    fake = as_features(fake_features, "fake_features", at_least=at_least)
    check_dimensions(real.shape[1], fake.shape[1])
    for name, array in (("real_features", real), ("fake_features", fake)):
        if len(array) > 1 and (array == array[0]).all():
            warnings.warn(f"{name}: all {len(array)} rows are the same", stacklevel=3)
    return real, fake


def check_dimensions(real: int, fake: int) -> None:
    """Refuse features of two extractors."""
    if real != fake:
        raise ValueError(f"features must have one dimension, got {real} for the real and {fake} for the fake")


def blocks(features: np.ndarray, centre: Float64[np.ndarray, " d"] | float = 0.0) -> Iterator[np.ndarray]:
    """Yield the rows of `[N, d]` features a block at a time, in float64, less `centre`."""
    for start in range(0, len(features), BLOCK):
        yield features[start : start + BLOCK].astype(np.float64) - centre
