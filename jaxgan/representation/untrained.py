"""The features of a discriminator with random parameters, to compare those of a trained one with."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.images import to_float
from jaxgan.representation.activations import Features
from jaxgan.system.random import seed_key

BATCH_SIZE = 64
BATCHES = 160  # that statistics come from: a running average with momentum 0.9 forgets its first value


def untrained_features(module: nn.Module, images: np.ndarray, *, seed: int) -> Features:
    """Return the activations of a discriminator by layer, with random parameters.

    Its batch normalization has the statistics of images, and its spectral normalization is converged.

    Args:
        module: a discriminator ``(images, *, train, features) -> activations``.
        images: uint8 training images ``[N, H, W, C]``.
        seed: the seed of the parameters.
    """
    size, is_conditional = min(BATCH_SIZE, len(images)), getattr(module, "num_classes", None) is not None

    def shown(batch: jax.Array) -> tuple[Any, Any]:
        """Return the arguments of the module; features say nothing of labels, so all images wear one."""
        return to_float(batch), jnp.zeros(len(batch), jnp.int32) if is_conditional else None

    variables = jax.jit(lambda key, batch: module.init(key, *shown(batch), train=False))(
        seed_key(seed), jnp.asarray(images[:2])
    )
    params, rest = variables["params"], {name: part for name, part in variables.items() if name != "params"}

    @jax.jit
    def look(rest: Any, batch: jax.Array) -> Any:
        return module.apply({"params": params, **rest}, *shown(batch), train=True, mutable=list(rest))[1]

    @jax.jit
    def apply(rest: Any, batch: jax.Array) -> Any:
        return module.apply({"params": params, **rest}, *shown(batch), train=False, features=True)

    if rest:
        for i in range(BATCHES):
            rows = np.arange(i * size, (i + 1) * size) % len(images)
            rest = look(rest, jnp.asarray(images[rows]))

    def features(images: np.ndarray) -> dict[str, np.ndarray]:
        parts = []
        for first in range(0, len(images), size):
            rows = np.minimum(np.arange(first, first + size), len(images) - 1)  # the last batch repeats a row
            parts.append(jax.tree.map(np.asarray, apply(rest, jnp.asarray(images[rows]))))
        layers = [np.concatenate(layer)[: len(images)] for layer in zip(*parts, strict=True)]
        return {f"stage_{i}": layer for i, layer in enumerate(layers)}

    return features
