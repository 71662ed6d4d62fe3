"""Self-attention among the pixels of feature maps."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers.convolution import Conv
from jaxgan.layers.spectral_norm import apply_layer

Maps = Float[Array, "batch height width channel"]


class SelfAttention(nn.Module):
    """Add to each pixel a weighted mean of what the whole feature map holds.

    A pixel's query is compared with the keys of all 2x2 blocks of pixels. The softmax of these products is
    the blocks' weights; they are not divided by the root of the key's length. The key and the value of a
    block are the maxima over its pixels; an odd last row or column belongs to no block. Queries, keys and
    values are 1x1 convolutions without bias. The mean is scaled by one learned number that begins at 0, so
    that the layer begins as the identity.

    Attributes:
        spectral: whether the convolutions have spectral normalization.
        kernel_init: initializer of the kernels.

    References:
        Zhang et al. 2019, Self-Attention Generative Adversarial Networks, https://arxiv.org/abs/1805.08318,
        eqs. 1 to 3. The paper's own code has the maxima over 2x2 blocks.
    """

    spectral: bool = False
    kernel_init: nn.initializers.Initializer = nn.initializers.xavier_uniform()

    @nn.compact
    def __call__(self, features: Maps, *, train: bool) -> Maps:
        """Return features of the same shape.

        Args:
            features: ``[B, H, W, C]``.
            train: whether to store the vectors of the power iterations.

        Raises:
            ValueError: if the height or the width is below 2, so that there is no block.
        """
        batch, height, width, channels = features.shape
        if min(height, width) < 2:
            raise ValueError(f"self-attention takes maps of at least 2x2 pixels, got {height}x{width}")

        def pixelwise(name: str, size: int, inputs: jax.Array) -> jax.Array:
            layer = Conv(size, (1, 1), use_bias=False, kernel_init=self.kernel_init, name=name)
            return apply_layer(layer, inputs, spectral=self.spectral, train=train)

        def rows(maps: jax.Array) -> jax.Array:
            return maps.reshape(batch, maps.shape[1] * maps.shape[2], maps.shape[3])

        narrow, half = max(1, channels // 8), max(1, channels // 2)
        queries = rows(pixelwise("query", narrow, features))
        keys = rows(_max_pool(pixelwise("key", narrow, features)))
        values = rows(_max_pool(pixelwise("value", half, features)))
        products = jnp.einsum("bqc,bkc->bqk", queries, keys, preferred_element_type=jnp.float32)
        weights = jax.nn.softmax(products, axis=-1).astype(features.dtype)
        means = jnp.einsum("bqk,bkc->bqc", weights, values).reshape(batch, height, width, half)
        scale = self.param("scale", nn.initializers.zeros, ())
        return features + scale.astype(features.dtype) * pixelwise("output", channels, means)


def _max_pool(maps: jax.Array) -> jax.Array:
    """Return the maxima of 2x2 pixels; unlike reduce_window's, their gradients are fast on CPU."""
    height, width = maps.shape[1] // 2, maps.shape[2] // 2
    blocks = maps[:, : 2 * height, : 2 * width].reshape(-1, height, 2, width, 2, maps.shape[3])
    return blocks.max(axis=(2, 4))
