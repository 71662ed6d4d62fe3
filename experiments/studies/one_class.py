"""Which images are unlike one class? A GAN of each class, and how its scores tell the other classes.

    python experiments/studies/one_class.py                  # MNIST: ten GANs and ten encoders
    python experiments/studies/one_class.py --data digits    # minutes

For each class, a GAN learns the training images of that class alone, and then an encoder learns to invert its
generator (f-AnoGAN). All test images are scored; those of the other classes are the anomalies. The table has
the area under the ROC curve of each score, averaged over the classes, at the run's last step. No anomaly has
a part in training, and nothing is chosen by labels. docs/guides/unsupervised.md explains the scores. The same
command goes on with runs that were stopped.

References:
    Schlegl et al. 2019, f-AnoGAN, https://doi.org/10.1016/j.media.2019.01.010
"""

import dataclasses
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import study
from jaxgan import metrics, representation, train
from jaxgan.config import Config
from jaxgan.representation import Reader
from jaxgan.representation.anomalies import score
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, choose, exits
from jaxgan.system.files import write_atomically
from jaxgan.system.progress import write
from study import Row, levels, select

NAME = "one_class"
NETWORKS = {
    "mnist": Config(network="dcgan", width=32, batch_size=64, latent_dim=64),
    "digits": Config(network="mlp", hidden=(128, 128), latent_dim=16, batch_size=32, penalty="r1"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of the study."""

    data: str = "mnist"  # mnist or digits
    data_dir: str | None = None  # folder of TFDS data sets; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    steps: int = 1500  # updates of each GAN
    encoder_steps: int = 2000  # updates of each encoder
    seed: int = 0  # seed of the GANs and of the encoders


def reader_of_class(settings: Settings, images: np.ndarray, label: int, folder: Path) -> Reader:
    """Train a GAN of images and its encoder, unless they are there, and return what they know of images."""
    stem = f"{settings.data}-{label}"
    file = folder / f"{stem}.npz"
    if not file.is_file():
        write_atomically(file, partial(_write, images))
    run = folder / f"{stem}-{settings.steps}-{settings.seed}"
    config = NETWORKS[settings.data].replace(
        data=str(file), steps=settings.steps, seed=settings.seed, quiet=True, workdir=str(run)
    )
    if (status := train.run(config).status) != "done":
        sys.exit(train.EXIT_CODES[status])
    if not (run / "export/encoder.safetensors").is_file():
        representation.train_encoder(run, steps=settings.encoder_steps, seed=settings.seed, quiet=True)
    return representation.open_reader(run)


def _write(images: np.ndarray, file: Path) -> None:
    with file.open("wb") as stream:
        np.savez(stream, images=images)


def measure(settings: Settings, folder: Path) -> list[Row]:
    """Return the area under the ROC curve of each score, for each class that is the usual one."""
    folder.mkdir(parents=True, exist_ok=True)
    seen, unseen = study.labelled_images(settings.data, settings.data_dir)
    labels, of_test = np.asarray(seen.labels), np.asarray(unseen.labels)
    rows: list[Row] = []
    for label in np.unique(labels).tolist():
        usual = seen.images[labels == label]
        reader = reader_of_class(settings, usual, label, folder)
        scores = score(reader, unseen.images, learned=usual, seed=settings.seed)
        areas = {name: metrics.auroc(values, of_test != label).value for name, values in scores.items()}
        rows += [{"usual": label, "score": name, "auroc": area} for name, area in areas.items()]
        write(f"class {label}: " + ", ".join(f"{name} {area:.3f}" for name, area in areas.items()))
    return rows


def summary(rows: list[Row]) -> str:
    """Return each score's area for each usual class, and the mean over the classes, in Markdown."""
    classes, lines = levels(rows, "usual"), []
    for name in levels(rows, "score"):
        areas = study.values(select(rows, score=name), "auroc")
        lines.append([name, *(f"{area:.3f}" for area in areas), f"{areas.mean():.3f}"])
    return study.markdown(["score", *map(str, classes), "mean"], lines)


def draw(rows: list[Row], figure: Figure) -> None:
    """Draw a line of points for each score, one a class."""
    axes = figure.subplots()
    for name in levels(rows, "score"):
        own = select(rows, score=name)
        axes.plot([str(row["usual"]) for row in own], study.values(own, "auroc"), "o-", label=name)
    axes.set(xlabel="usual class", ylabel="area under the ROC curve")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)


def main(args: Sequence[str] | None = None) -> None:
    """Train and score, or draw again."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        choose("data", settings.data, tuple(NETWORKS))
        if min(settings.steps, settings.encoder_steps) < 1:
            raise UserError("`steps` and `encoder_steps` must be at least 1")
        study.run(
            study.Study(
                NAME, "one_class.py", lambda folder: measure(settings, folder), summary, draw, (8, 4)
            ),
            settings,
        )


if __name__ == "__main__":
    main()
