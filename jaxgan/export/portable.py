"""An exported network as a function of plain arrays, in the form in which other programs take it.

All arrays have a batch axis of any length. Images are float in [-1, 1], or uint8 where a generator is asked
for these. A network with heads has an output for each, by the head's name.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.export.discriminator import judges_pairs, judges_sources, read_discriminator
from jaxgan.export.encoder import read_encoder
from jaxgan.export.generator import check_truncation, prior_of, read_generator, source_shape_of
from jaxgan.export.safetensors import Network
from jaxgan.games.heads import heads_of, readings
from jaxgan.games.paired import enlarged
from jaxgan.images import to_uint8
from jaxgan.system.errors import UserError, choose

ROLES = ("generator", "discriminator", "encoder")


class Array(NamedTuple):
    """A named array of the function.

    Attributes:
        name: the array's name, such as "latents".
        shape: the shape of one example.
        dtype: the type of its numbers.
        batched: whether it has a batch axis, of any length, before those of its shape.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any
    batched: bool = True


class Portable(NamedTuple):
    """A network as a function.

    Attributes:
        role: "generator", "discriminator" or "encoder".
        function: ``(*inputs) -> outputs``, a tuple of arrays ``[B, ...]``. It is not jitted.
        inputs: what it takes, in order.
        outputs: the names of what it returns, in order.
        description: what is known of the network, as JSON can hold it.
    """

    role: str
    function: Callable[..., tuple[jax.Array, ...]]
    inputs: tuple[Array, ...]
    outputs: tuple[str, ...]
    description: dict[str, Any]

    def specs(self, batch: Any) -> list[jax.ShapeDtypeStruct]:
        """Return the shapes of the inputs for a batch of a size, which may be symbolic."""
        return [
            jax.ShapeDtypeStruct((batch, *each.shape) if each.batched else each.shape, each.dtype)
            for each in self.inputs
        ]


def read_portable(
    path: str | Path, role: str = "generator", *, truncation: float | None = None, uint8: bool = False
) -> Portable:
    """Return an exported network as a function of plain arrays.

    Args:
        path: a run's folder, its ``export`` folder, or the file of a generator's weights.
        role: "generator", "discriminator" or "encoder".
        truncation: a truncation that the function always has, in [0, 1]; None for none.
        uint8: whether a generator's images are uint8 in the place of float in [-1, 1].

    Raises:
        UserError: if there is no such network, or if it has not what it is asked for.
    """
    role = choose("network", role, ROLES)
    if role != "generator" and (truncation is not None or uint8):
        given = "uint8" if truncation is None else "truncation"
        raise UserError(f"`{given}` is a generator's, and the {role} was asked for")
    if role == "generator":
        return of_generator(read_generator(path), truncation=truncation, uint8=uint8)
    if role == "discriminator":
        return of_discriminator(read_discriminator(path))
    return of_encoder(read_encoder(path))


def of_generator(network: Network, *, truncation: float | None = None, uint8: bool = False) -> Portable:
    """Return a generator as a function ``(latents[, labels]) -> (images,)``; see `read_portable`.

    A translator takes sources in the place of latents.
    """
    if uint8 and len(network.image_shape) != 3:
        raise UserError("`uint8` is of images, and this generator makes points")
    options: dict[str, Any] = {}
    if truncation is not None:
        check_truncation(truncation, network.description, type(network.module))
        options["truncation"] = truncation
    draw = partial(network.module.apply, network.variables, train=False, **options)

    def generate(inputs, labels=None):
        images: Any = draw(inputs, labels)
        return (to_uint8(images) if uint8 else images,)

    kind = "uint8" if uint8 else "float in [-1, 1]"
    description = {**network.description, "truncation": truncation, "images": kind}
    source_shape = source_shape_of(network.description)
    if source_shape is None:
        taken = Array("latents", (network.description["latent_dim"],), jnp.float32)
        description["inputs"] = {"prior": prior_of(network.description).as_json()}
    else:
        taken = Array("source", source_shape, jnp.float32)
    return Portable("generator", generate, (taken, *_labels(network)), ("images",), description)


def of_discriminator(network: Network) -> Portable:
    """Return a discriminator as a function ``(images[, latents | source][, labels]) -> (logits, *reads)``."""
    heads, pairs = heads_of(network.description["heads"]), judges_pairs(network)
    sources = judges_sources(network)

    def judge(images, *others):
        shown = (images, others[0]) if pairs else images
        if sources:
            shown = images, enlarged(others[0], images.shape[1:3])
        labels = others[-1] if network.num_classes is not None else None
        output: Any = network.module.apply(network.variables, shown, labels, train=False)
        if not heads:
            return (output,)
        return (output[0], *readings(heads, output[1]).values())

    inputs = (Array("images", network.image_shape, jnp.float32),)
    if pairs:
        inputs += (Array("latents", (network.description["latent_dim"],), jnp.float32),)
    if sources:
        inputs += (Array("source", tuple(network.description["source_shape"]), jnp.float32),)
    outputs = ("logits", *(head.name for head in heads))
    return Portable("discriminator", judge, (*inputs, *_labels(network)), outputs, network.description)


def of_encoder(network: Network) -> Portable:
    """Return an encoder as a function ``(images[, labels]) -> (latents,)``."""

    def encode(images, labels=None):
        latents: Any = network.module.apply(network.variables, images, labels, train=False)
        return (latents,)

    inputs = (Array("images", network.image_shape, jnp.float32), *_labels(network))
    return Portable("encoder", encode, inputs, ("latents",), network.description)


def _labels(network: Network) -> tuple[Array, ...]:
    return () if network.num_classes is None else (Array("labels", (), jnp.int32),)
