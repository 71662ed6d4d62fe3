"""BigGAN: ResNets for many classes, with hierarchical latents and spectral normalization in both networks.

The networks consist of the residual blocks of `resnet`, and differ from SAGAN in three ways. A label is
embedded once, and all batch normalizations share the embedding. The latents are cut into chunks: the first
one makes the base, and each block gets one of its own. The scale of a batch normalization is ``1 + W c``, and
its bias ``V c``, where c is the embedding beside the block's chunk. Kernels begin orthogonal.

The channels of a block are a multiple of `width`. An arrow marks a block of the discriminator that halves.

| preset | width | generator, from the base on | discriminator, from the image on | attention | latents |
|---|---|---|---|---|---|
| ``32`` | 64 | 4, 4, 4, 4 | 4↓, 4↓, 4, 4 | none | 128 |
| ``64`` | 96 | 16, 16, 8, 4, 2 | 1↓, 2↓, 4↓, 8↓, 16 | 32x32 | 120 |
| ``128`` | 96 | 16, 16, 8, 4, 2, 1 | 1↓, 2↓, 4↓, 8↓, 16↓, 16 | 64x64 | 120 |
| ``256`` | 96 | 16, 16, 8, 8, 4, 2, 1 | 1↓, 2↓, 4↓, 8↓, 8↓, 16↓, 16 | 64x64 | 140 |
| ``512`` | 96 | 16, 16, 8, 8, 4, 2, 1, 1 | 1↓, 1↓, 2↓, 4↓, 8↓, 8↓, 16↓, 16 | 64x64 | 160 |

The networks at 32x32 are those for CIFAR-10: they have no chunks, each batch normalization has its own table
of classes, and kernels begin with the deviation 0.02. The discriminator at 512x512 has as many parameters as
that of compare_gan: a block that keeps the number of channels has no convolution in its shortcut.

References:
    Brock et al. 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis,
    https://arxiv.org/abs/1809.11096, section 3 and appendix B
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers import (
    BatchNorm,
    Conv,
    Dense,
    ProjectionHead,
    ResidualBlock,
    SelfAttention,
    VectorBatchNorm,
    encode_labels,
    heads,
)
from jaxgan.layers.spectral_norm import apply_layer
from jaxgan.networks import resnet, sizes
from jaxgan.system.errors import UserError, choose

_BATCH_NORM: dict[str, Any] = {"momentum": 0.9, "epsilon": 1e-5}
_INITIALIZERS = {"orthogonal": nn.initializers.orthogonal(), "normal": nn.initializers.normal(0.02)}


class Generator(nn.Module):
    """Map latents to images by residual blocks that double the maps.

    Attributes:
        image_shape: ``(height, width, channels)`` of one image.
        width: channels of a block in units of its multiplier.
        multipliers: channels of the base and of each block, in units of `width`. The base's height is the
            image's, halved once for each block; so is its width.
        num_classes: number of classes, whose labels choose the scales and biases of all batch normalizations
            but the last; None for an unconditional network.
        chunks: whether the latents are cut into chunks, one for the base and one for each block. The first
            chunk also gets what remains where the length of the latents is no multiple of their number.
            Otherwise the base gets all latents, and the blocks get none.
        shared: length of the embedding of a label that all batch normalizations share; None for a table of
            classes in each.
        attention: heights of maps after which there is self-attention.
        initializer: "orthogonal", or "normal" with the deviation 0.02.
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).

    Raises:
        ValueError: if the blocks do not lead to `image_shape`, no maps have a height in `attention`, or
            another field is none of these.
    """

    image_shape: tuple[int, ...]
    width: int = 64
    multipliers: tuple[int, ...] = (4, 4, 4, 4)
    num_classes: int | None = None
    chunks: bool = True
    shared: int | None = 128
    attention: tuple[int, ...] = ()
    initializer: str = "orthogonal"
    axis_name: str | None = None

    def __post_init__(self) -> None:
        _check(self)
        blocks = range(len(self.multipliers) - 1)
        sizes.check_halvings(self.image_shape, len(blocks))
        sizes.check_attention(self.attention, [self.image_shape[0] // 2**block for block in reversed(blocks)])
        if self.shared is not None and self.shared < 1:
            raise ValueError(f"shared is the length of an embedding or None, got {self.shared}")
        super().__post_init__()

    @nn.compact
    def __call__(
        self,
        latents: Float[Array, "batch latent"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
        truncation: Any = None,
    ) -> Float[Array, "batch height width channel"]:
        """Return images in [-1, 1].

        Args:
            latents: ``[B, Z]``.
            labels: class indices, int32 ``[B]``, for a conditional network.
            train: whether to normalize by the batch and to update the running averages.
            truncation: threshold of normal latents, outside of training (`truncated`); None for none.

        Raises:
            ValueError: if the latents are too short for their chunks, or `truncation` is given in training.
        """
        latents = limited(latents, truncation, train=train)
        init = _INITIALIZERS[self.initializer]
        apply = partial(apply_layer, spectral=True, train=train)
        classes = encode_labels(labels, self.num_classes, latents.dtype)
        if classes is not None and self.shared is not None:
            classes = Dense(self.shared, use_bias=False, kernel_init=init, name="classes")(classes)
        first, *chunks = chunks_of(latents, len(self.multipliers)) if self.chunks else [latents]

        height, width, channels = self.image_shape
        unit = 2 ** (len(self.multipliers) - 1)
        base = height // unit, width // unit, self.width * self.multipliers[0]
        maps = apply(Dense(math.prod(base), kernel_init=init), first).reshape(-1, *base)
        for block, multiplier in enumerate(self.multipliers[1:]):
            vectors = [*([] if classes is None else [classes]), *chunks[block : block + 1]]
            maps = ResidualBlock(
                self.width * multiplier, resample="up", spectral=True, kernel_init=init, shortcut_init=init
            )(maps, partial(_normalize, self, vectors, train), train=train)
            if maps.shape[1] in self.attention:
                maps = SelfAttention(True, init)(maps, train=train)
        maps = nn.relu(_normalize(self, [], train, maps))
        return jnp.tanh(apply(Conv(channels, (3, 3), kernel_init=init), maps))


class Discriminator(nn.Module):
    """Map images to logits by residual blocks, the first of which halve the maps.

    Attributes:
        width: channels of a block in units of its multiplier.
        multipliers: channels of each block, in units of `width`.
        down: number of blocks that halve the maps, from the image on.
        num_classes: number of classes, whose labels enter by projection; None for an unconditional network.
        attention: heights of maps; self-attention comes after the first block that makes one of them.
        initializer: "orthogonal", or "normal" with the deviation 0.02.
        plain_shortcuts: whether a block that halves its maps and keeps the number of channels has no
            convolution in its shortcut.
        heads: widths of further layers on the last features; the last width is the number of values that are
            read from an image, such as codes or classes. ``()`` for a network without.

    Raises:
        ValueError: if a field is none of these.
    """

    width: int = 64
    multipliers: tuple[int, ...] = (4, 4, 4, 4)
    down: int = 2
    num_classes: int | None = None
    attention: tuple[int, ...] = ()
    initializer: str = "orthogonal"
    plain_shortcuts: bool = False
    heads: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check(self)
        resnet.check_down(self.down, len(self.multipliers))
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
        init = _INITIALIZERS[self.initializer]
        activations = resnet.halving_blocks(
            images,
            [self.width * multiplier for multiplier in self.multipliers],
            down=self.down,
            hidden="out",
            attention=self.attention,
            spectral=True,
            train=train,
            plain_shortcuts=self.plain_shortcuts,
            kernel_init=init,
            pointwise_init=init,
        )
        last = nn.relu(activations[-1]).sum(axis=(1, 2))
        logits = ProjectionHead(self.num_classes, True, init)(last, labels, train=train)
        read = heads(self.heads, last, partial(apply_layer, spectral=True, train=train))
        if features:
            return activations
        return logits if read is None else (logits, read)


def _normalize(network: Generator, vectors: Sequence[jax.Array], train: bool, maps: jax.Array) -> jax.Array:
    """Return normalized maps, with a scale and a bias that are linear in all vectors if there are any.

    The layer is part of the module that calls this: a method of the generator would make it the generator's.
    """
    options = _BATCH_NORM | {"axis_name": network.axis_name}
    if not vectors:
        return BatchNorm(use_running_average=not train, **options)(maps)
    is_table = network.shared is None and len(vectors) == 1 and not network.chunks  # it is not normalized
    layer = VectorBatchNorm(spectral=not is_table, kernel_init=_INITIALIZERS[network.initializer], **options)
    return layer(maps, jnp.concatenate(vectors, axis=-1), train=train)


def check_channels(width: int, multipliers: Sequence[int]) -> None:
    """Raise `ValueError` unless a width and multipliers make channels."""
    if width < 1 or not multipliers or min(multipliers) < 1:
        raise ValueError(f"width and multipliers are at least 1, got {width} and {tuple(multipliers)}")


def _check(network: Generator | Discriminator) -> None:
    check_channels(network.width, network.multipliers)
    if network.initializer not in _INITIALIZERS:
        raise ValueError(f"initializer is 'orthogonal' or 'normal', got {network.initializer!r}")


def chunks_of(latents: Float[Array, "batch latent"], count: int) -> list[Float[Array, "batch _"]]:
    """Return latents in chunks, of which all but the first have the length ``Z // count``.

    Args:
        latents: ``[B, Z]``.
        count: number of chunks, at least 1.

    Raises:
        ValueError: if Z is below `count`.
    """
    length = latents.shape[-1] // count
    if length < 1:
        raise ValueError(f"{count} chunks take latents of at least length {count}, got {latents.shape[-1]}")
    first = latents.shape[-1] - (count - 1) * length
    return jnp.split(latents, [first + block * length for block in range(count - 1)], axis=-1)


def truncated(latents: Float[Array, "*batch latent"], threshold: Any) -> Float[Array, "*batch latent"]:
    """Return latents of a truncated normal distribution, each number the one at the same quantile.

    Numbers that are drawn again until their magnitude is at most the threshold have this distribution. Unlike
    numbers that are drawn again, these depend on the given ones smoothly.

    Args:
        latents: standard normal numbers.
        threshold: the largest magnitude, at least 0; a number or a traced scalar. At 0, all latents are 0.

    References:
        Brock et al. 2019, section 3.1: truncated normal latents
    """
    wide = latents.astype(jnp.float32)
    threshold = jnp.asarray(threshold, jnp.float32)
    root = math.sqrt(2)
    share = jax.scipy.special.erf(threshold / root)  # of a normal distribution within the threshold
    values = root * jax.scipy.special.erfinv(share * jax.scipy.special.erf(wide / root))
    return jnp.clip(values, -threshold, threshold).astype(latents.dtype)  # past it by rounding


def limited(latents: Float[Array, "*batch latent"], truncation: Any, *, train: bool):
    """Return the latents of a generator's call: with a truncation, `truncated` ones.

    Raises:
        ValueError: if there is a truncation in training.
    """
    if truncation is None:
        return latents
    if train:
        raise ValueError("truncation is for drawing: it takes train=False")
    return truncated(latents, truncation)


Networks = tuple[Generator, Discriminator]
_MULTIPLIERS = {  # by the number of halvings between the image and the base
    4: ((16, 16, 8, 4, 2), (1, 2, 4, 8, 16)),
    5: ((16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16)),
    6: ((16, 16, 8, 8, 4, 2, 1), (1, 2, 4, 8, 8, 16, 16)),
    7: ((16, 16, 8, 8, 4, 2, 1, 1), (1, 1, 2, 4, 8, 8, 16, 16)),
}
_SIZES = {"32": 32, "64": 64, "128": 128, "256": 256, "512": 512}
_LARGEST_ATTENTION = 64 * 64  # pixels


def preset(name: str, *, num_classes: int | None = None) -> Networks:
    """Return the networks of the paper, for color images.

    Args:
        name: "32", "64", "128", "256" or "512", the height and width of images in pixels; see the table of
            this module.
        num_classes: number of classes; None for unconditional networks, whose batch normalizations have the
            latents' chunks only. The paper has 1000, and 10 for "32".

    Raises:
        UserError: if there is no such preset.
    """
    size = _SIZES[choose("preset", name, _SIZES)]
    return for_images((size, size, 3), 64 if size == 32 else 96, num_classes=num_classes)


def for_images(image_shape: tuple[int, ...], width: int, *, num_classes: int | None = None) -> Networks:
    """Return networks for images of any size that can be halved, scaled as the paper scales its own.

    Images of up to 32 pixels have 4 `width` channels everywhere. Larger ones have 1 or 2 `width` channels
    next to the image, and up to 16 `width` at the base. They have attention on the largest maps of at most
    64x64 pixels and half the image's height.

    Args:
        image_shape: ``(height, width, channels)`` of one image.
        width: channels in units of the multipliers; 64 makes the preset at 32x32, 96 the others.
        num_classes: number of classes; None for unconditional networks.

    Raises:
        UserError: if the images cannot be halved, or `width` is below 1.
    """
    scale = scale_of("a BigGAN", image_shape, width)
    fields: dict[str, Any] = {"num_classes": num_classes}
    if scale.is_small:
        fields["initializer"] = "normal"
        generator = Generator(image_shape, width, scale.generator, chunks=False, shared=None, **fields)
        return generator, Discriminator(width, scale.discriminator, scale.down, **fields)
    fields["attention"] = scale.attention
    return (
        Generator(image_shape, width, scale.generator, **fields),
        Discriminator(width, scale.discriminator, scale.down, plain_shortcuts=scale.down >= 7, **fields),
    )


class Scale(NamedTuple):
    """How the networks for images of some size are scaled.

    Attributes:
        generator: multipliers of the generator, of the base and of each stage that doubles the maps.
        discriminator: multipliers of the discriminator, from the image on.
        down: number of the discriminator's stages that halve the maps.
        attention: heights of maps that have attention.
        is_small: whether the images have up to 32 pixels.
    """

    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    down: int
    attention: tuple[int, ...]
    is_small: bool


def scale_of(title: str, image_shape: tuple[int, ...], width: int) -> Scale:
    """Return how the networks for images of some size are scaled, as `for_images` says.

    Args:
        title: what the networks are, such as "a BigGAN".
        image_shape: ``(height, width, channels)`` of one image.
        width: channels in units of the multipliers.

    Raises:
        UserError: if the images cannot be halved, or `width` is below 1.
    """
    if width < 1:
        raise UserError(f"`width` of {title} is at least 1, got {width}")
    count = sizes.require_halvings(title, image_shape)
    if min(image_shape[:2]) <= 32:
        return Scale((4,) * (count + 1), (4,) * 4, min(2, count), (), True)
    generator, discriminator = _MULTIPLIERS[min(max(count, 4), 7)]
    further = (1,) * (count - 7)  # of images beyond those of the paper
    area = math.prod(image_shape[:2])
    halved = [block for block in range(1, count) if area // 4**block <= _LARGEST_ATTENTION]
    attention = tuple(image_shape[0] // 2**block for block in halved[:1])
    return Scale((generator + further)[-(count + 1) :], further + discriminator, count, attention, False)
