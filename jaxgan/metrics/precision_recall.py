"""Precision, recall, density and coverage: how far the two sets lie in each other.

Each set is taken for the union of balls around its members, each as large as the distance to the member's
k-th neighbour. Fakes inside the real manifold are realistic (precision, density); reals inside the fake one,
or balls of reals that hold a fake, are reached (recall, coverage).

A ball is open: a point at exactly the radius is outside, as in Naeem's code. (Kynkäänniemi's eq. 1 closes it;
the two differ only in ties. A member with k copies of itself has a ball of radius 0, which holds nothing.)

References:
    Kynkäänniemi et al. 2019, Improved Precision and Recall Metric, https://arxiv.org/abs/1904.06991
    Naeem et al. 2020, Reliable Fidelity and Diversity Metrics, https://arxiv.org/abs/2002.09797
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxgan.metrics.inputs import Features, as_pair
from jaxgan.metrics.neighbours import ball_thresholds, centre_of, count_balls
from jaxgan.metrics.result import PairResult


@dataclass(frozen=True, kw_only=True)
class PrecisionRecall(PairResult):
    """What `precision_recall` returns.

    Attributes:
        precision: share of the fakes inside the real manifold, in [0, 1].
        recall: share of the reals inside the fake manifold, in [0, 1].
        k: neighbours.
    """

    label: ClassVar[str] = "precision and recall"
    measured: ClassVar[tuple[str, ...]] = ("precision", "recall")

    precision: float
    recall: float
    k: int


@dataclass(frozen=True, kw_only=True)
class DensityCoverage(PairResult):
    """What `density_coverage` returns.

    Attributes:
        density: balls of reals that a fake lies in, on average, over k; >= 0, about 1 where the two agree.
        coverage: share of the reals' balls that hold a fake, in [0, 1].
        k: neighbours.
    """

    label: ClassVar[str] = "density and coverage"
    measured: ClassVar[tuple[str, ...]] = ("density", "coverage")

    density: float
    coverage: float
    k: int


def precision_recall(
    real_features: Features, fake_features: Features, *, k: int = 3, extractor: str | None = None
) -> PrecisionRecall:
    """Return precision and recall of the fakes; take as many fakes as reals.

    Args:
        real_features: `[N, d]`.
        fake_features: `[M, d]`.
        k: neighbours that make a ball; 3 in the paper.
        extractor: name of the network that made the features.

    Returns:
        Both, with their protocol.

    Raises:
        ValueError: if a set has not more than k rows, is not `[N, d]`, not finite, or the dimensions differ.

    References:
        Kynkäänniemi et al. 2019, eq. 1 and 2.
    """
    _check_neighbours(k)
    real, fake = as_pair(real_features, fake_features, at_least=k + 1)
    centre = centre_of(real)
    in_real, _ = count_balls(real, ball_thresholds(real, k, centre), fake, centre)
    in_fake, _ = count_balls(fake, ball_thresholds(fake, k, centre), real, centre)
    return PrecisionRecall(
        precision=float((in_real > 0).mean()),
        recall=float((in_fake > 0).mean()),
        k=k,
        n_real=len(real),
        n_fake=len(fake),
        dimension=real.shape[1],
        extractor=extractor,
    )


def density_coverage(
    real_features: Features, fake_features: Features, *, k: int = 5, extractor: str | None = None
) -> DensityCoverage:
    """Return density and coverage of the fakes; of the four, the two that a few outliers do not fool.

    Args:
        real_features: `[N, d]`.
        fake_features: `[M, d]`.
        k: neighbours that make a ball; 5 in the paper.
        extractor: name of the network that made the features.

    Returns:
        Both, with their protocol.

    Raises:
        ValueError: if a set has not more than k rows, is not `[N, d]`, not finite, or the dimensions differ.

    References:
        Naeem et al. 2020, section 3.1; Lemma 2 is the coverage to expect of identical distributions.
    """
    _check_neighbours(k)
    real, fake = as_pair(real_features, fake_features, at_least=k + 1)
    centre = centre_of(real)
    counts, occupied = count_balls(real, ball_thresholds(real, k, centre), fake, centre)
    return DensityCoverage(
        density=float(counts.mean() / k),
        coverage=float(occupied.mean()),
        k=k,
        n_real=len(real),
        n_fake=len(fake),
        dimension=real.shape[1],
        extractor=extractor,
    )


def _check_neighbours(k: int) -> None:
    if k < 1:
        raise ValueError(f"a ball takes at least one neighbour, got k = {k}")
