"""Is an explanation true to the critic? Numbers that random values, or random weights, would fail at.

| question | function |
|---|---|
| do the values predict what hiding regions does? | `fidelity` |
| does the verdict change fastest when the largest values go first? | `deletion_gap` |
| does a small change of the image change the explanation? | `sensitivity` |
| does the explanation depend on what the critic has learned? | `randomised` |

References:
    Yeh et al. 2019, On the (In)fidelity and Sensitivity of Explanations, https://arxiv.org/abs/1901.09392
    Petsiuk et al. 2018, RISE, https://arxiv.org/abs/1806.07421
    Adebayo et al. 2018, Sanity Checks for Saliency Maps, https://arxiv.org/abs/1810.03292
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxgan.explain.coalitions import Critic, coalition_values
from jaxgan.explain.regions import count_of
from jaxgan.images import to_float
from jaxgan.state import Variables


def fidelity(
    critic: Critic,
    image: Any,
    references: Any,
    regions: Any,
    values: Any,
    *,
    key: Key[Array, ""],
    samples: int = 256,
) -> Float[Array, ""]:
    """Return the squared correlation of what the values predict and what the critic says.

    Regions are shown by the toss of a coin each. The prediction of a coalition is the sum of its values.
    The number is the share of the critic's variance that the values explain at their best scale; the sign of
    the values has no part in it.

    Args:
        critic: ``images [N, H, W, C] -> values [N]``.
        image: ``[H, W, C]``.
        references: ``[H, W, C]`` or ``[R, H, W, C]``.
        regions: integers ``[H, W]``.
        values: the explanation, ``[n]``.
        key: the key of the coalitions.
        samples: number of coalitions, >= 2.

    Returns:
        A number in [0, 1]; NaN where the critic or the prediction does not vary.

    Raises:
        ValueError: for other shapes.

    References:
        Yeh et al. 2019, definition 2.1 at the best scale: 1 minus infidelity divided by the variance, for
        coalitions in the place of perturbations.
    """
    return both(critic, image, references, regions, [values], key=key, samples=samples)[0][0]


def deletion_gap(
    critic: Critic,
    image: Any,
    references: Any,
    regions: Any,
    values: Any,
    *,
    key: Key[Array, ""],
    samples: int = 256,
) -> Float[Array, ""]:
    """Return how much faster the verdict falls when regions of large values go first, not last.

    The regions are replaced one by one, once from the largest value on and once from the smallest value on.
    The difference of the areas below the two curves is divided by the standard deviation of the critic over
    random coalitions. (The areas themselves are often divided by ``total - base``, which is near 0 here: a
    good fake is as real as its reference.)

    Args:
        critic: ``images [N, H, W, C] -> values [N]``.
        image: ``[H, W, C]``.
        references: ``[H, W, C]`` or ``[R, H, W, C]``.
        regions: integers ``[H, W]``.
        values: the explanation, ``[n]``.
        key: the key of the random coalitions.
        samples: number of random coalitions, >= 2.

    Returns:
        The gap in standard deviations, about 0 for random values; NaN where the critic does not vary.

    Raises:
        ValueError: for other shapes.

    References:
        Petsiuk et al. 2018, section 4.2, has the deletion curve.
    """
    return both(critic, image, references, regions, [values], key=key, samples=samples)[1][0]


def both(
    critic: Critic,
    image: Any,
    references: Any,
    regions: Any,
    several: Any,
    *,
    key: Key[Array, ""],
    samples: int = 256,
) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """Return `fidelity` and `deletion_gap` of several explanations ``[K, n]``, by one play of coalitions."""
    several, n = jnp.asarray(several), count_of(regions, np.shape(image))
    if several.ndim != 2 or several.shape[1] != n:
        raise ValueError(f"{n} regions have values [{n}], got {list(several.shape[1:])}")
    if samples < 2:
        raise ValueError(f"samples must be at least 2, got {samples}")
    masks = jax.random.bernoulli(key, 0.5, (samples, n))
    place = jnp.argsort(jnp.argsort(-several, axis=1), axis=1)  # 0 is the largest value
    gone = jnp.stack([n - 1 - place, place], axis=1)  # smallest first, largest first
    kept = gone[:, :, None] >= jnp.arange(n + 1)[None, None, :, None]
    played = jnp.concatenate([masks, kept.reshape(-1, n)])
    values = coalition_values(critic, image, references, regions, lambda i: played[i], len(played))
    truth, curves = values[:samples], values[samples:].reshape(-1, 2, n + 1)
    areas = (curves[..., 1:] + curves[..., :-1]).mean(axis=2) / 2
    with jax.default_matmul_precision("float32"):
        predicted = several @ masks.T.astype(jnp.float32)
    a, b = predicted - predicted.mean(axis=1, keepdims=True), (truth - truth.mean())[None]
    correlation = jnp.square((a * b).mean(axis=1)) / (jnp.square(a).mean(axis=1) * jnp.square(b).mean())
    return correlation, (areas[:, 0] - areas[:, 1]) / truth.std()


def sensitivity(
    explain: Callable[[Any], Any],
    image: Any,
    *,
    key: Key[Array, ""],
    radius: float = 0.02,
    samples: int = 10,
) -> Float[Array, ""]:
    """Return the largest relative change of an explanation under small changes of the image.

    Args:
        explain: ``image [H, W, C] -> values [...]``, with the same random draws at each call.
        image: ``[H, W, C]``, uint8 or float in [-1, 1].
        key: the key of the changes.
        radius: largest change of a number of the image, > 0, in units of [-1, 1].
        samples: number of changes, >= 1.

    Returns:
        The largest ``|explain(changed) - explain(image)| / |explain(image)|``.

    Raises:
        ValueError: for values out of range.

    References:
        Yeh et al. 2019, definition 3.1, by random draws and relative to the explanation, as in their code.
    """
    if radius <= 0 or samples < 1:
        raise ValueError(f"radius is above 0 and samples at least 1, got {radius} and {samples}")
    image = to_float(jnp.asarray(image))
    changes = jax.random.uniform(key, (samples, *image.shape), minval=-radius, maxval=radius)
    shown = jnp.concatenate([image[None], image[None] + changes])
    values = jax.lax.map(lambda each: jnp.asarray(explain(each)).reshape(-1), shown)
    changed = jnp.linalg.norm(values[1:] - values[:1], axis=1)
    return changed.max() / jnp.linalg.norm(values[0])


def randomised(module: nn.Module, variables: Variables, key: Key[Array, ""]) -> Variables:
    """Return a network's variables with new random parameters, which have learned nothing.

    The numbers of each parameter are drawn from the normal distribution with their mean and deviation, so a
    layer's output is about as large as before. Other collections, such as running statistics, stay.

    Args:
        module: the network.
        variables: the network's variables.
        key: the key of the draws.

    Raises:
        ValueError: if the network has no parameters.

    References:
        Adebayo et al. 2018, section 3: an explanation that survives this does not depend on the network.
    """
    leaves, tree = jax.tree.flatten(variables.get("params", {}))
    if not leaves:
        raise ValueError(f"{type(module).__name__} has no parameters to draw")
    return {**variables, "params": jax.tree.unflatten(tree, _like(leaves, key))}


@jax.jit
def _like(leaves: list[Any], key: jax.Array) -> list[jax.Array]:
    """Return normal numbers with the mean and the deviation of each array: one draw, which compiles once."""
    leaves = [jnp.asarray(leaf) for leaf in leaves]
    ends = np.cumsum([leaf.size for leaf in leaves])
    draws = jnp.split(jax.random.normal(key, (int(ends[-1]),)), ends[:-1])
    return [
        (leaf.mean() + leaf.std() * draw.reshape(leaf.shape)).astype(leaf.dtype)
        for leaf, draw in zip(leaves, draws, strict=True)
    ]
