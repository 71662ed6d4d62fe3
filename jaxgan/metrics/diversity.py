"""Diversity: how far apart are the fakes from each other, against how far apart the reals are?

References:
    Odena et al. 2017, Conditional Image Synthesis with Auxiliary Classifier GANs, section 4.2,
    https://arxiv.org/abs/1610.09585
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxgan.metrics.inputs import Features, as_pair
from jaxgan.metrics.neighbours import mean_distance
from jaxgan.metrics.result import PairResult


@dataclass(frozen=True, kw_only=True)
class Diversity(PairResult):
    """What `diversity` returns.

    Attributes:
        ratio: `fake_distance` over `real_distance`: 1 is right, 0 is one image again and again.
        fake_distance: mean Euclidean distance over all pairs of fakes.
        real_distance: the same of the reals.
    """

    label: ClassVar[str] = "diversity"
    measured: ClassVar[tuple[str, ...]] = ("ratio", "fake_distance", "real_distance")

    ratio: float
    fake_distance: float
    real_distance: float


def diversity(real_features: Features, fake_features: Features, *, extractor: str | None = None) -> Diversity:
    """Return the mean distance between two fakes, against that between two reals; unbiased at any N.

    Args:
        real_features: `[N, d]`.
        fake_features: `[M, d]`.
        extractor: name of the network that made the features.

    Returns:
        Both mean distances and their ratio (NaN or infinite where all reals are the same), with the protocol.

    Raises:
        ValueError: if a set has fewer than 2 rows, is not `[N, d]`, not finite, or the dimensions differ.

    References:
        Odena et al. 2017, section 4.2, with a distance of features in the place of MS-SSIM.
    """
    real, fake = as_pair(real_features, fake_features, at_least=2)
    fake_distance, real_distance = mean_distance(fake), mean_distance(real)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.divide(fake_distance, real_distance)
    return Diversity(
        ratio=float(ratio),
        fake_distance=fake_distance,
        real_distance=real_distance,
        n_real=len(real),
        n_fake=len(fake),
        dimension=real.shape[1],
        extractor=extractor,
    )
