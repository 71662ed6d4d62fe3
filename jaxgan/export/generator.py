"""A trained generator: ``generator.safetensors`` with the EMA variables, and ``config.json``."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.export.modules import describe, rebuild
from jaxgan.export.safetensors import (
    MOST_VALUES,
    Network,
    Role,
    checked_labels,
    files_of,
    read,
    read_json,
    write,
)
from jaxgan.names import FAMILIES
from jaxgan.networks import biggan, biggan_deep
from jaxgan.prior import Prior, normal
from jaxgan.sampling import drawing, truncates
from jaxgan.state import Variables
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key
from jaxgan.system.settings import converted

FORMAT_VERSION = 1
WITH_INPUTS = 2  # the format of a generator whose inputs are no standard normal latents: it has "inputs" too
WITH_CONDITION = 3  # the format of a generator of a table's rows, whose "inputs" have a condition
WEIGHTS, CONFIG = "generator.safetensors", "config.json"
GENERATOR = Role(
    "generator",
    WEIGHTS,
    CONFIG,
    (FORMAT_VERSION, WITH_INPUTS, WITH_CONDITION),
    "there is no checkpoint in {path}, and no exported generator",
)

BACKWARD = GENERATOR._replace(
    weights="backward.safetensors",
    description="backward.json",
    missing="{path} translates in one direction: the game cycle trains a translator of the other, too",
)
"""The translator of the way back, which lies beside a CycleGAN's generator."""


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
    source_shape: tuple[int, ...] | None = None,
    imported: Mapping[str, Any] | None = None,
    role: Role = GENERATOR,
    condition: int | None = None,
) -> None:
    """Write a generator so that `load_generator`, or `load_translator`, gives it back.

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
        source_shape: shape of one source that a translator was trained on; None for a generator of latents.
        imported: file, checksum, repository and license of published weights; None for one trained here.
        role: `GENERATOR`, or `BACKWARD` for the translator of the other direction.
        condition: length of the condition that a generator of a table's rows takes, which may be 0; None for
            other generators.
    """
    description = {
        "format_version": FORMAT_VERSION,
        **describe(generator, GENERATOR.name),
        "image_shape": list(image_shape),
        "num_classes": num_classes,
        "latent_dim": latent_dim,
        "step": step,
        **({} if class_names is None else {"class_names": list(class_names)}),
        **({} if data is None else {"data": dict(data)}),
        **({} if imported is None else {"imported": dict(imported)}),
    }
    if prior is not None and prior != normal(latent_dim):
        description |= {"format_version": WITH_INPUTS, "inputs": {"prior": prior.as_json()}}
    if source_shape is not None:
        description |= {"format_version": WITH_INPUTS, "inputs": {"source": list(source_shape)}}
    if condition is not None:
        inputs = {"prior": (prior or normal(latent_dim)).as_json(), "condition": condition}
        description |= {"format_version": WITH_CONDITION, "inputs": inputs}
    write(folder, role, variables, description)


def condition_size(description: Mapping[str, Any]) -> int | None:
    """Return the length of the condition that a generator of a table's rows takes; None for others."""
    inputs = description.get("inputs")
    return inputs.get("condition") if isinstance(inputs, dict) else None


def source_shape_of(description: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Return the shape of one source of an exported translator; None for a generator of latents."""
    inputs = description.get("inputs")
    if not isinstance(inputs, dict) or "source" not in inputs:
        return None
    return tuple(inputs["source"])


def refuse_translator(description: Mapping[str, Any]) -> None:
    """Raise `UserError` for a translator in the place of a generator of latents."""
    if source_shape_of(description) is not None:
        raise UserError(
            "this generator makes images of pictures, not of latents: jaxgan translate RUN PICTURES, or "
            "export.load_translator, gives it some"
        )


def refuse_table(description: Mapping[str, Any]) -> None:
    """Raise `UserError` for a generator of a table's rows in the place of one of images."""
    if condition_size(description) is not None:
        raise UserError(
            "this generator makes the rows of a table, not images: jaxgan sample RUN --out rows.csv, or "
            "export.load_table_generator, draws some"
        )


def prior_of(description: Mapping[str, Any]) -> Prior:
    """Return the distribution of an exported generator's latents.

    Raises:
        UserError: if the generator takes something else, or the description has none that makes sense.
    """
    refuse_translator(description)
    refuse_table(description)
    return prior_of_inputs(description)


def prior_of_inputs(description: Mapping[str, Any]) -> Prior:
    """Return the distribution of the latents that a generator takes, perhaps beside a condition.

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


def read_description(path: str | Path, role: Role = GENERATOR) -> dict[str, Any]:
    """Return the content of the ``config.json`` of an exported generator.

    Args:
        path: a run's folder, its ``export`` folder, or a ``.safetensors`` file with a ``config.json``
            beside it.
        role: `GENERATOR`, or `BACKWARD` for the translator of the other direction.

    Raises:
        UserError: if the file is missing, damaged, or of a format that this version cannot read.
    """
    return read_json(path, role)


def read_generator(
    path: str | Path, generator: nn.Module | None = None, *, role: Role = GENERATOR
) -> Network:
    """Return a trained generator as module and variables; see `load_generator`."""

    def prepare(description: dict[str, Any]) -> tuple[nn.Module, Any]:
        image_shape, num_classes = tuple(description["image_shape"]), description["num_classes"]
        module = generator or rebuild(description, GENERATOR.name, image_shape, num_classes)
        labels = None if num_classes is None else jax.ShapeDtypeStruct((1,), jnp.int32)
        source_shape = source_shape_of(description)
        if source_shape is not None and (len(source_shape) != 3 or math.prod(source_shape) > MOST_VALUES):
            raise ValueError(f"its sources are {source_shape!r:.60}")
        length = description["latent_dim"] + (condition_size(description) or 0)
        inputs = jax.ShapeDtypeStruct((1, *(source_shape or (length,))), jnp.float32)
        return module, jax.eval_shape(partial(module.init, train=False), seed_key(0), inputs, labels)

    return read(path, role, prepare)


def load_generator(path: str | Path, generator: nn.Module | None = None) -> Callable[..., jax.Array]:
    """Return a trained generator as a plain function, on whatever device JAX uses.

    Args:
        path: a run's folder, its ``export`` folder, or a ``.safetensors`` file with a ``config.json``
            beside it.
        generator: the module, for a generator that is not one of jaxgan's.

    Returns:
        ``generate(latents [B, latent_dim], labels=None, *, truncation=None) -> images [B, H, W, C]`` in
        [-1, 1], with the EMA weights and running statistics; labels are int32 [B] for a conditional
        generator. A truncation in [0, 1] trades variety for quality where the network can be truncated. Of
        StyleGAN2 it is psi, and 1 leaves the images as they are; of BigGAN it is the largest magnitude of a
        latent's numbers. None leaves the images as they are.

        It raises a `UserError` for a truncation that the network has not, that is out of range, or that
        is of latents which are not normal, and,
        outside `jax.jit`, a `ValueError` for labels that are out of range.

    Raises:
        UserError: if no generator can be read, or if the weights do not fit the network.
    """
    return generating(read_generator(path, generator))


def generating(network: Network) -> Callable[..., jax.Array]:
    """Return the function that `load_generator` returns of a generator that was read."""
    refuse_translator(network.description)
    refuse_table(network.description)
    draw = drawing(network.module)
    latent_dim = network.description["latent_dim"]

    def generate(latents, labels=None, *, truncation=None):
        latents, labels = _inputs(latents, labels, latent_dim, network.num_classes)
        if truncation is None:
            return draw(network.variables, latents, labels)
        check_truncation(truncation, network.description, type(network.module))
        return draw(network.variables, latents, labels, truncation=truncation)

    return generate


def check_truncation(
    truncation: Any, description: Mapping[str, Any], kind: type[nn.Module] | None = None
) -> None:
    """Raise `UserError` for a truncation that the described generator has not, or that is out of range.

    Args:
        truncation: the truncation.
        description: content of the generator's ``config.json``.
        kind: the class of its module; None for that of its family. A custom module alone is not judged.
    """
    if kind is None and description["network"] not in FAMILIES:
        return
    kind = kind or FAMILIES[description["network"]].generator
    if not truncates(kind):
        names = [name for name, family in FAMILIES.items() if truncates(family.generator)]
        own = [name for name, family in FAMILIES.items() if kind is family.generator]
        raise UserError(
            f"`truncation` {truncation} has no effect on a generator of {own[0] if own else kind.__name__}: "
            f"it needs one of {' or '.join(names)}"
        )
    prior = prior_of(description)
    if kind in (biggan.Generator, biggan_deep.Generator) and prior != normal(prior.size):
        blocks = ", ".join(f"{name} {length}" for name, length in prior.blocks)
        raise UserError(
            f"`truncation` {truncation} of a BigGAN takes normal latents, and this generator has {blocks}: "
            "leave it out"
        )
    if isinstance(truncation, jax.core.Tracer):
        return
    if not 0 <= converted("truncation", truncation, float) <= 1:
        raise UserError(f"`truncation` must be at least 0 and at most 1, got {truncation}")


def _inputs(latents: Any, labels: Any, latent_dim: int, num_classes: int | None) -> tuple[Any, Any]:
    """Return latents and labels as a generator takes them; lists and NumPy arrays become arrays."""
    latents = checked_latents(latents, latent_dim)
    return latents, checked_labels(labels, latents.shape[0], num_classes, "generator", "latent")


def checked_latents(latents: Any, latent_dim: int) -> jax.Array:
    """Return latents as a network takes them.

    Raises:
        ValueError: if they are not ``[B, latent_dim]``.
    """
    latents = jnp.asarray(latents)
    if latents.ndim != 2 or latents.shape[1] != latent_dim:
        raise ValueError(f"latents have shape [B, {latent_dim}], got {list(latents.shape)}")
    return latents if jnp.issubdtype(latents.dtype, jnp.floating) else latents.astype(jnp.float32)


def folder_of(path: str | Path) -> Path:
    """Return the folder that holds the exported generator at a path, and the networks beside it."""
    return files_of(path, GENERATOR)[1].parent


def weights_of(path: str | Path, role: Role = GENERATOR) -> Path:
    """Return the file of the weights of the exported generator at a path."""
    return files_of(path, role)[1]


def is_exported(path: str | Path) -> bool:
    """Return whether a path is a run with an exported generator, its export folder, or a file of weights."""
    path = Path(path)
    if not path.is_dir():
        return path.suffix.lower() == ".safetensors"
    return any((folder / WEIGHTS).is_file() for folder in (path, path / "export"))
