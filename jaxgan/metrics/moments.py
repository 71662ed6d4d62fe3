"""Mean and covariance of more features than fit into memory.

The count, mean and scatter (the sum of squared deviations from the mean) of a whole set follow exactly from
those of its parts. So features may come in any chunks, on any number of machines:

    moments = Moments.empty(dimension)
    for chunk in chunks:
        moments = moments.update(chunk)

`Moments` are float64 on the host. `shifted_sums` are computed on devices, and `jax.lax.psum` adds them up.

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
    """Sums over features minus a center. The sums of a whole set are those of its parts, added up.

    Attributes:
        count: number of examples N.
        total: sum of ``x - center``, `[d]`.
        products: sum of ``(x - center) (x - center)^T``, `[d, d]`.
    """

    count: Int[Array, ""]
    total: Float[Array, " d"]
    products: Float[Array, "d d"]


class Moments(NamedTuple):
    """Count, mean and scatter of features, in float64.

    Attributes:
        count: number of examples N.
        mean: mean of the features, `[d]`.
        scatter: sum of ``(x - mean) (x - mean)^T``, `[d, d]`.
    """

    count: int
    mean: Float64[np.ndarray, " d"]
    scatter: Float64[np.ndarray, "d d"]

    @classmethod
    def empty(cls, dimension: int) -> "Moments":
        """Return the moments of an empty set of features of this dimension."""
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
    def from_sums(cls, sums: ShiftedSums, center: Features) -> "Moments":
        """Return the moments of all features whose `shifted_sums` around a center `[d]` were added up."""
        count, total, products = (np.asarray(part, np.float64) for part in sums)
        mean = np.asarray(center, np.float64) + total / count
        return cls(int(count), mean, products - np.outer(total, total) / count)

    def update(self, features: Features) -> "Moments":
        """Return the moments of the set with the features `[N, d]` added to it.

        Raises:
            ValueError: if they are not `[N, d]`, not finite, or of another dimension.
        """
        return self.merge(type(self).of(features))

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of the union of both sets.

        Raises:
            ValueError: if the dimensions differ.

        References:
            Chan et al. 1979, the general formula, with an outer product in place of the square.
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
        """The unbiased covariance `[d, d]`: the scatter divided by N - 1.

        Raises:
            ValueError: if N < 2.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 examples, got {self.count}")
        return self.scatter / (self.count - 1)


def shifted_sums(features: Float[Array, "n d"], center: Float[Array, " d"]) -> ShiftedSums:
    """Return the sums of a device's features, from which `Moments.from_sums` makes moments.

    Inside a mapped function, add the sums of all devices: ``sums = jax.lax.psum(shifted_sums(features,
    center), axis_name)``. On the host, add one batch at a time: ``moments =
    moments.merge(Moments.from_sums(sums, center))``. Then float32 rounds only within a batch. The nearer the
    center is to the mean, the smaller are the rounding errors.

    Args:
        features: the device's share of the features, `[N, d]`.
        center: any point `[d]`, the same on all devices, e.g. the mean of the first batch.

    Returns:
        The sums, in the dtype of the features.
    """
    deviations = features - center[None]
    products = jnp.matmul(deviations.T, deviations, precision=jax.lax.Precision.HIGHEST)
    return ShiftedSums(jnp.asarray(len(features)), deviations.sum(0), products)
