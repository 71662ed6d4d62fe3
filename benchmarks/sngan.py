"""The ResNets of Miyato et al. 2018 (tables 3 and 4, 32x32 pixels), for vs_pytorch.py.

Upsampling and pooling are fused into the 3x3 convolutions beside them. A 1x1 convolution commutes with both,
so it takes the smaller images. With `linen`, plain layers stand in their places.

References:
    Miyato et al. 2018, Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957, appendix B.4
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.layers.batch_norm import BatchNorm
from jaxgan.layers.convolution import Conv, ConvDownsample, UpsampleConv
from jaxgan.layers.spectral_norm import SpectralNorm


class RepeatThenConv(nn.Module):
    """The two steps that `UpsampleConv` fuses."""

    features: int
    kernel_size: tuple[int, int] = (3, 3)

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Return features of twice the size."""
        return nn.Conv(self.features, self.kernel_size)(_repeat(inputs))


class ConvThenPool(nn.Module):
    """The two steps that `ConvDownsample` fuses."""

    features: int
    kernel_size: tuple[int, int] = (3, 3)

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Return features of half the size."""
        return _pool(nn.Conv(self.features, self.kernel_size)(inputs))


class Generator(nn.Module):
    """Latents to images of 32x32 pixels, in three blocks from 4x4.

    Attributes:
        width: channels of every layer.
        linen: whether to use plain linen layers.
        axis_name: mapped axis over which batch statistics are averaged.
    """

    width: int = 256
    linen: bool = False
    axis_name: str | None = None

    @nn.compact
    def __call__(self, latents: jax.Array, labels: None = None, *, train: bool) -> jax.Array:
        """Return images."""
        conv, up = (nn.Conv, RepeatThenConv) if self.linen else (Conv, UpsampleConv)
        norm = nn.BatchNorm if self.linen else BatchNorm

        def activate(features: jax.Array) -> jax.Array:
            return nn.relu(
                norm(use_running_average=not train, momentum=0.9, axis_name=self.axis_name)(features)
            )

        features = nn.Dense(4 * 4 * self.width)(latents).reshape(-1, 4, 4, self.width)
        for _ in range(3):
            if self.linen:
                short = conv(self.width, (1, 1))(_repeat(features))
            else:
                short = _repeat(conv(self.width, (1, 1))(features))
            features = up(self.width, (3, 3))(activate(features))
            features = short + conv(self.width, (3, 3))(activate(features))
        return jnp.tanh(conv(3, (3, 3))(activate(features)))


class Discriminator(nn.Module):
    """Images to logits, in four blocks with spectral normalization; the first two halve the image.

    Attributes:
        width: channels of every layer.
        linen: whether to use plain linen layers.
    """

    width: int = 128
    linen: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, labels: None = None, *, train: bool) -> jax.Array:
        """Return logits ``[B]``."""
        conv, down = (nn.Conv, ConvThenPool) if self.linen else (Conv, ConvDownsample)

        def apply(layer: nn.Module, inputs: jax.Array) -> jax.Array:
            return SpectralNorm(layer)(inputs, train=train)

        features = images
        for block in range(4):
            halve, first = block < 2, block == 0
            hidden = features if first else nn.relu(features)
            hidden = nn.relu(apply(conv(self.width, (3, 3)), hidden))
            hidden = apply((down if halve else conv)(self.width, (3, 3)), hidden)
            if first or (halve and not self.linen):
                features = apply(conv(self.width, (1, 1)), _pool(features))
            elif halve:
                features = _pool(apply(conv(self.width, (1, 1)), features))
            features = features + hidden
        return apply(nn.Dense(1), nn.relu(features).sum((1, 2)))[:, 0]


def _repeat(images: jax.Array) -> jax.Array:
    return jnp.repeat(jnp.repeat(images, 2, axis=1), 2, axis=2)


def _pool(images: jax.Array) -> jax.Array:
    return nn.avg_pool(images, (2, 2), (2, 2))
