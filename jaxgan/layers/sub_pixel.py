"""Sub-pixel upsampling: a convolution makes the pixels of an enlarged image as channels of the small one.

With independent weights, neighboring pixels of the enlarged image differ from the start, which shows as a
checkerboard. `sub_pixel_init` begins with equal weights for all pixels that come from one place: the layer
is then a nearest-neighbor upsampling.

References:
    Shi et al. 2016, Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network, https://arxiv.org/abs/1609.05158
    Aitken et al. 2017, Checkerboard artifact free sub-pixel convolution, https://arxiv.org/abs/1707.02937
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def to_pixels(
    features: Float[Array, "batch height width channel"], scale: int
) -> Float[Array, "batch new_height new_width new_channel"]:
    """Return features whose channels have become pixels.

    Channel ``(i * scale + j) * C + c`` of a place becomes channel c of the pixel in row i and column j there.

    Args:
        features: ``[B, H, W, scale^2 C]``.
        scale: the factor of height and width, >= 1.

    Returns:
        Features ``[B, scale H, scale W, C]``.

    Raises:
        ValueError: if the channels do not divide by the square of the factor.

    References:
        Shi et al. 2016, eq. 4; there the channels c come first.
    """
    batch, height, width, channels = features.shape
    if scale < 1 or channels % scale**2:
        raise ValueError(f"{channels} channels do not make {scale}x{scale} pixels")
    blocks = features.reshape(batch, height, width, scale, scale, channels // scale**2)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height * scale, width * scale, -1)


def sub_pixel_init(init: nn.initializers.Initializer, scale: int) -> nn.initializers.Initializer:
    """Return an initializer of the kernel before `to_pixels`, whose pixels of one place are equal.

    Args:
        init: initializer of the kernel of one of these pixels.
        scale: the factor of height and width.

    References:
        Aitken et al. 2017, section 2.2 (ICNR).
    """

    def initialize(key: jax.Array, shape: Sequence[int], dtype: Any = jnp.float32) -> jax.Array:
        kernel = init(key, (*shape[:3], shape[3] // scale**2), dtype)
        return jnp.tile(kernel, (1, 1, 1, scale**2))

    return initialize
