"""Fully connected networks on flattened images, as in the first GAN.

With the default sizes on 28x28x1 images these are the networks of the early GAN tutorials:

| network | layers | parameters |
|---|---|---|
| `Generator` | 100-256-512-784-784 | 1,175,072 |
| `Discriminator` | 784-512-256-1 | 533,505 |

References:
    Goodfellow et al. 2014, Generative Adversarial Nets, https://arxiv.org/abs/1406.2661
    Mirza and Osindero 2014, Conditional Generative Adversarial Nets, https://arxiv.org/abs/1411.1784
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers import Dense, encode_labels


class Generator(nn.Module):
    """Map latents to images by ReLU layers.

    Attributes:
        image_shape: shape of one image, e.g. ``(28, 28, 1)``; ``(2,)`` makes points of the plane.
        hidden: widths of the hidden layers.
        squash: whether to end in a tanh, so that images lie in [-1, 1]; False for unbounded points.
        num_classes: number of classes, whose one-hot labels are appended to the latents (Mirza and Osindero
            2014, section 3.2); None for an unconditional network.
    """

    image_shape: tuple[int, ...]
    hidden: tuple[int, ...] = (256, 512, 784)
    squash: bool = True
    num_classes: int | None = None

    @nn.compact
    def __call__(
        self,
        latents: Float[Array, "batch latent"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
    ) -> Float[Array, "batch *image"]:
        """Return images ``[B, *image_shape]``; `train` changes nothing."""
        one_hot = encode_labels(labels, self.num_classes, latents.dtype)
        features = latents if one_hot is None else jnp.concatenate([latents, one_hot], axis=-1)
        for width in self.hidden:
            features = nn.relu(Dense(width)(features))
        pixels = Dense(math.prod(self.image_shape))(features)
        if self.squash:
            pixels = jnp.tanh(pixels)
        return pixels.reshape(-1, *self.image_shape)


class Discriminator(nn.Module):
    """Map flattened images to logits by leaky ReLU layers.

    Attributes:
        hidden: widths of the hidden layers.
        num_classes: number of classes, whose one-hot labels are appended to the pixels (Mirza and Osindero
            2014, section 3.2); None for an unconditional network.
    """

    hidden: tuple[int, ...] = (512, 256)
    num_classes: int | None = None

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "batch *image"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
    ) -> Float[Array, " batch"]:
        """Return logits ``[B]``; `train` changes nothing."""
        one_hot = encode_labels(labels, self.num_classes, images.dtype)
        features = images.reshape(images.shape[0], -1)
        if one_hot is not None:
            features = jnp.concatenate([features, one_hot], axis=-1)
        for width in self.hidden:
            features = jax.nn.leaky_relu(Dense(width)(features), 0.2)
        return Dense(1)(features)[:, 0]
