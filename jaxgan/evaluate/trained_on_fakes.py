"""Trained on fakes: what does a classifier learn from a conditional generator's images alone?

A small classifier sees only fakes and the labels that the generator was given, and is tested with real images
that the generator was not trained on. It fails where fakes do not look like their class, where they look like
nothing real, and where they are too much alike. Beside it stands the same classifier, trained with as many
updates on the real images that the generator was trained on: no generator is expected to teach more.

References:
    Shmelkov et al. 2018, How good is my GAN?, https://arxiv.org/abs/1807.09499, which calls it GAN-train
    Ravuri and Vinyals 2019, Classification Accuracy Score for Conditional Generative Models,
    https://arxiv.org/abs/1905.10887
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxgan.data import Dataset
from jaxgan.evaluate.fakes import BATCH_SIZE, Fakes
from jaxgan.evaluate.reals import Reals
from jaxgan.features import classifiers
from jaxgan.metrics.result import Result
from jaxgan.system.errors import UserError
from jaxgan.system.progress import counting

NAME = "trained_on_fakes"


@dataclass(frozen=True, kw_only=True)
class TrainedOnFakes(Result):
    """The result of `trained_on_fakes`.

    Attributes:
        accuracy: accuracy on real test images after training on fakes, in [0, 1].
        accuracy_of_reals: the same after training on the real training images.
        n_real: number of real training images.
        n_test: number of real test images.
        steps: number of updates of either classifier, each by 128 images.
    """

    label: ClassVar[str] = "trained on fakes"
    measured: ClassVar[tuple[str, ...]] = ("accuracy", "accuracy_of_reals")

    accuracy: float
    accuracy_of_reals: float
    n_real: int
    n_test: int
    steps: int


def trained_on_fakes(fakes: Fakes, train: Reals, test: Reals) -> TrainedOnFakes:
    """Return what a classifier learns from fakes, and what it learns from real images.

    Args:
        fakes: images with the labels that they should belong to.
        train: the labelled images that the generator was trained on.
        test: labelled images of the same classes that it was not trained on.

    Returns:
        Both accuracies and their protocol.

    Raises:
        UserError: if fakes, training or test images have no labels, or labels of different classes.
    """
    if fakes.labels is None:
        raise UserError(f"`metrics` {NAME} learns from the labels of the fakes, and these have none")
    for reals in (train, test):
        if reals.labels is None:
            raise UserError(f"`metrics` {NAME} compares classes, and {_words(reals)} have no labels")
    classes = train.num_classes or 0
    if (test.num_classes or 0) > classes or max(fakes.labels, default=0) >= classes:
        raise UserError(
            f"`metrics` {NAME} compares classes, and the fakes or {_words(test)} have other classes than "
            f"the {classes} of {_words(train)}"
        )
    reals, held_out = (
        Dataset(each.source, classifiers.shrunk(each.images), each.labels, classes) for each in (train, test)
    )
    recipe = classifiers.recipe_of(reals)
    steps = max(1, recipe.epochs * len(reals.images) // classifiers.BATCH_SIZE)
    learned = Dataset("fakes", _images(fakes), fakes.labels, classes)
    return TrainedOnFakes(
        accuracy=classifiers.accuracy_after(learned, held_out, recipe, steps=steps),
        accuracy_of_reals=classifiers.accuracy_after(reals, held_out, recipe, steps=steps, kept=True),
        n_fake=fakes.count,
        n_real=len(reals.images),
        n_test=len(held_out.images),
        steps=steps,
    )


def _images(fakes: Fakes) -> np.ndarray:
    """Return all fakes in the size at which a classifier looks at them; each batch is resized when made."""
    parts = []
    with counting("fakes", fakes.count, "images") as bar:
        for first in range(0, fakes.count, BATCH_SIZE):
            count = min(BATCH_SIZE, fakes.count - first)
            part = fakes.batch(first, min(BATCH_SIZE, fakes.count))[:count]
            parts.append(classifiers.shrunk(part))
            bar.update(count)
    return np.concatenate(parts)


def _words(reals: Reals) -> str:
    return f"the images of {reals.source}" + (f" ({reals.split})" if reals.split else "")
