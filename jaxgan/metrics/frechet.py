"""Fréchet distance between two Gaussians with the means and covariances of two sets of features.

    |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)

With the features of the 2015 Inception it is the FID. Its value is too high by an amount that falls as 1/N
and depends on the generator. Distances at different numbers of fakes N therefore cannot be compared.

References:
    Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, https://arxiv.org/abs/1706.08500
    Chong and Forsyth 2020, Effectively Unbiased FID and Inception Score, https://arxiv.org/abs/1911.07023
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxgan.metrics.inputs import Features, as_features, check_dimensions, warn_of_dtypes
from jaxgan.metrics.moments import Moments
from jaxgan.metrics.result import PairResult


@dataclass(frozen=True, kw_only=True)
class FrechetDistance(PairResult):
    """The result of `frechet_distance`.

    Attributes:
        value: the squared distance, >= 0.
    """

    label: ClassVar[str] = "FID"
    unnamed: ClassVar[str] = "Frechet distance"

    value: float


@dataclass(frozen=True, kw_only=True)
class FrechetDistanceInfinity(FrechetDistance):
    """The result of `frechet_distance_infinity`.

    Attributes:
        value: the extrapolated squared distance; noise may make it negative.
        slope: slope of the distance as a function of 1/N.
        points: number of subsets of the fakes.
        smallest: size of the smallest subset.
        seed: seed of the subsets.
    """

    label: ClassVar[str] = "FID-infinity"
    unnamed: ClassVar[str] = "Frechet distance to infinitely many fakes"
    measured: ClassVar[tuple[str, ...]] = ("value", "slope")

    slope: float
    points: int
    smallest: int
    seed: int


def frechet_distance(
    real_features: Features | Moments, fake_features: Features | Moments, *, extractor_name: str | None = None
) -> FrechetDistance:
    """Return the Fréchet distance between the Gaussians of real and of fake features.

    Covariances are unbiased (divided by N - 1), in float64, and nothing is added to their diagonals. The
    trace of ``(S1 S2)^(1/2)`` is the sum of the square roots of the eigenvalues of
    ``S1^(1/2) S2 S1^(1/2)``, which is symmetric.

    Args:
        real_features: `[N, d]`, or their `Moments`.
        fake_features: `[M, d]`, or their `Moments`.
        extractor_name: name of the network that computed the features.

    Returns:
        The squared distance and its protocol.

    Raises:
        ValueError: if a set has fewer than 2 rows, is not `[N, d]`, not finite, or the dimensions differ.

    Warns:
        UserWarning: if a set has no more rows than dimensions: its covariance is singular and the bias large.

    Examples:
        >>> import numpy as np
        >>> from jaxgan import metrics
        >>> real = np.random.default_rng(0).normal(size=(100, 2))
        >>> result = metrics.frechet_distance(real, real + 3.0)  # only the means differ, by 3 along two axes
        >>> round(result.value, 6)
        18.0

    References:
        Heusel et al. 2017, eq. 6.
    """
    real, fake = _as_moments(real_features, "real_features"), _as_moments(fake_features, "fake_features")
    check_dimensions(len(real.mean), len(fake.mean))
    warn_of_dtypes(real_features, fake_features)
    for name, moments in (("real_features", real), ("fake_features", fake)):
        if moments.count <= len(moments.mean):
            warnings.warn(
                f"{name}: {moments.count} examples for {len(moments.mean)} dimensions; "
                f"the covariance is singular and the distance too large",
                stacklevel=2,
            )
    return FrechetDistance(
        value=_distance_from(real)(fake),
        n_real=real.count,
        n_fake=fake.count,
        dimension=len(real.mean),
        extractor=extractor_name,
    )


def frechet_distance_infinity(
    real_features: Features | Moments,
    fake_features: Features,
    *,
    points: int = 15,
    smallest: int | None = None,
    seed: int = 0,
    extractor_name: str | None = None,
) -> FrechetDistanceInfinity:
    """Return the Fréchet distance extrapolated to infinitely many fakes.

    A line in 1/N is fitted to the distances of random subsets of N fakes; its value at 1/N = 0 is the result.
    The bias from the finite number of *real* examples remains.

    Args:
        real_features: `[N, d]`, or their `Moments`.
        fake_features: `[M, d]`, M > d + 1.
        points: number of subsets, of evenly spaced sizes up to M; at least 2.
        smallest: size of the smallest subset; by default a tenth of M or d + 1, whichever is larger.
        seed: seed of the subsets. The i-th subset is the first rows of the i-th permutation that
            ``numpy.random.default_rng(seed)`` draws.
        extractor_name: name of the network that computed the features.

    Returns:
        The extrapolated squared distance and its protocol.

    Raises:
        ValueError: if ``2 <= smallest < M`` or ``points >= 2`` does not hold, or as for `frechet_distance`.

    References:
        Chong and Forsyth 2020, without their quasi-random latents.
    """
    real, fake = _as_moments(real_features, "real_features"), as_features(fake_features, "fake_features")
    count, dimension = fake.shape
    check_dimensions(len(real.mean), dimension)
    warn_of_dtypes(real_features, fake_features)
    if smallest is None:
        smallest = max(count // 10, dimension + 1)
    if not 2 <= smallest < count or points < 2:
        raise ValueError(
            f"{points} subsets of {smallest} to {count} fakes give no line: "
            f"a line takes points >= 2 and 2 <= smallest < the number of fakes"
        )
    rng, distance = np.random.default_rng(seed), _distance_from(real)
    sizes = np.linspace(smallest, count, points).astype(int)
    values = [distance(Moments.of(fake[rng.permutation(count)[:size]])) for size in sizes]
    slope, value = np.polyfit(1 / sizes, values, 1)
    return FrechetDistanceInfinity(
        value=float(value),
        slope=float(slope),
        n_real=real.count,
        n_fake=count,
        dimension=dimension,
        points=points,
        smallest=smallest,
        seed=seed,
        extractor=extractor_name,
    )


def _as_moments(features: Features | Moments, name: str) -> Moments:
    if not isinstance(features, Moments):
        return Moments.of(as_features(features, name, at_least=2))
    if not (np.isfinite(features.mean).all() and np.isfinite(features.scatter).all()):
        raise ValueError(f"{name}: the moments hold NaN or infinite values")
    return features


def _distance_from(real: Moments) -> Callable[[Moments], float]:
    """Return the function that measures the distance from `real`; it decomposes the covariance once."""
    covariance = real.covariance
    eigenvalues, vectors = np.linalg.eigh(covariance)
    # The null space does not count in the trace. The square roots of its rounding errors would add 1e-8 each.
    nonzero = eigenvalues > eigenvalues[-1] * len(eigenvalues) * np.finfo(np.float64).eps
    root = vectors[:, nonzero] * np.sqrt(eigenvalues[nonzero])

    def distance(fake: Moments) -> float:
        other = fake.covariance
        product = np.linalg.eigvalsh(root.T @ other @ root)
        trace = np.trace(covariance) + np.trace(other) - 2 * np.sqrt(np.maximum(product, 0)).sum()
        # Rounding may make the distance of two equal sets negative. np.maximum keeps a NaN; max would not.
        return float(np.maximum(np.sum((real.mean - fake.mean) ** 2) + trace, 0))

    return distance
