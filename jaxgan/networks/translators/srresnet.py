"""SRResNet: residual blocks at the source's size, then sub-pixel upsampling.

| part | of the paper's network |
|---|---|
| source | a 9x9 convolution to 64, parametric ReLU |
| middle | 16 residual blocks of two 3x3 convolutions, a 3x3 convolution, plus what the first layer made |
| up | for each doubling a 3x3 convolution to 256, whose channels become pixels, parametric ReLU |
| image | a 9x9 convolution |

The paper has batch normalization in the middle. Lim et al. 2017 leave it out, which is the default here. The
last layer begins with zeros, and its result is added to the source, enlarged by repeating its pixels (as in
Kim et al. 2016): so the network begins there, and learns what to change. Images are clipped to [-1, 1] where
they are drawn, and not in training, where a clipped pixel would learn nothing.

References:
    Ledig et al. 2017, Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network,
    https://arxiv.org/abs/1609.04802, figure 4
    Kim et al. 2016, Accurate Image Super-Resolution Using Very Deep Convolutional Networks,
    https://arxiv.org/abs/1511.04587, section 3.1
    Lim et al. 2017, Enhanced Deep Residual Networks for Single Image Super-Resolution,
    https://arxiv.org/abs/1707.02921
"""

from functools import partial
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers import Conv, sub_pixel_init, to_pixels
from jaxgan.networks.translators.parts import check_norm, normalization, refuse_labels

MOST_SCALE = 16
_OUTER, _INNER = 9, 3  # sizes of the kernels


class SRResNet(nn.Module):
    """Make images that are `scale` times as large as their sources.

    Attributes:
        channels: number of channels of an image.
        scale: factor of height and width: a product of twos and threes, such as 2, 3, 4, 6 or 8, or 1.
        width: channels of all layers but the last.
        blocks: number of residual blocks.
        norm: "none", "batch" as in the paper, or "instance".
        axis_name: mapped axis over which batch statistics are averaged (`make_train_step` sets it).

    Raises:
        ValueError: if a field is none of these.
    """

    channels: int
    scale: int = 4
    width: int = 64
    blocks: int = 16
    norm: str = "none"
    axis_name: str | None = None

    stride: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_norm(self.norm)
        if min(self.channels, self.width) < 1 or self.blocks < 0:
            raise ValueError(
                "an SRResNet has channels and width of at least 1, "
                f"got {self.channels} and {self.width}, and {self.blocks} blocks"
            )
        factors(self.scale)
        super().__post_init__()

    @property
    def reach(self) -> int | None:
        """The number of a source's pixels, to each side, on which a pixel of the image depends."""
        if self.norm == "instance":
            return None  # on all of them
        reach, size = _OUTER // 2 + (2 * self.blocks + 1) * (_INNER // 2), 1
        for factor in factors(self.scale):
            reach += -(-(_INNER // 2) // size)
            size *= factor
        return reach + -(-(_OUTER // 2) // size)

    @nn.compact
    def __call__(
        self, sources: Float[Array, "batch height width source"], labels: Any = None, *, train: bool
    ) -> Float[Array, "batch new_height new_width channel"]:
        """Return images, in [-1, 1] unless `train`."""
        refuse_labels(labels)
        bend = partial(nn.PReLU, negative_slope_init=0.25)

        def inner(maps: jax.Array) -> jax.Array:
            maps = Conv(self.width, (_INNER, _INNER), use_bias=self.norm != "batch")(maps)
            return normalization(self.norm, train=train, axis_name=self.axis_name)(maps)

        first = maps = bend()(Conv(self.width, (_OUTER, _OUTER))(sources))
        for _ in range(self.blocks):
            maps = maps + inner(bend()(inner(maps)))
        maps = first + inner(maps)
        for factor in factors(self.scale):
            init = sub_pixel_init(nn.initializers.lecun_normal(), factor)
            pixels = Conv(self.width * factor**2, (_INNER, _INNER), kernel_init=init)(maps)
            maps = bend()(to_pixels(pixels, factor))
        change = Conv(self.channels, (_OUTER, _OUTER), kernel_init=nn.initializers.zeros_init())(maps)
        images = enlarged(sources, self.scale, self.channels) + change
        return images if train else jnp.clip(images, -1, 1)


def enlarged(sources: jax.Array, scale: int, channels: int) -> jax.Array:
    """Return sources enlarged by repeating their pixels; in another number of channels, their mean."""
    if sources.shape[-1] != channels:
        sources = jnp.repeat(sources.mean(axis=-1, keepdims=True), channels, axis=-1)
    return repeated(sources, scale)


def repeated(maps: jax.Array, factor: int) -> jax.Array:
    """Return maps with each pixel repeated along height and width."""
    for axis in (1, 2):
        maps = jnp.repeat(maps, factor, axis=axis)
    return maps


def factors(scale: int) -> list[int]:
    """Return the factors of the upsamplings, twos before threes.

    Raises:
        ValueError: if the scale is no product of twos and threes, or too large.
    """
    steps, rest = [], scale
    for factor in (2, 3):
        while rest > 1 and rest % factor == 0:
            steps.append(factor)
            rest //= factor
    if rest != 1 or not 1 <= scale <= MOST_SCALE:
        raise ValueError(
            f"`scale` is a product of twos and threes of at most {MOST_SCALE}, or 1, got {scale}"
        )
    return steps
