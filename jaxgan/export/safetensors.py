"""A network as two files: its variables as ``.safetensors``, and what describes it as ``.json`` beside it.

The safetensors file holds the variables by path and no metadata. The JSON is read as data, and nothing in it
is imported or evaluated. Both may come from a stranger, so shapes are compared before anything is allocated.
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from jaxgan.export.hub import local_copy
from jaxgan.state import Variables, named_leaves, with_leaves
from jaxgan.system.errors import UserError
from jaxgan.system.files import write_atomically, write_json
from jaxgan.system.limits import require_devices
from jaxgan.system.settings import converted

_DTYPES = {
    **{"BOOL": "bool", "BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64"},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}
_PICKLED = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".npy", ".npz", ".joblib")
_MOST_BYTES = 2**18  # largest size of a description: thousands of class names fit
MOST_VALUES = 2**26  # largest size of an image, and of a latent vector


class Role(NamedTuple):
    """What an exported network is for, which names its files.

    Attributes:
        name: "generator", "discriminator" or "encoder".
        weights: name of the file of its variables.
        description: name of the file that describes it.
        formats: format versions that can be read.
        missing: ends a message that there is none in a run.
    """

    name: str
    weights: str
    description: str
    formats: tuple[int, ...]
    missing: str


class Network(NamedTuple):
    """An exported network.

    Attributes:
        module: the module.
        variables: the module's variables.
        description: content of the network's JSON.
    """

    module: nn.Module
    variables: Variables
    description: dict[str, Any]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return tuple(self.description["image_shape"])

    @property
    def num_classes(self) -> int | None:
        """The number of classes whose labels the network takes; None for none."""
        return self.description["num_classes"]


def write(folder: Path, role: Role, variables: Variables, description: Mapping[str, Any]) -> None:
    """Write a network's two files, each of them whole or not at all.

    Args:
        folder: folder of the files, made if missing.
        role: what the network is for.
        variables: the network's variables.
        description: content of the JSON.
    """
    arrays = {name: np.asarray(leaf, order="C") for name, leaf in named_leaves(variables).items()}
    write_atomically(folder / role.weights, lambda file: save_file(arrays, file))
    write_json(folder / role.description, description)


def read_json(path: str | Path, role: Role) -> dict[str, Any]:
    """Return the content of the JSON of an exported network.

    Args:
        path: as for `files_of`.
        role: what the network is for.

    Raises:
        UserError: if the file is missing, damaged, or of a format that this version cannot read.
    """
    file, _ = files_of(path, role)
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it is larger than {_MOST_BYTES} bytes")
        description = json.loads(file.read_text(encoding="utf-8"))
        version = description["format_version"]
        _check_class_names(description)
    except OSError as error:
        raise UserError(role.missing.format(path=path)) from error
    except KeyError as error:  # the settings of a run or a sweep
        raise UserError(f"{path} has no exported {role.name}: a run's comes with its first save") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{file} does not describe {_a(role)}: {error}") from error
    if version not in role.formats:
        known = " and ".join(map(str, role.formats))
        raise UserError(f"{file} has format {version}; this version reads {known}")
    return description


def read(path: str | Path, role: Role, prepare: Callable[[dict[str, Any]], tuple[nn.Module, Any]]) -> Network:
    """Return an exported network; its header is compared with the module before anything is allocated.

    Args:
        path: as for `files_of`.
        role: what the network is for.
        prepare: ``description -> (module, shapes of the variables)``. It may raise anything for values that
            make no sense, and computes nothing.

    Raises:
        UserError: if there is none, or if the weights do not fit the module.
    """
    description, (file, weights) = read_json(path, role), files_of(path, role)
    require_devices()
    try:
        check_sizes(description)
        module, like = prepare(description)
    except (
        UserError,
        MemoryError,
        jax.errors.JaxRuntimeError,
    ):  # a device without room is no fault of the file
        raise
    except Exception as error:  # a module may raise anything for values from a foreign file
        reason = str(error).split("\n")[0]
        raise UserError(f"{file} does not describe {_a(role)}: {reason}") from error
    return Network(module, with_leaves(like, _read_arrays(weights, named_leaves(like))), description)


def check_sizes(description: Mapping[str, Any]) -> None:
    """Raise an error unless a description has an image and a latent of reasonable size."""
    image_shape, latent_dim = tuple(description["image_shape"]), description["latent_dim"]
    if math.prod(image_shape) > MOST_VALUES or latent_dim > MOST_VALUES:
        raise ValueError(f"images {image_shape} of {latent_dim} latent numbers are beyond reason")


def files_of(path: str | Path, role: Role) -> tuple[Path, Path]:
    """Return the files of description and weights that a path means.

    Args:
        path: a run's folder, its ``export`` folder, or a ``.safetensors`` file with its description beside
            it.
        role: what the network is for.

    Raises:
        UserError: if the path is neither a folder nor a ``.safetensors`` file.
    """
    file: Path = local_copy(path) or converted("path", path, Path)
    if file.is_dir():
        folder = file / "export" if (file / "export" / role.description).exists() else file
        return folder / role.description, folder / role.weights
    if file.suffix.lower() in _PICKLED:
        raise UserError(
            f"{path} may hold code that runs when it is read: only .safetensors files are read "
            "(published weights go through jaxgan import)"
        )
    if not file.exists():
        raise UserError(f"there is no run, no folder and no file at {path}")
    if file.suffix.lower() != ".safetensors":
        raise UserError(f"{path} holds no {role.name}: name a run's folder, or a .safetensors file")
    return file.with_name(role.description), file


def checked_labels(labels: Any, count: int, num_classes: int | None, taker: str, example: str) -> Any:
    """Return labels as a network takes them; lists and NumPy arrays become arrays.

    Args:
        labels: integers ``[count]``, or None.
        count: number of examples.
        num_classes: number of classes of the network; None if it takes no labels.
        taker: what messages call the network.
        example: what messages call an example.

    Raises:
        ValueError: for other shapes or types, and, outside `jax.jit`, for labels out of range.
    """
    if labels is None or num_classes is None:
        if num_classes is not None:
            raise ValueError(f"this {taker} takes labels, integers from 0 to {num_classes - 1}")
        if labels is not None:
            raise ValueError(f"this {taker} is unconditional: it takes no labels")
        return None
    if not isinstance(labels, jax.core.Tracer):
        classes = np.asarray(labels)
        if not np.issubdtype(classes.dtype, np.integer):
            raise ValueError(f"labels are integers, got {classes.dtype}")
        if classes.size and not (classes.min() >= 0 and classes.max() < num_classes):
            raise ValueError(
                f"labels are 0 to {num_classes - 1}, these go from {classes.min()} to {classes.max()}"
            )
    labels = jnp.asarray(labels, jnp.int32)
    if labels.shape != (count,):
        raise ValueError(f"labels have shape [{count}], one for each {example}, got {list(labels.shape)}")
    return labels


def _read_arrays(file: Path, shapes: dict[str, Any]) -> dict[str, jax.Array]:
    """Return the arrays of some names and shapes; the header is checked before anything is allocated."""
    try:
        with safe_open(file, "numpy") as arrays:
            names = set(arrays.keys())
            for name, leaf in shapes.items():
                entry = arrays.get_slice(name) if name in names else None
                shape = None if entry is None else tuple(entry.get_shape())
                if (shape, leaf.shape) == ((1,), ()):
                    shape = ()  # as an earlier version wrote it
                dtype = None if entry is None else _DTYPES.get(entry.get_dtype(), entry.get_dtype())
                if (shape, dtype) != (leaf.shape, str(leaf.dtype)):
                    content = "nothing" if shape is None else f"{dtype}{list(shape)}"
                    raise UserError(
                        f"{file} does not fit: {name} is {leaf.dtype}{list(leaf.shape)}, found {content}"
                    )
            weights = {name: arrays.get_tensor(name).reshape(shapes[name].shape) for name in shapes}
    except UserError:
        raise
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
    return {name: jnp.asarray(array) for name, array in weights.items()}


def _check_class_names(description: dict[str, Any]) -> None:
    """Raise `ValueError` unless each class has a name of its own, where a description names classes."""
    names = description.get("class_names")
    if names is None:
        return
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("its class_names are no list of strings")
    if len(names) != description.get("num_classes"):
        raise ValueError(f"it has {len(names)} class_names for {description.get('num_classes')} classes")


def _a(role: Role) -> str:
    return f"{'an' if role.name[0] in 'aeio' else 'a'} {role.name}"
