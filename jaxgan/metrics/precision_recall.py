"""Precision, recall, density and coverage: how much the two sets overlap.

The manifold of a set is the union of balls around its members. The radius of each ball is the distance to the
member's k-th neighbor.

| metric | measures |
|---|---|
| precision | the share of fakes inside the real manifold |
| density | the number of real balls that contain a fake, relative to k |
| recall | the share of real examples inside the fake manifold |
| coverage | the share of real balls that contain a fake |

Precision and density measure how realistic the fakes are, recall and coverage how much of the data the
generator reaches.

A ball is open: a point at exactly the radius is outside, as in Naeem's code. In Kynkäänniemi's eq. 1 balls
are closed; the results differ only in ties. A member with k copies of itself has a ball of radius 0, which
is empty.

References:
    Kynkäänniemi et al. 2019, Improved Precision and Recall Metric, https://arxiv.org/abs/1904.06991
    Naeem et al. 2020, Reliable Fidelity and Diversity Metrics, https://arxiv.org/abs/2002.09797
"""

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxgan.metrics.inputs import Features, as_pair, row_hashes
from jaxgan.metrics.neighbors import ball_thresholds, center_of, count_balls
from jaxgan.metrics.result import PairResult

MOST_COPIES = 0.01  # the share of copies among the reals from which precision and coverage are too low


@dataclass(frozen=True, kw_only=True)
class PrecisionRecall(PairResult):
    """The result of `precision_recall`.

    Attributes:
        precision: share of the fakes inside the real manifold, in [0, 1].
        recall: share of the real examples inside the fake manifold, in [0, 1].
        k: number of the neighbor that sets a ball's radius.
    """

    label: ClassVar[str] = "precision and recall"
    measured: ClassVar[tuple[str, ...]] = ("precision", "recall")

    precision: float
    recall: float
    k: int


@dataclass(frozen=True, kw_only=True)
class DensityCoverage(PairResult):
    """The result of `density_coverage`.

    Attributes:
        density: mean number of real balls that contain a fake, divided by k; >= 0, and about 1 for equal
            distributions.
        coverage: share of the real balls that contain a fake, in [0, 1].
        k: number of the neighbor that sets a ball's radius.
    """

    label: ClassVar[str] = "density and coverage"
    measured: ClassVar[tuple[str, ...]] = ("density", "coverage")

    density: float
    coverage: float
    k: int


def precision_recall(
    real_features: Features, fake_features: Features, *, k: int = 3, extractor_name: str | None = None
) -> PrecisionRecall:
    """Return precision and recall of the fakes.

    Args:
        real_features: `[N, d]`.
        fake_features: `[M, d]`; M should be N, because the larger set fills more space.
        k: number of the neighbor that sets a ball's radius, >= 1; 3 in the paper.
        extractor_name: name of the network that computed the features.

    Returns:
        Both numbers and their protocol.

    Raises:
        ValueError: if k < 1, or a set has fewer than k + 1 rows, is not `[N, d]` or not finite, or the
            dimensions differ.

    Warns:
        UserWarning: if more than 1 % of the real examples are copies of others.

    References:
        Kynkäänniemi et al. 2019, eq. 1 and 2.
    """
    _check_neighbors(k)
    real, fake = as_pair(real_features, fake_features, at_least=k + 1)
    _warn_of_copies(real)
    center = center_of(real)
    in_real, _ = count_balls(real, ball_thresholds(real, k, center), fake, center)
    in_fake, _ = count_balls(fake, ball_thresholds(fake, k, center), real, center)
    return PrecisionRecall(
        precision=float((in_real > 0).mean()),
        recall=float((in_fake > 0).mean()),
        k=k,
        n_real=len(real),
        n_fake=len(fake),
        dimension=real.shape[1],
        extractor=extractor_name,
    )


def density_coverage(
    real_features: Features, fake_features: Features, *, k: int = 5, extractor_name: str | None = None
) -> DensityCoverage:
    """Return density and coverage of the fakes; a few outliers change them less than precision and recall.

    Args:
        real_features: `[N, d]`.
        fake_features: `[M, d]`.
        k: number of the neighbor that sets a ball's radius, >= 1; 5 in the paper.
        extractor_name: name of the network that computed the features.

    Returns:
        Both numbers and their protocol.

    Raises:
        ValueError: if k < 1, or a set has fewer than k + 1 rows, is not `[N, d]` or not finite, or the
            dimensions differ.

    Warns:
        UserWarning: if more than 1 % of the real examples are copies of others.

    References:
        Naeem et al. 2020, section 3.1; Lemma 2 gives the expected coverage of identical distributions.
    """
    _check_neighbors(k)
    real, fake = as_pair(real_features, fake_features, at_least=k + 1)
    _warn_of_copies(real)
    center = center_of(real)
    counts, occupied = count_balls(real, ball_thresholds(real, k, center), fake, center)
    return DensityCoverage(
        density=float(counts.mean() / k),
        coverage=float(occupied.mean()),
        k=k,
        n_real=len(real),
        n_fake=len(fake),
        dimension=real.shape[1],
        extractor=extractor_name,
    )


def _warn_of_copies(real: np.ndarray) -> None:
    """Warn of reals that hold many copies: their balls are too small, and empty where there are k copies."""
    copies = len(real) - len(set(row_hashes(real)))
    if copies > MOST_COPIES * len(real) and copies < len(real) - 1:  # of one point only, `as_pair` warns
        warnings.warn(
            f"real_features: {copies} of {len(real)} rows are copies of others, whose balls are too small: "
            f"leave them out, np.unique(real_features, axis=0)",
            stacklevel=3,
        )


def _check_neighbors(k: int) -> None:
    if k < 1:
        raise ValueError(f"a ball needs at least one neighbor, got k = {k}")
