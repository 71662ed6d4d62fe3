"""A trained discriminator: ``discriminator.safetensors`` with its variables, and ``discriminator.json``.

The variables are those of the state as it stands, no average. The JSON says what the network judges, images
or pairs of an image and a latent, and what its further heads read from an image (`jaxgan.games.heads`).
"""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.export.generator import checked_latents
from jaxgan.export.modules import describe, rebuild
from jaxgan.export.safetensors import Network, Role, checked_labels, files_of, read, write
from jaxgan.games.heads import Head, heads_of, readings
from jaxgan.games.paired import enlarged
from jaxgan.images import to_float
from jaxgan.state import Variables
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key

FORMAT_VERSION = 1
DISCRIMINATOR = Role(
    "discriminator",
    "discriminator.safetensors",
    "discriminator.json",
    (FORMAT_VERSION,),
    "{path} has no exported discriminator: the same training command, run again, writes it",
)
NO_CLASS = -1  # the one-hot row of this label is all zeros
IMAGE, LATENTS, SOURCE = "image", "latents", "source"


class Judgment(NamedTuple):
    """What a discriminator with further heads says of images.

    Attributes:
        logits: ``[B]``, larger for images that look more real.
        read: what its heads read, by their names, ``[B, k]`` each: the chances of a category's values or of
            the classes, or the means of continuous codes.
    """

    logits: jax.Array
    read: dict[str, jax.Array]


def save_discriminator(
    folder: Path,
    discriminator: nn.Module,
    variables: Variables,
    *,
    image_shape: tuple[int, ...],
    latent_dim: int,
    num_classes: int | None,
    step: int,
    heads: Sequence[Head] = (),
    pairs: bool = False,
    source_shape: tuple[int, ...] | None = None,
) -> None:
    """Write a discriminator so that `load_discriminator` gives it back.

    Args:
        folder: folder of the two files, made if missing.
        discriminator: the module. The file describes one of jaxgan's fully, and calls any other "custom".
        variables: the discriminator's variables.
        image_shape: shape of one image.
        latent_dim: length of a latent vector.
        num_classes: number of classes whose labels the discriminator is given; None if it is given none.
        step: training step of the variables.
        heads: what its further heads read; empty if it returns logits alone.
        pairs: whether it judges pairs ``(images, latents)`` in the place of images.
        source_shape: shape of one source, where it judges pairs ``(images, sources)``; None for others.
    """
    takes = [IMAGE, LATENTS] if pairs else [IMAGE] if source_shape is None else [IMAGE, SOURCE]
    description = {
        "format_version": FORMAT_VERSION,
        **describe(discriminator, DISCRIMINATOR.name),
        "takes": takes,
        "image_shape": list(image_shape),
        "num_classes": num_classes,
        "latent_dim": latent_dim,
        "heads": [head._asdict() for head in heads],
        "step": step,
        **({} if source_shape is None else {"source_shape": list(source_shape)}),
    }
    write(folder, DISCRIMINATOR, variables, description)


def has_discriminator(path: str | Path) -> bool:
    """Return whether there is an exported discriminator at a path."""
    return files_of(path, DISCRIMINATOR)[0].is_file()


def judges_pairs(network: Network) -> bool:
    """Return whether a discriminator judges pairs of an image and a latent."""
    return network.description["takes"] == [IMAGE, LATENTS]


def judges_sources(network: Network) -> bool:
    """Return whether a discriminator judges pairs of an image and its source."""
    return network.description["takes"] == [IMAGE, SOURCE]


def read_discriminator(path: str | Path, discriminator: nn.Module | None = None) -> Network:
    """Return a trained discriminator as module and variables; see `load_discriminator`."""

    def prepare(description: dict[str, Any]) -> tuple[nn.Module, Any]:
        image_shape, num_classes = tuple(description["image_shape"]), description["num_classes"]
        module = discriminator or rebuild(description, DISCRIMINATOR.name, image_shape, num_classes)
        if description["takes"] not in ([IMAGE], [IMAGE, LATENTS], [IMAGE, SOURCE]):
            raise ValueError(f"it takes {description['takes']!r:.60}")
        labels = None if num_classes is None else jax.ShapeDtypeStruct((1,), jnp.int32)
        shown: Any = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
        if description["takes"] == [IMAGE, LATENTS]:
            shown = shown, jax.ShapeDtypeStruct((1, description["latent_dim"]), jnp.float32)
        if description["takes"] == [IMAGE, SOURCE]:  # sources are shown at the images' size
            height, width, channels = *image_shape[:2], tuple(description["source_shape"])[2]
            shown = shown, jax.ShapeDtypeStruct((1, height, width, channels), jnp.float32)
        init = partial(module.init_with_output, train=False)
        output, variables = jax.eval_shape(init, seed_key(0), shown, labels)
        heads = heads_of(description["heads"])
        if bool(heads) != isinstance(output, tuple):
            raise ValueError(f"it has {len(heads)} heads, and its network returns {output}")
        if heads and output[1].shape != (1, sum(head.length for head in heads)):
            raise ValueError(f"its heads do not read what the network returns, {output[1].shape[1:]}")
        return module, variables

    return read(path, DISCRIMINATOR, prepare)


def shows_activations(module: nn.Module) -> bool:
    """Return whether a discriminator follows the convention ``features=True``."""
    inner = getattr(module, "of_images", None)  # of a judge of pairs
    own = "features" in inspect.signature(type(module).__call__).parameters
    return own and (inner is None or shows_activations(inner))


def showing(network: Network) -> Callable[..., tuple[jax.Array, ...]]:
    """Return ``(variables, images, labels=None) -> activations`` of a discriminator, a layer each.

    Without labels, a network that takes them is given none of the classes.

    Raises:
        UserError: if its module cannot show its activations.
    """
    if not shows_activations(network.module):
        raise UserError(
            f"the discriminator {type(network.module).__name__} does not show the activations of its "
            "layers: its __call__ has no argument features=False, by which it returns them as a tuple"
        )
    pairs = judges_pairs(network)

    def show(variables: Any, images: Any, labels: Any = None) -> Any:
        labels = labels_for(network, images, labels)
        images = to_float(images)
        shown: Any = (images, None) if pairs else images
        return network.module.apply(variables, shown, labels, train=False, features=True)

    return show


def labels_for(network: Network, images: Any, labels: Any = None) -> jax.Array | None:
    """Return the labels that a network takes with images, int32 ``[B]``: by default those of no class.

    Raises:
        ValueError: if the images have another shape than the network's.
    """
    if images.shape[1:] != network.image_shape:
        expected = [len(images), *network.image_shape]
        raise ValueError(f"images have shape {expected}, got {list(images.shape)}")
    if network.num_classes is None:
        return None
    return jnp.asarray(np.full(len(images), NO_CLASS) if labels is None else labels, jnp.int32)


def load_discriminator(path: str | Path, discriminator: nn.Module | None = None) -> Callable[..., Any]:
    """Return a trained discriminator as a plain function, on whatever device JAX uses.

    Args:
        path: a run's folder, its ``export`` folder, or a ``.safetensors`` file with a ``discriminator.json``
            beside it.
        discriminator: the module, for a discriminator that is not one of jaxgan's.

    Returns:
        ``discriminate(images [B, H, W, C], labels=None) -> logits [B]``, or a `Judgment` where the
        discriminator has further heads. Images are uint8, or float in [-1, 1]; a BiGAN's discriminator takes
        the pair ``(images, latents [B, Z])`` in their place, and that of a paired game ``(images, sources)``.
        A discriminator of patches returns the logits of all of them, ``[B, n]``. Labels are int32 [B] if it
        is given labels.

    Raises:
        UserError: if no discriminator can be read, or if the weights do not fit the network.
    """
    return judging(read_discriminator(path, discriminator))


def judging(network: Network) -> Callable[..., Any]:
    """Return the function that `load_discriminator` returns of a discriminator that was read."""
    heads, pairs = heads_of(network.description["heads"]), judges_pairs(network)
    source_shape = network.description.get("source_shape")

    @jax.jit
    def judge(variables: Any, shown: Any, labels: Any) -> Any:
        output: Any = network.module.apply(variables, shown, labels, train=False)
        if not heads:
            return output
        logits, read = output
        return Judgment(logits, readings(heads, read))

    def discriminate(images, labels=None):
        latents = None
        if pairs:
            if not isinstance(images, tuple) or len(images) != 2:
                raise ValueError("this discriminator judges pairs (images, latents)")
            images, latents = images
            latents = checked_latents(latents, network.description["latent_dim"])
        if source_shape is not None:
            if not isinstance(images, tuple) or len(images) != 2:
                raise ValueError("this discriminator judges pairs (images, sources)")
            images, sources = images
            sources = checked_images(sources, tuple(source_shape))
            images = checked_images(images, network.image_shape)
            return judge(network.variables, (images, enlarged(sources, images.shape[1:3])), None)
        images = checked_images(images, network.image_shape)
        if latents is not None and latents.shape[0] != images.shape[0]:
            raise ValueError(f"{images.shape[0]} images come with {latents.shape[0]} latents")
        shown = (images, latents) if pairs else images
        labels = checked_labels(labels, images.shape[0], network.num_classes, "discriminator", "image")
        return judge(network.variables, shown, labels)

    return discriminate


def checked_images(images: Any, image_shape: tuple[int, ...]) -> jax.Array:
    """Return images as a network takes them, float in [-1, 1].

    Raises:
        ValueError: if they have another shape, or are neither uint8 nor float.
    """
    images = jnp.asarray(images)
    if images.shape[1:] != image_shape or not images.ndim:
        shape = ", ".join(map(str, image_shape))
        raise ValueError(f"images have shape [B, {shape}], got {list(images.shape)}")
    return to_float(images)
