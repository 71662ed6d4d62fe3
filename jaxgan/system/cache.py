"""The user's cache folder: what takes long to make is made once and kept between runs.

An entry's name is a hash of all that it depends on, so an entry is never wrong: it is found, or it is made.
This module keeps named arrays (weights of classifiers, features of real images). Decoded images have a store
of their own, which can be memory-mapped (`jaxgan.data.cache`).
"""

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError, expanded, free_space, no_room, write_atomically

Arrays = dict[str, np.ndarray]


def folder() -> Path:
    """Return the cache folder: ``$JAXGAN_CACHE``, or ``jaxgan`` in the user's own cache folder.

    Raises:
        UserError: if the user has no home folder, as in a container that runs under a bare number.
    """
    if own := os.environ.get("JAXGAN_CACHE"):
        return expanded(own)
    try:
        return expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "jaxgan"
    except UserError as error:
        raise UserError(
            "there is no home folder for the cache (HOME is not set): set JAXGAN_CACHE to a folder"
        ) from error


def key_hash(key: dict[str, Any]) -> str:
    """Return the name of an entry: 32 hex digits of a key that JSON can hold."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]


def content_hash(arrays: Arrays) -> str:
    """Return 16 hex digits that change with any name, dtype, shape or value."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Say a way out where the body cannot write to a folder of the cache.

    Raises:
        NoRoomError: if the disk is full.
        UserError: if the folder may not be written to.
    """
    way_out = "set JAXGAN_CACHE to a folder with space that you may write to"
    try:
        yield
    except Exception as error:
        if reason := no_room(error):
            raise NoRoomError(
                f"cannot write to the cache folder {folder}, {free_space(folder)} ({reason}): {way_out}"
            ) from error
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or error
        raise UserError(f"cannot write to the cache folder {folder} ({reason}): {way_out}") from error


def kept_arrays(kind: str, key: dict[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """Return named arrays from the cache; make and keep them where it has none.

    Args:
        kind: the name of a folder in the cache.
        key: all that the arrays depend on, as JSON can hold it.
        make: called where the cache has no such arrays, or a damaged file.

    Raises:
        UserError: if the cache folder cannot be written to.
    """
    file = folder() / kind / f"{key_hash(key)}.npz"
    try:
        with np.load(file, allow_pickle=False) as arrays:  # the checksums of a zip find bit rot
            return dict(arrays)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        arrays = make()
    with writing_to(file.parent):
        write_atomically(file, lambda temporary: np.savez(temporary, allow_pickle=False, **arrays))
    return arrays
