"""An autoencoder of a BiGAN's networks: what the same encoder and generator learn by reconstruction alone."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxgan.data import Dataset
from jaxgan.images import to_float
from jaxgan.representation.fit import fit
from jaxgan.representation.reader import in_batches, last_hidden

BATCH_SIZE, LEARNING_RATE = 128, 1e-3  # at 2e-3 wide MLPs saturate for good


class Reconstruct(nn.Module):
    """Images to codes and back to images.

    Attributes:
        encoder: module ``(images, labels, *, train) -> codes [B, Z]``.
        generator: module ``(codes, labels, *, train) -> images``.
    """

    encoder: nn.Module
    generator: nn.Module

    def __call__(self, images, labels=None, *, train: bool):
        """Return images that are made of the codes of images."""
        return self.generator(self.encoder(images, labels, train=train), labels, train=train)

    def encode(self, images, labels=None):
        """Return codes ``[B, Z]``."""
        return self.encoder(images, labels, train=False)

    def generate(self, codes, labels=None):
        """Return images ``[B, H, W, C]``."""
        return self.generator(codes, labels, train=False)


class Autoencoder(NamedTuple):
    """A trained autoencoder; its functions work in batches and return NumPy arrays.

    Attributes:
        encode: ``(images [N, H, W, C], labels=None) -> codes [N, Z]``; uint8 or float images.
        generate: ``(codes [N, Z], labels=None) -> images [N, H, W, C]`` in [-1, 1].
        encode_features: ``(images, labels=None) -> [N, D]``, what the encoder's last dense layer makes the
            codes of, or None if it has no such layer.
    """

    encode: Callable[..., Float[np.ndarray, "n z"]]
    generate: Callable[..., Float[np.ndarray, "n h w c"]]
    encode_features: Callable[..., Float[np.ndarray, "n d"] | None]


def train_autoencoder(
    encoder: nn.Module,
    generator: nn.Module,
    images: np.ndarray,
    labels: Int[np.ndarray, " n"] | None = None,
    *,
    steps: int,
    seed: int,
) -> Autoencoder:
    """Train an encoder and a generator, from random parameters, to make images again.

    They minimize the mean squared error by Adam, a batch of at most 128 images a step.

    Args:
        encoder: module ``(images, labels, *, train) -> codes [B, Z]``.
        generator: module ``(codes, labels, *, train) -> images``.
        images: uint8 ``[N, H, W, C]``.
        labels: labels that conditional networks take, or None.
        steps: the number of steps, >= 1.
        seed: the seed of the parameters and of the order of images.
    """
    module = Reconstruct(encoder.clone(parent=None), generator.clone(parent=None))

    def loss(params: Any, collections: Any, images: jax.Array, labels: Any) -> tuple[jax.Array, Any]:
        real = to_float(images)
        variables = {"params": params, **collections}
        made, collections = module.apply(variables, real, labels, train=True, mutable=list(collections))
        return jnp.square(real - jnp.asarray(made)).mean(), collections

    dataset = Dataset("images", images, labels)
    size = min(BATCH_SIZE, len(images))
    options = {"batch_size": size, "learning_rate": LEARNING_RATE, "seed": seed, "quiet": True}
    variables, _ = fit("autoencoder", loss, module, dataset, steps=steps, **options)

    @jax.jit
    def encode(images: jax.Array, labels: Any) -> Any:
        return module.apply(variables, to_float(images), labels, method="encode")

    @jax.jit
    def generate(codes: jax.Array, labels: Any) -> Any:
        return module.apply(variables, codes, labels, method="generate")

    @jax.jit
    def encode_features(images: jax.Array, labels: Any) -> Any:
        return last_hidden(lambda: module.apply(variables, to_float(images), labels, method="encode"))

    return Autoencoder(
        lambda images, labels=None: in_batches(encode, images, labels),
        lambda codes, labels=None: in_batches(generate, codes, labels),
        lambda images, labels=None: in_batches(encode_features, images, labels),
    )
