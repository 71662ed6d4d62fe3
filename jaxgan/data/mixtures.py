"""Points in the plane whose modes are known: a ring of eight Gaussians and a grid of twenty-five.

A mixture shows what images hide: which modes a generator has found, and how much of what it makes lies
between them. Both are scaled so that the networks see numbers of about 1. The usual ring has radius 2 and
standard deviation 0.02; the usual grid has means in {-4, -2, 0, 2, 4} and standard deviation 0.05.

References:
    Srivastava et al. 2017, VEEGAN, https://arxiv.org/abs/1705.07761, section 4.1
"""

from typing import NamedTuple

import numpy as np

from jaxgan.data.dataset import Dataset

POINTS = 2**17  # in a data set


class Mixture(NamedTuple):
    """Gaussians of one width and equal weights.

    Attributes:
        centers: means, ``[modes, 2]``.
        sigma: standard deviation of each along each axis.
    """

    centers: np.ndarray
    sigma: float


def _ring(modes: int = 8) -> Mixture:
    angles = 2 * np.pi * np.arange(modes) / modes
    return Mixture(np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.02 / 2)


def _grid(side: int = 5) -> Mixture:
    line = np.linspace(-1, 1, side)
    return Mixture(np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2), 0.05 / 4)


MIXTURES = {"ring": _ring(), "grid": _grid()}


def mixture(name: str, count: int = POINTS) -> Dataset:
    """Return points of a mixture, always the same ones, with the number of its mode as each point's label.

    Args:
        name: "ring" or "grid".
        count: number of points.
    """
    centers, sigma = MIXTURES[name]
    random = np.random.default_rng(0)
    modes = random.integers(0, len(centers), count)
    points = centers[modes] + sigma * random.standard_normal((count, 2))
    return Dataset(name, points.astype(np.float32), modes.astype(np.int32), len(centers))
