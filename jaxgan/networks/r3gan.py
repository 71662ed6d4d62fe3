"""R3GAN: residual networks without any normalization, for relativistic pairing with R1 and R2.

A block is ``x + L3(a(L2(a(L1 x))))``. L1 is a 1x1 convolution to `expansion` times the channels, L2 a grouped
3x3 convolution, and L3 a 1x1 convolution back, which begins at 0: each block begins as the identity. The
activation a is a bias and a leaky ReLU. No convolution has a bias.

A stage is a transition and some blocks. The generator's first stage starts from learned maps, the basis,
scaled by a linear map of the latents. A further stage has a 1x1 convolution if the number of channels
changes, doubles its maps with the filter (1, 3, 3, 1), and then has its blocks. The last maps become an image
by a 1x1 convolution, without tanh. The discriminator is the mirror image. Its last maps become features by
one weight for each pixel and channel. Labels enter the generator as an embedding beside the latents, and the
discriminator as a product with the features.

| preset | image | widths from the base on | groups |
|---|---|---|---|
| ``stacked_mnist``, ``cifar10`` | 32x32 | 768, 768, 768, 768 | 96, 96, 96, 96 |
| ``ffhq64`` | 64x64 | 768, 768, 768, 768, 384 | 96, 96, 96, 96, 48 |
| ``ffhq256`` | 256x256 | 768, 768, 768, 768, 384, 192, 96 | 96, 96, 96, 96, 48, 24, 12 |
| ``imagenet32`` | 32x32 | 1536, 1536, 1536, 1536 | 96, 96, 96, 96 |
| ``imagenet64`` | 64x64 | 1536, 1536, 1536, 1536, 1536 | 96, 96, 96, 96, 96 |

The paper's latents have length 64. On CIFAR-10 and ImageNet it gives the networks the labels.

References:
    Huang et al. 2024, The GAN is dead; long live the GAN! A Modern Baseline GAN,
    https://arxiv.org/abs/2501.05441, table 9 (the configurations)
"""

from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers import Conv, Dense, downsample, encode_labels, heads, upsample
from jaxgan.networks import sizes
from jaxgan.system.errors import UserError, choose

Maps = Float[Array, "batch height width channel"]

_SLOPE = 0.2  # of the leaky ReLU for negative numbers
_ACTIVATION_GAIN = (2 / (1 + _SLOPE**2)) ** 0.5
_EMBEDDING = 64  # numbers that the generator makes of a label
_GROUP_SIZE = 16  # channels of a group in a family's networks


def normal_init(gain: float = 1.0) -> nn.initializers.Initializer:
    """Return an initializer of normal weights with variance ``gain ** 2 / fan_in``."""
    return nn.initializers.variance_scaling(gain**2, "fan_in", "normal")


_plain = normal_init()
_pointwise = partial(Conv, kernel_size=(1, 1), use_bias=False, kernel_init=_plain)


class BiasedActivation(nn.Module):
    """Add one number to each channel, then apply a leaky ReLU."""

    @nn.compact
    def __call__(self, maps: Float[Array, "*batch channel"]) -> Float[Array, "*batch channel"]:
        """Return maps of the same shape."""
        bias = self.param("bias", nn.initializers.zeros, (maps.shape[-1],))
        bias = jnp.expand_dims(bias, tuple(range(maps.ndim - 1))).astype(maps.dtype)
        return jax.nn.leaky_relu(maps + bias, _SLOPE)


class Block(nn.Module):
    """A residual block of three convolutions that begins as the identity.

    Attributes:
        groups: groups of the 3x3 convolution.
        expansion: channels within the block, in units of those outside.
        gain: gain of the first two kernels at initialization.
    """

    groups: int
    expansion: int = 2
    gain: float = 1.0

    @nn.compact
    def __call__(self, maps: Maps) -> Maps:
        """Return maps of the same shape."""
        inside, init = self.expansion * maps.shape[-1], normal_init(self.gain)
        hidden = BiasedActivation()(_pointwise(inside, kernel_init=init, name="widen")(maps))
        grouped = Conv(
            inside, (3, 3), use_bias=False, kernel_init=init, feature_group_count=self.groups, name="grouped"
        )
        hidden = BiasedActivation()(grouped(hidden))
        return maps + _pointwise(maps.shape[-1], kernel_init=nn.initializers.zeros, name="narrow")(hidden)


def block_gain(count: int) -> float:
    """Return the gain of a block's first two kernels in a network of `count` blocks."""
    return _ACTIVATION_GAIN * count**-0.25


class Generator(nn.Module):
    """Map latents to images, stage by stage.

    Attributes:
        image_shape: ``(height, width, channels)`` of one image. Each stage but the first doubles the maps, so
            that the base has the image's sides, halved ``len(widths) - 1`` times.
        widths: channels of each stage, from the base on.
        groups: groups of the 3x3 convolutions of each stage, divisors of ``expansion * width``.
        blocks: residual blocks in a stage.
        expansion: channels within a block, in units of its width.
        num_classes: number of classes; None for an unconditional network.

    Raises:
        ValueError: if the stages do not lead to `image_shape`, or groups do not divide channels.
    """

    image_shape: tuple[int, ...]
    widths: tuple[int, ...] = (768, 768, 768, 768)
    groups: tuple[int, ...] = (96, 96, 96, 96)
    blocks: int = 2
    expansion: int = 2
    num_classes: int | None = None

    def __post_init__(self) -> None:
        _check_stages(self)
        sizes.check_halvings(self.image_shape, len(self.widths) - 1)
        super().__post_init__()

    @nn.compact
    def __call__(
        self,
        latents: Float[Array, "batch latent"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
    ) -> Float[Array, "batch height width channel"]:
        """Return images, whose pixels are not limited to [-1, 1]; `train` changes nothing."""
        one_hot = encode_labels(labels, self.num_classes, latents.dtype)
        if one_hot is not None:
            embedding = Dense(_EMBEDDING, use_bias=False, kernel_init=_plain, name="classes")(one_hot)
            latents = jnp.concatenate([latents, embedding], axis=-1)
        height, width, channels = self.image_shape
        unit = 2 ** (len(self.widths) - 1)
        base = height // unit, width // unit, self.widths[0]
        basis = self.param("basis", nn.initializers.normal(1.0), base)
        scales = Dense(self.widths[0], use_bias=False, kernel_init=_plain, name="scales")(latents)
        maps = basis[None].astype(scales.dtype) * scales[:, None, None]
        for stage, features in enumerate(self.widths):
            if stage > 0:
                if features != maps.shape[-1]:
                    maps = _pointwise(features, name=f"transition_{stage}")(maps)
                maps = upsample(maps)
            maps = _stage(self, stage, maps)
        return _pointwise(channels, name="to_image")(maps)


class Discriminator(nn.Module):
    """Map images to logits, stage by stage.

    Attributes:
        widths: channels of each stage, from the base on, as in the generator: the images go through them
            from the last to the first.
        groups: groups of the 3x3 convolutions of each stage, in the same order.
        blocks: residual blocks in a stage.
        expansion: channels within a block, in units of its width.
        num_classes: number of classes; None for an unconditional network.
        heads: widths of further layers on the last features; the last width is the number of values that are
            read from an image, such as codes or classes. ``()`` for a network without.

    Raises:
        ValueError: if groups do not divide channels.
    """

    widths: tuple[int, ...] = (768, 768, 768, 768)
    groups: tuple[int, ...] = (96, 96, 96, 96)
    blocks: int = 2
    expansion: int = 2
    num_classes: int | None = None
    heads: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_stages(self)
        super().__post_init__()

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "batch height width channel"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
        features: bool = False,
    ):
        """Return logits ``[B]``, or with heads ``(logits, read)``; `train` changes nothing.

        With `features`, return the activations of each stage instead, from the image on, as a tuple.
        """
        sizes.check_halvings(images.shape[1:], len(self.widths) - 1)
        one_hot = encode_labels(labels, self.num_classes, images.dtype)
        maps, activations = _pointwise(self.widths[-1], name="from_image")(images), []
        for stage in reversed(range(len(self.widths))):
            maps = _stage(self, stage, maps)
            activations.append(maps)
            if stage > 0:
                maps = downsample(maps)
                if self.widths[stage - 1] != maps.shape[-1]:
                    maps = _pointwise(self.widths[stage - 1], name=f"transition_{stage}")(maps)
        # One weight for each pixel and channel: a depthwise convolution that covers the whole base.
        init = nn.initializers.normal((maps.shape[1] * maps.shape[2]) ** -0.5)
        weights = self.param("pixels", init, maps.shape[1:])
        last = (maps * weights[None].astype(maps.dtype)).sum(axis=(1, 2))
        linear = partial(Dense, use_bias=False, kernel_init=_plain)
        if one_hot is None:
            logits = linear(1, name="logit")(last)[:, 0]
        else:
            width = last.shape[1]
            classes = linear(width, kernel_init=normal_init(width**-0.5), name="classes")(one_hot)
            logits = (linear(width, name="logit")(last) * classes).sum(axis=-1)
        read = heads(self.heads, last, lambda layer, inputs: layer(inputs))
        if features:
            return tuple(activations)
        return logits if read is None else (logits, read)


Networks = tuple[Generator, Discriminator]


def _stage(network: Generator | Discriminator, stage: int, maps: jax.Array) -> jax.Array:
    """Return what the blocks of a stage make of maps; for a compact method of the network."""
    gain = block_gain(network.blocks * len(network.widths))
    for block in range(network.blocks):
        name = f"stage_{stage}_block_{block}"
        maps = Block(network.groups[stage], network.expansion, gain, name=name)(maps)
    return maps


def _check_stages(network: Generator | Discriminator) -> None:
    sizes.check_widths(network.widths)
    if len(network.groups) != len(network.widths):
        raise ValueError(f"groups are one for each of {len(network.widths)} widths, got {network.groups}")
    if min(network.blocks, network.expansion) < 1:
        raise ValueError(f"blocks and expansion are at least 1, got {network.blocks} and {network.expansion}")
    for groups, width in zip(network.groups, network.widths, strict=True):
        if groups < 1 or network.expansion * width % groups:
            raise ValueError(f"{groups} groups do not divide {network.expansion} x {width} channels")


class _Preset(NamedTuple):
    size: int
    widths: tuple[int, ...]
    group_size: int = _GROUP_SIZE


_PRESETS = {
    "stacked_mnist": _Preset(32, (768,) * 4),
    "cifar10": _Preset(32, (768,) * 4),
    "ffhq64": _Preset(64, (768,) * 4 + (384,)),
    "ffhq256": _Preset(256, (768,) * 4 + (384, 192, 96)),
    "imagenet32": _Preset(32, (1536,) * 4, 32),
    "imagenet64": _Preset(64, (1536,) * 5, 32),
}


def preset(name: str, *, num_classes: int | None = None) -> Networks:
    """Return the networks of the paper, for color images.

    Args:
        name: "stacked_mnist", "cifar10", "ffhq64", "ffhq256", "imagenet32" or "imagenet64"; see the table of
            this module.
        num_classes: number of classes; None for unconditional networks. The paper has 10 for "cifar10", 1000
            for "imagenet32" and "imagenet64", and None for the others.

    Raises:
        UserError: if there is no such preset.
    """
    size, widths, group_size = _PRESETS[choose("preset", name, _PRESETS)]
    return _networks((size, size, 3), widths, group_size, num_classes)


def for_images(image_shape: tuple[int, ...], width: int, *, num_classes: int | None = None) -> Networks:
    """Return networks for images of any size that can be halved, scaled as the paper scales its own.

    Stages of up to three doublings of the base, which are 32x32 pixels from a base of 4x4, are equally wide.
    Beyond these each doubling halves the channels, down to `width` next to the image.

    Args:
        image_shape: ``(height, width, channels)`` of one image.
        width: channels of the stage next to the image, a multiple of 8; 768 makes the paper's networks at
            32x32, 384 at 64x64, and 96 at 256x256.
        num_classes: number of classes; None for unconditional networks.

    Raises:
        UserError: if the images cannot be halved, or `width` is another number.
    """
    unit = _GROUP_SIZE // 2
    if width < unit or width % unit:
        raise UserError(
            f"`width` of an R3GAN is a multiple of {unit}, as its groups have {_GROUP_SIZE} channels, "
            f"got {width}: the nearest is {unit * max(1, round(width / unit))}"
        )
    count = sizes.require_halvings("an R3GAN", image_shape)
    widths = tuple(width * 2 ** (max(count, 3) - max(stage, 3)) for stage in range(count + 1))
    return _networks(image_shape, widths, _GROUP_SIZE, num_classes)


def _networks(
    image_shape: tuple[int, ...], widths: tuple[int, ...], group_size: int, num_classes: int | None
) -> Networks:
    groups = tuple(2 * width // group_size for width in widths)
    return (
        Generator(image_shape, widths, groups, num_classes=num_classes),
        Discriminator(widths, groups, num_classes=num_classes),
    )
