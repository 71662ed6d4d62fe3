"""The mapping network: from latents z to intermediate latents w, and the moving average of w."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers import EqualizedDense, encode_labels, scaled_leaky_relu
from jaxgan.layers.noise import BUFFERS

W_DECAY = 0.995  # of the moving average of w, per batch
_LEARNING_RATE = 0.01  # of the mapping's layers, relative to all others


class Mapping(nn.Module):
    """Map latents and labels to intermediate latents by dense layers of a small learning rate.

    Latents, and a linear embedding of the label, are each divided by their root mean square, and put side by
    side. In training the moving average of w is updated with the mean of the batch.

    Attributes:
        w_dim: length of w, and width of all layers.
        layers: number of layers, >= 1.
        num_classes: number of classes; None without labels.
        follow: whether to keep the moving average, ``w_average`` in the collection ``buffers``.
        axis_name: mapped axis over which the batch is spread.

    References:
        Karras et al. 2019, section 2 and appendix C.
    """

    w_dim: int
    layers: int
    num_classes: int | None = None
    follow: bool = True
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self,
        latents: Float[Array, "batch latent"] | None,
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
        dtype: Any = jnp.float32,
    ) -> Float[Array, "batch w"]:
        """Return intermediate latents.

        Args:
            latents: ``[B, Z]``; None to map labels alone, as a discriminator does.
            labels: class indices, int32 ``[B]``, or None.
            train: whether to update the moving average.
            dtype: type of the computation where there are labels alone.

        Returns:
            w, ``[B, w_dim]``.
        """
        one_hot = encode_labels(labels, self.num_classes, dtype if latents is None else latents.dtype)
        inputs = [] if latents is None else [_normalized(latents)]
        if one_hot is not None:
            inputs.append(_normalized(EqualizedDense(self.w_dim, name="embed")(one_hot)))
        w = jnp.concatenate(inputs, axis=-1)
        for _ in range(self.layers):
            w = scaled_leaky_relu(EqualizedDense(self.w_dim, lr_mult=_LEARNING_RATE)(w))
        if self.follow:
            average = self.variable(BUFFERS, "w_average", jnp.zeros, (self.w_dim,), jnp.float32)
            if train and not self.is_initializing():
                mean = jax.lax.stop_gradient(w).astype(average.value.dtype).mean(axis=0)
                if self.axis_name is not None:
                    mean = jax.lax.pmean(mean, self.axis_name)
                average.value = W_DECAY * average.value + (1 - W_DECAY) * mean
        return w

    @property
    def average(self) -> Float[Array, " w"]:
        """The moving average of w, float32 ``[w_dim]``."""
        return self.get_variable(BUFFERS, "w_average")


def _normalized(inputs: jax.Array) -> jax.Array:
    """Return vectors divided by their root mean square."""
    wide = inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))
    scale = jax.lax.rsqrt(jnp.square(wide).mean(axis=-1, keepdims=True) + 1e-8)
    return (wide * scale).astype(inputs.dtype)
