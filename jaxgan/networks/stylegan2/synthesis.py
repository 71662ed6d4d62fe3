"""The synthesis network: from intermediate latents w, one for each layer, to images."""

import math
from functools import reduce
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers import EqualizedConv, ModulatedConv, Noise, scaled_leaky_relu, upsample
from jaxgan.networks import dcgan, sizes

Features = Float[Array, "batch height width channel"]
Images = Float[Array, "batch height width image_channel"]


class BlockSize(NamedTuple):
    """The size of a block's features."""

    height: int
    width: int
    channels: int


def block_sizes(
    height: int, width: int, *, channel_base: int, channel_max: int = 512
) -> tuple[BlockSize, ...]:
    """Return height, width and channels of each block, from the base to the image.

    Args:
        height: the image's height in pixels.
        width: the image's width in pixels.
        channel_base: channels times the smaller side of a block.
        channel_max: largest number of channels.
    """
    stages = dcgan.stages_of(height, width)
    count = stages.count if stages.stride == 2 else 0
    sides = [(height >> halvings, width >> halvings) for halvings in reversed(range(count + 1))]
    return tuple(BlockSize(*side, max(1, min(channel_base // min(side), channel_max))) for side in sides)


def note_on(height: int, width: int) -> str | None:
    """Return a line about an image size that is halved so seldom that the first block is large, or None."""
    return sizes.note_on("a StyleGAN2", height, width, dcgan.base_of)


class Layer(nn.Module):
    """A modulated 3x3 convolution, noise, a bias and a leaky ReLU.

    Attributes:
        features: number of output channels.
        upsample: whether to double height and width.
        noise: whether there is noise.
        axis_name: mapped axis over which the batch is spread.

    References:
        Karras et al. 2020, StyleGAN2, figure 2c and 2d.
    """

    features: int
    upsample: bool
    noise: bool
    axis_name: str | None

    @nn.compact
    def __call__(self, features: Features, w: Float[Array, "batch w"], *, train: bool) -> jax.Array:
        """Return features ``[B, H, W, features]``."""
        features = ModulatedConv(self.features, 3, upsample=self.upsample, name="conv")(features, w)
        if self.noise:
            features = Noise(self.axis_name, name="noise")(features, train=train)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return scaled_leaky_relu(features + bias.astype(features.dtype)[None, None, None])


class ToImage(nn.Module):
    """A modulated 1x1 convolution without demodulation, and a bias.

    Attributes:
        channels: channels of the image.
    """

    channels: int

    @nn.compact
    def __call__(self, features: Features, w: Float[Array, "batch w"]) -> Images:
        """Return images ``[B, H, W, channels]``."""
        images = ModulatedConv(self.channels, 1, demodulate=False, name="conv")(features, w)
        bias = self.param("bias", nn.initializers.zeros, (self.channels,))
        return images + bias.astype(images.dtype)[None, None, None]


class Synthesis(nn.Module):
    """Map intermediate latents to images.

    Attributes:
        sizes: height, width and channels of each block (`block_sizes`).
        channels: channels of the image.
        architecture: "skip" sums an image of each block; "resnet" has residual blocks and one image.
        noise: whether layers have noise.
        axis_name: mapped axis over which the batch is spread.

    References:
        Karras et al. 2020, StyleGAN2, section 4.1 and figure 7.
    """

    sizes: tuple[BlockSize, ...]
    channels: int
    architecture: str
    noise: bool
    axis_name: str | None

    @nn.compact
    def __call__(self, ws: Float[Array, "batch layer w"], *, train: bool) -> Images:
        """Return images ``[B, H, W, C]``.

        Args:
            ws: intermediate latents, one for each layer, ``[B, num_ws, D]``. The last one makes the image; an
                earlier block's image takes the latent of the next block's first layer.
            train: whether noise is drawn anew.
        """

        def layer(features: jax.Array, width: int, place: int, *, doubles: bool, name: str) -> jax.Array:
            module = Layer(width, doubles, self.noise, self.axis_name, name=name)
            return module(features, ws[:, place], train=train)

        height, width, channels = self.sizes[0]
        start = self.param("constant", nn.initializers.normal(1.0), (height, width, channels))
        features = jnp.broadcast_to(start.astype(ws.dtype)[None], (ws.shape[0], *start.shape))
        images, place = [], 0
        for block, (_, _, channels) in enumerate(self.sizes):
            if block == 0:
                features = layer(features, channels, 0, doubles=False, name="block0_conv1")
            else:
                before = features
                features = layer(features, channels, place, doubles=True, name=f"block{block}_conv0")
                features = layer(features, channels, place + 1, doubles=False, name=f"block{block}_conv1")
                if self.architecture == "resnet":
                    skip = EqualizedConv(channels, (1, 1), use_bias=False, name=f"block{block}_skip")(before)
                    features = (upsample(skip) + features) * math.sqrt(0.5)
            place += 1 if block == 0 else 2
            if self.architecture == "skip" or block == len(self.sizes) - 1:
                images.append(ToImage(self.channels, name=f"block{block}_image")(features, ws[:, place]))
        return reduce(lambda whole, image: upsample(whole) + image, images)
