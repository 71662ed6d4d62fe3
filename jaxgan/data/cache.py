"""Images decoded once: one folder for each data set, in the user's cache folder (`jaxgan.system.cache`).

Decoding 60,000 small PNGs takes seconds, and decoding photographs takes minutes. An entry is a folder
``<key>/`` that holds ``images.npy``, which is read through a memory map, and ``details.json``, with labels
and whatever else was learned while decoding. An entry is written beside its place and then renamed, so it is
whole or missing. An entry that was changed afterwards is made again.
"""

import fcntl
import json
import math
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from jaxgan.system.cache import folder, key_hash, writing_to
from jaxgan.system.errors import UserError
from jaxgan.system.limits import require_space
from jaxgan.system.progress import counting

BLOCK = 2**22  # bytes of a file that are in memory at once

Write = Callable[[np.ndarray], Any]
Decode = Callable[[Write], dict[str, Any]]


def cached(key: dict[str, Any], decode: Decode, *, count: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Return decoded images from the cache; decode and keep them where it has none.

    Args:
        key: all that the images depend on, as JSON can hold it.
        decode: called with a function `write` where the cache has no such images. It passes each image, uint8
            ``[H, W, C]``, to `write`, at least one and all of one height and width, and returns details that
            JSON can hold. Gray images (C = 1) become color where others are color (C = 3).
        count: the largest number of images to expect.

    Returns:
        The images, uint8 ``[N, H, W, C]`` as a read-only memory map, and the details, to which the checksum
        of all images is added as "content" (`Dataset.content`).

    Raises:
        UserError: if the cache folder cannot be written to.
    """
    entry = folder() / key_hash(key)
    if content := _read(entry):
        return content
    with writing_to(entry.parent):
        entry.parent.mkdir(parents=True, exist_ok=True)
        with entry.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits here, and then reads the first one's
            if not (content := _read(entry)):
                _make(entry, decode, count)
                content = _read(entry)
    if not content:
        raise UserError(f"the cache entry {entry} cannot be read back as it was written: is the disk sound?")
    return content


def _read(entry: Path) -> tuple[np.ndarray, dict[str, Any]] | None:
    """Return an entry's images and details, or None where it is missing or was changed."""
    try:
        record = json.loads((entry / "details.json").read_text())
        if record["stamp"] != _stamp(entry / "images.npy"):
            return None
        images = np.load(entry / "images.npy", mmap_mode="r", allow_pickle=False)
        return images, record["details"] | {"content": record["content"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make(entry: Path, decode: Decode, count: int) -> None:
    temporary = entry.with_suffix(".tmp")
    shutil.rmtree(temporary, ignore_errors=True)  # a process that was killed has left it
    temporary.mkdir()
    try:
        _write(temporary, decode, count)
        shutil.rmtree(entry, ignore_errors=True)
        temporary.rename(entry)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(entry: Path, decode: Decode, count: int) -> None:
    images = entry / "images.npy"
    with images.open("w+b") as file, counting("decoding", count, "images") as bar:
        details, content = _write_images(file, decode, bar.update, count)
        file.flush()
        os.fsync(file.fileno())  # a power cut could otherwise leave the size without the bytes
    record = {"stamp": _stamp(images), "details": details, "content": content}
    (entry / "details.json").write_text(json.dumps(record))


def _write_images(
    file: BinaryIO, decode: Decode, advance: Callable[[], Any], count: int
) -> tuple[dict[str, Any], str]:
    """Write a ``.npy`` row by row, and its number of rows at the end: some pictures fail to decode.

    `np.lib.format.open_memmap` would not do. It takes the number of rows at the start, and a full disk would
    kill the process (SIGBUS) where a plain write raises `OSError`.
    """
    shape: list[int] = []
    rows, checksum = 0, 0

    def write(image: np.ndarray) -> None:
        nonlocal rows, checksum
        if not shape:
            shape.extend(image.shape)
            _write_header(file, (0, *shape))
            require_space(Path(file.name).parent, count * image.nbytes, "room for decoded images")
        if image.shape[2:] == (3,) and shape[2:] == [1]:
            checksum = _add_color(file, rows * math.prod(shape))
            shape[2] = 3
        elif image.shape[2:] == (1,) and shape[2:] == [3]:
            image = np.repeat(image, 3, axis=2)
        if list(image.shape) != shape or image.dtype != np.uint8:
            raise ValueError(f"images of a set are uint8 {shape}, got {image.dtype} {image.shape}")
        pixels = np.ascontiguousarray(image).data
        file.write(pixels)
        checksum = zlib.crc32(pixels, checksum)
        rows += 1
        advance()

    details = decode(write)
    file.seek(0)
    _write_header(file, (rows, *shape))
    return details, f"{checksum:08x}"


def _add_color(file: BinaryIO, length: int) -> int:
    """Write each of the last `length` bytes of a file three times, in place; return the checksum of these."""
    start = file.tell() - length
    for first in reversed(range(0, length, BLOCK)):  # from the end: what is still to be read stays as it is
        file.seek(start + first)
        block = np.frombuffer(file.read(min(BLOCK, length - first)), np.uint8)
        file.seek(start + 3 * first)
        file.write(np.repeat(block, 3).data)
    file.seek(start)
    checksum = 0
    while block := file.read(BLOCK):
        checksum = zlib.crc32(block, checksum)
    return checksum


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    # NumPy pads the header so that the first axis can grow: any number of rows takes the same space.
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _stamp(file: Path) -> list[int]:
    """Return a file's size and time of change: any write to it alters one of them."""
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]
