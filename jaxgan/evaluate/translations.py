"""A translator against the images that it should make, beside what its sources are without it.

The sources are those of the pairs, or made of the real images by the run's own degradation. The baseline is
the source itself, enlarged by bicubic interpolation where it is smaller than its image.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxgan import build, data, export
from jaxgan.config import config_of
from jaxgan.data.dataset import held_out_rows, part
from jaxgan.data.sources import has_splits
from jaxgan.evaluate.fakes import BATCH_SIZE, Fakes, from_images
from jaxgan.evaluate.reals import Reals
from jaxgan.evaluate.report import Report, measure
from jaxgan.evaluate.scores import OF_PAIRS
from jaxgan.evaluate.subject import TEST, Subject
from jaxgan.features import Extractor
from jaxgan.images import judge, to_float, to_uint8
from jaxgan.metrics.result import Result
from jaxgan.system.errors import UserError
from jaxgan.system.limits import require_memory
from jaxgan.system.progress import counting
from jaxgan.system.random import seed_key

BICUBIC, SOURCE = "bicubic", "source"


class Made(NamedTuple):
    """A translator's images, and the sources at their size.

    Attributes:
        images: uint8 ``[N, H, W, C]``.
        baseline: uint8 ``[N, H, W, C]``, the sources at the images' size and in their channels.
        kind: how the sources were brought to that size: "bicubic", or "source" where it is theirs.
        fakes: the images, as what is measured by features.
    """

    images: UInt8[np.ndarray, "n h w c"]
    baseline: UInt8[np.ndarray, "n h w c"]
    kind: str
    fakes: Fakes


def unseen_images(
    subject: Subject, source: str, against: str | None, split: str | None
) -> data.Dataset | None:
    """Return the real images to measure with, where they are pairs or a run has held them out.

    Args:
        subject: a run of the paired game.
        source: the name or the path of the real images.
        against: the real images, if others than the run's are given.
        split: the split of an ``.npz``, if it is given.

    Returns:
        The images, with their sources if they are pairs; None for images of a source that are no pairs.

    Raises:
        UserError: if it is no run, or there are no pairs.
    """
    if "degrade" not in subject.settings:
        raise UserError(
            f"{subject.path} does not say how its sources are made: name the folder of the run that trained "
            "it"
        )
    config = config_of(subject.settings, data=source)
    height, width, channels = subject.image_shape
    load = partial(data.load_pairs, source, image_size=(height, width), channels=channels)
    if against is None and not has_splits(source):
        if config.held_out:
            whole = build.load(config)
            return part(whole, held_out_rows(len(whole.images), config.held_out), "the held-out images")
        return build.dataset(config) if config.game.learns_pairs else None
    if not config.game.learns_pairs:
        return None
    if has_splits(source):
        return load(split=split or TEST)
    if not source.lower().endswith(".npz"):
        raise UserError('`against` of a run of pairs is an .npz with "source" beside "images"')
    return load()


def notes_on_images(subject: Subject, against: str | None, *, splits: bool) -> tuple[str, ...]:
    """Return a line for the reader where a translator is measured on what it was trained on."""
    if against is not None or splits or subject.settings.get("held_out"):
        return ()
    return ("these are the images that it was trained on: train with `held_out` 0.1 to measure on others",)


def translated(subject: Subject, real: Reals, seed: int) -> Made:
    """Return what a run's translator makes of the sources of real images.

    Args:
        subject: a run of the paired game.
        real: real images, with their sources where the data are pairs.
        seed: seed of what the degradation draws; image i has its own draws, whatever the number of images.

    Raises:
        FeaturesNotFiniteError: if an image is not finite.
    """
    translator, count = export.load_translator(subject.path), len(real.images)
    degrade = config_of(subject.settings).game.degradation()
    require_memory(2 * count * math.prod(subject.image_shape), f"{count:,} translated images")
    images, baseline = [], []
    kind = BICUBIC if translator.scale > 1 else SOURCE
    protocol: dict[str, Any] = {
        "translator": str(subject.path),
        "step": subject.description["step"],
        "weights": "EMA",
        "baseline": kind,
    }
    protocol |= {"seed": seed} if degrade is not None else {}
    with counting("translations", count, "images") as bar:
        for first in range(0, count, BATCH_SIZE):
            rows = np.minimum(np.arange(first, first + min(BATCH_SIZE, count)), count - 1)  # one size
            sources = _sources(real, degrade, rows, seed)
            made = judge(translator(sources), "the translated images", generated=True)
            left = count - first
            images.append((made if first else made.warn()).eight_bits()[:left])
            baseline.append(enlarged(np.asarray(to_uint8(sources))[:left], images[-1].shape[1:]))
            bar.update(min(left, len(rows)))
    whole = np.concatenate(images)
    return Made(whole, np.concatenate(baseline), kind, from_images(whole, protocol))


def _sources(real: Reals, degrade: Any, rows: np.ndarray, seed: int) -> jax.Array:
    """Return the sources of some real images, float in [-1, 1]."""
    if degrade is None:
        if real.sources is None:
            raise UserError(f"{real.source} has no sources beside its images")
        return to_float(jnp.asarray(real.sources[rows]))
    keys = jax.vmap(lambda i: jax.random.fold_in(seed_key(seed), i))(jnp.asarray(rows))
    return degrade(to_float(jnp.asarray(real.images[rows])), keys=keys)


def enlarged(
    sources: UInt8[np.ndarray, "n h w c"], shape: tuple[int, ...]
) -> UInt8[np.ndarray, "n height width channel"]:
    """Return sources at a size by bicubic interpolation, and in a number of channels.

    Args:
        sources: ``[N, h, w, c]``.
        shape: height, width and channels.
    """
    height, width, channels = shape
    if sources.shape[3] != channels:
        gray = np.round(sources.mean(axis=3, keepdims=True)).astype(np.uint8)
        sources = np.repeat(gray, channels, axis=3)
    if sources.shape[1:3] == (height, width):
        return sources

    def resized(source: np.ndarray) -> np.ndarray:
        planes = [
            Image.fromarray(np.ascontiguousarray(source[..., channel])).resize(
                (width, height), Image.Resampling.BICUBIC
            )
            for channel in range(channels)
        ]
        return np.stack([np.asarray(plane) for plane in planes], axis=-1)

    return np.stack([resized(source) for source in sources])


def compare(made: Made, real: Reals, names: Sequence[str]) -> Report:
    """Compare each image with the one that it should be, and the baseline beside it.

    Args:
        made: the images.
        real: the images that they should be.
        names: names of `jaxgan.evaluate.scores.OF_PAIRS`.

    Raises:
        UserError: if a metric cannot be computed of such images, with its name.
    """
    results: dict[str, tuple[Result, ...]] = {}
    for prefix, images in (("", made.images), (f"{made.kind}_", made.baseline)):
        for name in names:
            try:
                results[f"{prefix}{name}"] = (OF_PAIRS[name](real.images, images),)
            except ValueError as error:
                raise UserError(f"{name}: {error}") from error
    protocol = {
        **made.fakes.protocol,
        "n_fake": made.fakes.count,
        "against": real.source,
        "split": real.split,
        "n_real": len(real.images),
        "image_shape": list(real.images.shape[1:]),
        "bits": 8,
    }
    return Report(results, {}, protocol, real.notes)


def beside(made: Made, real: Reals, extractor: Extractor, names: tuple[str, ...]) -> Report:
    """Measure the baseline by its features, as a translator's images are measured."""
    fakes = from_images(made.baseline, made.fakes.protocol)
    report = measure(fakes, real, extractor, names)
    results = {f"{made.kind}_{name}": result for name, result in report.results.items()}
    return report._replace(results=results, classes={})
