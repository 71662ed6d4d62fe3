"""Images in a file that is larger than memory: they are mapped, and never read whole.

A map shows a file as an array. The system reads a page of it when somebody looks there, and each page counts
as the process's memory until it is dropped. `gather` therefore asks for all rows of a block at once, so that
the disk can work on many of them, and drops them after it has copied them.
"""

import mmap
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.system.limits import require_memory

LEAST = 2**29  # bytes of an array from which on it stays in its file
SAMPLES = 1024  # rows that tell the content of an array from others

_LOCAL_HEADER = 30  # bytes before the name of a zip's member (APPNOTE.TXT of PKWARE, 4.3.7)


def read_npy(path: Path) -> np.ndarray:
    """Return the array of a ``.npy``: mapped if it is uint8 and large, else in memory.

    Raises:
        UserError: if it does not fit the memory.
        OSError: if the file cannot be read.
        ValueError: if it holds no plain array.
    """
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.memmap):
        raise ValueError("it is no single array")
    if array.dtype == np.uint8 and array.nbytes > LEAST:
        return array
    require_memory(array.nbytes, str(path))
    return np.array(array)


def read_member(path: Path, name: str) -> np.ndarray | None:
    """Return an array of an ``.npz`` as a map, or None where it is small, compressed or not uint8.

    Args:
        path: the file.
        name: the array's name.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        member = archive.NameToInfo.get(f"{name}.npy")
    if member is None or member.compress_type != zipfile.ZIP_STORED or member.file_size <= LEAST:
        return None
    with path.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(_LOCAL_HEADER)
        lengths = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
        file.seek(member.header_offset + _LOCAL_HEADER + sum(lengths))
        version: Any = np.lib.format.read_magic(file)
        if version != (1, 0):  # that of all arrays but tables with long names
            return None
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.uint8 or fortran_order:
            return None
        return np.memmap(path, dtype, "r", file.tell(), shape)


def checksum_of_samples(array: np.ndarray) -> str | None:
    """Return the CRC-32 of `SAMPLES` evenly spread rows of a large mapped array; None for any other."""
    if _large_map(array) is None:
        return None
    rows = np.linspace(0, len(array) - 1, min(SAMPLES, len(array))).astype(np.int64)
    return f"{zlib.crc32(gather(array, rows).data):08x}"


def gather(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return some rows of an array as a copy; what was read of a large map does not stay in memory.

    Args:
        array: ``[N, ...]``.
        rows: indices of any shape.
    """
    pages = _large_map(array)
    if pages is None:
        return np.take(array, rows, axis=0)
    row_bytes = array.nbytes // len(array)
    begin = _address(array) - _address(np.frombuffer(pages, np.uint8))
    for start in (begin + rows.reshape(-1).astype(np.int64) * row_bytes).tolist():
        page = start - start % mmap.PAGESIZE
        pages.madvise(mmap.MADV_WILLNEED, page, start + row_bytes - page)
    taken = np.take(array, rows, axis=0)
    pages.madvise(mmap.MADV_DONTNEED)
    return taken


def _large_map(array: np.ndarray) -> mmap.mmap | None:
    """Return the map that a large array is a view of; None for any other array, and for one to write to."""
    if array.nbytes <= LEAST or array.flags.writeable or not array.flags.c_contiguous:
        return None
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]
