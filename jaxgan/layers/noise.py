"""Random numbers of a generator's layers: keys for each example, and noise on features.

A module that draws random numbers in training asks for a key of the stream ``examples`` and folds it with
the index of each example in the *global* batch. So one device and many draw the same numbers.
`jaxgan.games.Game` gives the stream; in your own loop, it is ``apply(..., rngs={"examples": key})``.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

STREAM = "examples"
BUFFERS = "buffers"
"""The collection of what is no parameter and no batch statistic. The generator's average copies it."""


def example_keys(module: nn.Module, count: int, axis_name: str | None) -> Key[Array, " example"]:
    """Return one key for each example; different layers, and different calls, get different ones.

    Args:
        module: the bound module that draws.
        count: number of examples on this device.
        axis_name: mapped axis over which the batch is spread, or None.

    Returns:
        Keys ``[count]``.

    Raises:
        ValueError: if the module is applied without a key.
    """
    if not (module.has_rng(STREAM) or module.has_rng("params")):
        raise ValueError(
            f'in training, this network draws random numbers: apply it with rngs={{"{STREAM}": key}}'
        )
    key = module.make_rng(STREAM)
    first = 0
    if axis_name is not None and not module.is_initializing():
        first = count * jax.lax.axis_index(axis_name)
    return jax.vmap(lambda example: jax.random.fold_in(key, example))(first + jnp.arange(count))


class Noise(nn.Module):
    """Add normal noise to features, one number per pixel, times a learned strength that begins at 0.

    In training the noise of each example and each call is new. In drawing mode it is one fixed image of noise
    for all examples, which is drawn at initialization and kept in the collection ``buffers``: equal latents
    then give equal images.

    Attributes:
        axis_name: mapped axis over which the batch is spread.

    References:
        Karras et al. 2019, A Style-Based Generator Architecture for GANs, https://arxiv.org/abs/1812.04948,
        section 2, with a strength for each channel.
        Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN,
        https://arxiv.org/abs/1912.04958, section 2.1.
    """

    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, features: Float[Array, "batch height width channel"], *, train: bool
    ) -> Float[Array, "batch height width channel"]:
        """Return the features with noise.

        Args:
            features: ``[B, H, W, C]``.
            train: whether to draw new noise, instead of taking the fixed one.
        """
        strength = self.param("strength", nn.initializers.zeros, ())
        shape = (*features.shape[1:3], 1)
        fixed = self.variable(
            BUFFERS, "noise", lambda: jax.random.normal(self.make_rng("params"), shape, jnp.float32)
        )
        if train:
            keys = example_keys(self, len(features), self.axis_name)
            noise = jax.vmap(lambda key: jax.random.normal(key, shape, jnp.float32))(keys)
        else:
            noise = fixed.value[None]
        return features + (strength * noise).astype(features.dtype)
