"""Mode-specific normalization: a number as the mode of its column that it belongs to, and its place there.

The modes are the components of a Gaussian mixture. A tanh can reach every number: a mode's unit is four
standard deviations, or more where the mode's farthest number lies farther away.

References:
    Xu et al. 2019, Modeling Tabular Data using Conditional GAN, https://arxiv.org/abs/1907.00503, section 4.2
"""

import warnings
from typing import NamedTuple

import numpy as np

QUANTILES = 1000  # numbers that a mixture is fitted to, evenly spread over the column's in order
LEAST_WEIGHT = 0.005  # of a mode
REACH = 4.0  # standard deviations that a unit has at least
MARGIN = 0.99  # the farthest place of a number: tanh does not reach 1


class Modes(NamedTuple):
    """The modes of a column.

    Attributes:
        means: mean of each.
        units: half of the width of each: a place in [-1, 1] is ``(x - mean) / unit``.
    """

    means: np.ndarray
    units: np.ndarray

    def place(self, values: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return the places of values in their modes."""
        return (values - self.means[which]) / self.units[which]

    def value(self, places: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return the values at places in modes: the inverse of `place`."""
        return self.means[which] + places * self.units[which]


def fit(values: np.ndarray, most: int, random: np.random.Generator) -> tuple[Modes, np.ndarray]:
    """Return the modes of a column, and the mode of each of its values.

    A value's mode is drawn by the chances that the mixture gives.

    Args:
        values: finite numbers ``[N]`` that are not all equal.
        most: largest number of modes, >= 1.
        random: what the modes are drawn with.
    """
    center, scale = values.mean(), values.std()
    standard = (values - center) / scale
    which, means = np.zeros(len(values), np.int32), np.zeros(1)
    deviations = np.ones(1)
    if most > 1:
        mixture = _mixture(np.quantile(standard, np.linspace(0, 1, min(QUANTILES, len(values)))), most)
        kept = mixture.weights_ > LEAST_WEIGHT
        weights, means = mixture.weights_[kept], mixture.means_[kept, 0]
        deviations = np.sqrt(mixture.covariances_[kept, 0])
        which = _drawn(standard, weights, means, deviations, random)
    farthest = np.zeros(len(means))
    np.maximum.at(farthest, which, np.abs(standard - means[which]))
    units = np.maximum(REACH * deviations, farthest) / MARGIN
    return Modes(center + scale * means, scale * units), which


def _mixture(values: np.ndarray, most: int):
    from sklearn.exceptions import ConvergenceWarning  # a second to import
    from sklearn.mixture import BayesianGaussianMixture

    components = min(most, len(np.unique(values)))
    mixture = BayesianGaussianMixture(
        n_components=components,
        covariance_type="diag",
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=0.001,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(values[:, None])


def _drawn(
    values: np.ndarray,
    weights: np.ndarray,
    means: np.ndarray,
    deviations: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Return a mode for each value, drawn by its chances; in blocks, so that memory is bounded."""
    drawn = np.empty(len(values), np.int32)
    for first in range(0, len(values), 65_536):
        block = slice(first, first + 65_536)
        log = np.log(weights / deviations) - 0.5 * ((values[block, None] - means) / deviations) ** 2
        chances = np.exp(log - log.max(axis=1, keepdims=True))
        sums = np.cumsum(chances, axis=1)
        drawn[block] = (random.random((len(sums), 1)) * sums[:, -1:] > sums).sum(axis=1)
    return np.minimum(drawn, len(means) - 1)
