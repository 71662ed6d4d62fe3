"""Arrays in what a pickle would make: PyTorch's tensors and NumPy's arrays.

There are three kinds of files. PyTorch's zip has the pickle in one part, and each storage of numbers in
another. PyTorch's older format has five pickles, and the storages behind them. A plain pickle of PyTorch's
objects holds, for each storage, the bytes of a whole file of the older format.

References:
    https://github.com/pytorch/pytorch/blob/main/torch/serialization.py, the formats
"""

import io
import math
import struct
import zipfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan.inert.pickles import Call, Name, Program, bytes_of

MAGIC = 0x1950A86A20F9469CFC6C  # the first number of the older format
MOST_BYTES = 8 * 2**30  # of a file
_MOST_PARTS = 100_000  # of a zip
_MOST_AXES = 8

_BFLOAT16 = "bfloat16"
_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": _BFLOAT16,
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_NUMPY_KINDS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1")


class Storage:
    """Numbers in a row, which tensors are views of.

    Attributes:
        kind: type of a number: NumPy's code, or "bfloat16".
        count: number of numbers, as the file claims.
        parts: where the bytes are, by the name of the storage.
        key: name of the storage.
    """

    __slots__ = ("count", "key", "kind", "parts")

    def __init__(self, kind: str, count: int, parts: Mapping[str, Any], key: str) -> None:
        self.kind, self.count, self.parts, self.key = kind, count, parts, key

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return 2 if self.kind == _BFLOAT16 else np.dtype(self.kind).itemsize


class Tensor(NamedTuple):
    """A tensor before its numbers are read.

    Attributes:
        storage: a `Storage`, or the `Call` that would read one from bytes within the pickle.
        offset: place of its first number in the storage.
        shape: its shape.
        strides: how far apart neighbors along each axis are in the storage.
    """

    storage: Any
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class WeightFile:
    """A file of weights, of which `root` is what its pickle would make.

    Args:
        content: the whole file.

    Raises:
        ValueError: if it is none of the three kinds, is damaged, or claims more than it holds.
    """

    def __init__(self, content: bytes) -> None:
        self._program = Program()
        self._nested: dict[int, Storage] = {}
        self._bytes_left = len(content)  # of arrays: tensors that share numbers must not add up to more
        self._nested_left = len(content)  # of files within the file, for the same reason
        self.root = self._read(content)

    def _read(self, content: bytes) -> Any:
        if content[:2] == b"PK":
            return self._read_zip(content)
        file = io.BytesIO(content)
        parts: dict[str, Any] = {}
        storages: dict[str, Storage] = {}

        def persistent(pid: Any) -> Storage:
            storage = _storage(pid, parts)
            return storages.setdefault(storage.key, storage)

        first = self._program.follow(file)
        if not isinstance(first, int) or first != MAGIC:
            return first
        self._program.follow(file)  # the protocol
        system = self._program.follow(file)
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise ValueError("it was written on a big-endian machine")
        root, keys = self._program.follow(file, persistent), self._program.follow(file)
        if not isinstance(keys, list) or not all(isinstance(key, str) and key in storages for key in keys):
            raise ValueError("it lists storages that no tensor has")
        for key in keys:
            storage, (count,) = storages[key], struct.unpack("<q", _exactly(file, 8))
            if count != storage.count:
                raise ValueError("a storage has another length than its tensors say")
            parts[key] = _exactly(file, count * storage.itemsize)
        return root

    def _read_zip(self, content: bytes) -> Any:
        try:
            archive = zipfile.ZipFile(io.BytesIO(content))
            entries = archive.infolist()
            if len(entries) > _MOST_PARTS or sum(entry.file_size for entry in entries) > len(content):
                raise ValueError("its parts claim more than the file holds")
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise ValueError("its parts are compressed, which PyTorch does not do")
            pickled = [entry.filename for entry in entries if entry.filename.endswith("/data.pkl")]
            if len(pickled) != 1:
                raise ValueError("it is a zip, and not of PyTorch")
            root = pickled[0].removesuffix("data.pkl")
            names = {entry.filename for entry in entries}
            if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != b"little":
                raise ValueError("it was written on a big-endian machine")
            parts = _Parts(archive, f"{root}data/")
            return self._program.follow(
                io.BytesIO(archive.read(pickled[0])), lambda pid: _storage(pid, parts)
            )
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, KeyError) as error:
            raise ValueError(f"its zip is damaged: {error}") from error

    def tensor(self, value: Any) -> Tensor | None:
        """Return the tensor that a part of `root` would make; None if it would make something else.

        Raises:
            ValueError: if it would make a tensor of a kind that is not read.
        """
        parameter = "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"
        if isinstance(value, Call) and value.calls(*parameter):
            value = value.arguments[0] if isinstance(value.arguments, tuple) and value.arguments else None
        if not isinstance(value, Call):
            return None
        arguments = value.arguments if isinstance(value.arguments, tuple) else ()
        if value.calls("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"):
            if len(arguments) < 4:
                raise ValueError("a tensor lacks its shape")
            return Tensor(arguments[0], *_view(*arguments[1:4]))
        if value.calls("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"):
            return _numpy_array(value.state)
        if value.calls("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"):
            content, kind, shape, order = arguments if len(arguments) == 4 else (None,) * 4
            return _numpy_array((1, shape, kind, order == "F", content))
        if isinstance(value.function, Name) and value.function.name.startswith("_rebuild"):
            raise ValueError(f"it has tensors of a kind that is not read, {value.function}")
        return None

    def array(self, tensor: Tensor) -> np.ndarray:
        """Return a tensor's numbers, bfloat16 as float32.

        Raises:
            ValueError: if the tensor reaches beyond its storage, or claims more than the file holds.
        """
        storage, (_, offset, shape, strides) = self._storage_of(tensor.storage), tensor
        size = math.prod(shape)
        self._bytes_left -= size * storage.itemsize
        if self._bytes_left < 0 or size > storage.count:
            raise ValueError("its tensors claim more numbers than the file holds")
        kind = np.dtype("<u2" if storage.kind == _BFLOAT16 else storage.kind)
        content = storage.parts[storage.key]
        if len(content) < storage.count * kind.itemsize:
            raise ValueError("a tensor reaches beyond its storage, which is shorter than it says")
        if size == 0:
            values = np.zeros(shape, kind)
        else:
            last = offset + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
            if last >= storage.count:
                raise ValueError("a tensor reaches beyond its storage")
            row = np.frombuffer(content, kind, storage.count)[offset:]
            view = np.lib.stride_tricks.as_strided(row, shape, [stride * kind.itemsize for stride in strides])
            values = np.array(view, order="C")
        if storage.kind == _BFLOAT16:
            values = (values.astype(np.uint32) << 16).view(np.float32)
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def _storage_of(self, value: Any) -> Storage:
        if isinstance(value, Storage):
            return value
        if not isinstance(value, Call) or not value.calls("torch.storage._load_from_bytes"):
            raise ValueError("a tensor has no storage")
        if id(value) not in self._nested:
            arguments = value.arguments if isinstance(value.arguments, tuple) else ()
            content = bytes_of(arguments[0]) if arguments else None
            self._nested_left -= len(content or b"")
            if self._nested_left < 0:
                raise ValueError("its tensors claim more numbers than the file holds")
            found = None if content is None else self._read(content)
            if not isinstance(found, Storage):
                raise ValueError("a tensor has no storage")
            self._nested[id(value)] = found
        return self._nested[id(value)]


class _Parts(Mapping):
    """The storages in a zip, each read once, when it is asked for."""

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        self.archive, self.folder = archive, folder
        self.read: dict[str, bytes] = {}  # tensors may share a storage

    def __getitem__(self, key: str) -> bytes:
        try:
            if key not in self.read:
                self.read[key] = self.archive.read(self.folder + key)
            return self.read[key]
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, KeyError) as error:
            raise ValueError(f"its zip is damaged: {error}") from error

    def __iter__(self):
        return iter(())

    def __len__(self) -> int:
        return 0


def _storage(pid: Any, parts: Mapping[str, Any]) -> Storage:
    """Return the storage of a persistent id, ``("storage", type, key, device, count)`` and perhaps a view."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or any(pid[5:]):
        raise ValueError("it refers to something outside of itself")
    _, kind, key, _, count = pid[:5]
    code = _STORAGES.get(kind.name) if isinstance(kind, Name) else None
    if code is None:
        name = kind if isinstance(kind, Name) else "of no name"
        raise ValueError(f"it has numbers of a type that is not read, {name}")
    if not isinstance(key, str) or not isinstance(count, int) or count < 0:
        raise ValueError("a storage has no sensible length")
    return Storage(code, count, parts, key)


def _view(offset: Any, shape: Any, strides: Any) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Return offset, shape and strides; of nonsense, raise `ValueError`."""
    if not isinstance(shape, tuple) or not isinstance(strides, tuple) or len(shape) != len(strides):
        raise ValueError("a tensor has no sensible shape")
    numbers = (offset, *shape, *strides)
    if len(shape) > _MOST_AXES or not all(isinstance(n, int) and 0 <= n < 2**48 for n in numbers):
        raise ValueError("a tensor has no sensible shape")
    return offset, shape, strides


def _numpy_array(state: Any) -> Tensor:
    """Return the array of a state ``(version, shape, type, whether columns come first, bytes)``."""
    if not isinstance(state, tuple) or len(state) != 5:
        raise ValueError("an array of NumPy has no sensible state")
    _, shape, kind, columns_first, content = state
    code, order = None, "<"
    if isinstance(kind, Call) and kind.calls("numpy.dtype") and isinstance(kind.arguments, tuple):
        code = kind.arguments[0] if kind.arguments else None
        order = kind.state[1] if isinstance(kind.state, tuple) and len(kind.state) > 1 else "<"
    if not isinstance(code, str) or code not in _NUMPY_KINDS or order not in ("<", ">", "|", "="):
        raise ValueError("an array of NumPy has a type that is not read")
    content = bytes_of(content)
    if content is None:
        raise ValueError("an array of NumPy has no bytes")
    _, shape, _ = _view(0, shape, shape)
    counted = shape if columns_first else shape[::-1]
    strides, stride = [], 1
    for length in counted:
        strides.append(stride)
        stride *= length
    strides = tuple(strides if columns_first else strides[::-1])
    kind = np.dtype(code).newbyteorder(order).str
    return Tensor(Storage(kind, math.prod(shape), {"": content}, ""), 0, shape, strides)


def _exactly(file: io.BytesIO, count: int) -> bytes:
    content = file.read(count) if count >= 0 else b""
    if len(content) != count:
        raise ValueError("it ends too early")
    return content
