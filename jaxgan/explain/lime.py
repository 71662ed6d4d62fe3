"""LIME: the linear function of the regions that is nearest to the critic around an image.

Random sets of regions are hidden. A linear function of "region i is shown" is fitted to what the critic says,
with more weight for images of which less is hidden. Its coefficients are the explanation. Unlike Shapley
values they need not add up to anything, and the ridge shrinks them.

References:
    Ribeiro et al. 2016, "Why Should I Trust You?", https://arxiv.org/abs/1602.04938
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from jaxgan.explain.coalitions import Attribution, Critic, checked, coalition_values
from jaxgan.explain.regions import count_of


class LinearFit(NamedTuple):
    """A linear function of the regions.

    Attributes:
        coefficients: one for each region, ``[n]``.
        standard_error: the standard error of each coefficient, ``[n]``.
        intercept: the value where no region is shown.
    """

    coefficients: Float[Array, " region"]
    standard_error: Float[Array, " region"]
    intercept: Float[Array, ""]


def lime(
    critic: Critic,
    image: Any,
    references: Any,
    regions: Any,
    *,
    key: Key[Array, ""],
    samples: int = 1000,
    width: float = 0.25,
    ridge: float = 1.0,
) -> Attribution:
    """Return LIME's coefficient of each region of an image.

    Args:
        critic: ``images [N, H, W, C] -> values [N]``. It judges each image by itself.
        image: ``[H, W, C]``, uint8 or float in [-1, 1].
        references: what hidden regions look like, ``[H, W, C]``; of several, ``[R, H, W, C]``, the mean value
            is taken.
        regions: integers ``[H, W]``, such as those of `jaxgan.explain.grid`.
        key: the key of the masks.
        samples: number of masks, >= 2. The first one shows the whole image; in the others each region is
            shown by the toss of a coin.
        width: width of the kernel, > 0, in cosine distances to the whole image; see `fit`.
        ridge: weight of the squared coefficients, > 0.

    Returns:
        The `Attribution`. The residual of its values is not 0.

    Raises:
        ValueError: for other shapes, or values out of range.
    """
    if samples < 2:
        raise ValueError(f"samples must be at least 2, got {samples}")
    image, references = checked(image, references)
    n = count_of(regions, image.shape)
    masks = jax.random.bernoulli(key, 0.5, (samples, n)).at[0].set(True)
    played = jnp.concatenate([masks, jnp.zeros((1, n), bool)])
    values = coalition_values(critic, image, references, regions, lambda i: played[i], samples + 1)
    linear = fit(masks, values[:-1], width=width, ridge=ridge)
    evaluations = (samples + 1) * len(references)
    return Attribution(linear.coefficients, values[-1], values[0], linear.standard_error, evaluations)


def fit(
    masks: Bool[Array, "m region"] | Bool[np.ndarray, "m region"],
    values: Float[Array, " m"] | Float[np.ndarray, " m"],
    *,
    width: float = 0.25,
    ridge: float = 1.0,
) -> LinearFit:
    """Return the ridge regression of values on masks that LIME makes.

    A mask that shows k of n regions has cosine distance d = 1 - sqrt(k / n) to the whole image, and weight
    exp(-d^2 / (2 width^2)).

    Args:
        masks: one row of booleans for each coalition, ``[M, n]``; true where a region is shown.
        values: the critic's value of each coalition, ``[M]``.
        width: width of the kernel, > 0.
        ridge: weight of the squared coefficients, > 0. The intercept is not penalized.

    Returns:
        The `LinearFit`. Its standard errors are White's, which allow for errors of any variance.

    Raises:
        ValueError: for other shapes, or values out of range.

    References:
        Ribeiro et al. 2016, algorithm 1, with the kernel, the distance and the ridge of the authors' package
        for images.
        White 1980, A Heteroskedasticity-Consistent Covariance Matrix Estimator, Econometrica 48
    """
    if width <= 0 or ridge <= 0:
        raise ValueError(f"width and ridge are above 0, got {width} and {ridge}")
    shown, values = jnp.asarray(masks, jnp.float32), jnp.asarray(values, jnp.float32)
    if shown.ndim != 2 or values.shape != shown.shape[:1]:
        raise ValueError(
            f"masks are [M, n] with values [M], got {list(shown.shape)} and {list(values.shape)}"
        )
    kernel = jnp.exp(-jnp.square((1 - jnp.sqrt(shown.mean(axis=1))) / width) / 2)
    weights = kernel / kernel.sum()
    with jax.default_matmul_precision("float32"):
        middle, mean = weights @ shown, weights @ values
        x, y = shown - middle[None], values - mean
        weighted = weights[:, None] * x
        gram = weighted.T @ x + ridge / kernel.sum() * jnp.eye(x.shape[1])
        # By eigenvectors: on busy cores, LAPACK's threads wait for each other 50 times as long as this takes.
        scales, axes = jnp.linalg.eigh(gram)
        inverse = (axes / scales[None]) @ axes.T
        coefficients = axes @ ((axes.T @ (weighted.T @ y)) / scales)
        scores = weighted * (y - x @ coefficients)[:, None]
        error = jnp.linalg.norm(scores @ inverse, axis=0)
    return LinearFit(coefficients, error, mean - middle @ coefficients)
