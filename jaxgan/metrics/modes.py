"""Mode coverage: of modes that are known, how many does a generator reach, and how evenly?

For mixtures of Gaussians a sample belongs to the nearest centre, and is of high quality within three standard
deviations of it. For images a classifier says the mode: stacked MNIST has 1,000, a digit in each colour.

References:
    Srivastava et al. 2017, VEEGAN, https://arxiv.org/abs/1705.07761
    Lin et al. 2018, PacGAN, https://arxiv.org/abs/1712.04086
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import numpy as np
from jaxtyping import Int, Num

from jaxgan.metrics.inputs import Features, as_features
from jaxgan.metrics.result import Result


@dataclass(frozen=True, kw_only=True)
class ModeCoverage(Result):
    """What `mode_coverage` returns.

    Attributes:
        modes: centres with at least one high-quality sample.
        high_quality: share of the samples within ``within * sigma`` of the nearest centre, in [0, 1]. Of the
            mixture itself it is ``1 - exp(-within^2 / 2)`` in two dimensions: 0.989 for 3.
        kl: divergence of the modes of the high-quality samples from uniform, in nats; NaN without any.
        n_modes: number of centres.
        sigma: standard deviation of a mode.
        within: in standard deviations.
    """

    label: ClassVar[str] = "mode coverage"
    measured: ClassVar[tuple[str, ...]] = ("modes", "high_quality", "kl")

    modes: int
    high_quality: float
    kl: float
    n_modes: int
    sigma: float
    within: float


@dataclass(frozen=True, kw_only=True)
class ClassCoverage(Result):
    """What `class_coverage` returns.

    Attributes:
        modes: classes with at least one sample.
        kl: divergence of the classes of the samples from uniform, in nats.
        n_modes: number of classes.
    """

    label: ClassVar[str] = "class coverage"
    measured: ClassVar[tuple[str, ...]] = ("modes", "kl")

    modes: int
    kl: float
    n_modes: int


def mode_coverage(samples: Features, centres: Features, *, sigma: float, within: float = 3.0) -> ModeCoverage:
    """Return which modes of a mixture of equal Gaussians the samples reach.

    Args:
        samples: `[M, d]`; 2,500 is usual for a ring or a grid.
        centres: `[modes, d]`.
        sigma: standard deviation of a mode along each axis, > 0.
        within: standard deviations up to which a sample is of high quality, > 0.

    Returns:
        Modes, share of high quality and divergence from uniform, with their protocol.

    Raises:
        ValueError: if samples or centres are not `[N, d]` of one d, or not finite, or sigma or within not
            positive.

    References:
        Srivastava et al. 2017, section 4.1; Lin et al. 2018, section 4.1.
    """
    points, means = as_features(samples, "samples"), as_features(centres, "centres")
    if points.shape[1] != means.shape[1]:
        raise ValueError(f"samples have dimension {points.shape[1]}, the centres {means.shape[1]}")
    if not (sigma > 0 and within > 0):
        raise ValueError(f"sigma and within must be positive, got {sigma} and {within}")
    distances = np.stack([np.linalg.norm(points - mean.astype(np.float64), axis=1) for mean in means])
    good = distances.min(axis=0) <= within * sigma
    counts = np.bincount(distances.argmin(axis=0)[good], minlength=len(means))
    return ModeCoverage(
        modes=int(np.count_nonzero(counts)),
        high_quality=float(good.mean()),
        kl=_divergence_from_uniform(counts),
        n_modes=len(means),
        sigma=sigma,
        within=within,
        n_fake=len(points),
    )


def class_coverage(
    classes: Num[np.ndarray | jax.Array, "..."], *, n_modes: int, extractor: str | None = None
) -> ClassCoverage:
    """Return how many classes the samples reach, and how evenly.

    Args:
        classes: int `[M]` in [0, n_modes), a classifier's answers. Of stacked MNIST they are ``100 * red +
            10 * green + blue``, of 26,000 samples.
        n_modes: number of classes, 1,000 for stacked MNIST.
        extractor: name of the classifier.

    Returns:
        Modes and divergence from uniform, with their protocol.

    Raises:
        ValueError: if the classes are not integers `[M]`, M >= 1, or some lie outside.

    References:
        Srivastava et al. 2017, section 4.2; Lin et al. 2018, section 4.2.
    """
    indices = np.asarray(classes)
    if indices.ndim != 1 or len(indices) < 1 or not np.issubdtype(indices.dtype, np.integer):
        raise ValueError(f"classes must be integers [M], got {indices.dtype} of shape {indices.shape}")
    outside = np.count_nonzero((indices < 0) | (indices >= n_modes))
    if outside:
        raise ValueError(f"{outside} of {len(indices)} classes lie outside 0 to {n_modes - 1}")
    counts = np.bincount(indices, minlength=n_modes)
    return ClassCoverage(
        modes=int(np.count_nonzero(counts)),
        kl=_divergence_from_uniform(counts),
        n_modes=n_modes,
        n_fake=len(indices),
        extractor=extractor,
    )


def _divergence_from_uniform(counts: Int[np.ndarray, " modes"]) -> float:
    if counts.sum() == 0:
        return float("nan")
    shares = counts[counts > 0] / counts.sum()
    return float(np.log(len(counts)) + (shares * np.log(shares)).sum())
