"""A trained generator as two files: ``generator.safetensors`` and ``config.json``.

The safetensors file holds the EMA variables by path and no metadata. The JSON beside it describes their
network; it is read as data, and nothing in it is imported or evaluated.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from jaxgan.names import FAMILIES
from jaxgan.prior import Prior, normal
from jaxgan.sampling import drawing, truncates
from jaxgan.state import Variables, named_leaves, with_leaves
from jaxgan.system.errors import UserError
from jaxgan.system.files import write_atomically, write_json
from jaxgan.system.limits import require_devices
from jaxgan.system.random import seed_key
from jaxgan.system.settings import converted

FORMAT_VERSION = 1
WITH_INPUTS = 2  # the format of a generator whose latents are not standard normal: it has "inputs" too
WEIGHTS, CONFIG = "generator.safetensors", "config.json"
_DTYPES = {
    **{"BOOL": "bool", "BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64"},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}
_PICKLED = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".npy", ".npz", ".joblib")
_MOST_BYTES = 2**18  # largest size of config.json
_MOST_VALUES = 2**26  # largest size of an image, and of a latent vector
_NOT_OPTIONS = ("parent", "name", "image_shape", "num_classes", "axis_name")


def save_generator(
    folder: Path,
    generator: nn.Module,
    variables: Variables,
    *,
    image_shape: tuple[int, ...],
    latent_dim: int,
    num_classes: int | None,
    step: int,
    class_names: Sequence[str] | None = None,
    data: Mapping[str, Any] | None = None,
    prior: Prior | None = None,
) -> None:
    """Write a generator so that `load_generator` gives it back.

    Args:
        folder: folder of the two files, made if missing.
        generator: the module. The file describes one of jaxgan's fully, and calls any other "custom".
        variables: the generator's variables, e.g. ``state.ema``.
        image_shape: shape of one image.
        latent_dim: length of a latent vector.
        num_classes: number of classes for a conditional generator; None otherwise.
        step: training step of the variables.
        class_names: name of each class, if the classes have names.
        data: fingerprint of the training data (`jaxgan.data.fingerprint`), if it is known.
        prior: distribution of the latents; None for standard normal ones.
    """
    names = [name for name, family in FAMILIES.items() if type(generator) is family.generator]
    options = {
        field.name: getattr(generator, field.name)
        for field in dataclasses.fields(generator)
        if names and field.name not in _NOT_OPTIONS
    }
    arrays = {name: np.asarray(leaf, order="C") for name, leaf in named_leaves(variables).items()}
    write_atomically(folder / WEIGHTS, lambda file: save_file(arrays, file))
    description = {
        "format_version": FORMAT_VERSION,
        "network": names[0] if names else "custom",
        "options": options,
        "image_shape": list(image_shape),
        "num_classes": num_classes,
        "latent_dim": latent_dim,
        "step": step,
        **({} if class_names is None else {"class_names": list(class_names)}),
        **({} if data is None else {"data": dict(data)}),
    }
    if prior is not None and prior != normal(latent_dim):
        description |= {"format_version": WITH_INPUTS, "inputs": {"prior": prior.as_json()}}
    write_json(folder / CONFIG, description)


def prior_of(description: Mapping[str, Any]) -> Prior:
    """Return the distribution of an exported generator's latents.

    Raises:
        UserError: if the description has none that makes sense.
    """
    inputs = description.get("inputs")
    try:
        prior = normal(description["latent_dim"]) if inputs is None else Prior(inputs["prior"])
        if prior.size != description["latent_dim"]:
            raise ValueError(f"its prior has length {prior.size}, its latents {description['latent_dim']}")
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"this description of a generator has no prior that fits: {error}") from error
    return prior


def read_description(path: str | Path) -> dict[str, Any]:
    """Return the content of an exported generator's ``config.json``.

    Args:
        path: a run's folder, its ``export`` folder, or a ``.safetensors`` file with a ``config.json``
            beside it.

    Raises:
        UserError: if the file is missing, damaged, or of a format that this version cannot read.
    """
    file, _ = _files(path)
    try:
        if file.stat().st_size > _MOST_BYTES:  # thousands of class names fit
            raise ValueError(f"it is larger than {_MOST_BYTES} bytes")
        description = json.loads(file.read_text(encoding="utf-8"))
        version = description["format_version"]
        _check_class_names(description)
    except OSError as error:
        raise UserError(f"there is no checkpoint in {path}, and no exported generator") from error
    except KeyError as error:  # the settings of a run or a sweep
        raise UserError(f"{path} has no exported generator: a run's comes with its first save") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{file} does not describe a generator: {error}") from error
    if version not in (FORMAT_VERSION, WITH_INPUTS):
        raise UserError(f"{file} has format {version}; this version reads {FORMAT_VERSION} and {WITH_INPUTS}")
    return description


def load_generator(path: str | Path, generator: nn.Module | None = None) -> Callable[..., jax.Array]:
    """Return a trained generator as a plain function, on whatever device JAX uses.

    Args:
        path: a run's folder, its ``export`` folder, or a ``.safetensors`` file with a ``config.json``
            beside it.
        generator: the module, for a generator that is not one of jaxgan's.

    Returns:
        ``generate(latents [B, latent_dim], labels=None, *, truncation=None) -> images [B, H, W, C]`` in
        [-1, 1], with the EMA weights and running statistics; labels are int32 [B] for a conditional
        generator. A truncation in [0, 1] trades variety for quality where the network can be truncated
        (StyleGAN2); 1 and None leave the images as they are.

        It raises a `UserError` for a truncation that the network has not or that is out of range, and,
        outside `jax.jit`, a `ValueError` for labels that are out of range.

    Raises:
        UserError: if no generator can be read, or if the weights do not fit the network.
    """
    description, (config, weights) = read_description(path), _files(path)
    require_devices()
    try:
        image_shape = tuple(description["image_shape"])
        latent_dim, num_classes = description["latent_dim"], description["num_classes"]
        if math.prod(image_shape) > _MOST_VALUES or latent_dim > _MOST_VALUES:
            raise ValueError(f"images {image_shape} of {latent_dim} latent numbers are beyond reason")
        if generator is None:
            generator = _rebuild(description, image_shape, num_classes)
        labels = None if num_classes is None else jax.ShapeDtypeStruct((1,), jnp.int32)
        latents = jax.ShapeDtypeStruct((1, latent_dim), jnp.float32)
        like = jax.eval_shape(partial(generator.init, train=False), seed_key(0), latents, labels)
    except (
        UserError,
        MemoryError,
        jax.errors.JaxRuntimeError,
    ):  # a device without room is no fault of the file
        raise
    except Exception as error:  # a module may raise anything for values from a foreign file
        reason = str(error).split("\n")[0]
        raise UserError(f"{config} does not describe a generator: {reason}") from error
    variables = with_leaves(like, _read_arrays(weights, named_leaves(like)))
    draw = drawing(generator)

    def generate(latents, labels=None, *, truncation=None):
        latents, labels = _inputs(latents, labels, latent_dim, num_classes)
        if truncation is None:
            return draw(variables, latents, labels)
        _check_truncation(truncation, type(generator))
        return draw(variables, latents, labels, truncation=truncation)

    return generate


def check_truncation(truncation: float, description: Mapping[str, Any]) -> None:
    """Raise `UserError` for a truncation that the described generator has not, or that is out of range."""
    if description["network"] in FAMILIES:
        _check_truncation(truncation, FAMILIES[description["network"]].generator)


def _check_truncation(truncation: Any, kind: type[nn.Module]) -> None:
    if not truncates(kind):
        names = [name for name, family in FAMILIES.items() if truncates(family.generator)]
        own = [name for name, family in FAMILIES.items() if kind is family.generator]
        raise UserError(
            f"`truncation` {truncation} has no effect on a generator of {own[0] if own else kind.__name__}: "
            f"it needs one of {' or '.join(names)}"
        )
    if isinstance(truncation, jax.core.Tracer):
        return
    if not 0 <= converted("truncation", truncation, float) <= 1:
        raise UserError(f"`truncation` must be at least 0 and at most 1, got {truncation}")


def _inputs(latents: Any, labels: Any, latent_dim: int, num_classes: int | None) -> tuple[Any, Any]:
    """Return latents and labels as a generator takes them; lists and NumPy arrays become arrays.

    Raises:
        ValueError: for other shapes or types, and, outside `jax.jit`, for labels out of range.
    """
    latents = jnp.asarray(latents)
    if latents.ndim != 2 or latents.shape[1] != latent_dim:
        raise ValueError(f"latents have shape [B, {latent_dim}], got {list(latents.shape)}")
    if not jnp.issubdtype(latents.dtype, jnp.floating):
        latents = latents.astype(jnp.float32)
    if labels is None or num_classes is None:
        if num_classes is not None:
            raise ValueError(f"this generator takes labels, integers from 0 to {num_classes - 1}")
        if labels is not None:
            raise ValueError("this generator is unconditional: it takes no labels")
        return latents, None
    if not isinstance(labels, jax.core.Tracer):
        classes = np.asarray(labels)
        if not np.issubdtype(classes.dtype, np.integer):
            raise ValueError(f"labels are integers, got {classes.dtype}")
        if classes.size and not (classes.min() >= 0 and classes.max() < num_classes):
            raise ValueError(
                f"labels are 0 to {num_classes - 1}, these go from {classes.min()} to {classes.max()}"
            )
    labels = jnp.asarray(labels, jnp.int32)
    if labels.shape != latents.shape[:1]:
        raise ValueError(f"labels have shape [{len(latents)}], one for each latent, got {list(labels.shape)}")
    return latents, labels


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


def _rebuild(description: dict[str, Any], image_shape: tuple[int, ...], num_classes: int | None) -> nn.Module:
    network = description["network"]
    if network not in FAMILIES:
        raise UserError(
            f"a {network} generator can only be loaded with its module: load_generator(path, module)"
        )
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in description["options"].items()
    }
    return FAMILIES[network].generator(image_shape=image_shape, num_classes=num_classes, **options)


def _check_class_names(description: dict[str, Any]) -> None:
    """Raise `ValueError` unless each class has a name of its own, where a description names classes."""
    names = description.get("class_names")
    if names is None:
        return
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("its class_names are no list of strings")
    if len(names) != description.get("num_classes"):
        raise ValueError(f"it has {len(names)} class_names for {description.get('num_classes')} classes")


def is_exported(path: str | Path) -> bool:
    """Return whether a path is a run with an exported generator, its export folder, or a file of weights."""
    path = Path(path)
    if not path.is_dir():
        return path.suffix.lower() == ".safetensors"
    return any((folder / WEIGHTS).is_file() for folder in (path, path / "export"))


def _files(path: str | Path) -> tuple[Path, Path]:
    """Return the files of description and weights that a path means.

    Raises:
        UserError: if the path is neither a folder nor a ``.safetensors`` file.
    """
    file: Path = converted("path", path, Path)
    if file.is_dir():
        folder = file / "export" if (file / "export" / CONFIG).exists() else file
        return folder / CONFIG, folder / WEIGHTS
    if file.suffix.lower() in _PICKLED:
        raise UserError(f"{path} may hold code that runs when it is read: only .safetensors files are read")
    if not file.exists():
        raise UserError(f"there is no run, no folder and no file at {path}")
    if file.suffix.lower() != ".safetensors":
        raise UserError(f"{path} holds no generator: name a run's folder, or a .safetensors file")
    return file.with_name(CONFIG), file
