"""StyleGAN2's discriminator: blocks that halve the image, and an end that compares examples."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers import (
    EqualizedConv,
    EqualizedDense,
    MinibatchStddev,
    blur,
    downsample,
    encode_labels,
    heads,
    scaled_leaky_relu,
)
from jaxgan.networks.stylegan2.mapping import Mapping
from jaxgan.networks.stylegan2.synthesis import block_sizes

_LABEL_LAYERS = 8  # of the network that maps labels, whatever the generator has


class Discriminator(nn.Module):
    """Map images to logits.

    Attributes:
        channel_base: a block of side r has ``channel_base // r`` channels.
        channel_max: largest number of channels.
        architecture: "resnet" has residual blocks, "orig" has plain ones.
        group_size: number of examples that `MinibatchStddev` compares; a divisor of the batch size on each
            device. Outside of training, a batch that it does not divide has smaller groups.
        num_classes: number of classes, whose labels enter by projection; None for an unconditional network.
        heads: widths of further layers on the last features; the last width is the number of values that are
            read from an image, such as codes or classes. ``()`` for a network without.

    Raises:
        ValueError: if an attribute is none of these.

    References:
        Karras et al. 2020, StyleGAN2, section 4.1 and figure 7.
        Miyato and Koyama 2018, cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637, eq. 5,
        whose second term is left out.
    """

    channel_base: int = 16384
    channel_max: int = 512
    architecture: str = "resnet"
    group_size: int = 4
    num_classes: int | None = None
    heads: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.architecture not in ("resnet", "orig"):
            raise ValueError(
                f"a discriminator's architecture is 'resnet' or 'orig', got {self.architecture!r}"
            )
        sizes = (self.channel_base, self.channel_max, self.group_size)
        if min(sizes) < 1:
            raise ValueError(
                "`channel_base`, `channel_max` and `group_size` are at least 1, got "
                f"{', '.join(map(str, sizes))}"
            )
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
        """Return logits ``[B]``, or with heads ``(logits, read)``.

        `train` makes a batch of which `group_size` is no divisor an error. With `features`, return the
        activations of each block instead, from the image on, as a tuple.
        """
        sizes = block_sizes(*images.shape[1:3], channel_base=self.channel_base, channel_max=self.channel_max)[
            ::-1
        ]
        encode_labels(labels, self.num_classes)  # it refuses labels that do not fit
        outputs = scaled_leaky_relu(EqualizedConv(sizes[0][2], (1, 1), name="from_image")(images))
        activations = []
        for block, (_, _, channels) in enumerate(sizes[1:]):
            outputs = self._block(outputs, channels, f"block{block}")
            activations.append(outputs)
        count = images.shape[0]
        alone = not isinstance(count, int)  # an exported function's batch has any size: each image is a group
        group = self.group_size if train else 1 if alone else math.gcd(self.group_size, count)
        outputs = MinibatchStddev(group)(outputs)
        width = sizes[-1][2]
        outputs = scaled_leaky_relu(EqualizedConv(width, (3, 3), name="last_conv")(outputs))
        activations.append(outputs)
        last = EqualizedDense(width, name="last_dense")(outputs.reshape(count, -1))
        last = scaled_leaky_relu(last)
        read = heads(self.heads, last, lambda layer, inputs: layer(inputs))
        logits = self._logits(last, labels)
        if features:
            return tuple(activations)
        return logits if read is None else (logits, read)

    def _block(self, outputs: jax.Array, channels: int, name: str) -> jax.Array:
        """Return features of half the height and width."""
        before = outputs
        outputs = EqualizedConv(outputs.shape[-1], (3, 3), name=f"{name}_conv0")(outputs)
        outputs = blur(scaled_leaky_relu(outputs), (2, 2))
        strided = EqualizedConv(channels, (3, 3), strides=2, padding="VALID", name=f"{name}_conv1")
        outputs = scaled_leaky_relu(strided(outputs))
        if self.architecture == "orig":
            return outputs
        skip = EqualizedConv(channels, (1, 1), use_bias=False, name=f"{name}_skip")(downsample(before))
        return (skip + outputs) * math.sqrt(0.5)

    def _logits(self, last: jax.Array, labels: jax.Array | None) -> jax.Array:
        if self.num_classes is None:
            return EqualizedDense(1, name="logit")(last)[:, 0]
        width = last.shape[1]
        mapped = Mapping(width, _LABEL_LAYERS, self.num_classes, follow=False, name="mapping")(
            None, labels, train=False, dtype=last.dtype
        )
        directions = EqualizedDense(width, name="logit")(last)
        return jnp.sum(directions * mapped, axis=-1) / math.sqrt(width)
