"""Images decoded once: a folder a data set, in the user's cache folder.

Decoding 60,000 small PNGs takes seconds and decoding photographs takes minutes, so it is done once. An entry
is a folder ``<key>/`` that holds ``images.npy``, read through a memory map, and ``details.json``, with labels
and whatever else was learnt while decoding. The key is a hash of what the images were made of. An entry is
written beside its place and renamed into it; one that does not look as it was left is made again.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from tqdm import tqdm

from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded
from jaxgan.system.limits import require_space

Write = Callable[[np.ndarray], Any]


def folder() -> Path:
    """Return what keeps things between runs: ``$JAXGAN_CACHE``, or ``jaxgan`` in the user's cache folder."""
    if own := os.environ.get("JAXGAN_CACHE"):
        return expanded(own)
    return expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "jaxgan"


def cached(
    key: dict[str, Any], decode: Callable[[Write], dict[str, Any]], *, count: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return decoded images, from the cache where it has them.

    Args:
        key: all that the images depend on, as JSON can hold it.
        decode: called where the cache has none; hands each image, uint8 ``[H, W, C]``, to the function it is
            given, at least one and all of one shape, and returns details for JSON to hold.
        count: how many images to expect, for the progress bar that a terminal sees.

    Returns:
        The images, uint8 ``[N, H, W, C]`` as a read-only memory map, and the details.

    Raises:
        UserError: if the cache folder cannot be written.
    """
    entry = folder() / hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
    if found := _read(entry):
        return found
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with entry.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # whoever comes second waits, and finds it done
            if not (found := _read(entry)):
                _make(entry, decode, count)
                found = _read(entry)
    except OSError as error:
        raise UserError(
            f"cannot keep decoded images in {entry.parent} ({error.strerror or error}): "
            "set JAXGAN_CACHE to a folder with space that you may write"
        ) from error
    if not found:
        raise UserError(f"what was written to the cache in {entry} reads back otherwise: is the disk sound?")
    return found


def _read(entry: Path) -> tuple[np.ndarray, dict[str, Any]] | None:
    """Return an entry's images and details, or None where it is missing or not as it was left."""
    try:
        left = json.loads((entry / "details.json").read_text())
        if left["stamp"] != _stamp(entry / "images.npy"):
            return None
        return np.load(entry / "images.npy", mmap_mode="r", allow_pickle=False), left["details"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make(entry: Path, decode: Callable[[Write], dict[str, Any]], count: int) -> None:
    temporary = entry.with_suffix(".tmp")
    shutil.rmtree(temporary, ignore_errors=True)  # of somebody who was killed
    temporary.mkdir()
    try:
        _write(temporary, decode, count)
        shutil.rmtree(entry, ignore_errors=True)
        temporary.rename(entry)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(entry: Path, decode: Callable[[Write], dict[str, Any]], count: int) -> None:
    images = entry / "images.npy"
    progress = tqdm(desc="decoding", total=count, unit=" images", leave=False, disable=None)
    with images.open("wb") as file, progress:
        details = _write_images(file, decode, progress, count)
        file.flush()
        os.fsync(file.fileno())  # a size without its bytes is what a power cut would leave
    (entry / "details.json").write_text(json.dumps({"stamp": _stamp(images), "details": details}))


def _write_images(
    file: BinaryIO, decode: Callable[[Write], dict[str, Any]], progress: tqdm, count: int
) -> dict[str, Any]:
    """Write a ``.npy`` row by row; how many rows there are is known, and put in the header, at the end."""
    shape: list[int] = []
    rows = 0

    def write(image: np.ndarray) -> None:
        nonlocal rows
        if not shape:
            shape.extend(image.shape)
            _write_header(file, (0, *shape))
            require_space(Path(file.name).parent, count * image.nbytes, "room for decoded images")
        if list(image.shape) != shape or image.dtype != np.uint8:
            raise ValueError(f"images of a set are uint8 {shape}, got {image.dtype} {image.shape}")
        file.write(np.ascontiguousarray(image).data)
        rows += 1
        progress.update()

    details = decode(write)
    file.seek(0)
    _write_header(file, (rows, *shape))
    return details


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    # NumPy pads the header for the first axis to grow, so that any count takes the same room.
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _stamp(file: Path) -> list[int]:
    """Return size and time of change: whatever touches a file alters one of them, and asking is free."""
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]
