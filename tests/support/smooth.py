"""Small networks of jaxgan's layers and tanh, for comparing programs that round differently.

Two ways to compute one step agree to rounding. Where a unit has a kink (ReLU, leaky ReLU), an input close to the
kink may round to either side, and from there the two gradients are far apart. A smooth unit has no such place.
"""

import math

import flax.linen as nn
import jax.numpy as jnp

from jaxgan.layers import BatchNorm, Conv, ConvTranspose, Dense, SpectralNorm


class DenseGenerator(nn.Module):
    image_shape: tuple[int, ...]
    width: int = 16

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        pixels = Dense(math.prod(self.image_shape))(jnp.tanh(Dense(self.width)(latents)))
        return jnp.tanh(pixels).reshape(-1, *self.image_shape)


class DenseDiscriminator(nn.Module):
    width: int = 16

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return Dense(1)(jnp.tanh(Dense(self.width)(images.reshape(len(images), -1))))[:, 0]


class ConvGenerator(nn.Module):
    """A quarter of the height and width, batch normalisation, and twice a transposed convolution."""

    image_shape: tuple[int, ...]
    width: int = 4
    axis_name: str | None = None

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        def normalise(features):
            norm = BatchNorm(use_running_average=not train, momentum=0.9, axis_name=self.axis_name)
            return jnp.tanh(norm(features))

        height, width = (size // 4 for size in self.image_shape[:2])
        features = Dense(height * width * self.width, use_bias=False)(latents)
        features = normalise(features.reshape(-1, height, width, self.width))
        features = normalise(ConvTranspose(self.width, (4, 4), strides=(2, 2), use_bias=False)(features))
        return jnp.tanh(ConvTranspose(self.image_shape[2], (4, 4), strides=(2, 2))(features))


class ConvDiscriminator(nn.Module):
    """Two convolutions and a dense layer; `norm` is "batch" (after the second one) or "spectral" (on each)."""

    width: int = 4
    norm: str = "batch"
    axis_name: str | None = None

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        def apply(layer, inputs):
            return SpectralNorm(layer)(inputs, train=train) if self.norm == "spectral" else layer(inputs)

        features = jnp.tanh(apply(Conv(self.width, (4, 4), strides=(2, 2)), images))
        features = apply(Conv(2 * self.width, (4, 4), strides=(2, 2)), features)
        if self.norm == "batch":
            norm = BatchNorm(use_running_average=not train, momentum=0.9, axis_name=self.axis_name)
            features = norm(features)
        return apply(Dense(1), jnp.tanh(features).reshape(len(features), -1))[:, 0]


class Translator(nn.Module):
    """A smooth translator of images that keeps their size."""

    @nn.compact
    def __call__(self, sources, labels=None, *, train):
        assert labels is None
        return jnp.tanh(Conv(1, (3, 3))(jnp.tanh(Conv(4, (3, 3))(sources))))


class PatchPairs(nn.Module):
    """A smooth judge of patches of (images, sources)."""

    @nn.compact
    def __call__(self, shown, labels=None, *, train):
        maps = jnp.tanh(Conv(4, (3, 3), strides=(2, 2))(jnp.concatenate(shown, axis=-1)))
        return Conv(1, (3, 3))(maps).reshape(len(maps), -1)
