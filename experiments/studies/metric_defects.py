"""Which metric sees which defect? Real images with known defects in the place of a generator's.

    python experiments/studies/metric_defects.py    # minutes on two CPU cores
    python experiments/studies/metric_defects.py --runs runs/mnist_dcgan runs/mnist_vae

Each row compares N images with the same N real ones, by the data set's own classifier. N is a third of the
test images, so that "three classes dropped" needs no image twice. Memorisation looks at N training images:
those that the row "training images copied" repeats. docs/guides/evaluate.md has the results.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

import study
from jaxgan import data, evaluate, export, features
from jaxgan.data.sources import has_splits
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, exits
from study import Row

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of the table."""

    data: str = "mnist"  # labelled images with a classifier: mnist, fashion_mnist or digits
    data_dir: str | None = None  # folder of TFDS data sets; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    runs: tuple[str, ...] = ()  # folders of trained generators of these images, a row each
    seed: int = 0  # seed of the choice of images and of the noise


def blurred(images: Images) -> Images:
    """Return images blurred by a Gaussian of one pixel."""
    return ndimage.gaussian_filter(images.astype(np.float32), (0, 1, 1, 0)).round().astype(np.uint8)


def noisy(images: Images, rng: np.random.Generator) -> Images:
    """Return images of which 1 % of the pixels are random."""
    return np.where(rng.random(images.shape) < 0.01, rng.integers(0, 256, images.shape, np.uint8), images)


def split(settings: Settings) -> tuple[Images, Images, np.ndarray, Images]:
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


def measure(settings: Settings) -> list[Row]:
    """Return a row of scores for each defect, and for each run that the settings name."""
    real, other, labels, train = split(settings)
    n = min(len(real) * 2 // 3, int(np.count_nonzero(labels < 7)), len(train))
    real, train, intact = real[:n], train[:n], other[:n]
    rng = np.random.default_rng(settings.seed)
    defects: dict[str, Callable[[], Images]] = {
        "real": lambda: intact,
        "blurred by 1 pixel": lambda: blurred(intact),
        "1 % of pixels random": lambda: noisy(intact, rng),
        "three classes dropped": lambda: other[labels < 7][:n],
        "training images copied": lambda: train,
        "fifty images, repeated": lambda: intact[np.arange(n) % 50],
    }
    defects |= {
        Path(run).name: lambda run=run: generated(run, n, settings.seed, intact.shape[1:])
        for run in settings.runs
    }
    extractor = features.get(source=settings.data, data_dir=settings.data_dir)
    held_out = evaluate.Reals(settings.data, "metric_defects: real", real, None, None)
    training = evaluate.Reals(settings.data, "metric_defects: train", train, None, None)
    rows = []
    for name, make in defects.items():
        fakes = evaluate.from_dataset(data.from_arrays(make()), n)
        report = evaluate.measure(fakes, held_out, extractor, METRICS, train=training, held_out=held_out)
        rows.append({"defect": name, "n": n, **report.scalars})
    return rows


def generated(run: str, n: int, seed: int, image_shape: tuple[int, ...]) -> Images:
    """Return n images of a run's generator."""
    description = export.read_description(run)
    if tuple(description["image_shape"]) != image_shape or description["num_classes"] is not None:
        raise UserError(f"{run} does not make images {list(image_shape)} without labels")
    fakes = evaluate.from_generator(
        export.load_generator(run), latent_dim=description["latent_dim"], n=n, seed=seed
    )
    return np.concatenate([fakes.batch(first, 250) for first in range(0, n, 250)])[:n]


def summary(rows: list[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [[row["defect"], *(_short(row[column]) for column in COLUMNS)] for row in rows]
    return f"{rows[0]['n']:,} images a row\n\n{study.markdown(['', *COLUMNS.values()], lines)}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def main(args: Sequence[str] | None = None) -> None:
    """Print the table."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        question = study.Study(
            "metric_defects", "metric_defects.py", lambda folder: measure(settings), summary
        )
        study.run(question, settings)


if __name__ == "__main__":
    main()
