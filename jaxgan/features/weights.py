"""Weight files of published networks as arrays by name, read inertly (`jaxgan.inert`)."""

import hashlib
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from jaxgan.inert import Call, Name, WeightFile, entries_of
from jaxgan.system.cache import Arrays
from jaxgan.system.errors import UserError


def read_weights(path: Path) -> tuple[Arrays, str]:
    """Return the arrays of a weight file by name, and the file's sha256.

    Args:
        path: a ``.pth`` or ``.pt`` that holds a dictionary of tensors, or a ``.safetensors``.

    Raises:
        UserError: if the file cannot be read, or would make anything but tensors.
    """
    try:
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if path.suffix == ".safetensors":
            return load_file(path), digest
        file = WeightFile(content)
        entries = entries_of(file.root)
        if entries is None:
            _refuse_names(file.root)
            raise ValueError("it holds no dictionary of tensors")
        arrays = {}
        for name, value in entries.items():
            tensor = file.tensor(value)
            if tensor is None:
                _refuse_names(value)
            else:
                arrays[str(name)] = file.array(tensor)
        return arrays, digest
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # the safetensors library raises types of its own
        raise UserError(f"{path} is no file of weights: {error or type(error).__name__}") from error


def _refuse_names(value: Any) -> None:
    """Raise `ValueError` for what would import or call something else than PyTorch's tensors."""
    name = value.function if isinstance(value, Call) else value
    if isinstance(name, Name):
        raise ValueError(f"it names {name}, which weights do not need")
