"""Checks of the inputs of metrics: features `[N, d]` from NumPy or JAX, all finite.

float32 features stay in float32, so that a large array (50,000 x 2,048) is not copied. Every sum and product
is computed in float64, a block of rows at a time.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64

Features = Any  # real numbers [N, d] of NumPy, JAX or in lists; as_features checks them

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
        ValueError: if the dtype is not real, the rank is not 2, there are too few rows or no columns, or some
            values are not finite.
    """
    try:
        given = array = np.asarray(features)
    except ValueError as error:
        raise ValueError(f"{name} must be one array [N, d], got rows of several lengths") from error
    if not any(jnp.issubdtype(array.dtype, kind) for kind in (jnp.floating, jnp.integer, jnp.bool_)):
        raise ValueError(f"{name} must be real numbers [N, d], got {array.dtype}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.ndim != 2:
        cure = ""
        if array.ndim > 2:
            cure = ': metrics take the features of images, features.get("digits-cnn")(images) for example'
        raise ValueError(f"{name} must be [N, d], got shape {array.shape}{cure}")
    if len(array) < at_least or array.shape[1] < 1:
        raise ValueError(f"{name} must have at least {at_least} rows and one column, got shape {array.shape}")
    not_finite = np.count_nonzero(~np.isfinite(array).all(axis=1))
    if not_finite:
        cure = ""
        if given.dtype == np.float16:
            cure = ": float16 ends at 65,504, so compute features in float32"
        raise ValueError(f"{name}: {not_finite} of {len(array)} rows hold NaN or infinite values{cure}")
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
        UserWarning: if all rows of one array are equal, or one holds integers and the other floats.
    """
    real = as_features(real_features, "real_features", at_least=at_least)
    fake = as_features(fake_features, "fake_features", at_least=at_least)
    check_dimensions(real.shape[1], fake.shape[1])
    warn_of_dtypes(real_features, fake_features)
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
        raise ValueError(
            f"real and fake features must have one dimension, got {real} and {fake}: "
            f"one extractor computes both"
        )


def warn_of_dtypes(real_features: Any, fake_features: Any) -> None:
    """Warn of integers beside floats: pixels in [0, 255] beside pixels in [-1, 1], for example.

    Warns:
        UserWarning: if one array holds integers and the other floats.
    """
    dtypes = [features.dtype for features in (real_features, fake_features) if hasattr(features, "dtype")]
    if len(dtypes) == 2 and sum(jnp.issubdtype(dtype, jnp.integer) for dtype in dtypes) == 1:
        warnings.warn(
            f"real_features are {dtypes[0]} and fake_features {dtypes[1]}: one extractor gives one dtype",
            stacklevel=4,
        )


def row_hashes(features: np.ndarray) -> Iterator[int]:
    """Yield a hash of each row, which only equal rows share."""
    for row in features:
        yield hash((row.astype(np.float64) + 0.0).tobytes())  # The sum makes -0.0 equal to 0.0.


def blocks(features: np.ndarray, center: Float64[np.ndarray, " d"] | float = 0.0) -> Iterator[np.ndarray]:
    """Yield blocks of rows of features `[N, d]` minus `center`, in float64."""
    for start in range(0, len(features), BLOCK):
        yield features[start : start + BLOCK].astype(np.float64) - center
