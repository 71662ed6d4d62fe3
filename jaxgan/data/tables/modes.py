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
OFTEN = 0.1  # share of the values from which a number is a mode of its own
REACH = 4.0  # standard deviations that a unit has at least
MARGIN = 0.99  # the farthest place of a number: tanh does not reach 1


class Modes(NamedTuple):
    """The modes of a column.

    Attributes:
        means: mean of each.
        units: half of the width of each: a place in [-1, 1] is ``(x - mean) / unit``; 0 for a mode of one
            number.
    """

    means: np.ndarray
    units: np.ndarray

    @property
    def size(self) -> int:
        """The number of modes."""
        return len(self.means)

    def place(self, values: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return the places of values in their modes; a mode without width has the place 0."""
        units = self.units[which]
        return (values - self.means[which]) / np.where(units > 0, units, 1)

    def value(self, places: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return the values at places in modes: the inverse of `place`."""
        return self.means[which] + places * self.units[which]


def fit(values: np.ndarray, most: int, random: np.random.Generator) -> tuple[Modes, np.ndarray]:
    """Return the modes of a column, and the mode of each of its values.

    A number that comes again and again, such as 0 of a column that is mostly 0, is a mode of its own without
    width. The others get the modes of a mixture; a value's mode is drawn by the chances that it gives.

    Args:
        values: finite numbers ``[N]`` that are not all equal.
        most: largest number of modes of the mixture, >= 1.
        random: what the modes are drawn with.
    """
    different, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    often = counts >= OFTEN * len(values)
    if most == 1 or len(different) - often.sum() < 2:  # the rest has no width, or all shall have one mode
        often = np.full(len(different), most > 1)
    spikes = different[often]
    numbers = np.cumsum(often) - 1
    which = np.where(often[place], numbers[place], 0).astype(np.int32)
    rest = ~often[place]
    means, units = spikes, np.zeros(len(spikes))
    if rest.any():
        mixture, own = _fit_mixture(values[rest], most, random)
        which[rest] = len(spikes) + own
        means, units = np.concatenate([means, mixture.means]), np.concatenate([units, mixture.units])
    return Modes(means, units), which


def _fit_mixture(values: np.ndarray, most: int, random: np.random.Generator) -> tuple[Modes, np.ndarray]:
    """Return the modes of a Gaussian mixture of numbers that are not all equal, and the mode of each."""
    center, scale = values.mean(), values.std()
    standard = (values - center) / scale
    which, means, deviations = np.zeros(len(values), np.int32), np.zeros(1), np.ones(1)
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
        init_params="k-means++",  # whole k-means adds in an order that threads decide: other last bits
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
