"""The images that an explanation of the discriminator is about, and the real images that it compares with.

A translator's images are made of the sources of real images. So each has a partner, the image that it should
be, and is compared with this one where others are compared with the nearest real image.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxgan.evaluate.fakes import random_rows
from jaxgan.explain.pages import eight_bits, floats
from jaxgan.explain.section import Subject
from jaxgan.explain.space import drawn
from jaxgan.export import Network, judges_pairs, judges_sources, prior_of
from jaxgan.games.paired import enlarged
from jaxgan.representation.reader import labels_for
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key

POOL = 512  # fakes of which the most fake and the most real are explained, and reals beside them
SEVERAL = 16  # references that stand for all reals
BLOCK = 2**22  # numbers of the real images whose distances are computed at a time
NEAREST, REALS, GREY = "nearest", "reals", "grey"
REFERENCES = (NEAREST, REALS, GREY)


class Examples(NamedTuple):
    """Images as a discriminator is shown them, one for each row.

    Attributes:
        images: float32 ``[N, H, W, C]``, in [-1, 1] where the generator is bounded.
        labels: int32 ``[N]``, the class that each image is judged as, or None.
        beside: ``[N, ...]``, the latent or the source at the image's size that each image is judged with, or
            None.
        partners: float32 ``[N, H, W, C]``, of a translator's images those that they should be, and the other
            way round; None where images have no partners.
    """

    images: Float[np.ndarray, "n h w c"]
    labels: Int[np.ndarray, " n"] | None = None
    beside: Float[np.ndarray, "n ..."] | None = None
    partners: Float[np.ndarray, "n h w c"] | None = None

    def rows(self, chosen: Any) -> "Examples":
        """Return some of the rows."""
        others = (None if each is None else each[chosen] for each in self[1:])
        return Examples(self.images[chosen], *others)


def together(several: Sequence[Examples]) -> Examples:
    """Return the rows of several examples, one after the other."""
    images, *others = zip(*several, strict=True)
    joined = (None if each[0] is None else np.concatenate(each) for each in others)
    return Examples(np.concatenate(images), *joined)


def examples_of(
    subject: Subject, judge: Network, classes: Sequence[int] | None
) -> tuple[Examples, Examples | None]:
    """Return fakes and reals with what the discriminator judges them with; see `fakes_of` and `reals_of`.

    A translator's fakes are made of sources that it was not trained on, where there are such.

    Raises:
        UserError: if the generator makes numbers that are not finite.
    """
    if subject.sources is None:
        return fakes_of(subject, judge, classes), reals_of(subject, judge)
    reals, sources = subject.seen_sources(max(POOL, subject.n))
    images = _finite(subject, subject.reader.generate(sources))
    beside = None
    if judges_sources(judge):
        beside = np.asarray(enlarged(jnp.asarray(sources), images.shape[1:3]))
    if reals.unpaired is not None:
        return Examples(images), reals_of(subject, judge)
    real = floats(reals.images[random_rows(len(reals.images), len(images))])
    return Examples(images, None, beside, real), Examples(real, None, beside, images)


def fakes_of(subject: Subject, judge: Network, classes: Sequence[int] | None) -> Examples:
    """Return fakes with what the discriminator judges them with: their labels, and the latents they are of.

    Args:
        subject: the run.
        judge: the run's discriminator.
        classes: the classes of the fakes, in turn; None for those of the real images.

    Raises:
        UserError: if the generator makes numbers that are not finite.
    """
    count = max(POOL, subject.n)
    latents = np.asarray(drawn(prior_of(subject.generator.description), seed_key(subject.seed), count))
    labels = None if subject.reader.num_classes is None else _classes(subject, classes, count)
    images = _finite(subject, subject.reader.generate(latents, labels))
    return Examples(images, labels, latents if judges_pairs(judge) else None)


def _finite(subject: Subject, images: Any) -> Float[np.ndarray, "n h w c"]:
    if not np.isfinite(images).all():
        raise UserError(f"the generator of {subject.path} makes NaN or infinity: its training diverged")
    return np.asarray(images, np.float32)


def _classes(subject: Subject, classes: Sequence[int] | None, count: int) -> Int[np.ndarray, " n"]:
    reals = subject.learned if subject.learned is not None else subject.held_out
    if classes is not None:
        chosen = np.asarray(classes)
    elif reals is None or reals.labels is None:
        chosen = np.arange(subject.reader.num_classes or 1)
    else:
        chosen = reals.labels[random_rows(len(reals.labels), count)]
    return np.resize(chosen, count).astype(np.int32)


def reals_of(subject: Subject, judge: Network) -> Examples | None:
    """Return reals with what the discriminator judges them with; the held-out ones where there are such.

    A judge of pairs sees them with the encoder's latents. None where there are no reals, or no encoder.
    """
    reals = subject.held_out if subject.held_out is not None else subject.learned
    if reals is None or (judges_pairs(judge) and subject.reader.encode is None):
        return None
    rows = random_rows(len(reals.images), POOL)
    labels, images, latents = labels_for(subject.reader, reals), reals.images[rows], None
    labels = None if labels is None else labels[rows]
    if judges_pairs(judge) and subject.reader.encode is not None:
        latents = subject.reader.encode(images, labels)
    return Examples(floats(images), labels, latents)


def references_of(subject: Subject, shown: Examples, reference: str) -> Float[np.ndarray, "n r h w c"]:
    """Return the images that each of some images is compared with.

    Args:
        subject: the run.
        shown: the images that are explained.
        reference: one of `REFERENCES`: the nearest training image, or the partner where images have partners;
            several training images; or gray. Those of an image with a label are of its class.

    Raises:
        UserError: if there are no real images to compare with.
    """
    count, learned = len(shown.images), subject.learned
    if reference == GREY:
        return np.zeros((count, 1, *shown.images.shape[1:]), np.float32)
    if reference == NEAREST and shown.partners is not None:
        return shown.partners[:, None]
    if learned is None:
        raise UserError(
            f"`reference` {reference} compares with the images that {subject.path} was trained on, and they "
            "are not at hand: name them with `data`, or take `reference` grey"
        )
    labels = None if shown.labels is None else labels_for(subject.reader, learned)
    if reference == NEAREST:
        rows = nearest(learned.images, eight_bits(shown.images), labels=labels, query_labels=shown.labels)
        if (rows < 0).any():
            which = "" if shown.labels is None else f" of class {shown.labels[rows.argmin()]}"
            raise UserError(
                f"`reference` nearest: there is no other real image{which} to compare with: take "
                "`reference` grey"
            )
        return floats(learned.images[rows])[:, None]
    order = np.random.default_rng(subject.seed).permutation(len(learned.images))
    chosen = []
    for i in range(count):
        label = None if shown.labels is None else shown.labels[i]
        fits = order if labels is None else order[labels[order] == label]
        if not len(fits):
            raise UserError(f"`reference` reals: there is no real image of class {label}: take grey")
        chosen.append(np.resize(fits[:SEVERAL], SEVERAL))
    return floats(learned.images[np.stack(chosen)].reshape(-1, *shown.images.shape[1:])).reshape(
        count, SEVERAL, *shown.images.shape[1:]
    )


def nearest(
    reals: Any, queries: Any, *, labels: Any = None, query_labels: Any = None
) -> Int[np.ndarray, " m"]:
    """Return which real image has the smallest distance of pixels to each query, but is not the query.

    Args:
        reals: uint8 ``[N, H, W, C]``, of which a block is looked at at a time.
        queries: uint8 ``[M, H, W, C]``.
        labels: the class of each real image; None to compare with all.
        query_labels: the class of each query; None where `labels` is None.

    Returns:
        The row of each query's nearest real image; -1 where there is no other of its class.
    """
    points = np.asarray(queries, np.float64).reshape(len(queries), -1)  # sums of squares are exact
    size, squares = max(1, BLOCK // points.shape[1]), (points**2).sum(axis=1)
    best, rows = np.full(len(points), np.inf), np.full(len(points), -1)
    for first in range(0, len(reals), size):
        block = np.asarray(reals[first : first + size], np.float64).reshape(-1, points.shape[1])
        distances = squares[:, None] - 2 * points @ block.T + np.einsum("ij,ij->i", block, block)
        if labels is not None:
            distances[np.asarray(query_labels)[:, None] != labels[None, first : first + size]] = np.inf
        distances[distances < 0.5] = np.inf  # those of other images are whole numbers from 1 on
        closest = distances.argmin(axis=1)
        found = np.take_along_axis(distances, closest[:, None], axis=1)[:, 0]
        rows = np.where(found < best, first + closest, rows)
        best = np.minimum(found, best)
    return rows
