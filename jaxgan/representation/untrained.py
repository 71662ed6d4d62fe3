"""The features of a discriminator with random parameters, to compare those of a trained one with."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.export import NO_CLASS, Network, judges_pairs
from jaxgan.images import to_float
from jaxgan.representation.activations import Features
from jaxgan.representation.reader import activations_of, in_batches
from jaxgan.system.random import seed_key

BATCH_SIZE = 64
BATCHES = 160  # that statistics come from: a running average with momentum 0.9 forgets its first value


def untrained_features(discriminator: Network, images: np.ndarray, *, seed: int) -> Features:
    """Return the activations by layer of a discriminator of the same kind, with random parameters.

    Its batch normalization has the statistics of images, and its spectral normalization is converged. A
    conditional one is given none of the classes.

    Args:
        discriminator: the trained discriminator. Of a judge of pairs, its discriminator of images is taken.
        images: uint8 training images ``[N, H, W, C]``.
        seed: the seed of the parameters.
    """
    module: Any = discriminator.module
    if judges_pairs(discriminator):
        module = module.of_images

    def shown(batch: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        labels = None if discriminator.num_classes is None else jnp.full(len(batch), NO_CLASS, jnp.int32)
        return to_float(batch), labels

    size = min(BATCH_SIZE, len(images))
    variables = jax.jit(lambda key, batch: module.init(key, *shown(batch), train=False))(
        seed_key(seed), jnp.asarray(images[:2])
    )
    params, rest = variables["params"], {name: part for name, part in variables.items() if name != "params"}

    @jax.jit
    def look(rest: Any, batch: jax.Array) -> Any:
        return module.apply({"params": params, **rest}, *shown(batch), train=True, mutable=list(rest))[1]

    if rest:
        for i in range(BATCHES):
            rows = np.arange(i * size, (i + 1) * size) % len(images)
            rest = look(rest, jnp.asarray(images[rows]))
    description = discriminator.description | {"takes": ["image"]}
    activations = activations_of(Network(module, {"params": params, **rest}, description))

    def features(images: np.ndarray) -> dict[str, np.ndarray]:
        return {f"stage_{i}": layer for i, layer in enumerate(in_batches(activations, images))}

    return features
