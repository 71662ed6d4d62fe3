"""An autoencoder of a BiGAN's networks: what the same encoder and generator learn by reconstruction alone."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, Int

from jaxgan.data import batch_at
from jaxgan.images import to_float
from jaxgan.networks.encoders import Bidirectional
from jaxgan.system.progress import counting
from jaxgan.system.random import seed_key

BATCH_SIZE, LEARNING_RATE = 128, 1e-3


class Autoencoder(NamedTuple):
    """A trained autoencoder; both functions work in batches and return NumPy arrays.

    Attributes:
        encode: ``(images [N, H, W, C], labels=None) -> codes [N, Z]``; uint8 or float images.
        generate: ``(codes [N, Z], labels=None) -> images [N, H, W, C]`` in [-1, 1].
    """

    encode: Callable[..., Float[np.ndarray, "n z"]]
    generate: Callable[..., Float[np.ndarray, "n h w c"]]


def train_autoencoder(
    encoder: nn.Module,
    generator: nn.Module,
    images: np.ndarray,
    labels: Int[np.ndarray, " n"] | None = None,
    *,
    latent_dim: int,
    steps: int,
    seed: int,
) -> Autoencoder:
    """Train an encoder and a generator, from random parameters, to make images again.

    They minimize the mean squared error by Adam, a batch of 128 images a step, in the order of `jaxgan.data`.

    Args:
        encoder: module ``(images, labels, *, train) -> codes [B, Z]``.
        generator: module ``(codes, labels, *, train) -> images``.
        images: uint8 ``[N, H, W, C]``.
        labels: labels that conditional networks take, or None.
        latent_dim: the length Z of a code.
        steps: the number of steps, >= 1.
        seed: the seed of the parameters and of the order.
    """
    module = Bidirectional(generator, encoder)
    arrays = {"image": jnp.asarray(images)}
    if labels is not None:
        arrays["label"] = jnp.asarray(labels, jnp.int32)
    two = None if labels is None else arrays["label"][:2]
    variables = jax.jit(lambda key: module.init(key, jnp.zeros((2, latent_dim)), two, train=False))(
        seed_key(seed)
    )
    params, rest = variables["params"], {name: part for name, part in variables.items() if name != "params"}
    optimizer = optax.adam(LEARNING_RATE)

    def loss(params: Any, rest: Any, batch: Any) -> tuple[jax.Array, Any]:
        real, given = to_float(batch["image"]), batch.get("label")
        codes, rest = module.apply(
            {"params": params, **rest}, real, given, train=True, method="encode", mutable=list(rest)
        )
        made, rest = module.apply({"params": params, **rest}, codes, given, train=True, mutable=list(rest))
        return jnp.square(real - jnp.asarray(made)).mean(), rest

    @jax.jit
    def update(params: Any, rest: Any, state: Any, arrays: Any, step: Any) -> tuple[Any, Any, Any]:
        batch = batch_at(arrays, step, seed=seed, batch_size=min(BATCH_SIZE, len(images)))
        gradients, rest = jax.grad(loss, has_aux=True)(params, rest, batch)
        changes, state = optimizer.update(gradients, state)
        return optax.apply_updates(params, changes), rest, state

    state = optimizer.init(params)
    with counting("autoencoder", steps, "steps") as bar:
        for step in range(steps):
            params, rest, state = update(params, rest, state, arrays, step)
            bar.update()
    variables = {"params": params, **rest}

    @jax.jit
    def encode(images: jax.Array, labels: Any = None) -> Any:
        return module.apply(variables, to_float(images), labels, train=False, method="encode")

    @jax.jit
    def generate(codes: jax.Array, labels: Any = None) -> Any:
        return module.apply(variables, codes, labels, train=False)

    return Autoencoder(_in_batches(encode), _in_batches(generate))


def _in_batches(function: Callable[..., jax.Array]) -> Callable[..., np.ndarray]:
    """Return a function of any number of rows that computes so many at a time that it compiles once."""

    def apply(rows: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        parts, size = [], min(BATCH_SIZE, len(rows))
        for first in range(0, len(rows), size):
            chosen = np.minimum(np.arange(first, first + size), len(rows) - 1)  # the last batch repeats a row
            given = None if labels is None else jnp.asarray(labels[chosen], jnp.int32)
            parts.append(np.asarray(function(jnp.asarray(rows[chosen]), given)))
        return np.concatenate(parts)[: len(rows)]

    return apply
