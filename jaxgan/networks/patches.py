"""PatchGAN: a discriminator that judges each patch of an image by itself.

Its logits are those of overlapping patches. A patch is what one logit depends on:

| `layers` | patch |
|---|---|
| 1 | 16x16 |
| 2 | 34x34 |
| 3 | 70x70, pix2pix's and CycleGAN's |
| 4 | 142x142 |

A game of images and sources shows it both, as a tuple; they are put beside each other as channels.

References:
    Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks,
    https://arxiv.org/abs/1611.07004, section 6.1.2
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers import Conv, InstanceNorm
from jaxgan.layers.spectral_norm import apply_layer

NORMS = ("instance", "spectral", "none")
_kernel_init = nn.initializers.normal(0.02)


class PatchDiscriminator(nn.Module):
    """Judge patches of images by 4x4 convolutions.

    Attributes:
        width: channels of the first layer; each of the next three layers doubles them.
        layers: number of convolutions of stride 2, >= 1.
        norm: "instance" as in the paper, in all layers but the first and the last; "spectral", in all
            layers; or "none".

    Raises:
        ValueError: if a field is none of these.
    """

    width: int = 64
    layers: int = 3
    norm: str = "instance"

    def __post_init__(self) -> None:
        if min(self.width, self.layers) < 1:
            raise ValueError(f"width and layers are at least 1, got {self.width} and {self.layers}")
        if self.norm not in NORMS:
            raise ValueError(f"norm is {', '.join(NORMS)}, got {self.norm!r}")
        super().__post_init__()

    @nn.compact
    def __call__(self, shown: Any, labels: Any = None, *, train: bool, features: bool = False) -> Any:
        """Return the logits of all patches ``[B, n]``, or ``[B]`` if there is only one.

        Args:
            shown: images ``[B, H, W, C]``, or a tuple of several of one size.
            labels: None.
            train: whether to store the vectors of the power iterations.
            features: whether to return the activations of each layer instead, as a tuple.
        """
        if labels is not None:
            raise ValueError("this discriminator takes no labels")
        maps: Float[Array, "batch height width channel"] = (
            jnp.concatenate(shown, axis=-1) if isinstance(shown, tuple) else shown
        )
        if min(maps.shape[1:3]) < smallest(self.layers):
            size, least = f"{maps.shape[1]}x{maps.shape[2]}", smallest(self.layers)
            raise ValueError(
                f"a patch discriminator of {self.layers} layers takes images of at least "
                f"{least}x{least} pixels, got {size}"
            )
        activations = []
        for layer in range(self.layers + 1):
            stride, normalized = 1 if layer == self.layers else 2, layer > 0 and self.norm == "instance"
            convolution = Conv(
                self.width * min(8, 2**layer),
                (4, 4),
                strides=(stride, stride),
                padding=1,
                kernel_init=_kernel_init,
            )
            maps = apply_layer(convolution, maps, spectral=self.norm == "spectral", train=train)
            maps = jax.nn.leaky_relu(InstanceNorm()(maps) if normalized else maps, 0.2)
            activations.append(maps)
        last = Conv(1, (4, 4), padding=1, kernel_init=_kernel_init)
        logits = apply_layer(last, maps, spectral=self.norm == "spectral", train=train)
        logits = logits.reshape(logits.shape[0], -1)
        if features:
            return tuple(activations)
        return logits[:, 0] if logits.shape[1] == 1 else logits


def patch_size(layers: int) -> int:
    """Return the height and width of a patch in pixels."""
    size = 1 + 3 + 3  # the two convolutions of stride 1
    for _ in range(layers):
        size = 2 * size + 2
    return size


def smallest(layers: int) -> int:
    """Return the smallest height and width of an image that such a discriminator takes."""
    return 3 * 2**layers


def layers_for(height: int, width: int, *, most: int = 3) -> int:
    """Return the largest number of layers whose patch fits into an image; 1 for small images.

    Args:
        height: height of an image in pixels.
        width: width of an image in pixels.
        most: the largest number of layers.
    """
    return max([1, *(layers for layers in range(1, most + 1) if patch_size(layers) <= min(height, width))])
