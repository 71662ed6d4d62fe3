"""A translator against the images that it should make, beside what its sources are without it.

The sources are those of the pairs, or made of the real images by the run's own degradation. The baseline is
the source itself, enlarged by bicubic interpolation where it is smaller than its image.

Of two sets without pairs, nothing says what an image should be. So the images of one set's sources are
compared with the other set as a whole, and each source with what goes there and back.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxgan import build, data, export, metrics
from jaxgan.config import config_of
from jaxgan.data.dataset import held_out_part
from jaxgan.data.sources import has_splits
from jaxgan.evaluate.fakes import BATCH_SIZE, Fakes, from_images
from jaxgan.evaluate.reals import Reals
from jaxgan.evaluate.report import Report, measure
from jaxgan.evaluate.scores import ACCURACY, COLORFULNESS, CYCLE, OF_PAIRS
from jaxgan.evaluate.subject import TEST, Subject
from jaxgan.features import Extractor
from jaxgan.images import judge, to_float, to_uint8
from jaxgan.metrics.result import Result
from jaxgan.system.errors import UserError
from jaxgan.system.limits import require_memory
from jaxgan.system.progress import counting
from jaxgan.system.random import seed_key

BICUBIC, SOURCE = "bicubic", "source"
FORWARD, BACKWARD = export.DIRECTIONS


class Made(NamedTuple):
    """A translator's images, and the sources at their size.

    Attributes:
        images: uint8 ``[N, H, W, C]``.
        baseline: uint8 ``[N, H, W, C]``, the sources at the images' size and in their channels.
        kind: how the sources were brought to that size: "bicubic", or "source" where it is theirs.
        fakes: the images, as what is measured by features.
        again: uint8 ``[N, h, w, c]``, what the other direction makes of the images; None without one.
    """

    images: UInt8[np.ndarray, "n h w c"]
    baseline: UInt8[np.ndarray, "n h w c"]
    kind: str
    fakes: Fakes
    again: UInt8[np.ndarray, "n _ _ _"] | None = None


def learns_unpaired(subject: Subject) -> bool:
    """Return whether a run has learned two sets without pairs."""
    return bool(subject.settings) and config_of(subject.settings).game.learns_unpaired


def unseen_images(
    subject: Subject, source: str, against: str | None, split: str | None
) -> data.Dataset | None:
    """Return the real images to measure with, where they have sources or a run has held them out.

    Args:
        subject: a run of the game paired or cycle.
        source: the name or the path of the real images.
        against: the real images, if others than the run's are given.
        split: the split of an ``.npz``, if it is given.

    Returns:
        The images, with their sources if they are pairs; None for images of a source that are no pairs.

    Raises:
        UserError: if it is no run, or there are no pairs.
    """
    if learns_unpaired(subject):
        return _unseen_sets(subject, source, against, split)
    _require_settings(subject)
    config = config_of(subject.settings, data=source)
    height, width, channels = subject.image_shape
    load = partial(data.load_pairs, source, image_size=(height, width), channels=channels)
    if against is None and not has_splits(source):
        if config.held_out:
            return held_out_part(build.load(config), config.held_out, unseen=True)
        return build.dataset(config) if config.game.learns_pairs else None
    if not config.game.learns_pairs:
        return None
    if has_splits(source):
        return load(split=split or TEST)
    if not source.lower().endswith(".npz"):
        raise UserError('`against` of a run of pairs is an .npz with "source" beside "images"')
    return load()


def _require_settings(subject: Subject) -> None:
    if "degrade" not in subject.settings and not learns_unpaired(subject):
        raise UserError(
            f"{subject.path} does not say how its sources are made: name the folder of the run that trained "
            "it"
        )


def _unseen_sets(subject: Subject, source: str, against: str | None, split: str | None) -> data.Dataset:
    """Return the two sets to measure with: of each, its test images, or else what was held out or learned."""
    config = config_of(subject.settings, data=source)
    sources = config.game.place_of_sources
    if sources is None:
        raise UserError(
            f"{subject.path} learned arrays given in Python, and where its sources are is not known"
        )
    if against is None and not has_splits(source):
        whole = build.load(config)
    else:
        height, width, channels = subject.image_shape
        whole = data.load_unpaired(
            source,
            sources,
            image_size=(height, width),
            channels=channels,
            split=split or TEST,
            data_dir=config.data_dir,
        )
    if not config.held_out:
        return whole
    unseen = held_out_part(whole, config.held_out, unseen=True)
    if against is not None or has_splits(source):
        unseen = unseen._replace(images=whole.images, labels=whole.labels)
    if has_splits(sources):
        unseen = unseen._replace(unpaired=whole.unpaired)
    return unseen


def other_way(dataset: data.Dataset, name: str) -> data.Dataset:
    """Return two sets without pairs with their parts exchanged.

    Args:
        dataset: images, and sources without pairs.
        name: the name of the sources.
    """
    assert dataset.unpaired is not None
    return data.Dataset(name, dataset.unpaired, notes=dataset.notes, unpaired=dataset.images)


def notes_on_images(subject: Subject, against: str | None, *, splits: bool) -> tuple[str, ...]:
    """Return a line for the reader where a translator is measured on what it was trained on."""
    if subject.settings.get("held_out"):
        return ()
    if against is not None or splits:
        if not learns_unpaired(subject) or has_splits(str(subject.settings.get("source"))):
            return ()
        return (
            "the sources are those that it was trained on: train with `held_out` 0.1 to measure on others",
        )
    return ("these are the images that it was trained on: train with `held_out` 0.1 to measure on others",)


def translated(subject: Subject, real: Reals, seed: int, direction: str = FORWARD) -> Made:
    """Return what a run's translator makes of the sources of real images.

    Args:
        subject: a run of the game paired or cycle.
        real: real images, with their sources where the data have some.
        direction: the direction of a translator between two sets without pairs.
        seed: seed of what the degradation draws; image i has its own draws, whatever the number of images.

    Raises:
        FeaturesNotFiniteError: if an image is not finite.
    """
    translator = export.load_translator(subject.path, direction=direction)
    other = None
    if real.unpaired is not None:
        other = export.load_translator(subject.path, direction=BACKWARD if direction == FORWARD else FORWARD)
    degrade = config_of(subject.settings).game.degradation()
    count = len(real.images if real.unpaired is None else real.unpaired)
    require_memory(3 * count * math.prod(subject.image_shape), f"{count:,} translated images")
    images, baseline, again = [], [], []
    kind = BICUBIC if translator.scale > 1 else SOURCE
    protocol: dict[str, Any] = {
        "translator": str(subject.path),
        "step": subject.description["step"],
        "weights": "EMA",
        "baseline": kind,
    }
    protocol |= {"seed": seed} if degrade is not None else {}
    protocol |= {"direction": direction} if other is not None else {}
    with counting("translations", count, "images") as bar:
        for first in range(0, count, BATCH_SIZE):
            rows = np.minimum(np.arange(first, first + min(BATCH_SIZE, count)), count - 1)  # one size
            sources = _sources(real, degrade, rows, seed)
            drawn = translator(sources)
            made = judge(drawn, "the translated images", generated=True)
            left = count - first
            images.append((made if first else made.warn()).eight_bits()[:left])
            baseline.append(enlarged(np.asarray(to_uint8(sources))[:left], images[-1].shape[1:]))
            if other is not None:
                again.append(np.asarray(to_uint8(other(drawn)))[:left])
            bar.update(min(left, len(rows)))
    whole = np.concatenate(images)
    fakes = from_images(whole, protocol)
    return Made(whole, np.concatenate(baseline), kind, fakes, np.concatenate(again) if again else None)


def sources_by(subject: Subject, seed: int) -> Callable[[Reals, np.ndarray], np.ndarray]:
    """Return ``(reals, rows) -> sources [n, h, w, C]``, float in [-1, 1], of the real images of a translator.

    Args:
        subject: a run of the game paired or cycle.
        seed: seed of what the degradation draws; image i has its own draws.

    Raises:
        UserError: if it is no run, so that nothing says how its sources are made.
    """
    _require_settings(subject)
    degrade = config_of(subject.settings).game.degradation()
    return lambda real, rows: np.asarray(_sources(real, degrade, rows, seed))


def _sources(real: Reals, degrade: Any, rows: np.ndarray, seed: int) -> jax.Array:
    """Return the sources of some real images, float in [-1, 1]; of two sets without pairs, some sources."""
    if real.unpaired is not None:
        return to_float(jnp.asarray(real.unpaired[rows]))
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
    return _report(results, made, real)


def there_and_back(made: Made, real: Reals) -> Report:
    """Compare each source with what both directions, one after the other, make of it."""
    assert made.again is not None
    assert real.unpaired is not None
    error = metrics.mean_absolute_error(real.unpaired, made.again)
    return _report({CYCLE: (error,)}, made, real)


def colors(made: Made, real: Reals) -> Report:
    """Measure the colorfulness of images, beside that of the real images and of the baseline.

    Raises:
        UserError: if the images have no colors.
    """
    results: dict[str, tuple[Result, ...]] = {}
    for prefix, images in (("", made.images), (f"{made.kind}_", made.baseline), ("real_", real.images)):
        try:
            results[f"{prefix}{COLORFULNESS}"] = (metrics.colorfulness(images),)
        except ValueError as error:
            raise UserError(f"`metrics` {COLORFULNESS}: {error}") from error
    return _report(results, made, real)


def recognized(made: Made, real: Reals, classifier: Extractor) -> Report:
    """Measure how many images a classifier assigns to the class of the image that each should be.

    Args:
        made: the images.
        real: the images that they should be, with their labels.
        classifier: an extractor whose logits stand for these labels.

    Raises:
        UserError: if there are no labels, or the extractor is no classifier of them.
    """
    results: dict[str, tuple[Result, ...]] = {}
    for prefix, images in (("", made.images), (f"{made.kind}_", made.baseline)):
        logits = classifier.outputs(images).logits
        if real.labels is None or logits is None or classifier.classes != real.source:
            raise UserError(
                f"`metrics` {ACCURACY} takes labels and a classifier of them, and {real.source} with "
                f"{classifier.name} has none"
            )
        accuracy = metrics.accuracy(logits, real.labels, extractor_name=classifier.name)
        results[f"{prefix}{ACCURACY}"] = (accuracy,)
    return _report(results, made, real)


def _report(results: dict[str, tuple[Result, ...]], made: Made, real: Reals) -> Report:
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


def of_direction(report: Report, direction: str) -> Report:
    """Return a report whose results say so where they are of the way back."""
    if direction == FORWARD:
        return report
    return report._replace(results={f"{BACKWARD}_{name}": x for name, x in report.results.items()})


def beside(made: Made, real: Reals, extractor: Extractor, names: tuple[str, ...]) -> Report:
    """Measure the baseline by its features, as a translator's images are measured."""
    fakes = from_images(made.baseline, made.fakes.protocol)
    report = measure(fakes, real, extractor, names)
    results = {f"{made.kind}_{name}": result for name, result in report.results.items()}
    return report._replace(results=results, classes={})
