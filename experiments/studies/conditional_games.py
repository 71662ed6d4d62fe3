"""Which way of naming the class serves best? A projection, ACGAN and ADC with the same networks.

    python experiments/studies/conditional_games.py                  # MNIST; --data digits takes minutes
    python experiments/studies/conditional_games.py --seeds 3

| row | how the discriminator learns of classes |
|---|---|
| projection | the label is an input |
| ACGAN | it tells the classes of reals apart |
| ADC | it tells the classes of reals and of fakes apart, and reals from fakes by class |
| real | no GAN: training images in the place of fakes |

A row's fakes have the classes of the test images. "class accuracy" is the share of them that the data set's
classifier assigns to the class that was asked for. "recall" and "precision" are those of one class's fakes
and test images, averaged over the classes: a class whose fakes are all alike has a small recall. "trained on
fakes" is the accuracy on test images of a classifier that has learned from fakes alone, as many as there are
training images. The same command goes on with runs that were stopped.

References:
    Odena et al. 2017, https://arxiv.org/abs/1610.09585
    Hou et al. 2022, https://arxiv.org/abs/2107.10060
    Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637
"""

import dataclasses
import importlib
import itertools
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

import study
from jaxgan import export, features, metrics, rules, sampling, train
from jaxgan.config import Config
from jaxgan.data import Dataset
from jaxgan.features import classifiers
from jaxgan.features.extractor import Extractor
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, choose, exits
from jaxgan.system.progress import write
from jaxgan.system.random import seed_key
from study import Row, levels, select

sys.path.append(str(study.EXPERIMENTS))

NAME = "conditional_games"
REAL = "real"
EXPERIMENTS = {"mnist": "mnist_conditional", "digits": "digits_mlp"}
GAMES: dict[str, rules.Rules] = {
    "projection": rules.Rules(),
    "ACGAN": rules.ACGAN(),
    "ADC": rules.ACGAN(discriminative=True),
}
SCORES = ("class accuracy", "recall", "precision", "FID", "trained on fakes")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of the study."""

    data: str = "mnist"  # mnist or digits
    data_dir: str | None = None  # folder of TFDS data sets; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    seeds: int = 1  # GANs of each game
    steps: int | None = None  # updates of each GAN, in place of the experiment's


def labels_of(dataset: Dataset) -> np.ndarray:
    """Return the labels of labelled images."""
    return np.asarray(dataset.labels, np.int32)


def config_of(settings: Settings, name: str, seed: int, folder: Path) -> Config:
    """Return the settings of one GAN."""
    config: Config = importlib.import_module(EXPERIMENTS[settings.data]).CONFIG
    steps = settings.steps or config.steps
    return config.replace(
        conditional=True,
        game=GAMES[name],
        data_dir=settings.data_dir,
        steps=steps,
        seed=seed,
        quiet=True,
        workdir=str(folder / f"{settings.data}-{name}-{steps}-{seed}"),
    )


def trained(config: Config, seen: Dataset, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Train a GAN, unless its run is done; return ``labels -> fakes``, uint8 ``[N, H, W, C]``."""
    if (status := train.run(config, dataset=seen).status) != "done":
        sys.exit(train.EXIT_CODES[status])
    generate = export.load_generator(config.workdir)

    def draw(labels: np.ndarray) -> np.ndarray:
        latents = sampling.draw_latents(seed_key(seed), len(labels), config.latent_dim)
        return sampling.sample(generate, latents, jnp.asarray(labels))

    return draw


def real_images(seen: Dataset) -> Callable[[np.ndarray], np.ndarray]:
    """Return ``labels -> images``, training images of these classes; none comes twice if there are enough."""
    order = np.random.default_rng(0).permutation(len(seen.images))
    places = [order[labels_of(seen)[order] == label] for label in range(seen.num_classes or 0)]

    def draw(labels: np.ndarray) -> np.ndarray:
        rows = np.empty(len(labels), int)
        for label, own in enumerate(places):
            asked = np.flatnonzero(labels == label)
            rows[asked] = own[np.arange(len(asked)) % len(own)]
        return seen.images[rows]

    return draw


def scores_of(fakes: np.ndarray, real: Dataset, extractor: Extractor) -> dict[str, float]:
    """Return what the data set's classifier says of fakes that have the labels of the test images."""
    labels = labels_of(real)
    made, reals = extractor.outputs(fakes), extractor(real.images)
    assert made.logits is not None
    within = [
        metrics.precision_recall(reals[labels == label], made.features[labels == label], k=3)
        for label in np.unique(labels)
    ]
    return {
        "class accuracy": float((made.logits.argmax(axis=1) == labels).mean()),
        "recall": float(np.mean([each.recall for each in within])),
        "precision": float(np.mean([each.precision for each in within])),
        "FID": metrics.frechet_distance(reals, made.features, extractor_name=extractor.name).value,
    }


def measure(settings: Settings, folder: Path) -> list[Row]:
    """Train the GANs of all games and seeds, and return their scores."""
    seen, unseen = study.labelled_images(settings.data, settings.data_dir)
    extractor = features.get(source=settings.data, data_dir=settings.data_dir)
    recipe, rows = classifiers.recipe_of(seen), []
    steps = max(1, recipe.epochs * len(seen.images) // classifiers.BATCH_SIZE)
    for name, seed in (*itertools.product(GAMES, range(settings.seeds)), (REAL, 0)):
        draw = (
            real_images(seen)
            if name == REAL
            else trained(config_of(settings, name, seed, folder), seen, seed)
        )
        learned = seen._replace(images=draw(labels_of(seen)), content=None)
        row: Row = {"data": settings.data, "game": name, "seed": seed}
        row |= scores_of(draw(labels_of(unseen)), unseen, extractor)
        row["trained on fakes"] = classifiers.accuracy_after(learned, unseen, recipe, steps=steps)
        write(f"{name}, seed {seed}: " + ", ".join(f"{score} {row[score]:.4g}" for score in SCORES))
        rows.append(row)
    return rows


def summary(rows: list[Row]) -> str:
    """Return each game's scores, averaged over the seeds, as a table in Markdown."""
    lines = []
    for name in levels(rows, "game"):
        own = select(rows, game=name)
        lines.append([name, str(len(own)), *(_spread([row[score] for row in own]) for score in SCORES)])
    return study.markdown(["discriminator", "runs", *SCORES], lines)


def _spread(values: list[Any]) -> str:
    """Return a mean and, of several values, their standard deviation (N - 1)."""
    spread = f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else ""
    return f"{np.mean(values):.4g}{spread}"


def main(args: Sequence[str] | None = None) -> None:
    """Train and compare, or count again."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        choose("data", settings.data, tuple(EXPERIMENTS))
        if min(settings.seeds, settings.steps or 1) < 1:
            raise UserError("`seeds` and `steps` must be at least 1")
        measured = partial(measure, settings)
        study.run(study.Study(NAME, "conditional_games.py", measured, summary), settings)


if __name__ == "__main__":
    main()
