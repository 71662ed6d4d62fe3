"""Kernel distance: the squared maximum mean discrepancy under a cubic kernel.

Unlike the Fréchet distance, it is unbiased at any N and does not assume Gaussians. With the features of the
2015 Inception it is the KID.

References:
    Bińkowski et al. 2018, Demystifying MMD GANs, https://arxiv.org/abs/1801.01401
    Gretton et al. 2012, A Kernel Two-Sample Test, JMLR 13
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float64

from jaxgan.metrics.inputs import Features, as_pair
from jaxgan.metrics.result import PairResult


@dataclass(frozen=True, kw_only=True)
class KernelDistance(PairResult):
    """The result of `kernel_distance`.

    Attributes:
        value: mean over the subsets. For equal distributions it is about 0, and may be negative.
        deviation: standard deviation over the subsets (divided by subsets - 1); NaN for one subset.
        standard_error: standard error of the mean, ``deviation / sqrt(subsets)``. Subsets of one set overlap.
            The error therefore describes how well the subsets measure *these* features; it does not describe
            the generator.
        subsets: number of subsets; 1 if each would be the two whole sets.
        subset_size: rows in each subset.
        clipped_from: the `subset_size` that was given, if the sets have fewer rows; else None.
        seed: seed of the subsets.
    """

    label: ClassVar[str] = "KID"
    unnamed: ClassVar[str] = "kernel distance"
    measured: ClassVar[tuple[str, ...]] = ("value", "deviation", "standard_error")

    value: float
    deviation: float
    standard_error: float
    subsets: int
    subset_size: int
    clipped_from: int | None
    seed: int


def kernel_distance(
    real_features: Features,
    fake_features: Features,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
    extractor_name: str | None = None,
) -> KernelDistance:
    """Return the kernel distance, averaged over random subsets; the kernel is ``(x.y / d + 1)^3``.

    Args:
        real_features: `[N, d]`.
        fake_features: `[M, d]`.
        subsets: number of subsets, >= 1.
        subset_size: rows in each subset, >= 2; the smaller set's number of rows, if that is less.
        seed: seed of the subsets. ``numpy.random.default_rng(seed)`` draws, for each subset, the indices of
            the real rows and then those of the fake rows, each by ``choice(n, subset_size, replace=False)``.
        extractor_name: name of the network that computed the features.

    Returns:
        The squared discrepancy, its spread and its protocol.

    Raises:
        ValueError: if a set has fewer than 2 rows, is not `[N, d]`, not finite, or the dimensions differ, or
            if ``subsets >= 1`` or ``subset_size >= 2`` does not hold.

    References:
        Bińkowski et al. 2018, section 4; Gretton et al. 2012, eq. 3.
    """
    real, fake = as_pair(real_features, fake_features, at_least=2)
    if subsets < 1 or subset_size < 2:
        raise ValueError(f"kernel_distance takes at least 1 subset of 2 rows, got {subsets} of {subset_size}")
    size = min(subset_size, len(real), len(fake))
    rng = np.random.default_rng(seed)
    values = []
    if size == len(real) == len(fake):
        subsets = 1  # All subsets would be the two whole sets.
    for _ in range(subsets):
        real_part = real[rng.choice(len(real), size, replace=False)].astype(np.float64)
        fake_part = fake[rng.choice(len(fake), size, replace=False)].astype(np.float64)
        values.append(_unbiased_discrepancy(real_part, fake_part))
    deviation = float(np.std(values, ddof=1)) if subsets > 1 else float("nan")
    return KernelDistance(
        value=float(np.mean(values)),
        deviation=deviation,
        standard_error=deviation / subsets**0.5,
        subsets=subsets,
        subset_size=size,
        clipped_from=subset_size if size < subset_size else None,
        seed=seed,
        n_real=len(real),
        n_fake=len(fake),
        dimension=real.shape[1],
        extractor=extractor_name,
    )


def _unbiased_discrepancy(real: Float64[np.ndarray, "m d"], fake: Float64[np.ndarray, "m d"]) -> float:
    """Return the U-statistic, which never compares a row with itself."""
    return _mean_of_others(real) + _mean_of_others(fake) - 2 * _kernel(real, fake).mean()


def _mean_of_others(features: Float64[np.ndarray, "m d"]) -> float:
    kernel, count = _kernel(features, features), len(features)
    return (kernel.sum() - np.trace(kernel)) / (count * (count - 1))


def _kernel(first: Float64[np.ndarray, "m d"], second: Float64[np.ndarray, "m d"]):
    linear = first @ second.T / first.shape[1] + 1
    return linear * linear * linear  # NumPy's power is slower.
