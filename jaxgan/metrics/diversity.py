"""Diversity: the mean distance between two fakes, compared with that between two real examples.

References:
    Odena et al. 2017, Conditional Image Synthesis with Auxiliary Classifier GANs, section 4.2,
    https://arxiv.org/abs/1610.09585
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxgan.metrics.inputs import Features, as_pair
from jaxgan.metrics.neighbors import mean_distance
from jaxgan.metrics.result import PairResult


@dataclass(frozen=True, kw_only=True)
class Diversity(PairResult):
    """The result of `diversity`.

    Attributes:
        ratio: `fake_distance` divided by `real_distance`. 1 means the diversity of the data; 0 means that all
            fakes are equal.
        fake_distance: mean Euclidean distance over all pairs of fakes.
        real_distance: mean Euclidean distance over all pairs of real examples.
    """

    label: ClassVar[str] = "diversity"
    measured: ClassVar[tuple[str, ...]] = ("ratio", "fake_distance", "real_distance")

    ratio: float
    fake_distance: float
    real_distance: float


def diversity(
    real_features: Features, fake_features: Features, *, extractor_name: str | None = None
) -> Diversity:
    """Return the mean distance between two fakes relative to that between two real examples.

    Both mean distances are unbiased at any N.

    Args:
        real_features: `[N, d]`.
        fake_features: `[M, d]`.
        extractor_name: name of the network that computed the features.

    Returns:
        Both mean distances, their ratio (NaN or infinite if all real rows are equal), and their protocol.

    Raises:
        ValueError: if a set has fewer than 2 rows, is not `[N, d]`, not finite, or the dimensions differ.

    References:
        Odena et al. 2017, section 4.2, with a distance of features instead of MS-SSIM.
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
        extractor=extractor_name,
    )
