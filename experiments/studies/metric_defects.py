"""Which metric sees which defect? Real images, spoilt in known ways, in the place of a generator's.

    python experiments/metric_defects.py
    python experiments/metric_defects.py --runs runs/mnist_dcgan runs/mnist_vae

Every row is N images against the same N real ones, by the data set's own classifier; N is a third of the
test images, so that "three classes dropped" needs no image twice. Memorisation looks at N training images:
those that the row "training images copied" repeats.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from jaxgan import config, data, evaluate, export, features
from jaxgan.data.sources import has_splits
from jaxgan.system.errors import UserError, exits

Images = UInt8[np.ndarray, "n h w c"]
METRICS = ("fid", "kid", "prdc", "modes", "memorisation", "diversity")
COLUMNS = {
    "fid": "fid",
    "kid": "kid",
    "prdc_precision": "precision",
    "prdc_recall": "recall",
    "prdc_density": "density",
    "prdc_coverage": "coverage",
    "modes_modes": "modes",
    "modes_kl": "modes, KL",
    "memorisation_nearer_train": "nearer train",
    "memorisation_copies": "copies",
    "diversity_ratio": "diversity",
}


@dataclasses.dataclass(frozen=True)
class DefectsConfig:
    """Settings of the table."""

    data: str = "mnist"  # labelled images with a classifier: mnist, fashion_mnist or digits
    data_dir: str | None = None  # where TFDS data sets are; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    runs: tuple[str, ...] = ()  # folders of trained generators of these images, a row each
    seed: int = 0  # of what is drawn
    out: str | None = None  # file for the numbers (.json)


def blurred(images: Images) -> Images:
    """Return images blurred by a Gaussian of one pixel."""
    return ndimage.gaussian_filter(images.astype(np.float32), (0, 1, 1, 0)).round().astype(np.uint8)


def noisy(images: Images, rng: np.random.Generator) -> Images:
    """Return images of which 1 % of the pixels are random."""
    return np.where(rng.random(images.shape) < 0.01, rng.integers(0, 256, images.shape, np.uint8), images)


def split(settings: DefectsConfig) -> tuple[Images, Images, np.ndarray, Images]:
    """Return real images, others like them with their labels, and training images; no image is in two."""
    rng = np.random.default_rng(settings.seed)
    train = data.load(settings.data, data_dir=settings.data_dir)
    if has_splits(settings.data):
        test = data.load(settings.data, split="test", data_dir=settings.data_dir)
        order, of_train = rng.permutation(len(test.images)), rng.permutation(len(train.images))
        real, other = np.array_split(order, 2)
    else:
        test = train
        real, other, of_train = np.array_split(rng.permutation(len(test.images)), 3)
    if test.labels is None:
        raise UserError(f"{settings.data} has no labels, which it takes to drop classes")
    return test.images[real], test.images[other], test.labels[other], train.images[of_train]


def rows(settings: DefectsConfig) -> dict[str, dict[str, float]]:
    """Measure every row; return its numbers by name."""
    real, other, labels, train = split(settings)
    n = min(len(real) * 2 // 3, int(np.count_nonzero(labels < 7)), len(train))
    real, train, whole = real[:n], train[:n], other[:n]
    rng = np.random.default_rng(settings.seed)
    heaps: dict[str, Callable[[], Images]] = {
        "real": lambda: whole,
        "blurred by 1 pixel": lambda: blurred(whole),
        "1 % of pixels random": lambda: noisy(whole, rng),
        "three classes dropped": lambda: other[labels < 7][:n],
        "training images copied": lambda: train,
        "fifty images, repeated": lambda: whole[np.arange(n) % 50],
    }
    heaps |= {
        Path(run).name: lambda run=run: _generated(run, n, settings.seed, whole.shape[1:])
        for run in settings.runs
    }
    extractor = features.get(source=settings.data, data_dir=settings.data_dir)

    def reals(images: Images, name: str) -> evaluate.Reals:
        return evaluate.Reals(settings.data, name, images, None, None)

    table = {}
    for name, make in heaps.items():
        fakes = evaluate.from_dataset(data.from_arrays(make()), n)
        report = evaluate.measure(
            fakes,
            reals(real, "metric_defects: real"),
            extractor,
            METRICS,
            train=reals(train, "metric_defects: train"),
            held_out=reals(real, "metric_defects: real"),
        )
        table[name] = report.scalars | {"n": n}
    return table


def _generated(run: str, n: int, seed: int, image_shape: tuple[int, ...]) -> Images:
    description = export.read_description(run)
    if tuple(description["image_shape"]) != image_shape or description["num_classes"] is not None:
        raise UserError(f"{run} does not make images {list(image_shape)} without labels")
    fakes = evaluate.from_generator(
        export.load_generator(run), latent_dim=description["latent_dim"], n=n, seed=seed
    )
    return np.concatenate([fakes.batch(first, 250) for first in range(0, n, 250)])[:n]


def as_table(found: dict[str, dict[str, float]]) -> str:
    """Lay the rows out in Markdown."""
    lines = ["| | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, row in found.items():
        lines.append(f"| {name} | " + " | ".join(_short(row[column]) for column in COLUMNS) + " |")
    return "\n".join(lines)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def main() -> None:
    """Print the table."""
    with exits(OSError):
        settings = config.parse(DefectsConfig(), description=__doc__ or "")
        found = rows(settings)
        print(f"{settings.data}, {next(iter(found.values()))['n']:,} images a row\n\n{as_table(found)}")
        if settings.out is not None:
            Path(settings.out).parent.mkdir(parents=True, exist_ok=True)
            Path(settings.out).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
