"""Weight files of PyTorch, read as data: nothing in them is ever run.

A ``.pth`` is a pickle, which can call any function by its name. This reader knows the few names that a
dictionary of plain tensors needs, and refuses a file with any other. It reads both formats: the zip of
PyTorch 1.6 and later, and the older one.
"""

import collections
import hashlib
import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file

from jaxgan.system.cache import Arrays
from jaxgan.system.errors import UserError

MAGIC = 0x1950A86A20F9469CFC6C  # the first number of the older format
TYPES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
}


class _Storage(NamedTuple):
    kind: str
    key: str
    count: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Kind(str):
    """The name of a type of storage: a string, which cannot be called as a class can."""


def read_weights(path: Path) -> tuple[Arrays, str]:
    """Return the arrays of a weight file by name, and the file's sha256.

    Args:
        path: a ``.pth`` or ``.pt`` that holds a dictionary of tensors, or a ``.safetensors``.

    Raises:
        UserError: if the file cannot be read, or holds anything but tensors.
    """
    try:
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if path.suffix == ".safetensors":
            return load_file(path), digest
        tensors, storages = _read_zip(content) if content[:2] == b"PK" else _read_older(io.BytesIO(content))
        if not isinstance(tensors, dict):
            raise ValueError("it holds no dictionary of tensors")
        return {
            str(name): _array(tensor, storages)
            for name, tensor in tensors.items()
            if isinstance(tensor, _Tensor)
        }, digest
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # unpickling a damaged file raises any of a dozen types
        raise UserError(f"{path} is no file of weights: {error or type(error).__name__}") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) in (("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor")):
            return _rebuild
        if module == "torch._utils" and name == "_rebuild_parameter":
            return _rebuild_parameter
        if module == "torch" and name in TYPES:
            return _Kind(name)
        raise pickle.UnpicklingError(f"it names {module}.{name}, which weights do not need")

    def persistent_load(self, pid: Any) -> _Storage:
        _, kind, key, _, count = pid[:5]
        return _Storage(str(kind), str(key), int(count))


def _rebuild(storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _rebuild_parameter(tensor: _Tensor, *_: Any) -> _Tensor:
    return tensor


def _read_zip(content: bytes) -> tuple[Any, dict[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("its parts are compressed, which PyTorch does not do")
        root = next(name for name in archive.namelist() if name.endswith("/data.pkl"))[: -len("data.pkl")]
        if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("it was written on a big-endian machine")
        tensors = _Unpickler(io.BytesIO(archive.read(f"{root}data.pkl"))).load()
        parts = [name for name in archive.namelist() if name.startswith(f"{root}data/")]
        return tensors, {name.removeprefix(f"{root}data/"): archive.read(name) for name in parts}


def _read_older(file: io.BytesIO) -> tuple[Any, dict[str, bytes]]:
    if _Unpickler(file).load() != MAGIC:
        raise ValueError("it was not written by PyTorch")
    for _ in ("protocol", "system"):
        _Unpickler(file).load()
    tensors, keys = _Unpickler(file).load(), _Unpickler(file).load()
    kinds = {
        tensor.storage.key: tensor.storage.kind for tensor in tensors.values() if isinstance(tensor, _Tensor)
    }
    storages = {}
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        storages[key] = file.read(count * TYPES[kinds[key]].itemsize)
    return tensors, storages


def _array(tensor: _Tensor, storages: dict[str, bytes]) -> np.ndarray:
    """Return a tensor's numbers. Its view is checked, as NumPy would read beyond the end of the storage."""
    kind = TYPES[tensor.storage.kind]
    values = np.frombuffer(storages[tensor.storage.key], kind)
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, kind)
    steps = [(size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)]
    negative = min(tensor.offset, *tensor.strides, *tensor.shape, 0) < 0
    if negative or tensor.offset + sum(steps) >= len(values):
        raise ValueError("a tensor reaches beyond its storage")
    strides = [stride * kind.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides).copy()
