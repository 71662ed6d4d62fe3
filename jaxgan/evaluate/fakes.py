"""The images to measure: a generator makes them on demand, or they come from a data set."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, UInt8

from jaxgan import sampling
from jaxgan.data import Dataset
from jaxgan.features import Extractor, Outputs
from jaxgan.images import FeaturesNotFiniteError, Judged, judge, oddities
from jaxgan.prior import Prior, normal
from jaxgan.system import processes
from jaxgan.system.progress import counting
from jaxgan.system.random import seed_key

BATCH_SIZE = 250  # images that are generated at a time


class Fakes(NamedTuple):
    """Images to measure.

    Attributes:
        count: the number of images.
        batch: ``(first, size) -> uint8 [size, H, W, C]``, the images from index `first` on; those past the
            last are arbitrary.
        labels: int32 ``[count]``, the classes that the images should belong to, or None.
        protocol: facts about how the images are made, as JSON can hold them.
        notes: lines for the user about the images.
    """

    count: int
    batch: Callable[[int, int], UInt8[np.ndarray, "n h w c"]]
    labels: Int[np.ndarray, " count"] | None
    protocol: dict[str, Any]
    notes: tuple[str, ...] = ()


def from_generator(
    generate: Callable[..., Any],
    *,
    latent_dim: int,
    n: int,
    labels: Int[np.ndarray, " n"] | None = None,
    seed: int = 0,
    key: jax.Array | None = None,
    prior: Prior | None = None,
    truncation: float | None = None,
) -> Fakes:
    """Return the images of a generator: any function of latents, or of latents and labels.

    Args:
        generate: ``(latents [B, latent_dim], labels [B] or None) -> images [B, H, W, C]`` in [-1, 1].
        latent_dim: the length of a latent vector.
        n: the number of images, >= 1.
        labels: one for each image of a conditional generator.
        seed: the seed of the latents, which are those of ``jaxgan sample --seed``.
        key: the key of the latents, in place of a seed.
        prior: distribution of the latents; None for standard normal ones.
        truncation: what `generate` is given under this name; None for nothing.

    Returns:
        The `Fakes`. Their batches refuse images that `jaxgan.images.judge` refuses; values outside [-1, 1]
        are clipped, with a UserWarning if they are many. The protocol has the seed, or, where a key is
        given, the key's data in its place.
    """
    source = {"seed": seed} if key is None else {"key": jax.random.key_data(key).tolist()}
    options = {} if truncation is None else {"truncation": truncation}
    latents = sampling.draw_latents(seed_key(seed) if key is None else key, n, latent_dim, prior)

    def batch(first: int, size: int) -> UInt8[np.ndarray, "n h w c"]:
        rows = np.minimum(np.arange(first, first + size), n - 1)  # one size compiles once
        classes = None if labels is None else jnp.asarray(labels[rows], jnp.int32)
        images = generate(latents[rows], classes, **options)
        judged = judge(images, "the generated images", generated=True)
        return (judged.warn() if first == 0 else judged).eight_bits()  # one note tells of all batches

    plain = prior is None or prior == normal(latent_dim)
    kind = "standard normal" if options else "standard normal, not truncated"
    drawn = kind if plain else prior.as_json()
    return Fakes(n, batch, labels, {"latents": drawn, **options, **source})


def from_images(images: UInt8[np.ndarray, "n h w c"], protocol: dict[str, Any]) -> Fakes:
    """Return images that are there already as the images to measure."""
    return Fakes(len(images), lambda first, size: images[first : first + size], None, protocol)


def from_dataset(dataset: Dataset, n: int) -> Fakes:
    """Return n images of a data set as the images to measure, or all if it has fewer.

    Raises:
        ValueError: for images that `jaxgan.images.judge` refuses.
    """
    subject = f"the images of {dataset.name}"
    images, notes = judge(dataset.images, subject)
    notes = [note for note in (*notes, *oddities(images, subject)) if note not in dataset.notes]
    rows = random_rows(len(images), n)
    labels = None if dataset.labels is None else np.asarray(dataset.labels)[rows]

    def batch(first: int, size: int) -> UInt8[np.ndarray, "n h w c"]:
        return Judged(images[rows[first : first + size]]).eight_bits()

    return Fakes(len(rows), batch, labels, {}, tuple(notes))


def random_rows(count: int, n: int) -> Int[np.ndarray, " rows"]:
    """Return n of `count` indices, or all, in a random order that is always the same.

    The first pictures of a folder are often of one class, and some metrics use only the first images.
    """
    return np.random.default_rng(0).permutation(count)[:n]


def fake_outputs(fakes: Fakes, extractor: Extractor) -> Outputs:
    """Return the features of the images to measure; each batch of images is made, used and dropped."""
    parts = []
    with counting("fakes", fakes.count, "images") as bar:
        for first in range(0, fakes.count, BATCH_SIZE):
            part = extractor.outputs(fakes.batch(first, min(BATCH_SIZE, fakes.count)))
            parts.append(jax.tree.map(itemgetter(slice(fakes.count - first)), part))
            bar.update(min(BATCH_SIZE, fakes.count - first))
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)


def spread_outputs(fakes: Fakes, extractor: Extractor) -> Outputs:
    """Return the features of images of which each process makes a share; every process has to call this.

    The batches are those of `fake_outputs`, so each image has the same latents and the same neighbors.

    Args:
        fakes: the images to measure, the same on each process. Batches that begin past the last image are
            arbitrary, but as long as the others.
        extractor: the network that computes features, the same on each process.

    Raises:
        FeaturesNotFiniteError: on all processes, if an image or a feature of any of them is not finite.
    """
    number = jax.process_count()
    if number == 1:
        return fake_outputs(fakes, extractor)
    size = min(BATCH_SIZE, fakes.count)
    share = size * -(-fakes.count // (size * number))
    start = share * jax.process_index()
    own = fakes._replace(count=share, batch=lambda first, size: fakes.batch(start + first, size))
    outputs, problem = None, ""
    try:
        outputs = fake_outputs(own, extractor)
    except FeaturesNotFiniteError as error:
        problem = str(error)
    for reported in filter(None, processes.gather(problem)):
        raise FeaturesNotFiniteError(reported)
    return jax.tree.map(itemgetter(slice(fakes.count)), processes.joined(outputs))
