"""Normalization by quantiles: a number as a normal number with the same place in its column's distribution.

However skewed a column is, its normal numbers are a bell curve. Equal numbers share a stretch of the curve,
and each of them has a random place in it; all of the stretch comes back as that number.

References:
    Kotelnikov et al. 2023, TabDDPM: Modelling Tabular Data with Diffusion Models,
    https://arxiv.org/abs/2209.15421, section 3, which normalizes the numbers of tables so
"""

import zlib
from typing import NamedTuple

import numpy as np

MOST = 1000  # stretches of a column
ROWS_OF_EACH = 4  # rows that a stretch has at least
UNIT = 4 / 0.99  # deviations: a tanh reaches four of them


class Quantiles(NamedTuple):
    """The distribution of a column.

    Attributes:
        values: the values at even shares of the rows, from the smallest to the largest, ``[K]``.
    """

    values: np.ndarray

    @property
    def size(self) -> int:
        """The number of modes."""
        return 1

    def place(self, values: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return the places of finite values in the column's bell curve, in (-1, 1)."""
        from scipy.special import ndtri  # slow to import, and needed for tables alone

        below, above = (np.searchsorted(self.values, values, side) for side in ("left", "right"))
        last = len(self.values) - 1
        low, high = np.clip(above - 1, 0, last), np.minimum(above, last)
        width = self.values[high] - self.values[low]
        between = low + np.clip((values - self.values[low]) / np.where(width > 0, width, 1), 0, 1)
        random = np.random.default_rng(zlib.crc32(values.tobytes()))
        among_equals = below + random.random(len(values)) * np.maximum(above - 1 - below, 0)
        shares = (np.where(above > below, among_equals, between) + 0.5) / len(self.values)
        return ndtri(shares) / UNIT

    def value(self, places: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return the values at places in the bell curve: the inverse of `place`."""
        from scipy.special import ndtr

        shares = ndtr(places * UNIT) * len(self.values) - 0.5
        return np.interp(shares, np.arange(len(self.values)), self.values)


def fit(values: np.ndarray) -> Quantiles:
    """Return the quantiles of finite numbers ``[N]``."""
    count = int(np.clip(len(values) // ROWS_OF_EACH, 1, MOST))
    return Quantiles(np.quantile(values, np.linspace(0, 1, count + 1)))
