"""Memorisation: are the fakes nearer to the training images than fresh images are?

A generator that copies its training set scores perfectly in every distance between distributions. What tells
it from one that has learned is a held-out test set: to either set, a new image is equally near.

References:
    Meehan et al. 2020, A Non-Parametric Test to Detect Data-Copying in Generative Models,
    https://arxiv.org/abs/2004.05675
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxgan.metrics.inputs import Features, as_features, as_pair
from jaxgan.metrics.neighbours import nearest_distances
from jaxgan.metrics.result import Result


@dataclass(frozen=True, kw_only=True)
class Memorisation(Result):
    """What `memorisation` returns.

    Attributes:
        ratio: median distance of a fake to its nearest training example, over that to its nearest test
            example. 1 is right for sets of one size, 0 for copies; the larger set is nearer by its size
            alone. NaN where both are 0.
        nearer_train: share of the fakes nearer to the training set (a tie counts half), in [0, 1].
        expected: what that share is of fakes that know neither set, whatever the sizes: ``n_train /
            (n_train + n_test)``.
        copies: fakes at distance exactly 0 of a training example.
        n_train: training examples.
        n_test: held-out examples.
        dimension: d of the features.
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
    extractor: str | None = None,
) -> Memorisation:
    """Return how much nearer the fakes are to the training set than to a held-out one.

    Args:
        train_features: `[N, d]`, what the generator was trained on.
        test_features: `[T, d]`, held out; of the same distribution.
        fake_features: `[M, d]`.
        extractor: name of the network that made the features.

    Returns:
        The ratio, the share of fakes that are nearer to the training set, and the protocol.

    Raises:
        ValueError: if a set is not `[N, d]` with N >= 1, not finite, or the dimensions differ.

    References:
        Meehan et al. 2020 is the idea; the expected share holds because the nearest of all real examples is
        equally likely any one of them.
    """
    train, fake = as_pair(train_features, fake_features)
    test = as_features(test_features, "test_features")
    if test.shape[1] != train.shape[1]:
        raise ValueError(f"train_features have dimension {train.shape[1]}, test_features {test.shape[1]}")
    to_train, to_test = nearest_distances(fake, train), nearest_distances(fake, test)
    known = set(_keys(train))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.divide(np.median(to_train), np.median(to_test))
    return Memorisation(
        ratio=float(ratio),
        nearer_train=float(((to_train < to_test) + 0.5 * (to_train == to_test)).mean()),
        expected=len(train) / (len(train) + len(test)),
        copies=sum(key in known for key in _keys(fake)),
        n_train=len(train),
        n_test=len(test),
        n_fake=len(fake),
        dimension=train.shape[1],
        extractor=extractor,
    )


def _keys(features: np.ndarray) -> Iterator[int]:
    """Yield a number for each row that only equal rows share: a nearest row may be the copy's near twin."""
    for row in features:
        yield hash((row.astype(np.float64) + 0.0).tobytes())  # + 0.0: -0 is 0
