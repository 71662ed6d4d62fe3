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

from jaxgan.layers import Dense, encode_labels, heads


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
        heads: widths of further layers on the last features; the last width is the number of values that are
            read from an image, such as codes or classes. ``()`` for a network without.
    """

    hidden: tuple[int, ...] = (512, 256)
    num_classes: int | None = None
    heads: tuple[int, ...] = ()

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "batch *image"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
        features: bool = False,
    ):
        """Return logits ``[B]``, or with heads ``(logits, read)``; `train` changes nothing.

        With `features`, return the activations of each hidden layer instead, from the image on, as a tuple.
        """
        one_hot = encode_labels(labels, self.num_classes, images.dtype)
        inputs = images.reshape(images.shape[0], -1)
        if one_hot is not None:
            inputs = jnp.concatenate([inputs, one_hot], axis=-1)
        activations = [inputs]
        for width in self.hidden:
            activations.append(jax.nn.leaky_relu(Dense(width)(activations[-1]), 0.2))
        last = activations[-1]
        logits = Dense(1)(last)[:, 0]
        read = heads(self.heads, last, lambda layer, inputs: layer(inputs))
        if features:
            return tuple(activations[1:])
        return logits if read is None else (logits, read)
