"""Do a GAN's fakes help a classifier that has few labels? Ten labels a class, with and without fakes.

    python experiments/studies/few_labels.py                 # digits: 6 min on two busy CPU cores
    python experiments/studies/few_labels.py --data mnist    # --seeds 3: 15 min on one core

For each seed, ten images of each class are drawn from the training images. A conditional GAN is trained on
these images alone, so no label and no image comes from elsewhere. Small classifiers are then trained with
equally many updates on different images, and are tested with all test images:

| row | what the classifier learns |
|---|---|
| labels | the labelled images |
| labels, shifted | the same, and copies that are shifted by up to a 28th of their side, at least one pixel |
| fakes | the GAN's fakes |
| labels and fakes | both, half of each batch |
| all labels | all training images with their labels, which the others do not have |

On digits, fakes do not help: 89.6 ± 1.8 % of the test images are named rightly after training on the labels
alone, 89.2 ± 1.3 % with fakes, and 92.6 ± 1.8 % with shifted copies (five seeds). On MNIST it is 75.0, 75.0
and 79.4 % (three seeds). docs/guides/evaluate.md has all results. The same command goes on with runs that
were stopped.

References:
    Antoniou et al. 2017, Data Augmentation Generative Adversarial Networks, https://arxiv.org/abs/1711.04340,
    which asks the same question of another GAN
"""

import dataclasses
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import study
from jaxgan import export, sampling, train
from jaxgan.config import Config
from jaxgan.data import Dataset
from jaxgan.features import classifiers
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, exits
from jaxgan.system.progress import write
from jaxgan.system.random import seed_key
from study import Row, levels, select

NAME = "few_labels"
BASELINE = "labels"
WITH_FAKES = "labels and fakes"
SMALL_IMAGES = 12  # pixels; below, the networks are multilayer perceptrons


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of the study."""

    data: str = "digits"  # images with labels: digits, or a TFDS data set such as mnist
    data_dir: str | None = None  # folder of TFDS data sets; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    per_class: int = 10  # labelled images of each class
    seeds: int = 5  # draws of the labelled images, each with a GAN and classifiers of its own
    steps: int = 3000  # generator updates of each GAN
    fakes: int = 2000  # fakes of each GAN


SMALL = Config(
    network="mlp",
    hidden=(128, 128),
    latent_dim=32,
    penalty="r1",
    generator_learning_rate=1e-3,
    discriminator_learning_rate=1e-3,
)
LARGE = Config(network="dcgan", width=32, discriminator_norm="spectral", loss="hinge")


def config_of(settings: Settings, few: Dataset, seed: int) -> Config:
    """Return the settings of one GAN: conditional, and with an augmentation, as its images are few."""
    network = LARGE if min(few.images.shape[1:3]) > SMALL_IMAGES else SMALL
    name = f"{Path(settings.data).stem}-{settings.per_class}-{settings.steps}-{seed}"
    return network.replace(
        conditional=True,
        augment=("translation",),
        batch_size=min(50, len(few.images)),
        steps=settings.steps,
        seed=seed,
        sample_every=settings.steps,
        diagnose_every=None,
        quiet=True,
        workdir=str(Path(settings.workdir) / NAME / name),
    )


def draw_labelled(dataset: Dataset, per_class: int, seed: int) -> Dataset:
    """Return as many random images of each class."""
    assert dataset.labels is not None
    rng, rows = np.random.default_rng(seed), []
    for label in np.unique(dataset.labels):
        of_class = np.flatnonzero(dataset.labels == label)
        if len(of_class) < per_class:
            raise UserError(f"`per_class` {per_class} is more than the {len(of_class)} images of a class")
        rows.append(rng.choice(of_class, per_class, replace=False))
    return study.rows_of(dataset, np.concatenate(rows))


def shifted(few: Dataset) -> Dataset:
    """Return the images with copies that are shifted by up to a 28th of their side, at least one pixel."""
    most = max(1, round(max(few.images.shape[1:3]) / 28))
    steps, copies = range(-most, most + 1), []
    padded = np.pad(few.images, ((0, 0), (most, most), (most, most), (0, 0)))
    height, width = few.images.shape[1:3]
    for down, right in itertools.product(steps, steps):
        copies.append(padded[:, most + down :, most + right :][:, :height, :width])
    return few._replace(
        images=np.concatenate(copies), labels=np.tile(np.asarray(few.labels), len(copies)), content=None
    )


def fakes_of(settings: Settings, few: Dataset, seed: int) -> Dataset:
    """Train a GAN on the few images, unless its run is done; return its fakes, equally many of a class."""
    config = config_of(settings, few, seed)
    if (status := train.run(config, dataset=few).status) != "done":
        sys.exit(train.EXIT_CODES[status])
    labels = (np.arange(settings.fakes) % (few.num_classes or 1)).astype(np.int32)
    latents = sampling.draw_latents(seed_key(seed), settings.fakes, config.latent_dim)
    images = sampling.sample(export.load_generator(config.workdir), latents, jnp.asarray(labels))
    return few._replace(images=images, labels=labels, content=None)


def both(few: Dataset, fakes: Dataset) -> Dataset:
    """Return the fakes and as many labelled images, each of which comes several times."""
    rows = np.arange(len(fakes.images)) % len(few.images)
    images, labels = (
        np.concatenate([np.asarray(one)[rows], np.asarray(other)])
        for one, other in ((few.images, fakes.images), (few.labels, fakes.labels))
    )
    return few._replace(images=images, labels=labels, content=None)


def measure(settings: Settings) -> list[Row]:
    """Train a GAN and the classifiers for each seed; return the classifiers' accuracies."""
    whole, test = study.labelled_images(settings.data, settings.data_dir)
    recipe, rows = classifiers.recipe_of(whole), []
    steps = max(1, recipe.epochs * len(whole.images) // classifiers.BATCH_SIZE)
    for seed in range(settings.seeds):
        few = draw_labelled(whole, settings.per_class, seed)
        fakes = fakes_of(settings, few, seed)
        learned = {
            BASELINE: few,
            "labels, shifted": shifted(few),
            "fakes": fakes,
            WITH_FAKES: both(few, fakes),
            "all labels": whole,
        }
        for name, images in learned.items():
            accuracy = classifiers.accuracy_after(images, test, recipe, steps=steps, seed=seed)
            rows.append({"learned": name, "seed": seed, "accuracy": accuracy, "updates": steps})
            write(f"seed {seed}, {name}: {accuracy:.1%}")
    return rows


def summary(rows: list[Row]) -> str:
    """Return the accuracies as a table in Markdown, and what the fakes add for each seed."""
    lines = []
    for name in levels(rows, "learned"):
        scores = 100 * study.values(select(rows, learned=name), "accuracy")
        lines.append([name, mean_and_spread(scores), f"{scores.min():.1f} to {scores.max():.1f}"])
    without, with_fakes = (
        100 * study.values(select(rows, learned=name), "accuracy") for name in (BASELINE, WITH_FAKES)
    )
    gains = with_fakes - without
    gain = f"Fakes add {mean_and_spread(gains)} points to the labels, and help {(gains > 0).sum()} of "
    gain += f"{len(gains)} seeds."
    return f"{study.markdown(['learned', 'accuracy, %', 'seeds'], lines)}\n\n{gain}"


def mean_and_spread(scores: np.ndarray) -> str:
    """Return a mean and, of several scores, their standard deviation (N - 1)."""
    spread = f" ± {np.std(scores, ddof=1):.1f}" if len(scores) > 1 else ""
    return f"{np.mean(scores):.1f}{spread}"


def draw(rows: list[Row], figure: Figure) -> None:
    """Draw a point for each seed and the mean of each row."""
    axes, names = figure.subplots(), levels(rows, "learned")
    for place, name in enumerate(names):
        scores = 100 * study.values(select(rows, learned=name), "accuracy")
        axes.plot(np.full(len(scores), place), scores, "o", color="C0", alpha=0.6)
        axes.plot([place - 0.25, place + 0.25], [scores.mean()] * 2, color="black")
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel="accuracy on test images, %")
    axes.grid(alpha=0.3)


def main(args: Sequence[str] | None = None) -> None:
    """Train and compare, or draw again."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        if min(settings.per_class, settings.seeds, settings.steps, settings.fakes) < 1:
            raise UserError("`per_class`, `seeds`, `steps` and `fakes` must be at least 1")
        question = study.Study(NAME, "few_labels.py", lambda folder: measure(settings), summary, draw, (8, 4))
        study.run(question, settings)


if __name__ == "__main__":
    main()
