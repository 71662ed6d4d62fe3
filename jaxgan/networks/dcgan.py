"""DCGAN: strided convolutions, batch normalization, no pooling and, but for InfoGAN, no hidden dense layer.

Both networks consist of stages. A stage is one 4x4 convolution of stride 2, which halves (in the generator,
doubles) height and width. Stages follow each other while height and width are even and the smaller one is
above 4. The number of channels doubles with each stage away from the image: ``width, 2 width, 4 width, ...``.
The innermost features are the base:

| image | stages | base at width 64 |
|---|---|---|
| 28x28 | 2 | 7x7x128 |
| 32x32 | 3 | 4x4x256 |
| 64x64 | 4 | 4x4x512 |

An image that cannot be halved (for example 27x31) gets one stage of stride 1.

InfoGAN's networks for MNIST have a dense layer of 1,024 beside the base: ``hidden=(1024,)``. The base is a
sum over the latents; with a dense layer before it, one part of the latents changes what another part does.

References:
    Radford et al. 2016, Unsupervised Representation Learning with DCGAN, https://arxiv.org/abs/1511.06434
    Miyato et al. 2018, Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957
    Miyato and Koyama 2018, cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637
    Chen et al. 2016, InfoGAN, https://arxiv.org/abs/1606.03657, appendix C.1
"""

import math
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers import (
    BatchNorm,
    ConditionalBatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    SpectralNorm,
    encode_labels,
    heads,
)
from jaxgan.networks import sizes

_kernel_init = nn.initializers.normal(0.02)  # Radford 2016, section 4


class Stages(NamedTuple):
    """The stages between an image and its base.

    Attributes:
        count: number of stages, >= 1.
        stride: stride of each stage, 1 or 2.
        height: height of the base.
        width: width of the base.
    """

    count: int
    stride: int
    height: int
    width: int


def stages_of(height: int, width: int) -> Stages:
    """Return the stages between an image of ``height x width`` pixels and its base."""
    count = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) > 4:
        height, width, count = height // 2, width // 2, count + 1
    return Stages(count, 2, height, width) if count else Stages(1, 1, height, width)


def base_of(height: int, width: int) -> tuple[int, int]:
    """Return height and width of the base of an image."""
    stages = stages_of(height, width)
    return stages.height, stages.width


def note_on(height: int, width: int) -> str | None:
    """Return a line about an image size whose base is large: see `sizes.note_on`."""
    return sizes.note_on("a DCGAN", height, width, base_of)


def _check_image_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"a DCGAN takes images of shape (height, width, channels), got {shape}")


class Generator(nn.Module):
    """Map latents to images by transposed convolutions.

    Attributes:
        image_shape: ``(height, width, channels)`` of one image.
        width: channels of the stage next to the image; Radford 2016 has 128 at 64x64 pixels.
        num_classes: number of classes; None for an unconditional network.
        conditioning: "concat" appends the one-hot label to the latents; "batch_norm" gives each class its own
            scales and biases (Miyato and Koyama 2018, section 5).
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).
        hidden: widths of dense layers between the latents and the base.

    Raises:
        ValueError: if `image_shape` or `conditioning` is none of these.
    """

    image_shape: tuple[int, ...]
    width: int = 64
    num_classes: int | None = None
    conditioning: str = "concat"
    axis_name: str | None = None
    hidden: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_image_shape(self.image_shape)
        if self.conditioning not in ("concat", "batch_norm"):
            raise ValueError(f"conditioning is 'concat' or 'batch_norm', got {self.conditioning!r}")
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
        stages = stages_of(*self.image_shape[:2])
        one_hot = encode_labels(labels, self.num_classes, latents.dtype)
        classes = self.num_classes if self.conditioning == "batch_norm" else None

        def normalize(features):
            if classes is not None and labels is not None:
                norm = ConditionalBatchNorm(classes, momentum=0.9, axis_name=self.axis_name)
                return nn.relu(norm(features, labels, train=train))
            norm = BatchNorm(use_running_average=not train, momentum=0.9, axis_name=self.axis_name)
            return nn.relu(norm(features))

        features = latents
        if one_hot is not None and classes is None:
            features = jnp.concatenate([latents, one_hot], axis=-1)
        for width in self.hidden:
            features = normalize(Dense(width, use_bias=False, kernel_init=_kernel_init)(features))
        base = stages.height, stages.width, self.width * 2 ** (stages.count - 1)
        features = Dense(math.prod(base), use_bias=False, kernel_init=_kernel_init)(features)
        features = normalize(features.reshape(-1, *base))
        for stage in reversed(range(stages.count)):
            last = stage == 0
            features = ConvTranspose(
                self.image_shape[2] if last else self.width * 2 ** (stage - 1),
                kernel_size=(4, 4),
                strides=(stages.stride, stages.stride),
                use_bias=last,  # Batch normalization would cancel a bias.
                kernel_init=_kernel_init,
            )(features)
            features = jnp.tanh(features) if last else normalize(features)
        return features


class Discriminator(nn.Module):
    """Map images to logits by strided convolutions.

    Attributes:
        width: channels of the stage next to the image.
        norm: "batch" normalizes all stages but the first (Radford 2016), "spectral" all layers (Miyato 2018),
            "none" nothing. A gradient penalty needs one of the last two, because with batch normalization the
            gradient of one example is not defined.
        num_classes: number of classes, whose labels enter by projection (Miyato and Koyama 2018, eq. 5); None
            for an unconditional network.
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).
        heads: widths of further layers on the last features; the last width is the number of values that are
            read from an image, such as codes or classes. ``()`` for a network without.
        hidden: widths of dense layers between the last convolution and the logit.

    Raises:
        ValueError: if `norm` is none of the three.
    """

    width: int = 64
    norm: str = "batch"
    num_classes: int | None = None
    axis_name: str | None = None
    heads: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.norm not in ("batch", "spectral", "none"):
            raise ValueError(f"norm is 'batch', 'spectral' or 'none', got {self.norm!r}")
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

        With `train`, update the running averages or power iterations. With `features`, return the activations
        of each stage instead, from the image on, as a tuple.
        """
        _check_image_shape(images.shape[1:])
        stages = stages_of(*images.shape[1:3])

        def apply(layer: nn.Module, inputs: jax.Array) -> jax.Array:
            if self.norm == "spectral":
                return SpectralNorm(layer)(inputs, train=train)
            return layer(inputs)

        def activate(layer: nn.Module, inputs: jax.Array, *, batch_norm: bool) -> jax.Array:
            outputs = apply(layer, inputs)
            if batch_norm:
                norm = BatchNorm(use_running_average=not train, momentum=0.9, axis_name=self.axis_name)
                outputs = norm(outputs)
            return jax.nn.leaky_relu(outputs, 0.2)

        outputs, activations = images, []
        for stage in range(stages.count):
            batch_norm = self.norm == "batch" and stage > 0
            convolution = Conv(
                self.width * 2**stage,
                kernel_size=(4, 4),
                strides=(stages.stride, stages.stride),
                use_bias=not batch_norm,
                kernel_init=_kernel_init,
            )
            outputs = activate(convolution, outputs, batch_norm=batch_norm)
            activations.append(outputs)

        last = outputs.reshape(outputs.shape[0], -1)
        for width in self.hidden:
            batch_norm = self.norm == "batch"
            dense = Dense(width, use_bias=not batch_norm, kernel_init=_kernel_init)
            last = activate(dense, last, batch_norm=batch_norm)
            activations.append(last)
        logits = apply(Dense(1, kernel_init=_kernel_init), last)[:, 0]
        one_hot = encode_labels(labels, self.num_classes, last.dtype)
        if one_hot is not None:
            embedding = Dense(last.shape[1], use_bias=False, kernel_init=_kernel_init)
            logits += jnp.sum(apply(embedding, one_hot) * last, axis=-1)
        read = heads(self.heads, last, apply)
        if features:
            return tuple(activations)
        return logits if read is None else (logits, read)
