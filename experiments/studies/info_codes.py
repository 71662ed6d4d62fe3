"""What do an InfoGAN's codes mean? Its category beside classes, its continuous codes beside what is measured.

    python experiments/studies/info_codes.py                            # MNIST, five seeds
    python experiments/studies/info_codes.py --continuous-weight 1
    python experiments/studies/info_codes.py --data digits              # minutes

Each seed is a run of experiments/mnist_infogan.py or digits_infogan.py. The discriminator reads the codes of
MNIST's test images. Digits have no test images, so it reads all of them. "accuracy" is that of the category
as a class (`jaxgan.metrics.clustering`), beside k-means on the pixels. Of a continuous code, the table has
Spearman's rank correlation with three numbers of the image, the largest over the codes:

| number | of the pixels' brightness as a mass |
|---|---|
| slant | covariance of both coordinates, divided by the vertical variance |
| width | standard deviation of the horizontal coordinate |
| ink | its sum |

References:
    Chen et al. 2016, InfoGAN, https://arxiv.org/abs/1606.03657
"""

import dataclasses
import importlib
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

import study
from jaxgan import data, metrics, train
from jaxgan.config import Config
from jaxgan.data.sources import has_splits
from jaxgan.representation import open_reader
from jaxgan.representation.activations import pixels
from jaxgan.representation.shallow import k_means
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, choose, exits
from jaxgan.system.progress import write
from study import Row

sys.path.append(str(study.EXPERIMENTS))

NAME = "info_codes"
K_MEANS = "k-means on pixels"
EXPERIMENTS = {"mnist": "mnist_infogan", "digits": "digits_infogan"}
NUMBERS = ("slant", "width", "ink")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of the study."""

    data: str = "mnist"  # mnist or digits
    data_dir: str | None = None  # folder of TFDS data sets; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    seeds: int = 5  # InfoGANs
    steps: int | None = None  # updates of each, in place of the experiment's
    continuous_weight: float = 0.1  # weight of the continuous codes


def measured(images: UInt8[np.ndarray, "n h w c"]) -> dict[str, Float[np.ndarray, " n"]]:
    """Return slant, width and ink of gray images by the moments of their brightness."""
    mass = images.mean(axis=-1, dtype=np.float64) + 1e-9  # a black image has moments, too
    total = mass.sum(axis=(1, 2))
    rows, columns = np.mgrid[: images.shape[1], : images.shape[2]]

    def mean(values: np.ndarray) -> np.ndarray:
        return (mass * values).sum(axis=(1, 2)) / total

    down = rows - mean(rows)[:, None, None]
    right = columns - mean(columns)[:, None, None]
    slant = mean(down * right) / np.maximum(mean(down**2), 1e-9)
    return {"slant": slant, "width": np.sqrt(mean(right**2)), "ink": total}


def correlations(codes: Float[np.ndarray, "n k"], images: np.ndarray) -> dict[str, float]:
    """Return the largest magnitude of a code's rank correlation with each of the images' numbers."""
    from scipy.stats import spearmanr  # it takes a second to import

    numbers = measured(images)
    return {
        name: float(max(abs(spearmanr(code, numbers[name]).statistic) for code in codes.T))
        for name in NUMBERS
    }


def config_of(settings: Settings, seed: int, folder: Path) -> Config:
    """Return the settings of one InfoGAN."""
    config: Config = importlib.import_module(EXPERIMENTS[settings.data]).CONFIG
    steps = settings.steps or config.steps
    return config.replace(
        continuous_weight=settings.continuous_weight,
        data_dir=settings.data_dir,
        steps=steps,
        seed=seed,
        quiet=True,
        workdir=str(folder / f"{settings.data}-{settings.continuous_weight:g}-{steps}-{seed}"),
    )


def measure(settings: Settings, folder: Path) -> list[Row]:
    """Train the InfoGANs; return what their codes say of real images."""
    split = "test" if has_splits(settings.data) else "train"
    real = data.load(settings.data, split=split, data_dir=settings.data_dir)
    labels = np.asarray(real.labels)
    groups = k_means(pixels(real.images), real.num_classes or 10, seed=0)
    rows: list[Row] = [
        {"method": K_MEANS, "seed": 0, "accuracy": metrics.clustering(groups, labels).accuracy}
    ]
    for seed in range(settings.seeds):
        config = config_of(settings, seed, folder)
        if (status := train.run(config).status) != "done":
            sys.exit(train.EXIT_CODES[status])
        reads = open_reader(config.workdir).reads(real.images)
        found = metrics.clustering(reads["category_0"].argmax(axis=1), labels)
        row: Row = {"method": "InfoGAN", "seed": seed, "accuracy": found.accuracy}
        row |= correlations(reads["codes_0"], real.images)
        write(f"seed {seed}: " + ", ".join(f"{name} {row[name]:.3f}" for name in ("accuracy", *NUMBERS)))
        rows.append(row)
    return rows


def summary(rows: list[Row]) -> str:
    """Return accuracies and correlations of each seed as a table in Markdown."""
    heads = ("accuracy", *NUMBERS)
    lines = [
        [row["method"], str(row["seed"]), *(f"{row[name]:.3f}" if name in row else "" for name in heads)]
        for row in rows
    ]
    own = [row for row in rows if row["method"] != K_MEANS]
    means = [f"{np.mean([row[name] for row in own]):.3f}" for name in heads]
    return study.markdown(["method", "seed", *heads], [*lines, ["InfoGAN", "mean", *means]])


def main(args: Sequence[str] | None = None) -> None:
    """Train and compare, or count again."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        choose("data", settings.data, tuple(EXPERIMENTS))
        if min(settings.seeds, settings.steps or 1) < 1:
            raise UserError("`seeds` and `steps` must be at least 1")
        study.run(study.Study(NAME, "info_codes.py", partial(measure, settings), summary), settings)


if __name__ == "__main__":
    main()
