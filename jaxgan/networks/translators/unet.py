"""The U-Net of pix2pix: halvings down to one place and back, each of them beside what it undoes.

| part | of the paper's network for 256x256 |
|---|---|
| down | 64, 128, 256, 512, 512, 512, 512, 512: 4x4 convolutions of stride 2, leaky ReLU |
| up | 512, 512, 512, 512, 256, 128, 64: transposed 4x4 convolutions of stride 2, ReLU |
| image | a transposed 4x4 convolution, tanh |

A normalization follows each convolution but the first, the deepest and the last. A step up is put beside the
maps of the way down that have its size.

References:
    Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks,
    https://arxiv.org/abs/1611.07004, section 6.1
    Ronneberger et al. 2015, U-Net, https://arxiv.org/abs/1505.04597
"""

from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers import Conv, ConvTranspose
from jaxgan.networks.translators.parts import check_norm, normalization, padded, refuse_labels

_kernel_init = nn.initializers.normal(0.02)  # Isola 2017, section 6.2
MOST_HALVINGS = 8  # of the paper's network, for 256x256


class UNet(nn.Module):
    """Make images of sources of the same size by a U-Net.

    Attributes:
        channels: number of channels of an image.
        width: channels after the first halving; each of the next three doubles them.
        depth: number of halvings.
        norm: "instance", "batch" as in the paper, or "none".
        dropout: share of features that are dropped in the three deepest steps up, in training; the paper's
            is 0.5. Their places are drawn as one block, so devices and parts of a batch draw other ones.
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).

    Raises:
        ValueError: if a field is none of these.
    """

    channels: int
    width: int = 64
    depth: int = MOST_HALVINGS
    norm: str = "instance"
    dropout: float = 0.0
    axis_name: str | None = None

    scale: ClassVar[int] = 1
    reach: ClassVar[int | None] = None  # an image depends on its whole source

    def __post_init__(self) -> None:
        check_norm(self.norm)
        if min(self.channels, self.width, self.depth) < 1 or not 0 <= self.dropout < 1:
            raise ValueError(
                "a U-Net has channels, width and depth of at least 1 and a dropout in [0, 1), "
                f"got {self.channels}, {self.width}, {self.depth} and {self.dropout}"
            )
        super().__post_init__()

    @property
    def stride(self) -> int:
        """What divides the height and width of a source that is not padded."""
        return 2**self.depth

    @nn.compact
    def __call__(
        self, sources: Float[Array, "batch height width source"], labels: Any = None, *, train: bool
    ) -> Float[Array, "batch height width channel"]:
        """Return images in [-1, 1]."""
        refuse_labels(labels)
        options = {
            "kernel_size": (4, 4),
            "strides": (2, 2),
            "kernel_init": _kernel_init,
            "use_bias": self.norm != "batch",
        }

        def normalize(maps: jax.Array) -> jax.Array:
            return normalization(self.norm, train=train, axis_name=self.axis_name)(maps)

        widths = [self.width * min(8, 2**level) for level in range(self.depth)]
        maps, across = padded(sources, self.stride), []
        for level, width in enumerate(widths):
            if level:
                maps = jax.nn.leaky_relu(maps, 0.2)
            maps = Conv(width, **options)(maps)
            if 0 < level < self.depth - 1:  # of one place, instance normalization would leave zeros
                maps = normalize(maps)
            across.append(maps)
        for level in reversed(range(self.depth - 1)):
            maps = normalize(ConvTranspose(widths[level], **options)(nn.relu(maps)))
            if level >= self.depth - 4 and level >= 3:
                maps = nn.Dropout(self.dropout, deterministic=not train)(maps)
            maps = jnp.concatenate([maps, across[level]], axis=-1)
        images = ConvTranspose(self.channels, **(options | {"use_bias": True}))(nn.relu(maps))
        return jnp.tanh(images)[:, : sources.shape[1], : sources.shape[2]]
