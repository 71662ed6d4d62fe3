"""DCGAN: strided convolutions, batch normalisation, no pooling and no hidden dense layer.

Both networks are a ladder of 4x4 stride-2 convolutions that halves (or doubles) the height and the width
while both are even and the smaller one is above 4. Channels double with each rung away from the image:
``width, 2 width, 4 width, ...``. So 32x32 at width 64 stands on a base of 4x4x256, 28x28 on 7x7x128, 64x64 on
4x4x512. An image that cannot be halved at all (27x31, say) gets one rung of stride 1.

References:
    Radford et al. 2016, Unsupervised Representation Learning with DCGAN, https://arxiv.org/abs/1511.06434
    Miyato et al. 2018, Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957
    Miyato and Koyama 2018, cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637
"""

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
)

_kernel_init = nn.initializers.normal(0.02)  # Radford 2016, section 4


class Ladder(NamedTuple):
    """How an image size is reached from its base by 4x4 convolutions."""

    rungs: int
    stride: int
    height: int  # of the base
    width: int


def ladder(height: int, width: int) -> Ladder:
    """Return the rungs between an image of ``height x width`` pixels and its base."""
    rungs = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) > 4:
        height, width, rungs = height // 2, width // 2, rungs + 1
    return Ladder(rungs, 2, height, width) if rungs else Ladder(1, 1, height, width)


def _check_image_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"a DCGAN takes images of shape (height, width, channels), got {shape}")


class Generator(nn.Module):
    """Latents to images by transposed convolutions.

    Attributes:
        image_shape: ``(height, width, channels)`` of one image.
        width: channels next to the image; Radford 2016 has 128 at 64x64 pixels.
        num_classes: if given, the network is conditional.
        conditioning: "concat" appends the one-hot label to the latents; "batch_norm" gives each class its own
            scales and biases (Miyato and Koyama 2018, section 5).
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).
    """

    image_shape: tuple[int, ...]
    width: int = 64
    num_classes: int | None = None
    conditioning: str = "concat"
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self,
        latents: Float[Array, "batch latent"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
    ) -> Float[Array, "batch height width channel"]:
        """Return images in [-1, 1]; with `train`, normalise by the batch and update the running averages."""
        _check_image_shape(self.image_shape)
        rungs, stride, height, width = ladder(*self.image_shape[:2])

        if self.conditioning not in ("concat", "batch_norm"):
            raise ValueError(f"conditioning is 'concat' or 'batch_norm', got {self.conditioning!r}")
        one_hot = encode_labels(labels, self.num_classes, latents.dtype)
        classes = self.num_classes if self.conditioning == "batch_norm" else None

        def normalise(features):
            if classes is not None and labels is not None:
                norm = ConditionalBatchNorm(classes, momentum=0.9, axis_name=self.axis_name)
                return nn.relu(norm(features, labels, train=train))
            norm = BatchNorm(use_running_average=not train, momentum=0.9, axis_name=self.axis_name)
            return nn.relu(norm(features))

        features = latents
        if one_hot is not None and classes is None:
            features = jnp.concatenate([latents, one_hot], axis=-1)
        channels = self.width * 2 ** (rungs - 1)
        features = Dense(height * width * channels, use_bias=False, kernel_init=_kernel_init)(features)
        features = normalise(features.reshape(-1, height, width, channels))
        for rung in reversed(range(rungs)):
            last = rung == 0
            features = ConvTranspose(
                self.image_shape[2] if last else self.width * 2 ** (rung - 1),
                kernel_size=(4, 4),
                strides=(stride, stride),
                use_bias=last,  # a batch normalisation would cancel it
                kernel_init=_kernel_init,
            )(features)
            features = jnp.tanh(features) if last else normalise(features)
        return features


class Discriminator(nn.Module):
    """Images to logits by strided convolutions.

    Attributes:
        width: channels next to the image.
        norm: "batch" as in Radford 2016 (nowhere before the first activation); "spectral" on every layer
            (Miyato 2018); "none". Gradient penalties need one of the last two: with batch normalisation the
            gradient of one example is not defined.
        num_classes: if given, the label enters by projection (Miyato and Koyama 2018, eq. 5).
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).
    """

    width: int = 64
    norm: str = "batch"
    num_classes: int | None = None
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "batch height width channel"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
    ) -> Float[Array, " batch"]:
        """Return logits ``[B]``; with `train`, update the running averages or power iterations."""
        _check_image_shape(images.shape[1:])
        if self.norm not in ("batch", "spectral", "none"):
            raise ValueError(f"norm is 'batch', 'spectral' or 'none', got {self.norm!r}")
        rungs, stride, _, _ = ladder(*images.shape[1:3])

        def apply(layer: nn.Module, inputs: jax.Array) -> jax.Array:
            if self.norm == "spectral":
                return SpectralNorm(layer)(inputs, train=train)
            return layer(inputs)

        features = images
        for rung in range(rungs):
            batch_norm = self.norm == "batch" and rung > 0
            convolution = Conv(
                self.width * 2**rung,
                kernel_size=(4, 4),
                strides=(stride, stride),
                use_bias=not batch_norm,
                kernel_init=_kernel_init,
            )
            features = apply(convolution, features)
            if batch_norm:
                features = BatchNorm(use_running_average=not train, momentum=0.9, axis_name=self.axis_name)(
                    features
                )
            features = jax.nn.leaky_relu(features, 0.2)

        features = features.reshape(features.shape[0], -1)
        logits = apply(Dense(1, kernel_init=_kernel_init), features)[:, 0]
        one_hot = encode_labels(labels, self.num_classes, features.dtype)
        if one_hot is not None:
            embedding = Dense(features.shape[1], use_bias=False, kernel_init=_kernel_init)
            logits += jnp.sum(apply(embedding, one_hot) * features, axis=-1)
        return logits
