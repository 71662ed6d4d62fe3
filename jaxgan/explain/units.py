"""The units of a generator: which of them work, and what they do.

A unit is a channel of what a layer takes in. `statistics` looks at what units are like, `effects` at what the
generator makes without each of them, and `dissect` at whether a unit is active where a thing is in the image.

References:
    Bau et al. 2019, GAN Dissection, https://arxiv.org/abs/1811.10597
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from jaxgan.explain.information import effective_dimension
from jaxgan.explain.inside import Activations, calls, listening
from jaxgan.explain.space import batches, rows_of, rows_that_fit
from jaxgan.state import Variables

SIDE = 8  # rows and columns of pixels that statistics look at
ROWS = 256  # pairs of a unit and a latent that go through the generator at a time
QUANTILE = 0.995  # a unit is active where it is among the top half percent of its values


class Statistics(NamedTuple):
    """What the units of a layer are like.

    Attributes:
        units: number of units.
        dead: share of units that have one value on all images, and so say nothing.
        always_on: share of the others that are above 0 everywhere: a ReLU has no effect on them.
        active: mean share of pixels and images on which a unit is above 0.
        rank: number of directions that share the units' variance: the participation ratio of the spectrum of
            their covariance, at most `units`.
    """

    units: int
    dead: float
    always_on: float
    active: float
    rank: float


class Layer(NamedTuple):
    """A layer whose units are worth a look.

    Attributes:
        paths: the layer's path, and those of further layers that take in the same features.
        features: what it takes in, ``[N, ..., units]``; of maps at most 8x8 pixels, evenly spread.
    """

    paths: tuple[str, ...]
    features: np.ndarray


class Effects(NamedTuple):
    """What removing each unit does, as means over the images.

    Attributes:
        image: root mean square change of the pixels, ``[units]``.
        logit: change of the discriminator's logit, ``[units]``; None without a judge.
        category: share of images whose class is another one then, ``[units]``; None without a classifier.
    """

    image: Float[np.ndarray, " unit"]
    logit: Float[np.ndarray, " unit"] | None
    category: Float[np.ndarray, " unit"] | None


def statistics(activations: Any) -> Statistics:
    """Return what the units of a layer are like.

    Args:
        activations: what the layer takes in, ``[N, ..., units]``; many images, as a unit that is silent on
            few counts as dead.
    """
    rows = np.asarray(activations)
    rows = rows.reshape(-1, rows.shape[-1])
    dead = rows.max(axis=0) == rows.min(axis=0)
    alive = rows[:, ~dead]
    always = (alive > 0).all(axis=0).mean() if alive.size else 0.0
    covariance = (
        np.atleast_2d(np.cov(alive.astype(np.float64), rowvar=False)) if alive.size else np.zeros((1, 1))
    )
    spectrum = np.maximum(np.linalg.eigvalsh(covariance), 0)
    return Statistics(
        rows.shape[1],
        float(dead.mean()),
        float(always),
        float((rows > 0).mean()),
        effective_dimension(spectrum),
    )


def saturated(images: Any) -> float:
    """Return the share of pixels that are within 0.01 of -1 or 1, where a tanh hardly learns."""
    return float((np.abs(np.asarray(images)) > 0.99).mean())


def hidden_layers(
    module: nn.Module,
    variables: Variables,
    latents: Any,
    labels: Any = None,
    *,
    listen: Callable[..., Activations] | None = None,
) -> list[Layer]:
    """Return the layers whose units depend on the latents and are not the latents themselves, in order.

    Args:
        module: a generator.
        variables: the generator's variables.
        latents: ``[N, Z]``, at least 2; a translator's sources ``[N, h, w, C]`` in their place.
        labels: ``[N]`` or None.
        listen: the module's `jaxgan.explain.inside.listening`, where it is compiled already.
    """
    listen, parts, found = listen or listening(module), [], []
    for rows, new in batches(len(latents)):
        found = listen(variables, rows_of(latents, rows), rows_of(labels, rows))
        parts.append([_thinned(np.asarray(features)[:new]) for _, features in found])
    latents = np.asarray(latents)
    given = {np.ascontiguousarray(column).tobytes() for column in latents.T}
    layers: list[Layer] = []
    for (path, _), *same in zip(found, *parts, strict=True):
        features = np.concatenate(same)
        twin = next((i for i, each in enumerate(layers) if np.array_equal(each.features, features)), None)
        if twin is not None:
            layers[twin] = Layer((*layers[twin].paths, path), features)
        elif _is_hidden(features, given, labels) and not np.array_equal(features, _thinned(latents)):
            layers.append(Layer((path,), features))
    return layers


def _thinned(features: np.ndarray) -> np.ndarray:
    """Return maps with at most 8x8 of their pixels, evenly spread; other features as they are."""
    if features.ndim != 4:
        return features
    steps = [-(-size // SIDE) for size in features.shape[1:3]]
    return features[:, :: steps[0], :: steps[1]].copy()  # a view would keep the whole


def _is_hidden(features: np.ndarray, given: set[bytes], labels: Any) -> bool:
    """Return whether something in features is neither a latent nor a function of the label alone."""
    if features.ndim > 2:
        rows = features.reshape(len(features), -1)
        return bool((rows != rows[:1]).any())
    groups = np.zeros(len(features), int) if labels is None else np.asarray(labels)
    for column in features.T:
        of_class = all(np.ptp(column[groups == group]) == 0 for group in np.unique(groups))
        if not of_class and np.ascontiguousarray(column).tobytes() not in given:
            return True
    return False


def effects(
    module: nn.Module,
    variables: Variables,
    paths: str | Sequence[str],
    latents: Any,
    labels: Any = None,
    *,
    units: Any = None,
    judge: Callable[..., Any] | None = None,
    classify: Callable[..., Any] | None = None,
) -> Effects:
    """Return what the generator makes when a unit is removed, that is 0 everywhere, for each unit.

    One compiled program serves all units: a row of its batch is a pair of a unit and a latent.

    Args:
        module: a generator.
        variables: the generator's variables.
        paths: the path of the layer that takes in the units, or the paths of all that do.
        latents: ``[N, Z]``.
        labels: ``[N]`` or None.
        units: numbers of the units to remove, each by itself; None for all.
        judge: ``(images, labels, latents) -> logits [B]``, of images and what they were made of; None for no
            logits.
        classify: ``images -> classes [B]``, integers; None for no classes.

    Returns:
        The `Effects`.

    Raises:
        UserError: if a path does not exist.
    """
    paths = (paths,) if isinstance(paths, str) else tuple(paths)
    if units is None:
        shape = jax.eval_shape(
            lambda: dict(listening(module, paths[0])(variables, latents[:1], rows_of(labels, slice(1))))
        )[paths[0]].shape
        units = np.arange(shape[-1])
    remove = removing(module, variables, paths)
    count = len(latents)
    # Unit -1 is none of them: its rows are the images that all others are compared with.
    pairs = np.stack(np.meshgrid([-1, *units], np.arange(count), indexing="ij"), axis=-1).reshape(-1, 2)
    shape = jax.eval_shape(remove, latents[:1], rows_of(labels, slice(1)), np.zeros(1, np.int32)).shape[1:]
    base, columns = None, []
    for rows, new in batches(len(pairs), count * max(1, rows_that_fit(shape, ROWS) // count)):
        unit, place = pairs[rows].T
        given, made_of = rows_of(labels, place), rows_of(latents, place)
        images = remove(made_of, given, unit)
        base = images[:count] if base is None else base
        found = [np.sqrt(np.asarray(_distance(images, base, place)))]
        if judge is not None:
            found.append(np.asarray(judge(images, None if given is None else np.asarray(given), made_of)))
        if classify is not None:
            found.append(np.asarray(classify(np.asarray(images))))
        columns.append([column[:new] for column in found])
    found = [np.concatenate(column).reshape(-1, count) for column in zip(*columns, strict=True)]
    image = found.pop(0)[1:].mean(axis=1)
    logits = None if judge is None else found.pop(0)
    kinds = None if classify is None else found.pop(0)
    return Effects(
        image,
        None if logits is None else (logits[1:] - logits[:1]).mean(axis=1),
        None if kinds is None else (kinds[1:] != kinds[:1]).mean(axis=1),
    )


def removing(
    module: nn.Module, variables: Variables, paths: Sequence[str]
) -> Callable[[Any, Any, Any], jax.Array]:
    """Return ``(latents [B, Z], labels, unit [B]) -> images``: each image without a unit of its own.

    Args:
        module: a generator.
        variables: the generator's variables.
        paths: the paths of all layers that take in the unit; a unit of -1 removes nothing.
    """

    @jax.jit
    def draw(variables: Any, latents: Any, labels: Any, unit: Any) -> jax.Array:
        def remove(features: jax.Array) -> jax.Array:
            removed = jnp.arange(features.shape[-1])[None] == unit[:, None]
            shape = len(features), *(1,) * (features.ndim - 2), features.shape[-1]
            return jnp.where(removed.reshape(shape), jnp.zeros((), features.dtype), features)

        return calls(module, variables, latents, labels, dict.fromkeys(paths, remove))[0]

    return lambda latents, labels, unit: draw(variables, latents, labels, jnp.asarray(unit, jnp.int32))


@jax.jit
def _distance(images: jax.Array, base: jax.Array, place: Any) -> jax.Array:
    return jnp.square(images - base[place]).reshape(len(images), -1).mean(axis=1)


def dissect(
    maps: Any, masks: Bool[np.ndarray, "n height width"], *, quantile: float | None = QUANTILE
) -> Float[np.ndarray, " unit"]:
    """Return how well the places where each unit is active are those of a thing: intersection over union.

    Args:
        maps: what units are on images, ``[N, h, w, units]``; they are enlarged to the masks.
        masks: where the thing is, ``[N, H, W]``.
        quantile: a unit is active where it is above this quantile of its own values; None for as large a
            share of the pixels as the masks have.

    Returns:
        IoU of each unit, 0 to 1, ``[units]``.

    References:
        Bau et al. 2019, eq. 1; the paper takes the threshold that tells most about the thing.
    """
    maps, masks = np.asarray(maps, np.float32), np.asarray(masks, bool)
    quantile = 1 - float(masks.mean()) if quantile is None else quantile
    shared = []
    for unit in range(maps.shape[-1]):  # one at a time: all of them, enlarged, may not fit
        active = active_places(maps[..., unit], masks.shape, quantile)
        shared.append((active & masks).sum() / max(1, (active | masks).sum()))
    return np.array(shared)


def active_places(
    values: Float[np.ndarray, "n h w"], shape: tuple[int, ...], quantile: float
) -> Bool[np.ndarray, "n height width"]:
    """Return where a unit's map, enlarged to a shape ``(N, H, W)``, is above a quantile of its own values."""
    return np.asarray(jax.image.resize(values, shape, "linear")) > np.quantile(values, quantile)
