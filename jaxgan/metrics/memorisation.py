"""Memorization: are the fakes nearer to the training examples than new examples would be?

A generator that copies its training set has a perfect score in every distance between distributions. A
held-out test set reveals it: new examples are as near to the test set as to the training set, and copies are
nearer to the training set.

References:
    Meehan et al. 2020, A Non-Parametric Test to Detect Data-Copying in Generative Models,
    https://arxiv.org/abs/2004.05675
"""

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxgan.metrics.inputs import Features, as_features, as_pair, row_hashes
from jaxgan.metrics.neighbors import nearest_distances
from jaxgan.metrics.result import Result


@dataclass(frozen=True, kw_only=True)
class Memorisation(Result):
    """The result of `memorisation`.

    Attributes:
        ratio: median distance of the fakes to their nearest training examples, divided by the median distance
            to their nearest test examples. With sets of equal size, 1 means no memorization and 0 means
            copies; a larger set has nearer examples because of its size. NaN if both medians are 0.
        nearer_train: share of the fakes that are nearer to the training set, in [0, 1]; a tie counts half.
        expected: the share that fakes independent of both sets have: ``n_train / (n_train + n_test)``.
        copies: number of fakes that equal a training example.
        n_train: number of training examples.
        n_test: number of held-out examples.
        dimension: number of features of an example, d.
    """

    label: ClassVar[str] = "memorisation"
    measured: ClassVar[tuple[str, ...]] = ("ratio", "nearer_train", "expected", "copies")

    ratio: float
    nearer_train: float
    expected: float
    copies: int
    n_train: int
    n_test: int
    dimension: int


def memorisation(
    train_features: Features,
    test_features: Features,
    fake_features: Features,
    *,
    extractor_name: str | None = None,
) -> Memorisation:
    """Return how much nearer the fakes are to the training set than to a held-out one.

    Args:
        train_features: features of the generator's training examples, `[N, d]`.
        test_features: features of held-out examples of the same distribution, `[T, d]`.
        fake_features: `[M, d]`.
        extractor_name: name of the network that computed the features.

    Returns:
        The ratio, the share of fakes that are nearer to the training set, and their protocol.

    Raises:
        ValueError: if a set is not `[N, d]` with N >= 1 or not finite, if the dimensions differ, or if all
            test examples are training examples.

    Warns:
        UserWarning: if some test examples are training examples.

    References:
        Meehan et al. 2020 have the idea. The expected share holds because each real example is equally likely
        to be the nearest one.
    """
    train, fake = as_pair(train_features, fake_features)
    test = as_features(test_features, "test_features")
    if test.shape[1] != train.shape[1]:
        raise ValueError(f"train_features have dimension {train.shape[1]}, test_features {test.shape[1]}")
    train_rows, test_rows = set(row_hashes(train)), list(row_hashes(test))
    shared = sum(row in train_rows for row in test_rows)
    if shared == len(test) and len(train_rows) > 1:
        raise ValueError(
            f"all {shared} rows of test_features are rows of train_features too: "
            f"held-out examples are those that were not trained on"
        )
    if shared and len(train_rows) > 1:
        warnings.warn(
            f"test_features: {shared} of {len(test)} rows are rows of train_features too, "
            f"which hides memorization: hold out other examples",
            stacklevel=2,
        )
    to_train, to_test = nearest_distances(fake, train), nearest_distances(fake, test)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.divide(np.median(to_train), np.median(to_test))
    return Memorisation(
        ratio=float(ratio),
        nearer_train=float(((to_train < to_test) + 0.5 * (to_train == to_test)).mean()),
        expected=len(train) / (len(train) + len(test)),
        copies=sum(row in train_rows for row in row_hashes(fake)),
        n_train=len(train),
        n_test=len(test),
        n_fake=len(fake),
        dimension=train.shape[1],
        extractor=extractor_name,
    )
