"""Encoders, which map images to latents, and the two modules that a BiGAN is made of.

An encoder has the signature of a discriminator and returns ``[B, Z]``. `DenseEncoder` goes with
`jaxgan.networks.mlp`, `ConvEncoder` with all other families; any other module of that signature works.

References:
    Donahue et al. 2017, Adversarial Feature Learning, https://arxiv.org/abs/1605.09782
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers import BatchNorm, Conv, Dense, encode_labels
from jaxgan.networks.dcgan import stages_of

_kernel_init = nn.initializers.normal(0.02)  # Radford 2016, section 4


class DenseEncoder(nn.Module):
    """Map flattened images to latents by leaky ReLU layers.

    Attributes:
        size: length Z of a latent.
        hidden: widths of the hidden layers.
        num_classes: number of classes, whose one-hot labels are appended to the pixels; None without labels.
    """

    size: int
    hidden: tuple[int, ...] = (512, 256)
    num_classes: int | None = None

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "batch *image"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
    ) -> Float[Array, "batch latent"]:
        """Return latents; `train` changes nothing."""
        one_hot = encode_labels(labels, self.num_classes, images.dtype)
        features = images.reshape(images.shape[0], -1)
        if one_hot is not None:
            features = jnp.concatenate([features, one_hot], axis=-1)
        for width in self.hidden:
            features = jax.nn.leaky_relu(Dense(width)(features), 0.2)
        return Dense(self.size)(features)


class ConvEncoder(nn.Module):
    """Map images to latents by strided convolutions with batch normalization, as a DCGAN's discriminator.

    Attributes:
        size: length Z of a latent.
        width: channels of the stage next to the image.
        num_classes: number of classes, whose one-hot labels are appended to the last features; None without.
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).
        most_channels: where the doubling of channels from stage to stage ends; None for nowhere.
    """

    size: int
    width: int = 64
    num_classes: int | None = None
    axis_name: str | None = None
    most_channels: int | None = None

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "batch height width channel"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
    ) -> Float[Array, "batch latent"]:
        """Return latents; with `train`, normalize by the batch and update the running averages."""
        stages = stages_of(*images.shape[1:3])
        features = images
        for stage in range(stages.count):
            channels = self.width * 2**stage
            convolution = Conv(
                channels if self.most_channels is None else min(channels, self.most_channels),
                kernel_size=(4, 4),
                strides=(stages.stride, stages.stride),
                use_bias=False,
                kernel_init=_kernel_init,
            )
            norm = BatchNorm(use_running_average=not train, momentum=0.9, axis_name=self.axis_name)
            features = jax.nn.leaky_relu(norm(convolution(features)), 0.2)
        features = features.reshape(features.shape[0], -1)
        one_hot = encode_labels(labels, self.num_classes, features.dtype)
        if one_hot is not None:
            features = jnp.concatenate([features, one_hot], axis=-1)
        return Dense(self.size, kernel_init=_kernel_init)(features)


class Bidirectional(nn.Module):
    """A generator and an encoder as one player of a BiGAN (`jaxgan.games.BiGame`).

    Attributes:
        generator: module ``(latents, labels, *, train) -> images``.
        encoder: module ``(images, labels, *, train) -> latents [B, Z]``.
    """

    generator: nn.Module
    encoder: nn.Module

    def __call__(self, latents, labels=None, *, train: bool):
        """Return images."""
        images = self.generator(latents, labels, train=train)
        if self.is_initializing():
            self.encoder(images, labels, train=train)
        return images

    def encode(self, images, labels=None, *, train: bool):
        """Return latents ``[B, Z]``."""
        return self.encoder(images, labels, train=train)


class PairDiscriminator(nn.Module):
    """Judge pairs of an image and a latent by one layer on top of what a discriminator reads of the image.

    Its logit is the image's own plus that of the pair, whose features are the image's ``read`` and one layer
    of the latent.

    Attributes:
        of_images: a discriminator with heads, e.g. ``mlp.Discriminator(heads=(256,))``.
        width: width of the layer of the latent, and of that of the pair.
    """

    of_images: nn.Module
    width: int = 256

    @nn.compact
    def __call__(self, shown, labels=None, *, train: bool, features: bool = False):
        """Return logits ``[B]`` of pairs ``(images, latents)``.

        With `features`, return the activations of `of_images` instead, which do not depend on the latents;
        these may be None then.
        """
        images, latents = shown
        if features:
            return self.of_images(images, labels, train=train, features=True)
        logits, read = self.of_images(images, labels, train=train)
        of_latents = jax.nn.leaky_relu(Dense(self.width)(latents), 0.2)
        pair = jnp.concatenate([jax.nn.leaky_relu(read, 0.2), of_latents], axis=-1)
        return logits + Dense(1)(jax.nn.leaky_relu(Dense(self.width)(pair), 0.2))[:, 0]
