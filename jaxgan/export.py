"""A trained generator as two files: ``generator.safetensors`` and ``config.json``.

The safetensors file holds the EMA variables by path and no metadata; what network they belong to is said in
the JSON beside it, which is read as data and never imported or evaluated.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file, save_file

from jaxgan import build
from jaxgan.errors import UserError
from jaxgan.files import write_atomically, write_json
from jaxgan.state import Variables, named_leaves, with_leaves

FORMAT_VERSION = 1
WEIGHTS, CONFIG = "generator.safetensors", "config.json"
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
) -> None:
    """Write a generator so that `load_generator` gives it back.

    Args:
        folder: where; made if missing.
        generator: the module; one of ours is described whole, another is described as "custom".
        variables: its variables, e.g. ``state.ema``.
        image_shape: shape of one image.
        latent_dim: length of a latent vector.
        num_classes: for a conditional generator; None otherwise.
        step: at which training step it was.
    """
    names = [name for name, kind in build.GENERATORS.items() if type(generator) is kind]
    options = {
        field.name: getattr(generator, field.name)
        for field in dataclasses.fields(generator)
        if names and field.name not in _NOT_OPTIONS
    }
    arrays = {name: np.ascontiguousarray(leaf) for name, leaf in named_leaves(variables).items()}
    write_atomically(folder / WEIGHTS, lambda file: save_file(arrays, file))
    description = {
        "format_version": FORMAT_VERSION,
        "network": names[0] if names else "custom",
        "options": options,
        "image_shape": list(image_shape),
        "num_classes": num_classes,
        "latent_dim": latent_dim,
        "step": step,
    }
    write_json(folder / CONFIG, description)


def read_description(path: str | Path) -> dict[str, Any]:
    """Return what ``config.json`` says of an exported generator.

    Args:
        path: a run's folder, its ``export`` folder, or the ``.safetensors`` file.

    Raises:
        UserError: if there is none, or it is of a format that this version cannot read.
    """
    file = _folder(path) / CONFIG
    try:
        description = json.loads(file.read_text())
        version = description["format_version"]
    except OSError as error:
        raise UserError(f"there is no checkpoint in {path}, and no exported generator") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} does not describe a generator: {error}") from error
    if version != FORMAT_VERSION:
        raise UserError(f"{file} has format {version}; this version reads {FORMAT_VERSION}")
    return description


def load_generator(path: str | Path, generator: nn.Module | None = None) -> Callable[..., jax.Array]:
    """Return a trained generator as a plain function, on whatever device JAX uses.

    Args:
        path: a run's folder, its ``export`` folder, or the ``.safetensors`` file.
        generator: the module, where it is not one of ours.

    Returns:
        ``generate(latents [B, latent_dim], labels=None) -> images [B, H, W, C]`` in [-1, 1], with the EMA
        weights and running statistics; labels are int32 [B] for a conditional generator.

    Raises:
        UserError: if there is nothing to load, or the weights do not fit the network.
    """
    description = read_description(path)
    try:
        image_shape = tuple(description["image_shape"])
        latent_dim, num_classes = description["latent_dim"], description["num_classes"]
        if generator is None:
            generator = _rebuild(description, image_shape, num_classes)
    except (KeyError, TypeError) as error:
        raise UserError(f"{_folder(path) / CONFIG} does not describe a generator: {error}") from error
    labels = None if num_classes is None else jnp.zeros(1, jnp.int32)
    like = jax.eval_shape(
        lambda: generator.init(jax.random.key(0), jnp.zeros((1, latent_dim)), labels, train=False)
    )
    file = _folder(path) / WEIGHTS
    try:
        arrays = load_file(file)
    except Exception as error:  # safetensors has its own exceptions for every kind of damage
        raise UserError(f"{file} cannot be read: {error}") from error
    for name, leaf in named_leaves(like).items():
        found = arrays.get(name)
        if found is None or found.shape != leaf.shape or found.dtype != leaf.dtype:
            what = "nothing" if found is None else f"{found.dtype}{list(found.shape)}"
            raise UserError(f"{file} does not fit: {name} is {leaf.dtype}{list(leaf.shape)}, found {what}")
    variables = with_leaves(like, {name: jnp.asarray(array) for name, array in arrays.items()})
    apply = jax.jit(
        lambda variables, latents, labels: generator.apply(variables, latents, labels, train=False)
    )

    def generate(latents, labels=None):
        return apply(variables, latents, labels)

    return generate


def _rebuild(description: dict[str, Any], image_shape: tuple[int, ...], num_classes: int | None) -> nn.Module:
    network = description["network"]
    if network not in build.GENERATORS:
        raise UserError(
            f"a {network} generator can only be loaded with its module: load_generator(path, module)"
        )
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in description["options"].items()
    }
    return build.GENERATORS[network](image_shape=image_shape, num_classes=num_classes, **options)


def _folder(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix == ".safetensors":
        return path.parent
    return path / "export" if (path / "export").is_dir() else path
