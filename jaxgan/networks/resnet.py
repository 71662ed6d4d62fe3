"""ResNets with spectral normalization: SNGAN, its conditional form, and SAGAN with self-attention.

Both networks consist of residual blocks (`jaxgan.layers.ResidualBlock`). The generator has batch
normalization and doubles its maps in each block. The discriminator has spectral normalization, halves its
maps in the first blocks, and ends in a sum over all pixels. Classes enter the generator by class-conditional
batch normalization and the discriminator by projection.

| preset | generator, from the base on | discriminator, from the image on |
|---|---|---|
| ``sngan32`` | 256, 256, 256, 256 | 128 down, 128 down, 128, 128 |
| ``sngan48`` | 512, 256, 128, 64 | 64 down, 128 down, 256 down, 512 down, 1024 |
| ``sngan64`` | 1024, 512, 256, 128, 64 | 64 down, 128 down, 256 down, 512 down, 1024 down |
| ``sngan128`` | 1024, 1024, 512, 256, 128, 64 | 64 down, ..., 1024 down, 1024 |
| ``sagan128`` | as ``sngan128``, spectral, attention at 32x32 | as ``sngan128``, wide, attention at 32x32 |

References:
    Miyato et al. 2018, Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957, appendix B.4
    Miyato and Koyama 2018, cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637
    Zhang et al. 2019, Self-Attention Generative Adversarial Networks, https://arxiv.org/abs/1805.08318
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers import (
    BatchNorm,
    ConditionalBatchNorm,
    Conv,
    Dense,
    ProjectionHead,
    ResidualBlock,
    SelfAttention,
    encode_labels,
    heads,
)
from jaxgan.layers.residual import glorot, wide_glorot
from jaxgan.layers.spectral_norm import apply_layer
from jaxgan.networks import sizes
from jaxgan.system.errors import choose

_BATCH_NORM: dict[str, Any] = {"momentum": 0.9, "epsilon": 2e-5}  # of the paper's own code


class Generator(nn.Module):
    """Map latents to images by residual blocks that double the maps.

    Attributes:
        image_shape: ``(height, width, channels)`` of one image.
        widths: channels of the base and of each block. The base's height is the image's, halved once for each
            block; so is its width.
        num_classes: number of classes, whose labels choose the scales and biases of all batch normalizations
            but the last; None for an unconditional network.
        attention: heights of maps after which there is self-attention.
        spectral: whether all layers have spectral normalization.
        upsampling: "nearest" as in the paper, or "bilinear".
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).

    Raises:
        ValueError: if the blocks do not lead to `image_shape`, or no maps have a height in `attention`.
    """

    image_shape: tuple[int, ...]
    widths: tuple[int, ...] = (256, 256, 256, 256)
    num_classes: int | None = None
    attention: tuple[int, ...] = ()
    spectral: bool = False
    upsampling: str = "nearest"
    axis_name: str | None = None

    def __post_init__(self) -> None:
        sizes.check_widths(self.widths)
        sizes.check_halvings(self.image_shape, len(self.widths) - 1)
        blocks = range(len(self.widths) - 1)
        sizes.check_attention(self.attention, [self.image_shape[0] // 2**block for block in reversed(blocks)])
        super().__post_init__()

    @nn.compact
    def __call__(
        self,
        latents: Float[Array, "batch latent"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
    ) -> Float[Array, "batch height width channel"]:
        """Return images in [-1, 1]; with `train`, normalize by the batch and update the running averages."""
        encode_labels(labels, self.num_classes)  # refuses labels that do not fit
        options = _BATCH_NORM | {"axis_name": self.axis_name}

        def normalize(maps: jax.Array) -> jax.Array:
            if self.num_classes is None:
                return BatchNorm(use_running_average=not train, **options)(maps)
            return ConditionalBatchNorm(self.num_classes, **options)(maps, labels, train=train)

        apply = partial(apply_layer, spectral=self.spectral, train=train)
        height, width, channels = self.image_shape
        unit = 2 ** (len(self.widths) - 1)
        base = height // unit, width // unit, self.widths[0]
        maps = apply(Dense(math.prod(base), kernel_init=glorot), latents).reshape(-1, *base)
        for features in self.widths[1:]:
            block = ResidualBlock(features, resample="up", upsampling=self.upsampling, spectral=self.spectral)
            maps = block(maps, normalize, train=train)
            if maps.shape[1] in self.attention:
                maps = SelfAttention(self.spectral)(maps, train=train)
        maps = nn.relu(BatchNorm(use_running_average=not train, **options)(maps))
        return jnp.tanh(apply(Conv(channels, (3, 3), kernel_init=glorot), maps))


class Discriminator(nn.Module):
    """Map images to logits by residual blocks, the first of which halve the maps.

    Attributes:
        widths: channels of each block.
        down: number of blocks that halve the maps, from the image on.
        hidden: "in" gives the middle of a block its input's number of channels, as in SNGAN; "out" its
            output's, as in SAGAN. In the first block it is always the output's.
        num_classes: number of classes, whose labels enter by projection (Miyato and Koyama 2018, eq. 5); None
            for an unconditional network.
        attention: heights of maps after which there is self-attention.
        spectral: whether all layers have spectral normalization.
        heads: widths of further layers on the last features; the last width is the number of values that are
            read from an image, such as codes or classes. ``()`` for a network without.

    Raises:
        ValueError: if `widths`, `down` or `hidden` is none of these.
    """

    widths: tuple[int, ...] = (128, 128, 128, 128)
    down: int = 2
    hidden: str = "in"
    num_classes: int | None = None
    attention: tuple[int, ...] = ()
    spectral: bool = True
    heads: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        sizes.check_widths(self.widths)
        check_down(self.down, len(self.widths))
        if self.hidden not in ("in", "out"):
            raise ValueError(f"hidden is 'in' or 'out', got {self.hidden!r}")
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
        """Return logits ``[B]``, or with heads ``(logits, read)``; with `train`, update the power iterations.

        With `features`, return the activations of each block instead, from the image on, as a tuple.
        """
        activations = halving_blocks(
            images,
            self.widths,
            down=self.down,
            hidden=self.hidden,
            attention=self.attention,
            spectral=self.spectral,
            train=train,
        )
        last = nn.relu(activations[-1]).sum(axis=(1, 2))
        logits = ProjectionHead(self.num_classes, self.spectral)(last, labels, train=train)
        read = heads(self.heads, last, partial(apply_layer, spectral=self.spectral, train=train))
        if features:
            return activations
        return logits if read is None else (logits, read)


def check_down(down: int, count: int) -> None:
    """Raise `ValueError` unless `down` of `count` blocks can halve the maps."""
    if not 0 <= down <= count:
        raise ValueError(f"{down} of {count} blocks cannot halve the maps")


def halving_blocks(
    images: Float[Array, "batch height width channel"],
    widths: Sequence[int],
    *,
    down: int,
    hidden: str,
    attention: Sequence[int],
    spectral: bool,
    train: bool,
    plain_shortcuts: bool = False,
    kernel_init: nn.initializers.Initializer = wide_glorot,
    pointwise_init: nn.initializers.Initializer = glorot,
) -> tuple[Float[Array, "batch _ _ _"], ...]:
    """Return what each residual block of a discriminator makes; call it in a compact method.

    Args:
        images: ``[B, H, W, C]``.
        widths: channels of each block.
        down: number of blocks that halve the maps, from the image on.
        hidden: "in" or "out", as in `Discriminator`.
        attention: heights of maps; self-attention comes after the first block that makes one of them.
        spectral: whether all layers have spectral normalization.
        train: whether to store the vectors of the power iterations.
        plain_shortcuts: whether a block that keeps the number of channels has no convolution in its shortcut
            where it halves the maps either.
        kernel_init: initializer of the 3x3 kernels.
        pointwise_init: initializer of the 1x1 kernels.

    Returns:
        Feature maps of each block, from the image on.

    Raises:
        ValueError: if the images cannot be halved as often, or no maps have a height in `attention`.
    """
    sizes.check_halvings(images.shape[1:], down)
    heights = [images.shape[1] // 2 ** min(block + 1, down) for block in range(len(widths))]
    sizes.check_attention(attention, heights)
    maps, activations = images, []
    for block, width in enumerate(widths):
        maps = ResidualBlock(
            width,
            hidden=width if block == 0 or hidden == "out" else maps.shape[-1],
            resample="down" if block < down else None,
            learned_shortcut=False if plain_shortcuts and maps.shape[-1] == width else None,
            activate_first=block > 0,
            spectral=spectral,
            kernel_init=kernel_init,
            shortcut_init=pointwise_init,
        )(maps, train=train)
        if heights[block] in attention and heights[block] not in heights[:block]:
            maps = SelfAttention(spectral, pointwise_init)(maps, train=train)
        activations.append(maps)
    return tuple(activations)


Networks = tuple[Generator, Discriminator]
_SIZES = {"sngan32": 32, "sngan48": 48, "sngan64": 64, "sngan128": 128, "sagan128": 128}
_LARGEST_ATTENTION = 32 * 32  # pixels


def preset(name: str, *, num_classes: int | None = None) -> Networks:
    """Return the networks of a paper, for color images.

    Args:
        name: "sngan32", "sngan48", "sngan64", "sngan128" or "sagan128"; see the table of this module.
        num_classes: number of classes; None for unconditional networks.

    Raises:
        UserError: if there is no such preset.
    """
    name = choose("preset", name, _SIZES)
    size = _SIZES[name]
    return for_images(
        (size, size, 3), 128 if size == 32 else 64, num_classes=num_classes, attentive=name == "sagan128"
    )


def for_images(
    image_shape: tuple[int, ...], width: int, *, num_classes: int | None = None, attentive: bool = False
) -> Networks:
    """Return networks for images of any size that can be halved, scaled as the papers scale theirs.

    Images of up to 32 pixels have as many channels everywhere, 2 `width` in the generator and `width` in the
    discriminator. Larger ones have `width` channels next to the image and twice as many after each halving,
    up to 16 `width`.

    Args:
        image_shape: ``(height, width, channels)`` of one image.
        width: channels next to the image; 128 makes SNGAN at 32x32, and 64 at 48x48, 64x64 and 128x128.
        num_classes: number of classes; None for unconditional networks.
        attentive: whether the networks are SAGAN's. These have spectral normalization in the generator too,
            wide blocks in the discriminator, and attention on the largest maps of at most 32x32 pixels and
            half the image's height.

    Raises:
        UserError: if the images cannot be halved.
    """
    count = sizes.require_halvings("a ResNet", image_shape)
    if min(image_shape[:2]) <= 32:
        generator, discriminator, down = (2 * width,) * (count + 1), (width,) * 4, min(2, count)
    else:
        doubled = tuple(width * min(16, 2**block) for block in range(max(5, count + 1)))
        generator, discriminator = doubled[count::-1], doubled
        base_is_even = all(side % 2 ** (count + 1) == 0 for side in image_shape[:2])
        down = count + (count < 5 and base_is_even)
    pair = (
        Generator(image_shape, generator, num_classes),
        Discriminator(discriminator, down, num_classes=num_classes),
    )
    if not attentive:
        return pair
    area = math.prod(image_shape[:2])
    halved = [block for block in range(1, count) if area // 4**block <= _LARGEST_ATTENTION]
    attention = tuple(image_shape[0] // 2**block for block in halved[:1])
    return (
        pair[0].clone(attention=attention, spectral=True),
        pair[1].clone(attention=attention, hidden="out"),
    )
