"""Mode coverage: how many of the known modes does a generator reach, and how evenly?

In a mixture of Gaussians, the mode of a sample is the nearest center; a sample within three standard
deviations of it is of high quality. The mode of an image is the class that a classifier gives it. Stacked
MNIST has 1,000 modes: a digit in each of three colors.

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
    """The result of `mode_coverage`.

    Attributes:
        modes: number of centers with at least one high-quality sample.
        high_quality: share of the samples within ``within * sigma`` of the nearest center, in [0, 1]. For
            samples of the mixture itself, in two dimensions, it is ``1 - exp(-within^2 / 2)``: 0.989 for 3.
        kl: divergence of the high-quality samples' modes from uniform, in nats; NaN if there are no such
            samples.
        n_modes: number of centers.
        sigma: standard deviation of a mode along each axis.
        within: largest distance of a high-quality sample from its center, in standard deviations.
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
    """The result of `class_coverage`.

    Attributes:
        modes: number of classes with at least one sample.
        kl: divergence of the samples' classes from uniform, in nats.
        n_modes: number of classes.
    """

    label: ClassVar[str] = "class coverage"
    measured: ClassVar[tuple[str, ...]] = ("modes", "kl")

    modes: int
    kl: float
    n_modes: int


def mode_coverage(samples: Features, centers: Features, *, sigma: float, within: float = 3.0) -> ModeCoverage:
    """Return how many modes of a mixture of equal Gaussians the samples reach, and how evenly.

    Args:
        samples: `[M, d]`; M = 2,500 is usual for a ring or a grid.
        centers: `[modes, d]`.
        sigma: standard deviation of a mode along each axis, > 0.
        within: largest distance of a high-quality sample from its center, in standard deviations, > 0.

    Returns:
        Number of modes, share of high-quality samples, divergence from uniform, and their protocol.

    Raises:
        ValueError: if samples or centers are not `[N, d]` with the same d, or not finite, or if sigma or
            within is not positive.

    Examples:
        >>> import numpy as np
        >>> from jaxgan import metrics
        >>> centers = np.array([[-1.0, 0.0], [1.0, 0.0]])
        >>> samples = np.array([[-1.0, 0.1], [-1.1, 0.0], [0.0, 0.0], [-0.9, 0.0]])
        >>> result = metrics.mode_coverage(samples, centers, sigma=0.1)
        >>> result.modes, result.high_quality
        (1, 0.75)

    References:
        Srivastava et al. 2017, section 4.1; Lin et al. 2018, section 4.1.
    """
    points, means = as_features(samples, "samples"), as_features(centers, "centers")
    if points.shape[1] != means.shape[1]:
        raise ValueError(f"samples have dimension {points.shape[1]}, the centers {means.shape[1]}")
    if not (sigma > 0 and within > 0):
        raise ValueError(f"sigma and within must be positive, got {sigma} and {within}")
    distances = np.stack([np.linalg.norm(points - mean.astype(np.float64), axis=1) for mean in means])
    high_quality = distances.min(axis=0) <= within * sigma
    counts = np.bincount(distances.argmin(axis=0)[high_quality], minlength=len(means))
    return ModeCoverage(
        modes=int(np.count_nonzero(counts)),
        high_quality=float(high_quality.mean()),
        kl=_divergence_from_uniform(counts),
        n_modes=len(means),
        sigma=sigma,
        within=within,
        n_fake=len(points),
    )


def class_coverage(
    classes: Num[np.ndarray | jax.Array, "..."], *, n_modes: int, extractor_name: str | None = None
) -> ClassCoverage:
    """Return how many classes the samples reach, and how evenly.

    Args:
        classes: a classifier's classes of the samples, int `[M]` in [0, n_modes). For stacked MNIST they are
            ``100 * red + 10 * green + blue``, and M = 26,000 is usual.
        n_modes: number of classes, 1,000 for stacked MNIST.
        extractor_name: name of the classifier.

    Returns:
        Number of modes, divergence from uniform, and their protocol.

    Raises:
        ValueError: if the classes are not integers `[M]` with M >= 1, or not all in [0, n_modes).

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
        extractor=extractor_name,
    )


def _divergence_from_uniform(counts: Int[np.ndarray, " modes"]) -> float:
    if counts.sum() == 0:
        return float("nan")
    shares = counts[counts > 0] / counts.sum()
    return float(np.log(len(counts)) + (shares * np.log(shares)).sum())
