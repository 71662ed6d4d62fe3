"""BigGAN-deep: BigGAN with four times as many layers and fewer parameters, by narrow blocks.

The networks differ from `biggan` in three ways. A block narrows its maps to a quarter of the channels by a
1x1 convolution, and widens them again by another one (`Bottleneck`). Its shortcut has no layer where channels
become fewer: it drops those beyond. Where they become more, a 1x1 convolution makes only those that are new.
And all latents go into the base and into each batch normalization, beside the embedding of the label.

The channels are a multiple of `width`, 128 in the paper. Each stage has two blocks. The generator's second
one doubles the maps and changes the channels, the discriminator's first one halves them and changes the
channels. A 3x3 convolution is before the discriminator's stages.

| preset | generator, base and stages | discriminator, first convolution and stages | attention |
|---|---|---|---|
| ``128`` | 16, 16, 8, 4, 2, 1 | 1, 2, 4, 8, 16, 16 | 64x64 |
| ``256`` | 16, 16, 8, 8, 4, 2, 1 | 1, 2, 4, 8, 8, 16, 16 | 64x64 |
| ``512`` | 16, 16, 8, 8, 4, 2, 1, 1 | 1, 1, 2, 4, 8, 8, 16, 16 | 64x64 |

| preset, with 1000 classes | generator's parameters | discriminator's |
|---|---|---|
| ``128`` | 50,244,484 | 34,590,210 |
| ``256`` | 55,736,708 | 38,247,426 |
| ``512`` | 56,019,780 | 38,301,122 |

The paper's latents have length 128.

References:
    Brock et al. 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis,
    https://arxiv.org/abs/1809.11096, section 4.2, and appendix B with tables 7 to 9
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers import (
    BatchNorm,
    Conv,
    Dense,
    ProjectionHead,
    SelfAttention,
    VectorBatchNorm,
    encode_labels,
    heads,
)
from jaxgan.layers.convolution import UpsampleConv
from jaxgan.layers.residual import double, mean_pool
from jaxgan.layers.spectral_norm import apply_layer
from jaxgan.networks import biggan, resnet, sizes
from jaxgan.system.errors import choose

Maps = Float[Array, "batch height width channel"]

_NARROWER = 4  # times fewer channels within a block
_BATCH_NORM: dict[str, Any] = {"momentum": 0.9, "epsilon": 1e-5}
_init = nn.initializers.orthogonal()


class Bottleneck(nn.Module):
    """Four convolutions, 1x1, 3x3, 3x3 and 1x1, each after normalization and ReLU, beside a shortcut.

    A block that doubles its maps does so before the first 3x3 convolution, one that halves them takes the
    mean of 2x2 pixels before the last 1x1 convolution. All convolutions have spectral normalization.

    Attributes:
        features: number of output channels. The shortcut drops its last channels where there are more, and a
            1x1 convolution adds some where there are fewer.
        hidden: number of channels between the 1x1 convolutions.
        resample: "up", "down" or None.

    References:
        Brock et al. 2019, appendix B, figure 16
    """

    features: int
    hidden: int
    resample: str | None = None

    @nn.compact
    def __call__(
        self,
        inputs: Maps,
        normalize: Callable[[jax.Array], jax.Array] = lambda features: features,
        *,
        train: bool,
    ) -> Float[Array, "batch rows columns feature"]:
        """Return the block's features.

        Args:
            inputs: ``[B, H, W, C]``; H and W are even where the block halves.
            normalize: ``maps -> maps`` before each ReLU. A layer that it makes becomes part of the block.
            train: whether to store the vectors of the power iterations.

        Returns:
            ``[B, H', W', features]``, where H' and W' are twice, half or once H and W.
        """

        def active(maps: jax.Array) -> jax.Array:
            return nn.relu(normalize(maps))

        def conv(maps: jax.Array, features: int, taps: int, name: str, layer: type[Conv] = Conv) -> jax.Array:
            made = layer(features, (taps, taps), kernel_init=_init, name=name)
            return apply_layer(made, maps, spectral=True, train=train)

        maps = conv(active(inputs), self.hidden, 1, "first")
        doubling = UpsampleConv if self.resample == "up" else Conv
        maps = conv(active(maps), self.hidden, 3, "second", doubling)
        maps = active(conv(active(maps), self.hidden, 3, "third"))
        shortcut = inputs
        if self.resample == "down":
            maps, shortcut = mean_pool(maps), mean_pool(shortcut)
        maps = conv(maps, self.features, 1, "fourth")
        new = self.features - inputs.shape[-1]
        if new > 0:
            shortcut = jnp.concatenate([shortcut, conv(shortcut, new, 1, "shortcut")], axis=-1)
        shortcut = shortcut[..., : self.features]
        if self.resample == "up":
            shortcut = double(shortcut)
        return shortcut + maps


class Generator(nn.Module):
    """Map latents to images by stages of two blocks, the second of which doubles the maps.

    Attributes:
        image_shape: ``(height, width, channels)`` of one image.
        width: channels in units of the multipliers.
        multipliers: channels of the base and of each stage, in units of `width`. The base's height is the
            image's, halved once for each stage; so is its width.
        num_classes: number of classes, whose embedding goes with the latents into the base and into all batch
            normalizations but the last; None for an unconditional network.
        shared: length of the embedding of a label.
        attention: heights of maps after which there is self-attention.
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).

    Raises:
        ValueError: if the stages do not lead to `image_shape`, no maps have a height in `attention`, or
            another field is out of range.
    """

    image_shape: tuple[int, ...]
    width: int = 128
    multipliers: tuple[int, ...] = (4, 4, 4, 4)
    num_classes: int | None = None
    shared: int = 128
    attention: tuple[int, ...] = ()
    axis_name: str | None = None

    def __post_init__(self) -> None:
        biggan.check_channels(self.width, self.multipliers)
        stages = range(len(self.multipliers) - 1)
        sizes.check_halvings(self.image_shape, len(stages))
        sizes.check_attention(self.attention, [self.image_shape[0] // 2**stage for stage in reversed(stages)])
        if self.shared < 1:
            raise ValueError(f"shared is the length of an embedding, at least 1, got {self.shared}")
        super().__post_init__()

    @nn.compact
    def __call__(
        self,
        latents: Float[Array, "batch latent"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
        truncation: Any = None,
    ) -> Maps:
        """Return images in [-1, 1].

        Args:
            latents: ``[B, Z]``.
            labels: class indices, int32 ``[B]``, for a conditional network.
            train: whether to normalize by the batch and to update the running averages.
            truncation: threshold of normal latents, outside of training (`biggan.truncated`); None for none.

        Raises:
            ValueError: if `truncation` is given in training.
        """
        vectors = biggan.limited(latents, truncation, train=train)
        apply = partial(apply_layer, spectral=True, train=train)
        options = _BATCH_NORM | {"axis_name": self.axis_name}
        one_hot = encode_labels(labels, self.num_classes, latents.dtype)
        if one_hot is not None:
            embedding = Dense(self.shared, use_bias=False, kernel_init=_init, name="classes")(one_hot)
            vectors = jnp.concatenate([embedding, vectors], axis=-1)

        def normalize(maps: jax.Array) -> jax.Array:
            layer = VectorBatchNorm(spectral=True, kernel_init=_init, **options)
            return layer(maps, vectors, train=train)

        height, width, channels = self.image_shape
        unit = 2 ** (len(self.multipliers) - 1)
        base = height // unit, width // unit, self.width * self.multipliers[0]
        maps = apply(Dense(math.prod(base), kernel_init=_init), vectors).reshape(-1, *base)
        for multiplier in self.multipliers[1:]:
            before = maps.shape[-1]
            for features, resample in ((before, None), (self.width * multiplier, "up")):
                maps = Bottleneck(features, _narrow(before), resample)(maps, normalize, train=train)
            if maps.shape[1] in self.attention:
                maps = SelfAttention(True, _init)(maps, train=train)
        maps = nn.relu(BatchNorm(use_running_average=not train, **options)(maps))
        return jnp.tanh(apply(Conv(channels, (3, 3), kernel_init=_init), maps))


class Discriminator(nn.Module):
    """Map images to logits by stages of two blocks; the first block of the first stages halves the maps.

    Attributes:
        width: channels in units of the multipliers.
        multipliers: channels of the first convolution and of each stage, in units of `width`.
        down: number of stages that halve the maps, from the image on.
        num_classes: number of classes, whose labels enter by projection; None for an unconditional network.
        attention: heights of maps; self-attention comes after the first stage that makes one of them.
        heads: widths of further layers on the last features; the last width is the number of values that are
            read from an image, such as codes or classes. ``()`` for a network without.

    Raises:
        ValueError: if a field is none of these.
    """

    width: int = 128
    multipliers: tuple[int, ...] = (4, 4, 4, 4)
    down: int = 2
    num_classes: int | None = None
    attention: tuple[int, ...] = ()
    heads: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        biggan.check_channels(self.width, self.multipliers)
        resnet.check_down(self.down, len(self.multipliers) - 1)
        super().__post_init__()

    @nn.compact
    def __call__(
        self,
        images: Maps,
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
        features: bool = False,
    ):
        """Return logits ``[B]``, or with heads ``(logits, read)``; with `train`, update the power iterations.

        With `features`, return the activations of each stage instead, from the image on, as a tuple.

        Raises:
            ValueError: if the images cannot be halved as often, or no maps have a height in `attention`.
        """
        sizes.check_halvings(images.shape[1:], self.down)
        stages = range(1, len(self.multipliers))
        heights = [images.shape[1] // 2 ** min(stage, self.down) for stage in stages]
        sizes.check_attention(self.attention, heights)
        apply = partial(apply_layer, spectral=True, train=train)
        first, *rest = (self.width * multiplier for multiplier in self.multipliers)
        maps, activations = apply(Conv(first, (3, 3), kernel_init=_init), images), []
        for stage, channels in enumerate(rest):
            for resample in ("down" if stage < self.down else None, None):
                maps = Bottleneck(channels, _narrow(channels), resample)(maps, train=train)
            if heights[stage] in self.attention and heights[stage] not in heights[:stage]:
                maps = SelfAttention(True, _init)(maps, train=train)
            activations.append(maps)
        last = nn.relu(maps).sum(axis=(1, 2))
        logits = ProjectionHead(self.num_classes, True, _init)(last, labels, train=train)
        read = heads(self.heads, last, apply)
        if features:
            return tuple(activations)
        return logits if read is None else (logits, read)


def _narrow(channels: int) -> int:
    return max(1, channels // _NARROWER)


Networks = tuple[Generator, Discriminator]
_SIZES = {"128": 128, "256": 256, "512": 512}


def preset(name: str, *, num_classes: int | None = None) -> Networks:
    """Return the networks of the paper, for color images.

    Args:
        name: "128", "256" or "512", the height and width of images in pixels; see the table of this module.
        num_classes: number of classes; None for unconditional networks. The paper has 1000.

    Raises:
        UserError: if there is no such preset.
    """
    size = _SIZES[choose("preset", name, _SIZES)]
    return for_images((size, size, 3), 128, num_classes=num_classes)


def for_images(image_shape: tuple[int, ...], width: int, *, num_classes: int | None = None) -> Networks:
    """Return networks for images of any size that can be halved, scaled as BigGAN's are.

    `biggan.for_images` says how.

    Args:
        image_shape: ``(height, width, channels)`` of one image.
        width: channels in units of the multipliers; 128 makes the presets.
        num_classes: number of classes; None for unconditional networks.

    Raises:
        UserError: if the images cannot be halved, or `width` is below 1.
    """
    scale = biggan.scale_of("a BigGAN-deep", image_shape, width)
    fields: dict[str, Any] = {"num_classes": num_classes, "attention": scale.attention}
    return (
        Generator(image_shape, width, scale.generator, **fields),
        Discriminator(width, scale.discriminator, scale.down, **fields),
    )
