"""``jaxgan probe``: how much of the classes does the discriminator know, which has never seen a label?

A linear classifier learns a few labels from the activations of all of the discriminator's layers. Beside it
stand the same classifier on pixels, on their principal components, and on a discriminator with random
parameters: a random network of convolutions is a good start by itself.

References:
    Radford et al. 2016, Unsupervised Representation Learning with DCGAN, https://arxiv.org/abs/1511.06434,
    section 5.1
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from jaxgan.evaluate.fakes import random_rows
from jaxgan.export import Network, folder_of, read_discriminator
from jaxgan.representation.activations import all_layers, pixels, rows_of
from jaxgan.representation.reader import Reader, labels_for, open_data, open_reader
from jaxgan.representation.report import Comparison, output_file, save
from jaxgan.representation.settings import check_seed, most_images, named, taken
from jaxgan.representation.shallow import linear_classifier, pca
from jaxgan.representation.untrained import untrained_features
from jaxgan.system.command_line import Positional
from jaxgan.system.errors import UserError
from jaxgan.system.limits import require_devices, require_memory
from jaxgan.system.progress import counting
from jaxgan.system.random import pinned
from jaxgan.system.settings import converted

ALL = "all"
LABELS = 1000  # where nothing else is asked for
COMPONENTS = 64  # of the PCA of pixels
FITTED = 10_000  # training images that the PCA and the untrained network's statistics come from
VALIDATING = 0.2  # share of the labels that chooses C
FEWEST = 2  # labels of a class: one to fit, one to validate

Describe = Callable[[np.ndarray, Any], np.ndarray]  # (images, labels of a conditional run or None) -> rows


class Labelled(NamedTuple):
    """Images with their classes.

    Attributes:
        images: uint8 ``[N, H, W, C]``.
        classes: the class of each, ``[N]``.
        given: labels that the networks of a conditional run take, or None.
    """

    images: np.ndarray
    classes: Int[np.ndarray, " n"]
    given: Int[np.ndarray, " n"] | None = None

    def rows(self, rows: np.ndarray) -> "Labelled":
        """Return some of them."""
        given = None if self.given is None else self.given[rows]
        return Labelled(self.images[rows], self.classes[rows], given)


class Probe(NamedTuple):
    """What `probe` found.

    Attributes:
        comparison: mean and standard deviation of each representation's accuracy over the draws.
        accuracies: the accuracy of each draw, by representation.
    """

    comparison: Comparison
    accuracies: dict[str, tuple[float, ...]]


@pinned()
def probe(
    run: Positional[Path],
    data: Positional[str | None] = None,
    *,
    labels: str | None = None,
    draws: int = 5,
    n: int = 10_000,
    seed: int = 0,
    data_dir: str | None = None,
    out: Path | None = None,
) -> Probe:
    """Fit a linear classifier to the discriminator's features, beside pixels, PCA and an untrained one.

    The labels come from the split "train", and the accuracy from "test". Of data without splits, one half is
    held out to test with.

    Args:
        run: a run's folder, or an exported generator.
        data: images with labels: "digits", the name of a TFDS data set, a folder or an .npz; None for those
            that the run was trained on.
        labels: the number of training images whose label is used, or "all"; None for 1,000, or for all where
            there are fewer.
        draws: the number of times that other labels are drawn, >= 1; "all" labels are drawn once.
        n: the largest number of images to test with.
        seed: the seed of the draws, of the held-out half and of the untrained discriminator.
        data_dir: the folder of TFDS data sets; None for the run's own.
        out: the .json with the numbers; None for probe.json in the run's folder.

    Returns:
        The `Probe`.

    Raises:
        UserError: if something cannot be done; one sentence says why.
    """
    count = LABELS if labels is None else _label_count(labels)
    draws, seed, n = converted("draws", draws, int), check_seed(seed), most_images(n)
    if draws < 1:
        raise UserError(f"`draws` must be at least 1, got {draws}")
    require_devices()
    run = converted("run", run, Path)
    reader = open_reader(run)
    train = open_data(reader, data, split="train", data_dir=data_dir)
    if train.labels is None:
        raise UserError(f"probe compares with classes, and the images of {train.source} have no labels")
    try:
        test, notes = open_data(reader, data, split="test", data_dir=data_dir), ()
    except UserError:
        held_out = _held_out_half(train.labels, seed)
        train, test = _part(train, ~held_out), _part(train, held_out)
        notes = (
            f"{train.source} has no test images: a random half of each class is held out to test the "
            "classifiers with, and the GAN may have seen its images",
        )
    if test.labels is None:
        raise UserError(f"probe compares with classes, and the test images of {test.source} have no labels")
    test = taken(test, n)[0]
    file = output_file(run, out, "probe.json", data)
    if labels is None and len(train.images) <= LABELS:
        count = None
    _check_labels(np.asarray(train.labels), count)
    found = probe_images(
        representations_of(reader, read_discriminator(folder_of(reader.path)), train.images, seed=seed),
        *(Labelled(each.images, np.asarray(each.labels), labels_for(reader, each)) for each in (train, test)),
        count=count,
        draws=draws,
        seed=seed,
    )
    protocol = {"run": str(run), **named(test), "n_train": len(train.images), **found.comparison.protocol}
    comparison = found.comparison._replace(protocol=protocol, notes=(*train.notes, *test.notes, *notes))
    save(comparison, {}, file)
    return found._replace(comparison=comparison)


def probe_images(
    representations: dict[str, Describe],
    train: Labelled,
    test: Labelled,
    *,
    count: int | None,
    draws: int,
    seed: int,
) -> Probe:
    """Fit linear classifiers to several representations of the same labelled images.

    Args:
        representations: what makes rows of numbers of images, by name.
        train: the images whose labels are drawn.
        test: the images to test with.
        count: the number of labels of a draw, at least two for each class; None for all.
        draws: the number of draws.
        seed: the seed of the draws.

    Raises:
        UserError: if the memory is too small.
    """
    generator = np.random.default_rng(seed)
    chosen = [np.arange(len(train.images))]
    if count is not None:
        chosen = [stratified_rows(train.classes, count, generator) for _ in range(draws)]
    used = np.unique(np.concatenate(chosen))
    seen = train.rows(used)
    draws_of = [np.searchsorted(used, rows) for rows in chosen]
    validating = [_validating(seen.classes[rows], generator) for rows in draws_of]
    accuracies: dict[str, tuple[float, ...]] = {}
    rows: dict[str, dict[str, float]] = {}
    with counting("probe", len(representations) * len(chosen), "fits") as bar:
        for name, describe in representations.items():
            length = describe(seen.images[:2], None if seen.given is None else seen.given[:2]).shape[1]
            require_memory(12 * length * (len(used) + len(test.images)), f"`labels` {len(chosen[0]):,}")
            known, unknown = describe(seen.images, seen.given), describe(test.images, test.given)
            measured, strengths = [], []
            for places, validate in zip(draws_of, validating, strict=True):
                mean, scale = _standard(known[places], name)
                standard, labels = (known[places] - mean) / scale, seen.classes[places]
                classifier = linear_classifier(standard, labels, validate=validate)
                measured.append(classifier.accuracy((unknown - mean) / scale, test.classes))
                strengths.append(classifier.strength)
                bar.update()
            accuracies[name] = tuple(measured)
            rows[name] = {"accuracy": float(np.mean(measured))}
            if len(measured) > 1:
                rows[name]["deviation"] = float(np.std(measured, ddof=1))
            rows[name] |= {"features": length, "C": float(np.median(strengths))}
    protocol = {
        "labels": len(chosen[0]),
        "draws": len(chosen),
        "seed": seed,
        "classifier": "logistic regression; C chosen by a fifth of the labels",
        "accuracies": {name: list(each) for name, each in accuracies.items()},
    }
    return Probe(Comparison(rows, {}, protocol, ()), accuracies)


def _check_labels(classes: np.ndarray, count: int | None) -> None:
    """Raise `UserError` unless so many labels can be drawn."""
    present, sizes = np.unique(classes, return_counts=True)
    if len(present) < 2:
        raise UserError(f"probe tells classes apart, and all training images are of class {present[0]}")
    if count is not None and count > len(classes):
        raise UserError(f"`labels` {count:,} is more than the {len(classes):,} training images")
    if count is not None and count < FEWEST * len(present):
        least = f"{FEWEST * len(present)}, {FEWEST} for each of {len(present)} classes"
        raise UserError(f"`labels` must be at least {least}, got {count}")
    if sizes.min() < FEWEST:
        label = present[sizes.argmin()]
        raise UserError(f"class {label} has one training image, and each class takes at least {FEWEST}")


def _part(reals: Any, rows: Bool[np.ndarray, " n"]) -> Any:
    """Return some of the images of a data set."""
    return reals._replace(images=reals.images[rows], labels=reals.labels[rows])


def stratified_rows(
    labels: Int[np.ndarray, " n"], count: int, generator: np.random.Generator
) -> Int[np.ndarray, " count"]:
    """Return random rows in which each class has its share, and at least two rows, in ascending order.

    Args:
        labels: the class of each row; each class has at least two rows.
        count: the number of rows, at least two for each class and at most all.
        generator: the source of randomness.
    """
    present, sizes = np.unique(labels, return_counts=True)
    wanted = count * sizes / len(labels)
    quotas = np.clip(np.floor(wanted).astype(int), FEWEST, sizes)
    while quotas.sum() != count:  # by the class that is farthest from its share
        missing = wanted - quotas
        if quotas.sum() < count:
            quotas[np.where(quotas < sizes, missing, -np.inf).argmax()] += 1
        else:
            quotas[np.where(quotas > FEWEST, missing, np.inf).argmin()] -= 1
    rows = [
        generator.permutation(np.flatnonzero(labels == label))[:quota]
        for label, quota in zip(present, quotas, strict=True)
    ]
    return np.sort(np.concatenate(rows))


def _validating(labels: np.ndarray, generator: np.random.Generator) -> Bool[np.ndarray, " n"]:
    """Return which labels choose C: a fifth of each class, and at least one."""
    rows = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        rows[members[: max(1, round(VALIDATING * len(members)))]] = True
    return rows


def _held_out_half(labels: np.ndarray, seed: int) -> Bool[np.ndarray, " n"]:
    """Return which images test the classifiers: a random half of each class, the smaller one."""
    generator, rows = np.random.default_rng(seed), np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        rows[members[: len(members) // 2]] = True
    return rows


def representations_of(
    reader: Reader, discriminator: Network, images: np.ndarray, *, seed: int
) -> dict[str, Describe]:
    """Return what makes rows of numbers of images, by name.

    Args:
        reader: the run's networks.
        discriminator: the run's discriminator, for an untrained one.
        images: uint8 training images, for PCA and for the statistics of the untrained discriminator.
        seed: the seed of these two.
    """
    some = images[np.sort(random_rows(len(images), FITTED))]
    representations: dict[str, Describe] = {
        "discriminator": lambda images, given: rows_of(reader.features, images, all_layers)
    }
    if (encode := reader.encode) is not None:
        representations["encoder"] = lambda images, given: np.asarray(encode(images, given))
    untrained = untrained_features(discriminator, some, seed=seed)
    representations["untrained discriminator"] = lambda images, given: rows_of(untrained, images, all_layers)
    components = pca(pixels(some), COMPONENTS, seed=seed)
    representations["PCA of pixels"] = lambda images, given: components.encode(pixels(images))
    representations["pixels"] = lambda images, given: pixels(images)
    return representations


def _standard(rows: np.ndarray, name: str) -> tuple[Any, Any]:
    """Return the mean and the scale by which rows are standardized; pixels keep their common scale."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    if "pixels" in name:
        return mean, max(float(scale.max()), 1e-6)
    return mean, np.where(scale > 1e-6, scale, 1.0)


def _label_count(labels: Any) -> int | None:
    """Return a number of labels, or None for all."""
    if isinstance(labels, str) and labels.strip().lower() == ALL:
        return None
    try:
        count = converted("labels", labels, int)
    except UserError as error:
        raise UserError(f'`labels` is a number of labels or "{ALL}", got {labels!r:.60}') from error
    if count < 1:
        raise UserError(f'`labels` is a number of labels or "{ALL}", got {labels}')
    return count
