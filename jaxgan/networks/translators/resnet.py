"""The residual translator of CycleGAN: two halvings, residual blocks, and back.

| part | of the paper's network |
|---|---|
| down | a 7x7 convolution to 64, 3x3 convolutions of stride 2 to 128 and 256 |
| middle | 9 residual blocks of two 3x3 convolutions (6 for images of 128 pixels) |
| up | transposed 3x3 convolutions of stride 2 to 128 and 64, a 7x7 convolution, tanh |

Instance normalization and ReLU follow each convolution but the last. Where the stride is 1, the edges are
reflected in the place of zeros.

References:
    Zhu et al. 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks,
    https://arxiv.org/abs/1703.10593, section 7.2
    Johnson et al. 2016, Perceptual Losses for Real-Time Style Transfer, https://arxiv.org/abs/1603.08155
"""

from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers import Conv, ConvTranspose
from jaxgan.networks.translators.parts import check_norm, normalization, padded, refuse_labels

_kernel_init = nn.initializers.normal(0.02)  # Zhu 2017, section 7.2 of the authors' code
HALVINGS = 2


class ResNetTranslator(nn.Module):
    """Make images of sources of the same size by residual blocks.

    Attributes:
        channels: number of channels of an image.
        width: channels of the layer next to the source.
        blocks: number of residual blocks.
        norm: "instance", "batch" or "none".
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).

    Raises:
        ValueError: if a field is none of these.
    """

    channels: int
    width: int = 64
    blocks: int = 9
    norm: str = "instance"
    axis_name: str | None = None

    scale: ClassVar[int] = 1
    stride: ClassVar[int] = 2**HALVINGS
    reach: ClassVar[int | None] = None  # instance normalization looks at the whole source

    def __post_init__(self) -> None:
        check_norm(self.norm)
        if min(self.channels, self.width) < 1 or self.blocks < 0:
            raise ValueError(
                "a residual translator has channels and width of at least 1, "
                f"got {self.channels} and {self.width}, and {self.blocks} blocks"
            )
        super().__post_init__()

    @nn.compact
    def __call__(
        self, sources: Float[Array, "batch height width source"], labels: Any = None, *, train: bool
    ) -> Float[Array, "batch height width channel"]:
        """Return images in [-1, 1]."""
        refuse_labels(labels)
        options = {"kernel_init": _kernel_init, "use_bias": self.norm != "batch"}

        def normalize(maps: jax.Array) -> jax.Array:
            return normalization(self.norm, train=train, axis_name=self.axis_name)(maps)

        def reflected(maps: jax.Array, width: int, size: int) -> jax.Array:
            return Conv(width, (size, size), padding="REFLECT", **options)(maps)

        maps = nn.relu(normalize(reflected(padded(sources, self.stride), self.width, 7)))
        for halving in range(1, HALVINGS + 1):
            convolution = Conv(self.width * 2**halving, (3, 3), strides=(2, 2), padding=1, **options)
            maps = nn.relu(normalize(convolution(maps)))
        for _ in range(self.blocks):
            middle = nn.relu(normalize(reflected(maps, maps.shape[-1], 3)))
            maps = maps + normalize(reflected(middle, maps.shape[-1], 3))
        for halving in reversed(range(HALVINGS)):
            convolution = ConvTranspose(self.width * 2**halving, (3, 3), strides=(2, 2), **options)
            maps = nn.relu(normalize(convolution(maps)))
        images = Conv(self.channels, (7, 7), padding="REFLECT", kernel_init=_kernel_init)(maps)
        return jnp.tanh(images)[:, : sources.shape[1], : sources.shape[2]]
