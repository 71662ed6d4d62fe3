"""``jaxgan anomalies``: which images are unlike those that a GAN has learned, beside what PCA says of them?

A generator makes only what it has learned. An image that it cannot make again from the encoder's code, or
whose reconstruction looks different to the discriminator, is unusual. A run without an encoder is asked how
far the discriminator's features lie from those of the nearest training image, and how real it finds the
image. PCA of the training images' pixels makes images again, too, and needs no GAN.

References:
    Schlegl et al. 2019, f-AnoGAN: Fast unsupervised anomaly detection with generative adversarial networks,
    Medical Image Analysis 54, https://doi.org/10.1016/j.media.2019.01.010
"""

import csv
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from jaxgan import metrics, sampling
from jaxgan.data.classes import class_numbers
from jaxgan.data.sources import file_names
from jaxgan.images import eight_bits
from jaxgan.representation.activations import CHUNK, last_layer, pixels, rows_of
from jaxgan.representation.reader import Reader, labels_for, open_data, open_reader
from jaxgan.representation.report import Comparison, output_file, save
from jaxgan.representation.settings import check_seed, most_images, named, taken
from jaxgan.representation.shallow import nearest_distances, pca
from jaxgan.system.command_line import Positional
from jaxgan.system.errors import UserError
from jaxgan.system.limits import require_devices
from jaxgan.system.random import pinned
from jaxgan.system.settings import converted

COMPONENTS = 32  # of the PCA of pixels
KAPPA = 1.0  # weight of the features' residual (Schlegl 2019; 1 in the authors' code)
LEARNED = 10_000  # training images that PCA is fitted to and that features are compared with
COLUMNS, ROWS = 10, 2  # images of each end in the picture

Scores = dict[str, Float[np.ndarray, " n"]]


class Anomalies(NamedTuple):
    """What `anomalies` found.

    Attributes:
        comparison: the AUROC of each score where the usual classes are named, and the scores' medians.
        scores: the scores of each image by name, ``[N]`` each; larger for an image that is less usual.
        anomalous: whether each image is of an unusual class, ``[N]``; None where that is not known.
    """

    comparison: Comparison
    scores: Scores
    anomalous: Bool[np.ndarray, " n"] | None


@pinned()
def anomalies(
    run: Positional[Path],
    data: Positional[str | None] = None,
    *,
    normal: str | None = None,
    anomalous: str | None = None,
    split: str | None = None,
    n: int = 10_000,
    seed: int = 0,
    data_dir: str | None = None,
    out: Path | None = None,
) -> Anomalies:
    """Score how unusual images are to what a run has learned, beside PCA of its training images.

    Args:
        run: a run's folder, or an exported generator.
        data: the images: "digits", the name of a TFDS data set, a folder or an .npz; None for those that the
            run was trained on.
        normal: the usual classes, names or numbers with commas between; all others are anomalies.
        anomalous: the unusual classes, in the place of the usual ones.
        split: the split of a TFDS data set or of an .npz with splits; None for "test".
        n: the largest number of images.
        seed: the seed of PCA.
        data_dir: the folder of TFDS data sets; None for the run's own.
        out: the .csv with a line for each image, beside which a .json has the numbers and a .png the most and
            the least unusual images; None for anomalies.csv in the run's folder.

    Returns:
        The `Anomalies`.

    Raises:
        UserError: if something cannot be done; one sentence says why.
    """
    seed, n = check_seed(seed), most_images(n)
    normal, anomalous = converted("normal", normal, str | None), converted("anomalous", anomalous, str | None)
    if normal is not None and anomalous is not None:
        raise UserError("`normal` and `anomalous` say the same: give one of them")
    require_devices()
    run = converted("run", run, Path)
    reader = open_reader(run)
    everything = open_data(reader, data, split=split, data_dir=data_dir)
    reals, places = taken(everything, n)
    flags = _flags(reals, normal, anomalous)
    notes = reals.notes
    try:
        learned = taken(open_data(reader, None, split="train", data_dir=data_dir), LEARNED)[0]
    except UserError as error:
        learned = None
        notes += (f"nothing is compared with the training images: {error}",)
    file = output_file(run, out, "anomalies.csv", data)
    given = labels_for(reader, reals)
    scores = score(reader, reals.images, given, None if learned is None else learned.images, seed=seed)
    if not scores:
        raise UserError(f"{run} has neither an encoder nor training images to compare with")
    if flags is None and reals.labels is not None:
        notes += ("`normal` or `anomalous`, with classes, gives the area under the curve of each score",)
    rows = {name: _numbers(values, flags) for name, values in scores.items()}
    protocol: dict[str, Any] = {"run": str(run), **named(reals), "normal": normal, "anomalous": anomalous}
    protocol |= {"n_train": 0 if learned is None else len(learned.images), "components": COMPONENTS}
    protocol |= {"kappa": KAPPA, "seed": seed}
    comparison = Comparison(rows, {}, protocol, notes)
    shown = picture(reader, reals.images, given, next(iter(scores.values())))
    files = {
        file: partial(_write_csv, columns=_columns(reals, places, len(everything.images), scores, flags)),
        file.with_suffix(".png"): partial(shown.save, format="PNG"),
    }
    save(comparison, files, file.with_suffix(".json"))
    return Anomalies(comparison, scores, flags)


def score(
    reader: Reader,
    images: np.ndarray,
    given: Int[np.ndarray, " n"] | None = None,
    learned: np.ndarray | None = None,
    *,
    seed: int = 0,
) -> Scores:
    """Return scores of images, larger for less usual ones; the run's main score is the first.

    | score | of an image x |
    |---|---|
    | reconstruction and features | the sum of the next two, f-AnoGAN's score |
    | reconstruction | mean squared difference of the pixels of x and G(E(x)) |
    | features | mean squared difference of D's last activations of x and G(E(x)) |
    | nearest features | distance to the nearest other training image in D's last activations |
    | discriminator | minus D's logit |
    | PCA of pixels | mean squared difference of x and its projection on the components |

    The first three need an encoder, the next two are those of a run without one.

    Args:
        reader: the run's networks.
        images: uint8 ``[N, H, W, C]``.
        given: labels that the networks of a conditional run take, or None.
        learned: training images, uint8; None leaves out what is compared with them.
        seed: the seed of PCA.

    Raises:
        UserError: if scores are not finite.

    References:
        Schlegl et al. 2019 for the first three, as their code (anomaly_detection.py) has them.
    """
    scores: Scores = {}
    if reader.encode is not None:
        pairs = [_residuals(reader, images, given, first) for first in range(0, len(images), CHUNK)]
        reconstruction, features = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        scores["reconstruction and features"] = reconstruction + KAPPA * features
        scores |= {"reconstruction": reconstruction, "features": features}
    else:
        if learned is not None:
            known, shown = (rows_of(reader.features, part, last_layer) for part in (learned, images))
            _check_finite(reader, {"features": shown, "training features": known})
            scores["nearest features"] = nearest_distances(known, shown)
        scores["discriminator"] = -np.asarray(reader.discriminate(images, given))
    if learned is not None:
        components, rows = pca(pixels(learned), COMPONENTS, seed=seed), pixels(images)
        scores["PCA of pixels"] = ((rows - components.reconstruct(rows)) ** 2).mean(axis=1)
    _check_finite(reader, scores)
    return scores


def _residuals(reader: Reader, images: np.ndarray, given: Any, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean squared differences of some images and their reconstructions: pixels, features."""
    rows = slice(first, first + CHUNK)
    real = images[rows]
    made = np.asarray(reader.reconstruct(real, None if given is None else given[rows]))
    last = [list(reader.features(part).values())[-1].reshape(len(real), -1) for part in (real, made)]
    differences = pixels(real) - made.reshape(len(real), -1), last[0] - last[1]
    return (differences[0] ** 2).mean(axis=1), (differences[1] ** 2).mean(axis=1)


def picture(reader: Reader, images: np.ndarray, given: Any, scores: Float[np.ndarray, " n"]) -> Image.Image:
    """Return a picture of the most unusual images and, below a gray row, of the most usual ones.

    With an encoder, the reconstructions of a row of images are the row below it.

    Args:
        reader: the run's networks.
        images: uint8 ``[N, H, W, C]``.
        given: labels that the networks of a conditional run take, or None.
        scores: the score of each image.
    """
    order = np.argsort(-scores, kind="stable")
    gray = np.full((COLUMNS, *images.shape[1:]), sampling.GUTTER_GRAY, np.uint8)
    rows: list[np.ndarray] = []
    for end in (order, order[::-1]):
        for first in range(0, ROWS * COLUMNS, COLUMNS):
            chosen = end[first : first + COLUMNS]
            shown = [images[chosen]]
            if reader.encode is not None and len(chosen):
                made = reader.reconstruct(images[chosen], None if given is None else given[chosen])
                shown.append(eight_bits(np.clip(made, -1, 1)))
            rows += [np.concatenate([each, gray[len(chosen) :]]) for each in shown]
        if end is order:
            rows.append(gray)
    return sampling.grid(np.concatenate(rows), columns=COLUMNS)


def _flags(reals: Any, normal: str | None, anomalous: str | None) -> Bool[np.ndarray, " n"] | None:
    """Return which images are anomalies; None where nobody says what is usual."""
    argument, chosen = ("normal", normal) if anomalous is None else ("anomalous", anomalous)
    if chosen is None:
        return None
    if reals.labels is None:
        raise UserError(f"`{argument}` {chosen}: the images of {reals.source} have no labels")
    numbers = class_numbers(argument, chosen, reals.num_classes, list(reals.class_names or ()))
    flags = np.isin(reals.labels, numbers) != (argument == "normal")
    if flags.all() or not flags.any():
        kind = "an anomaly" if flags.all() else "usual"
        raise UserError(
            f"`{argument}` {chosen} makes every image of {reals.source} {kind}: name other classes"
        )
    return flags


def _numbers(values: Float[np.ndarray, " n"], flags: Bool[np.ndarray, " n"] | None) -> dict[str, float]:
    if flags is None:
        return {"median": float(np.median(values)), "largest": float(values.max())}
    area = metrics.auroc(values, flags)
    return {
        "auroc": area.value,
        "standard_error": area.standard_error,
        "median": float(np.median(values[~flags])),
        "median_of_anomalies": float(np.median(values[flags])),
    }


def _check_finite(reader: Reader, arrays: dict[str, np.ndarray]) -> None:
    for name, values in arrays.items():
        if bad := np.count_nonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1)):
            which = f"{bad:,} of {len(values):,} images"
            raise UserError(f"{reader.path}: {name} of {which} is not finite, so its training diverged")


def _columns(
    reals: Any,
    places: Int[np.ndarray, " n"],
    count: int,
    scores: Scores,
    flags: Bool[np.ndarray, " n"] | None,
) -> dict[str, Any]:
    """Return the columns of the table by name.

    Args:
        reals: the images.
        places: the place of each in the data.
        count: the number of images of the data.
        scores: the scores of each.
        flags: whether each is an anomaly, or None.
    """
    columns: dict[str, Any] = {"index": places}
    if files := file_names(reals.source, count):
        columns["file"] = [files[place] for place in places]
    if reals.labels is not None:
        names = reals.class_names
        columns["label"] = [names[label] if names else int(label) for label in reals.labels]
    if flags is not None:
        columns["anomalous"] = flags.astype(int)
    return columns | {
        name.replace(" ", "_"): [f"{value:.9g}" for value in values] for name, values in scores.items()
    }


def _write_csv(file: Path, *, columns: dict[str, Any]) -> None:
    """Write a line of names and a line for each image."""
    with file.open("w", newline="", encoding="utf-8", errors="backslashreplace") as lines:
        writer = csv.writer(lines)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
