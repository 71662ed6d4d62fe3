"""Checks of the inputs of metrics: features `[N, d]` from NumPy or JAX, all finite.

float32 features stay in float32, so that a large array (50,000 x 2,048) is not copied. Every sum and product
is computed in float64, a block of rows at a time.
"""

import warnings
from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Float64, Num

Features = Num[np.ndarray | jax.Array, "..."]  # [N, d], checked by as_features

BLOCK = 2048  # rows in a block; two blocks of 2,048 features and their distances take 100 MB


def as_features(features: Features, name: str, *, at_least: int = 1) -> np.ndarray:
    """Return features `[N, d]` as a float NumPy array on the host.

    Args:
        features: `[N, d]`, of any real dtype.
        name: the features' name in error messages.
        at_least: smallest number of rows.

    Returns:
        `[N, d]`; float32 and float64 stay as they are, any other dtype becomes float64.

    Raises:
        ValueError: if the rank is not 2, there are too few rows or no columns, or some values are not finite.
    """
    array = np.asarray(features)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.ndim != 2:
        raise ValueError(f"{name} must be [N, d], got shape {array.shape}")
    if len(array) < at_least or array.shape[1] < 1:
        raise ValueError(f"{name} must have at least {at_least} rows and one column, got shape {array.shape}")
    not_finite = np.count_nonzero(~np.isfinite(array).all(axis=1))
    if not_finite:
        raise ValueError(f"{name}: {not_finite} of {len(array)} rows hold NaN or infinite values")
    return array


def as_pair(
    real_features: Features, fake_features: Features, *, at_least: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return real `[N, d]` and fake `[M, d]` features of one dimension.

    Args:
        real_features: `[N, d]`.
        fake_features: `[M, d]`.
        at_least: smallest number of rows of each.

    Returns:
        The two arrays, as `as_features` returns them.

    Raises:
        ValueError: if their dimensions differ, or `as_features` refuses one of them.

    Warns:
        UserWarning: if all rows of one array are equal.
    """
    real = as_features(real_features, "real_features", at_least=at_least)
    fake = as_features(fake_features, "fake_features", at_least=at_least)
    check_dimensions(real.shape[1], fake.shape[1])
    for name, array in (("real_features", real), ("fake_features", fake)):
        if len(array) > 1 and (array == array[0]).all():
            warnings.warn(f"{name}: all {len(array)} rows are the same", stacklevel=3)
    return real, fake


def check_dimensions(real: int, fake: int) -> None:
    """Refuse features of different dimensions, which two different extractors computed.

    Raises:
        ValueError: if the dimensions differ.
    """
    if real != fake:
        raise ValueError(f"real and fake features must have one dimension, got {real} and {fake}")


def blocks(features: np.ndarray, center: Float64[np.ndarray, " d"] | float = 0.0) -> Iterator[np.ndarray]:
    """Yield blocks of rows of features `[N, d]` minus `center`, in float64."""
    for start in range(0, len(features), BLOCK):
        yield features[start : start + BLOCK].astype(np.float64) - center
