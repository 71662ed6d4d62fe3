"""Arrays that take long to make, in the user's cache folder: weights of classifiers, features of reals."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxgan.data import cache
from jaxgan.system.errors import UserError
from jaxgan.system.files import write_atomically

Arrays = dict[str, np.ndarray]


def kept(kind: str, key: dict[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """Return named arrays, from the cache where it has them.

    Args:
        kind: name of a folder in the cache, and part of the key.
        key: all that the arrays depend on, as JSON can hold it.
        make: called where the cache has none, or a damaged file.

    Raises:
        UserError: if the cache folder cannot be written.
    """
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
    file = cache.folder() / kind / f"{name}.npz"
    try:
        with np.load(file, allow_pickle=False) as arrays:  # the checksums of a zip find bit rot
            return dict(arrays)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        arrays = make()
    try:
        write_atomically(file, lambda temporary: np.savez(temporary, allow_pickle=False, **arrays))
    except OSError as error:
        raise UserError(
            f"cannot write to the cache folder {file.parent} ({error.strerror or error}): "
            "set JAXGAN_CACHE to a folder with space that you may write"
        ) from error
    return arrays


def content_hash(arrays: Arrays) -> str:
    """Return 16 hex digits that change with any name, dtype, shape or value."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
