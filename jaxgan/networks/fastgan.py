"""FastGAN: networks for a few hundred images, with gates from small maps to large ones.

The generator doubles its maps by one 3x3 convolution at one stage and by two, with noise, at the next. A
gated linear unit follows each of them: half of the channels, times the sigmoid of the other half. The small
maps of a stage scale the channels of the maps four stages later (`Excitation`), so that gradients have a
short way. The discriminator halves the images, with such gates three stages apart, and judges patches. All
convolutions have spectral normalization and no bias, and batch normalization follows those within.

| stage | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 |
|---|---|---|---|---|---|---|---|---|---|
| side from a base of 4 | 4 | 8 | 16 | 32 | 64 | 128 | 256 | 512 | 1024 |
| generator's channels | 16 | 8 | 4 | 2 | 2 | 1 | 1/2 | 1/4 | 1/8 |
| its convolutions | 1 | 2 | 1 | 2 | 1 | 2 | 1 | 2 | 1 |
| its gate is made of stage | | | | | 0 | 1 | 2 | 3 | |
| discriminator's channels | | 8 | 4 | 2 | 1 | 1/2 | 1/4 | 1/8 | |

The channels are in units of `width`, 64 in the paper's code. The discriminator's first convolutions bring
larger images to stage 6. From 256x256 on, a second judge sees the images at 128x128.

| preset | generator's parameters | discriminator's |
|---|---|---|
| ``256`` | 29,127,846 | 8,386,672 |
| ``512`` | 29,174,392 | 8,387,008 |
| ``1024`` | 29,176,512 | 8,388,704 |

The paper's latents have length 256. It differs in three ways, which belong to its game. Its generator makes a
second image for the second judge (`small`); here the judge sees the mean of pixels. Its loss counts each
patch by itself; here an image's logit is the mean of its patches, unless `patches` asks for them. Its
discriminator also learns to rebuild real images by three decoders. They are here with `decoders`, and the
term `jaxgan.games.terms.Decoders` compares what they make with the images.

References:
    Liu et al. 2021, Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis,
    https://arxiv.org/abs/2101.04775
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers import BatchNorm, Conv, ConvTranspose, Dense, Noise, encode_labels, heads
from jaxgan.layers.convolution import UpsampleConv
from jaxgan.layers.residual import mean_pool
from jaxgan.layers.spectral_norm import apply_layer
from jaxgan.networks import sizes
from jaxgan.system.errors import UserError, choose

Maps = Float[Array, "batch height width channel"]

_GENERATOR = (16, 8, 4, 2, 2, 1, 1 / 2, 1 / 4, 1 / 8)  # channels by stage, in units of the width
_DISCRIMINATOR = (16, 8, 4, 2, 1, 1 / 2, 1 / 4, 1 / 8)  # the same, from the last maps on
_SMALL = 5  # the stage of the second judge's images
_GATES = {4: 0, 5: 1, 6: 2, 7: 3}  # of the generator: the stage that a gate is made of
_DOUBLINGS = 4  # largest number of a decoder's
_BLOCKS = 5  # largest number of the discriminator's blocks
_EMBEDDING = 64  # numbers that the generator makes of a label
_init = nn.initializers.normal(0.02)
_conv = partial(Conv, use_bias=False, kernel_init=_init)
_leaky_relu = partial(jax.nn.leaky_relu, negative_slope=0.2)


def _channels(width: float, multiplier: float) -> int:
    return max(1, int(width * multiplier))


def adaptive_mean_pool(maps: Maps, side: int) -> Float[Array, "batch side side channel"]:
    """Return maps of `side` x `side` pixels, each the mean of the pixels that it covers.

    Pixel i covers the rows from ``floor(i H / side)`` to ``ceil((i + 1) H / side)``, and such columns.

    Args:
        maps: ``[B, H, W, C]``.
        side: height and width of the result, at least 1.
    """
    if maps.shape[1:3] == (side, side):
        return maps
    for axis in (1, 2):
        size = maps.shape[axis]
        covered = [range(i * size // side, -(-(i + 1) * size // side)) for i in range(side)]
        weights = [[(pixel in pixels) / len(pixels) for pixel in range(size)] for pixels in covered]
        pooled = jnp.tensordot(jnp.array(weights, maps.dtype), maps, axes=(1, axis))
        maps = jnp.moveaxis(pooled, 0, axis)
    return maps


class Excitation(nn.Module):
    """Scale the channels of large maps by numbers in (0, 1) that small maps give.

    References:
        Liu et al. 2021, skip-layer channel-wise excitation
    """

    @nn.compact
    def __call__(self, small: Float[Array, "batch rows columns source"], large: Maps, *, train: bool) -> Maps:
        """Return the large maps, scaled.

        Args:
            small: maps of any size, ``[B, h, w, c]``.
            large: ``[B, H, W, C]``.
            train: whether to store the vectors of the power iterations.
        """
        apply = partial(apply_layer, spectral=True, train=train)
        features = large.shape[-1]
        pooled = adaptive_mean_pool(small, 4)
        gate = nn.swish(apply(_conv(features, (4, 4), padding="VALID", name="squeeze"), pooled))
        return large * nn.sigmoid(apply(_conv(features, (1, 1), name="excite"), gate))


class Generator(nn.Module):
    """Map latents to images by stages, each of which doubles the maps.

    Attributes:
        image_shape: ``(height, width, channels)`` of one image.
        width: channels of a stage in units of its multiplier.
        doublings: number of stages after the base, whose sides are the image's, halved as often.
        num_classes: number of classes; None for an unconditional network.
        squash: whether a tanh limits the images to [-1, 1].
        noise: whether the stages of two convolutions have noise.
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).

    Raises:
        ValueError: if the stages do not lead to `image_shape`, or `width` is below 1.
    """

    image_shape: tuple[int, ...]
    width: int = 64
    doublings: int = 6
    num_classes: int | None = None
    squash: bool = False
    noise: bool = True
    axis_name: str | None = None

    def __post_init__(self) -> None:
        _check_width(self.width)
        if self.doublings < 1:
            raise ValueError(f"doublings are at least 1, got {self.doublings}")
        sizes.check_halvings(self.image_shape, self.doublings)
        super().__post_init__()

    @nn.compact
    def __call__(
        self,
        latents: Float[Array, "batch latent"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
        small: bool = False,
    ):
        """Return images ``[B, H, W, C]``.

        Args:
            latents: ``[B, Z]``.
            labels: class indices, int32 ``[B]``, for a conditional network.
            train: whether to normalize by the batch, to update the running averages, and to draw noise.
            small: whether to return ``(images, small images)``. The small ones are made of the maps of stage
                5; only networks of more stages have them.

        Raises:
            ValueError: if the network has no small images.
        """
        if small and self.doublings <= _SMALL:
            raise ValueError(
                f"small images are made after {_SMALL} doublings, and there are {self.doublings}"
            )
        apply = partial(apply_layer, spectral=True, train=train)
        one_hot = encode_labels(labels, self.num_classes, latents.dtype)
        if one_hot is not None:
            embedding = Dense(_EMBEDDING, use_bias=False, kernel_init=_init, name="classes")(one_hot)
            latents = jnp.concatenate([latents, embedding], axis=-1)
        widths = [_channels(self.width, _at(_GENERATOR, stage)) for stage in range(self.doublings + 1)]
        channels = self.image_shape[-1]
        base = tuple(side // 2**self.doublings for side in self.image_shape[:2])
        layer = ConvTranspose(
            2 * widths[0], base, padding="VALID", use_bias=False, kernel_init=_init, name="base"
        )
        stages = [self._gated(apply(layer, latents[:, None, None]), "base", train=train)]
        for stage, width in enumerate(widths[1:], 1):
            maps, name = stages[-1], f"stage_{stage}"
            doubled = UpsampleConv(
                2 * width, (3, 3), use_bias=False, kernel_init=_init, name=f"{name}_double"
            )
            two, maps = stage % 2 == 1, apply(doubled, maps)
            maps = self._gated(maps, f"{name}_double", noise=two, train=train)
            if two:
                maps = apply(_conv(2 * width, (3, 3), name=f"{name}_second"), maps)
                maps = self._gated(maps, f"{name}_second", noise=True, train=train)
            if stage in _GATES:
                maps = Excitation(name=f"{name}_gate")(stages[_GATES[stage]], maps, train=train)
            stages.append(maps)

        def image(layer: nn.Module, maps: jax.Array) -> jax.Array:
            pixels = apply(layer, maps)
            return jnp.tanh(pixels) if self.squash else pixels

        images = image(_conv(channels, (3, 3), name="to_image"), stages[-1])
        if self.doublings <= _SMALL:
            return images
        smaller = image(_conv(channels, (1, 1), name="to_small"), stages[_SMALL])
        return (images, smaller) if small else images

    def _gated(self, maps: jax.Array, name: str, *, train: bool, noise: bool = False) -> jax.Array:
        """Return half of the channels, after noise and batch normalization."""
        if noise and self.noise:
            maps = Noise(self.axis_name, name=f"{name}_noise")(maps, train=train)
        return nn.glu(_normalize(self, maps, name, train=train))


class Discriminator(nn.Module):
    """Map images to logits by blocks that halve them, and by a second judge of smaller images.

    Attributes:
        width: channels of a stage in units of its multiplier.
        blocks: number of blocks that halve the maps, at least 1.
        stem: number of convolutions that halve the images before the blocks; with none, a 3x3 convolution
            keeps their size.
        small: whether there is a second judge, of images halved ``stem + 1`` times.
        norm: "batch" as in the paper, or "none" for spectral normalization alone, which a gradient penalty
            needs.
        num_classes: number of classes, whose labels enter by projection; None for an unconditional network.
        patches: whether to return the logits of all patches, ``[B, n]``, in place of their mean.
        heads: widths of further layers on the last features; the last width is the number of values that are
            read from an image, such as codes or classes. ``()`` for a network without.
        decoders: whether there are decoders, which rebuild images: one of the last maps, one of a quarter of
            those before, and one of the last maps of the second judge.
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).

    Raises:
        ValueError: if a field is none of these.
    """

    width: int = 64
    blocks: int = 5
    stem: int = 0
    small: bool = True
    norm: str = "batch"
    num_classes: int | None = None
    patches: bool = False
    heads: tuple[int, ...] = ()
    decoders: bool = False
    axis_name: str | None = None

    def __post_init__(self) -> None:
        _check_width(self.width)
        if self.norm not in ("batch", "none"):
            raise ValueError(f"norm is 'batch' or 'none', got {self.norm!r}")
        if self.blocks < 1 or self.stem < 0 or (self.small and self.blocks < 2):
            raise ValueError(
                f"blocks are at least 1, or 2 with small images, and stem at least 0, "
                f"got {self.blocks} and {self.stem}"
            )
        super().__post_init__()

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "batch height width channel"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
        small: Float[Array, "batch rows columns channel"] | None = None,
        features: bool = False,
        quarters: Int[Array, " batch"] | None = None,
    ):
        """Return logits ``[B]``, or with heads ``(logits, read)``.

        Args:
            images: ``[B, H, W, C]``.
            labels: class indices, int32 ``[B]``, for a conditional network.
            train: whether to normalize by the batch, and to update running averages and power iterations.
            small: the images of the second judge; None for means of the images' pixels.
            features: whether to return the activations of each block instead, from the image on, as a tuple.
            quarters: for a network with decoders, which quarter of each image is rebuilt by itself
                (`quarter`). Given, the call returns pairs of rebuilt images and the images that they should
                be, all in [-1, 1], in the place of logits. They have half the sides of the image, or at most
                16 times those of the last maps.
        """
        halvings = self.stem + self.blocks
        sizes.check_halvings(images.shape[1:], halvings)
        if min(images.shape[1:3]) >> halvings < 4:
            raise ValueError(
                f"{halvings} halvings leave less than 4 pixels of {images.shape[1]}x{images.shape[2]}"
            )
        one_hot = encode_labels(labels, self.num_classes, images.dtype)
        apply = partial(apply_layer, spectral=True, train=train)

        def conv(maps: jax.Array, stage: int, taps: int, name: str, *, norm: bool = True) -> jax.Array:
            """Return features of a stage; four taps halve the maps."""
            layer = _conv(
                _channels(self.width, _at(_DISCRIMINATOR, stage)),
                (taps, taps),
                strides=2 if taps == 4 else 1,
                padding=1 if taps == 4 else "SAME",
                name=name,
            )
            maps = apply(layer, maps)
            return _leaky_relu(_normalize(self, maps, name, train=train) if norm else maps)

        def judge(maps: jax.Array, name: str) -> jax.Array:
            logits = apply(_conv(1, (4, 4), padding="VALID", name=name), maps)
            return logits.reshape(images.shape[0], -1)

        maps = images
        for i in range(self.stem):
            maps = conv(maps, self.blocks + self.stem - i, 4, f"stem_{i}", norm=i > 0)
        if not self.stem:
            maps = conv(maps, self.blocks + 1, 3, "stem", norm=False)
        stages = [maps]
        for block in range(1, self.blocks + 1):
            stage, name = self.blocks + 1 - block, f"block_{block}"
            main = conv(conv(maps, stage, 4, f"{name}_first"), stage, 3, f"{name}_second")
            maps = (main + conv(mean_pool(maps), stage, 1, f"{name}_shortcut")) / 2
            if block >= 3:
                maps = Excitation(name=f"{name}_gate")(stages[block - 3], maps, train=train)
            stages.append(maps)
        last = conv(maps, 0, 1, "last")
        logits, pixels = judge(last, "logits"), last.mean(axis=(1, 2))
        if one_hot is not None:
            layer = Dense(pixels.shape[1], use_bias=False, kernel_init=_init, name="classes")
            logits = logits + jnp.sum(apply(layer, one_hot) * pixels, axis=-1, keepdims=True)
        if self.small:
            if small is None:
                small = images
                for _ in range(self.stem + 1):
                    small = mean_pool(small)
            for i, stage in enumerate(range(self.blocks - 1, 0, -1)):
                small = conv(small, stage + 1, 4, f"small_{i}", norm=i > 0)
            logits = jnp.concatenate([logits, judge(small, "small_logits")], axis=1)
        if not self.patches:
            logits = logits.mean(axis=1)
        read = heads(self.heads, pixels, apply)
        if features:
            return tuple(stages[1:])
        if self.decoders and (quarters is not None or self.is_initializing()):
            places = jnp.zeros(len(images), jnp.int32) if quarters is None else quarters
            doublings = min(_DOUBLINGS, halvings - 1)

            def decode(maps: jax.Array, name: str) -> jax.Array:
                for i in range(doublings):
                    channels = 2 * _channels(self.width / 2, _GENERATOR[2 + i])
                    layer = UpsampleConv(
                        channels, (3, 3), use_bias=False, kernel_init=_init, name=f"{name}_{i}"
                    )
                    maps = nn.glu(_normalize(self, apply(layer, maps), f"{name}_{i}", train=train))
                return jnp.tanh(apply(_conv(images.shape[-1], (3, 3), name=f"{name}_image"), maps))

            part, whole = quarter(images, places), images
            for _ in range(halvings - 1 - doublings):
                part, whole = mean_pool(part), mean_pool(whole)
            whole = mean_pool(whole)
            pairs = [(decode(stages[-1], "decode"), whole)]
            pairs += [(decode(quarter(stages[-2], places), "decode_quarter"), part)]
            if self.small and small is not None:
                pairs += [(decode(small, "decode_small"), whole)]
            if quarters is not None:
                return tuple(pairs)
        return logits if read is None else (logits, read)


def quarter(maps: Maps, places: Int[Array, " batch"]) -> Float[Array, "batch rows columns channel"]:
    """Return one quarter of each example's maps, ``[B, H / 2, W / 2, C]``.

    Args:
        maps: ``[B, H, W, C]``, of even H and W.
        places: which quarter, 0 to 3: upper left, upper right, lower left, lower right.
    """
    batch, height, width, channels = maps.shape
    parts = maps.reshape(batch, 2, height // 2, 2, width // 2, channels).swapaxes(2, 3)
    parts = parts.reshape(batch, 4, height // 2, width // 2, channels)
    return jnp.take_along_axis(parts, places[:, None, None, None, None], axis=1)[:, 0]


def _normalize(network: Generator | Discriminator, maps: jax.Array, name: str, *, train: bool) -> jax.Array:
    """Return batch-normalized maps; call it in a compact method of the network."""
    if isinstance(network, Discriminator) and network.norm == "none":
        return maps

    def scale(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return 1 + 0.02 * jax.random.normal(key, shape, dtype)

    return BatchNorm(
        use_running_average=not train,
        momentum=0.9,
        scale_init=scale,
        axis_name=network.axis_name,
        name=f"{name}_norm",
    )(maps)


def _at(multipliers: tuple[float, ...], stage: int) -> float:
    return multipliers[min(stage, len(multipliers) - 1)]


def _check_width(width: int) -> None:
    if width < 1:
        raise ValueError(f"width is at least 1, got {width}")


Networks = tuple[Generator, Discriminator]
_SIZES = {"256": 256, "512": 512, "1024": 1024}


def preset(name: str, *, num_classes: int | None = None) -> Networks:
    """Return the networks of the paper, for color images.

    Args:
        name: "256", "512" or "1024", the height and width of images in pixels.
        num_classes: number of classes; None for unconditional networks, as the paper's are.

    Raises:
        UserError: if there is no such preset.
    """
    size = _SIZES[choose("preset", name, _SIZES)]
    generator, discriminator = for_images((size, size, 3), 64, num_classes=num_classes)
    return generator.clone(squash=size == 1024), discriminator


def for_images(
    image_shape: tuple[int, ...], width: int, *, norm: str = "batch", num_classes: int | None = None
) -> Networks:
    """Return networks for images of any size that can be halved, cut to it as the paper's are.

    The generator has a stage for each halving of the image. The discriminator has one halving less, and its
    first convolutions take those beyond five. Images of at least six halvings, 256x256 for one, have the
    second judge.

    Args:
        image_shape: ``(height, width, channels)`` of one image.
        width: channels in units of the multipliers; 64 makes the presets.
        norm: the discriminator's normalization, "batch" or "none".
        num_classes: number of classes; None for unconditional networks.

    Raises:
        UserError: if the images cannot be halved, or `width` is below 1.
    """
    if width < 1:
        raise UserError(f"`width` of a FastGAN is at least 1, got {width}")
    count = sizes.require_halvings("a FastGAN", image_shape)
    halvings = max(1, count - 1)
    blocks = min(_BLOCKS, halvings)
    return (
        Generator(image_shape, width, count, num_classes),
        Discriminator(
            width,
            blocks,
            halvings - blocks,
            small=blocks == _BLOCKS,
            norm=norm,
            num_classes=num_classes,
        ),
    )
