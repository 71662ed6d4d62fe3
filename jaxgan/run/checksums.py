"""Checks of a state's leaves: fingerprints that show damage on disk, and which leaves are finite.

Disks and copies flip bits now and then, and array formats do not notice: a damaged weight is read as another
weight. A checkpoint therefore holds a CRC-32 of each leaf. It detects every change within 32 neighboring
bits, and misses one in four billion of the others. It is computed from the bytes on the host, which a save
copies there anyway; a compiled reduction would cost seconds of compilation (`benchmarks/fault_cost.py`).

References:
    Peterson and Brown 1961, Cyclic codes for error detection, Proceedings of the IRE 49(1)
"""

import json
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class DamagedError(Exception):
    """What was read is not what was written; the message says what is wrong."""


def describe(leaves: dict[str, Any]) -> dict[str, list[Any]]:
    """Return ``[dtype, shape, CRC-32]`` of each array by its name, as JSON can hold it."""
    checksums = _of_each(leaves, lambda array: zlib.crc32(array.tobytes()))
    return {name: [str(leaf.dtype), list(leaf.shape), checksums[name]] for name, leaf in leaves.items()}


def differences(saved: dict[str, list[Any]], expected: dict[str, Any]) -> list[str]:
    """Return how names, dtypes and shapes of saved arrays (`describe`) differ from the expected ones."""
    lines = []
    for name in sorted(expected.keys() | saved.keys(), key=lambda name: ("/params/" not in name, name)):
        if name not in saved:
            lines.append(f"{name} is missing")
        elif name not in expected:
            lines.append(f"{name} is not in this model")
        elif saved[name][:2] != (leaf := [str(expected[name].dtype), list(expected[name].shape)]):
            lines.append(f"{name} is {saved[name][0]}{saved[name][1]}, not {leaf[0]}{leaf[1]}")
    return lines


def not_finite(leaves: dict[str, Any]) -> list[str]:
    """Return the names of the arrays that hold NaN or infinity."""
    floats = {name: leaf for name, leaf in leaves.items() if jnp.issubdtype(leaf.dtype, jnp.inexact)}
    return [
        name
        for name, finite in _of_each(floats, lambda array: np.isfinite(array).all()).items()
        if not finite
    ]


def seal(content: dict[str, Any]) -> dict[str, Any]:
    """Return plain JSON content with a checksum of its own."""
    return {**content, "checksum": _checksum(content)}


def unseal(content: Any) -> dict[str, Any]:
    """Return the content that was given to `seal`.

    Raises:
        DamagedError: if it has changed since.
    """
    if not isinstance(content, dict) or "checksum" not in content:
        raise DamagedError("its description has no checksum")
    content = dict(content)
    if content.pop("checksum") != _checksum(content):
        raise DamagedError("its description is not as it was written")
    return content


def _checksum(content: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def _of_each(leaves: dict[str, Any], measure: Callable[[np.ndarray], Any]) -> dict[str, Any]:
    """Return the measure of each array, computed in threads: NumPy and zlib release the interpreter lock."""

    def on_host(leaf: Any) -> Any:
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return measure(np.asarray(jax.random.key_data(leaf) if is_key else leaf))

    with ThreadPoolExecutor() as workers:
        return dict(zip(leaves, workers.map(on_host, leaves.values()), strict=True))
