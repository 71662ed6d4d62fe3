"""What is measured: images that a generator makes on demand, or images that are there."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, UInt8

from jaxgan import sampling
from jaxgan.data import Dataset
from jaxgan.features import Extractor, Outputs, eight_bits
from jaxgan.system.progress import counting

BATCH_SIZE = 250  # images made at a time


class Fakes(NamedTuple):
    """Images to measure.

    Attributes:
        count: how many.
        batch: ``(first, size) -> uint8 [size, H, W, C]``: images from the `first` on; past the last
            one it may give any.
        labels: int32 ``[count]``, the classes that the images are meant to be of, or None.
        protocol: how they are made, as JSON can hold it.
    """

    count: int
    batch: Callable[[int, int], UInt8[np.ndarray, "n h w c"]]
    labels: Int[np.ndarray, " count"] | None
    protocol: dict[str, Any]


def from_generator(
    generate: Callable[..., Any],
    *,
    latent_dim: int,
    n: int,
    labels: Int[np.ndarray, " n"] | None = None,
    seed: int = 0,
    key: jax.Array | None = None,
) -> Fakes:
    """Take the images of a generator: of any function of latents, and of labels where there are some.

    Args:
        generate: ``(latents [B, latent_dim], labels [B] or None) -> images [B, H, W, C]`` in [-1, 1].
        latent_dim: length of a latent vector.
        n: images, >= 1.
        labels: one per image for a conditional generator.
        seed: of the standard normal latents, those of ``jaxgan sample --seed``.
        key: in the place of a seed.
    """
    latents = sampling.draw_latents(jax.random.key(seed) if key is None else key, n, latent_dim)

    def batch(first: int, size: int) -> UInt8[np.ndarray, "n h w c"]:
        rows = np.minimum(np.arange(first, first + size), n - 1)  # one size: it compiles once
        images = generate(latents[rows], None if labels is None else jnp.asarray(labels[rows], jnp.int32))
        return eight_bits(images)

    return Fakes(n, batch, labels, {"latents": "standard normal, not truncated", "seed": seed})


def from_dataset(dataset: Dataset, n: int) -> Fakes:
    """Take images that are there: n of them, or all where there are fewer."""
    rows = some_rows(len(dataset.images), n)
    labels = None if dataset.labels is None else dataset.labels[rows]
    return Fakes(
        len(rows), lambda first, size: eight_bits(dataset.images[rows[first : first + size]]), labels, {}
    )


def some_rows(count: int, n: int) -> Int[np.ndarray, " rows"]:
    """Return n of `count` rows, or all, in an order that is random and fixed.

    A folder's first pictures are all of one class, and some metrics look at the first of what they get.
    """
    return np.random.default_rng(0).permutation(count)[:n]


def outputs(fakes: Fakes, extractor: Extractor) -> Outputs:
    """Make the images and extract their features, a batch at a time: the images are not kept."""
    parts = []
    with counting("fakes", fakes.count, "images") as bar:
        for first in range(0, fakes.count, BATCH_SIZE):
            part = extractor.outputs(fakes.batch(first, min(BATCH_SIZE, fakes.count)))
            parts.append(jax.tree.map(itemgetter(slice(fakes.count - first)), part))
            bar.update(min(BATCH_SIZE, fakes.count - first))
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
