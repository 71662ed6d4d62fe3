"""RRDBNet, the generator of ESRGAN: dense blocks inside of residual blocks, then upsampling.

| part | of the paper's network |
|---|---|
| source | a 3x3 convolution to 64 |
| middle | 23 blocks, a 3x3 convolution, plus what the first layer made |
| up | for each doubling repeated pixels, a 3x3 convolution to 64, leaky ReLU |
| image | 3x3 convolutions to 64 and to the image, with a leaky ReLU between |

A block is three dense blocks of five 3x3 convolutions. Each of the first four adds 32 channels to what all
later ones see. What a dense block makes is multiplied by 0.2 before it is added to its input, and so is what
the three make together. Nothing is normalized.

The last layer begins with zeros, and its result is added to the source, as in `SRResNet`; so the network
begins as its source, and learns what to change. The paper's does not. Images are clipped to [-1, 1] where
they are drawn, and not in training.

References:
    Wang et al. 2018, ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks,
    https://arxiv.org/abs/1809.00219, section 3.1; numbers of layers by the authors' code (RRDBNet_arch.py)
"""

from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers import Conv
from jaxgan.networks.translators.parts import refuse_labels
from jaxgan.networks.translators.srresnet import enlarged, factors, repeated

_RESIDUAL = 0.2  # share of what a block adds
_DENSE, _CONVOLUTIONS = 3, 5  # dense blocks of a block, convolutions of a dense block
_SHRINK = 0.1  # of the first weights in a block (Wang 2018, section 3.1: smaller initialization)


class RRDBNet(nn.Module):
    """Make images that are `scale` times as large as their sources by dense blocks.

    Attributes:
        channels: number of channels of an image.
        scale: factor of height and width: a product of twos and threes, such as 2, 3, 4, 6 or 8, or 1.
        width: channels between the blocks; a dense block adds half as many with each convolution.
        blocks: number of blocks.

    Raises:
        ValueError: if a field is none of these.
    """

    channels: int
    scale: int = 4
    width: int = 64
    blocks: int = 23

    stride: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.channels < 1 or self.width < 2 or self.blocks < 0:
            raise ValueError(
                "an RRDBNet has at least 1 channel and a width of at least 2, "
                f"got {self.channels} and {self.width}, and {self.blocks} blocks"
            )
        factors(self.scale)
        super().__post_init__()

    @property
    def reach(self) -> int:
        """The number of a source's pixels, to each side, on which a pixel of the image depends."""
        reach, size = 2 + self.blocks * _DENSE * _CONVOLUTIONS, 1
        for factor in factors(self.scale):
            size *= factor
            reach += -(-1 // size)
        return reach + -(-2 // size)

    @nn.compact
    def __call__(
        self, sources: Float[Array, "batch height width source"], labels: Any = None, *, train: bool
    ) -> Float[Array, "batch new_height new_width channel"]:
        """Return images, in [-1, 1] unless `train`."""
        refuse_labels(labels)

        def convolution(maps: jax.Array) -> jax.Array:
            return Conv(self.width, (3, 3))(maps)

        first = maps = convolution(sources)
        for _ in range(self.blocks):
            dense = maps
            for _ in range(_DENSE):
                dense = self._dense_block(dense)
            maps = maps + _RESIDUAL * dense
        maps = first + convolution(maps)
        for factor in factors(self.scale):
            maps = _bend(convolution(repeated(maps, factor)))
        maps = _bend(convolution(maps))
        change = Conv(self.channels, (3, 3), kernel_init=nn.initializers.zeros_init())(maps)
        images = enlarged(sources, self.scale, self.channels) + change
        return images if train else jnp.clip(images, -1, 1)

    def _dense_block(self, maps: jax.Array) -> jax.Array:
        seen, init = maps, nn.initializers.variance_scaling(2 * _SHRINK**2, "fan_in", "normal")
        for _ in range(_CONVOLUTIONS - 1):
            grown = _bend(Conv(self.width // 2, (3, 3), kernel_init=init)(seen))
            seen = jnp.concatenate([seen, grown], axis=-1)
        return maps + _RESIDUAL * Conv(self.width, (3, 3), kernel_init=init)(seen)


def _bend(maps: jax.Array) -> jax.Array:
    return jax.nn.leaky_relu(maps, 0.2)
