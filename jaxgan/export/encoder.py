"""A trained encoder: ``encoder.safetensors`` with its variables, and ``encoder.json``.

A BiGAN's encoder is the average's, as the generator is. The encoder of any other generator is trained for it
afterwards (``jaxgan encode --train``). Either goes with one generator, so its JSON holds a checksum of that
generator's weights.
"""

import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.export.discriminator import checked_images
from jaxgan.export.generator import GENERATOR
from jaxgan.export.modules import describe, rebuild
from jaxgan.export.safetensors import Network, Role, checked_labels, files_of, read, read_json, write
from jaxgan.state import Variables
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key

FORMAT_VERSION = 1
ENCODER = Role(
    "encoder",
    "encoder.safetensors",
    "encoder.json",
    (FORMAT_VERSION,),
    "{path} has no encoder: `jaxgan encode {path} DATA --train` trains one",
)


def save_encoder(
    folder: Path,
    encoder: nn.Module,
    variables: Variables,
    *,
    image_shape: tuple[int, ...],
    latent_dim: int,
    num_classes: int | None,
    step: int,
    trained: Mapping[str, Any] | None = None,
) -> None:
    """Write the encoder of the generator that is in a folder so that `load_encoder` gives it back.

    Args:
        folder: folder that holds the generator.
        encoder: the module. The file describes one of jaxgan's fully, and calls any other "custom".
        variables: the encoder's variables.
        image_shape: shape of one image.
        latent_dim: length of a latent vector.
        num_classes: number of classes whose labels the encoder takes; None if it takes none.
        step: training step of the generator.
        trained: how an encoder was trained for a finished generator, as JSON can hold it; None for one that
            the game trained.
    """
    description = {
        "format_version": FORMAT_VERSION,
        **describe(encoder, ENCODER.name),
        "image_shape": list(image_shape),
        "num_classes": num_classes,
        "latent_dim": latent_dim,
        "step": step,
        "generator": _checksum(folder / GENERATOR.weights),
        **({} if trained is None else {"trained": dict(trained)}),
    }
    write(folder, ENCODER, variables, description)


def goes_with(encoder: Network, path: str | Path) -> bool:
    """Return whether an encoder was trained with the generator that is at a path now."""
    return encoder.description.get("generator") in (None, _checksum(files_of(path, GENERATOR)[1]))


def has_encoder(path: str | Path) -> bool:
    """Return whether there is an exported encoder at a path."""
    return files_of(path, ENCODER)[0].is_file()


def is_trained_afterwards(path: str | Path) -> bool:
    """Return whether the encoder at a path was trained for a finished generator, and not by the game.

    A damaged description is no game's: every save of a run writes that anew.
    """
    try:
        return "trained" in read_json(path, ENCODER)
    except UserError:
        return True


def read_encoder(path: str | Path, encoder: nn.Module | None = None) -> Network:
    """Return a trained encoder as module and variables; see `load_encoder`."""

    def prepare(description: dict[str, Any]) -> tuple[nn.Module, Any]:
        image_shape, num_classes = tuple(description["image_shape"]), description["num_classes"]
        module = encoder or rebuild(description, ENCODER.name, image_shape, num_classes)
        labels = None if num_classes is None else jax.ShapeDtypeStruct((1,), jnp.int32)
        images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
        init = partial(module.init_with_output, train=False)
        latents, variables = jax.eval_shape(init, seed_key(0), images, labels)
        if latents.shape != (1, description["latent_dim"]):
            raise ValueError(f"it makes latents {latents.shape[1:]}, not [{description['latent_dim']}]")
        return module, variables

    return read(path, ENCODER, prepare)


def load_encoder(path: str | Path, encoder: nn.Module | None = None) -> Callable[..., jax.Array]:
    """Return a trained encoder as a plain function, on whatever device JAX uses.

    Args:
        path: a run's folder, its ``export`` folder, or a ``.safetensors`` file with an ``encoder.json``
            beside it.
        encoder: the module, for an encoder that is not one of jaxgan's.

    Returns:
        ``encode(images [B, H, W, C], labels=None) -> latents [B, Z]``. Images are uint8, or float in [-1, 1];
        labels are int32 [B] for a conditional encoder.

    Raises:
        UserError: if no encoder can be read, or if the weights do not fit the network.
    """
    return encoding(read_encoder(path, encoder))


def encoding(network: Network) -> Callable[..., jax.Array]:
    """Return the function that `load_encoder` returns of an encoder that was read."""

    @jax.jit
    def draw(variables: Any, images: Any, labels: Any) -> Any:
        return network.module.apply(variables, images, labels, train=False)

    def encode(images, labels=None):
        images = checked_images(images, network.image_shape)
        labels = checked_labels(labels, images.shape[0], network.num_classes, "encoder", "image")
        return draw(network.variables, images, labels)

    return encode


def _checksum(file: Path) -> str | None:
    """Return 8 hex digits that change with the weights; None where there are none."""
    try:
        return f"{zlib.crc32(file.read_bytes()):08x}"
    except OSError:
        return None
