"""``jaxgan encode --train``: an encoder for a finished generator, which is the second phase of f-AnoGAN.

Generator and discriminator are frozen. The encoder learns to map an image to a latent of which the generator
makes the image again: the difference of both is small in pixels and in the discriminator's last features.

References:
    Schlegl et al. 2019, f-AnoGAN: Fast unsupervised anomaly detection with generative adversarial networks,
    Medical Image Analysis 54, https://doi.org/10.1016/j.media.2019.01.010 (the training "izi_f")
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxgan import export
from jaxgan.config import INFO, Config
from jaxgan.data import Dataset
from jaxgan.data.dataset import held_out_rows
from jaxgan.data.sources import has_splits
from jaxgan.evaluate.reals import Reals
from jaxgan.export import Network
from jaxgan.images import to_float
from jaxgan.names import FAMILIES
from jaxgan.representation.fit import fit
from jaxgan.representation.reader import (
    activations_of,
    labels_for,
    open_data,
    reader_of,
)
from jaxgan.representation.shallow import other_images
from jaxgan.system.errors import UserError
from jaxgan.system.files import require_writable
from jaxgan.system.limits import require_devices
from jaxgan.system.random import pinned
from jaxgan.system.settings import converted

BATCH_SIZE, LEARNING_RATE, KAPPA = 64, 1e-3, 1.0
HELD_OUT = 0.1  # share of the images that the ratio is measured on, where the data have no split for it
MEASURED = 1000  # the most images that the ratio is measured on


class FittedEncoder(NamedTuple):
    """An encoder that was trained for a finished generator.

    Attributes:
        file: the file of its weights.
        loss: the loss of the last step.
        ratio: mean distance of held-out images from their reconstructions over that from other images.
        n_held_out: number of the held-out images.
        notes: lines for the user about the images.
    """

    file: Path
    loss: float
    ratio: float
    n_held_out: int
    notes: tuple[str, ...]


@pinned()
def train_encoder(
    run: str | Path,
    data: str | Path | None = None,
    *,
    steps: int = 2000,
    batch_size: int = BATCH_SIZE,
    learning_rate: float = LEARNING_RATE,
    kappa: float = KAPPA,
    seed: int = 0,
    data_dir: str | None = None,
    generator: nn.Module | None = None,
    discriminator: nn.Module | None = None,
    encoder: nn.Module | None = None,
    quiet: bool = False,
) -> FittedEncoder:
    """Train an encoder for the finished generator of a run, and write it beside the generator.

    The encoder minimizes the mean squared difference of an image and its reconstruction, plus kappa times
    that of the discriminator's last features of both. Adam's learning rate falls to 0 along a cosine. The
    encoder depends on run, data and arguments alone.

    Args:
        run: a run's folder, or an exported generator.
        data: as for `open_data`; their "train" split is learned, and their "test" split measured. Of data
            without splits, a tenth is measured and not learned.
        steps: number of steps, >= 1.
        batch_size: number of images in a step, >= 1.
        learning_rate: Adam's learning rate at the start, > 0.
        kappa: weight of the features' difference, >= 0; 0 needs no discriminator.
        seed: seed of the encoder's first weights and of the order of images.
        data_dir: the folder of TFDS data sets; None for the run's own.
        generator: the generator's module, if it is not one of jaxgan's.
        discriminator: the discriminator's module, if it is not one of jaxgan's.
        encoder: a module ``(images, labels, *, train) -> latents``; None for one of the generator's family.
        quiet: whether to print nothing.

    Raises:
        UserError: if something does not fit, or the loss is not finite; nothing is written then.

    References:
        Schlegl et al. 2019, the loss of izi_f.
    """
    steps, batch_size, seed = (
        converted(name, value, int)
        for name, value in (("steps", steps), ("batch_size", batch_size), ("seed", seed))
    )
    for name, value, least in (("steps", steps, 1), ("batch_size", batch_size, 1)):
        if not least <= value < 2**31:
            raise UserError(f"`{name}` must be at least {least} and below 2**31, got {value}")
    if not 0 <= seed < 2**32:
        raise UserError(f"`seed` must be at least 0 and below 2**32, got {seed}")
    if steps * batch_size >= 2**32:
        raise UserError(
            f"`steps` x `batch_size` is limited to 2**32 images in all, got {steps * batch_size:,}"
        )
    if not 0 < learning_rate < float("inf") or not 0 <= kappa < float("inf"):
        raise UserError(
            f"the learning rate is a positive number and kappa at least 0, got {learning_rate} and {kappa}"
        )
    require_devices()
    path: Path = converted("run", run, Path)
    maker, folder = export.read_generator(path, generator), export.folder_of(path)
    export.refuse_translator(maker.description)
    if export.has_encoder(folder) and not export.is_trained_afterwards(folder):
        raise UserError(f"{run} has an encoder already, which its game has trained")
    needed = kappa > 0 or export.has_discriminator(folder)
    judge = export.read_discriminator(folder, discriminator) if needed else None
    reader = reader_of(path, maker, judge, None)
    module = encoder or _encoder_like(maker, judge)
    train, test = _split(reader, data, data_dir)
    require_writable(folder)
    given = labels_for(reader, train), labels_for(reader, test)

    loss_of = _loss(maker, judge if kappa else None, module, kappa)
    dataset = Dataset(train.source, train.images, given[0])
    options = {"batch_size": batch_size, "learning_rate": learning_rate, "seed": seed, "quiet": quiet}
    variables, loss = fit("encoder", loss_of, module, dataset, steps=steps, **options)
    ratio = _ratio(maker, module, variables, test.images[:MEASURED], given[1])
    count = min(MEASURED, len(test.images))
    trained = {
        "data": train.source,
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "kappa": kappa,
        "seed": seed,
        "loss": loss,
        "reconstruction_ratio": ratio,
        "n_held_out": count,
    }
    export.save_encoder(
        folder,
        module,
        jax.device_get(variables),
        image_shape=maker.image_shape,
        latent_dim=maker.description["latent_dim"],
        num_classes=maker.num_classes,
        step=maker.description["step"],
        trained=trained,
    )
    file = folder / "encoder.safetensors"
    return FittedEncoder(file, loss, ratio, count, tuple(dict.fromkeys((*train.notes, *test.notes))))


def _encoder_like(generator: Network, discriminator: Network | None) -> nn.Module:
    """Return an encoder of the generator's family, of the sizes of its discriminator."""
    network = generator.description["network"]
    family = FAMILIES.get(network)
    if family is None:
        raise UserError(
            f"a {network} generator has no encoder of its kind: train_encoder(run, encoder=...) takes one"
        )
    sizes: dict[str, Any] = {}
    if discriminator is not None:
        options = discriminator.description["options"]
        options = options.get("of_images", {}).get("options", options)
        sizes = {name: value for name, value in options.items() if name in INFO}
        sizes = {name: tuple(value) if isinstance(value, list) else value for name, value in sizes.items()}
    config = Config(network=network, **sizes)
    return family.encoder(config, generator.description["latent_dim"], generator.num_classes)


def _split(reader: Any, data: str | Path | None, data_dir: str | None) -> tuple[Reals, Reals]:
    """Return the images that are learned, and those that are measured."""
    train = open_data(reader, data, split="train", data_dir=data_dir)
    if has_splits(train.source):
        return train, open_data(reader, data, split="test", n=MEASURED, data_dir=data_dir)
    count = len(train.images)
    if count < 20:
        raise UserError(f"{train.source} has {count} images, and an encoder is trained on at least 20")
    rows = held_out_rows(count, HELD_OUT)

    def some(rows: np.ndarray) -> Reals:
        labels = None if train.labels is None else train.labels[rows]
        return train._replace(images=train.images[rows], labels=labels)

    return some(~rows), some(rows)


def _loss(
    generator: Network, discriminator: Network | None, encoder: nn.Module, kappa: float
) -> Callable[..., tuple[jax.Array, Any]]:
    """Return ``(params, collections, images, labels) -> (loss, collections)``."""
    activations = None if discriminator is None else activations_of(discriminator)

    def loss(params, collections, images, labels):
        images = to_float(images)
        latents, collections = encoder.apply(
            {"params": params, **collections}, images, labels, train=True, mutable=list(collections)
        )
        made: Any = generator.module.apply(generator.variables, latents, labels, train=False)
        value = jnp.square(images - made).mean()
        if activations is not None:
            real, fake = (activations(each, labels)[-1] for each in (images, made))
            value += kappa * jnp.square(real - fake).mean()
        return value, collections

    return loss


def _ratio(generator: Network, encoder: nn.Module, variables: Any, images: np.ndarray, labels: Any) -> float:
    """Return the mean distance of images from their reconstructions over that from other images."""

    @jax.jit
    def distances(variables, images, others, labels):
        images, others = to_float(images), to_float(others)
        latents: Any = encoder.apply(variables, images, labels, train=False)
        made: Any = generator.module.apply(generator.variables, latents, labels, train=False)
        return _norms(images - made), _norms(images - others)

    count = len(images)
    others = other_images(images)
    size, totals = min(256, count), np.zeros(2)
    for first in range(0, count, size):
        rows = np.minimum(np.arange(first, first + size), count - 1)
        given = None if labels is None else jnp.asarray(labels[rows])
        found = distances(variables, images[rows], others[rows], given)
        totals += [np.asarray(each, np.float64)[: count - first].sum() for each in found]
    return float(totals[0] / totals[1]) if totals[1] else float("inf")


def _norms(differences: jax.Array) -> Float[jax.Array, " n"]:
    return jnp.sqrt(jnp.square(differences.reshape(len(differences), -1)).sum(axis=1))
