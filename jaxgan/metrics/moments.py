"""Mean and covariance of more features than fit into memory.

Count, mean and scatter (the sum of squared deviations from the mean) of two parts combine exactly into those
of the whole, so features may come in any chunks, on any number of machines:

    moments = Moments.empty(dimension)
    for chunk in chunks:
        moments = moments.update(chunk)

Everything is float64 on the host. On devices there are `shifted_sums`, which add up under `jax.lax.psum`.

References:
    Chan, Golub and LeVeque 1979, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances,
    Stanford CS-TR-79-773
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64, Int

from jaxgan.metrics.inputs import Features, as_features, blocks


class ShiftedSums(NamedTuple):
    """Sums over features less a centre; those of two parts add up to those of the whole.

    Attributes:
        count: N.
        total: `[d]`, sum of ``x - centre``.
        products: `[d, d]`, sum of ``(x - centre) (x - centre)^T``.
    """

    count: Int[Array, ""]
    total: Float[Array, " d"]
    products: Float[Array, "d d"]


class Moments(NamedTuple):
    """Count, mean and scatter of features, in float64.

    Attributes:
        count: N.
        mean: `[d]`.
        scatter: `[d, d]`, sum of ``(x - mean) (x - mean)^T``.
    """

    count: int
    mean: Float64[np.ndarray, " d"]
    scatter: Float64[np.ndarray, "d d"]

    @classmethod
    def empty(cls, dimension: int) -> "Moments":
        """Return the moments of no features of a dimension."""
        return cls(0, np.zeros(dimension), np.zeros((dimension, dimension)))

    @classmethod
    def of(cls, features: Features) -> "Moments":
        """Return the moments of features `[N, d]`.

        Raises:
            ValueError: if they are not `[N, d]`, or not finite.
        """
        array = as_features(features, "features", at_least=0)
        moments = cls.empty(array.shape[1])
        for block in blocks(array):
            mean = block.mean(axis=0)
            deviations = block - mean
            moments = moments.merge(cls(len(block), mean, deviations.T @ deviations))
        return moments

    @classmethod
    def from_sums(cls, sums: ShiftedSums, centre: Features) -> "Moments":
        """Return the moments that `shifted_sums` around a centre `[d]` add up to."""
        count, total, products = (np.asarray(part, np.float64) for part in sums)
        mean = np.asarray(centre, np.float64) + total / count
        return cls(int(count), mean, products - np.outer(total, total) / count)

    def update(self, features: Features) -> "Moments":
        """Return the moments with features `[N, d]` added.

        Raises:
            ValueError: if they are not `[N, d]`, not finite, or of another dimension.
        """
        return self.merge(type(self).of(features))

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of both parts together.

        Raises:
            ValueError: if the dimensions differ.

        References:
            Chan et al. 1979, the general formula (of vectors, the square is an outer product).
        """
        if len(self.mean) != len(other.mean):
            raise ValueError(f"moments must have one dimension, got {len(self.mean)} and {len(other.mean)}")
        count = self.count + other.count
        if count == 0:
            return self
        delta = other.mean - self.mean
        scatter = self.scatter + other.scatter
        scatter += np.outer(delta, delta) * (self.count * other.count / count)
        return type(self)(count, self.mean + delta * (other.count / count), scatter)

    @property
    def covariance(self) -> Float64[np.ndarray, "d d"]:
        """The unbiased covariance `[d, d]`: the scatter over N - 1.

        Raises:
            ValueError: if N < 2.
        """
        if self.count < 2:
            raise ValueError(f"a covariance takes at least 2 examples, got {self.count}")
        return self.scatter / (self.count - 1)


def shifted_sums(features: Float[Array, "n d"], centre: Float[Array, " d"]) -> ShiftedSums:
    """Return what to `jax.lax.psum` over devices for the moments of all their features.

    Inside a mapped function: ``sums = jax.lax.psum(shifted_sums(features, centre), axis_name)``; on the host:
    ``moments = moments.merge(Moments.from_sums(sums, centre))``, one batch at a time, so that float32 rounds
    within a batch only. The nearer the centre is to the mean, the less it rounds.

    Args:
        features: `[N, d]`, a device's share.
        centre: `[d]`, the same on all devices, e.g. the mean of the first batch.

    Returns:
        The sums, in the dtype of the features.
    """
    deviations = features - centre[None]
    products = jnp.matmul(deviations.T, deviations, precision=jax.lax.Precision.HIGHEST)
    return ShiftedSums(jnp.asarray(len(features)), deviations.sum(0), products)
