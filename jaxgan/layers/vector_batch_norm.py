"""Batch normalization whose scale and bias are linear in a vector, such as the embedding of a class."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers.batch_norm import BatchNorm
from jaxgan.layers.dense import Dense
from jaxgan.layers.spectral_norm import apply_layer


class VectorBatchNorm(nn.Module):
    """Batch normalization with scale ``1 + W c`` and bias ``V c``, for a vector c of each example.

    Attributes:
        momentum: decay of the running averages, in [0, 1].
        epsilon: summand of the variance, > 0.
        spectral: whether W and V have spectral normalization.
        kernel_init: initializer of W and V.
        axis_name: mapped axis over which batch statistics are averaged.

    References:
        Brock et al. 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis,
        https://arxiv.org/abs/1809.11096, appendix B.
    """

    momentum: float = 0.99
    epsilon: float = 1e-5
    spectral: bool = False
    kernel_init: nn.initializers.Initializer = nn.initializers.orthogonal()
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self,
        features: Float[Array, "batch *space feature"],
        vectors: Float[Array, "*vector"],
        *,
        train: bool,
    ) -> Float[Array, "batch *space feature"]:
        """Normalize the features, then scale and shift each example by numbers that its vector gives.

        Args:
            features: ``[B, ..., C]``.
            vectors: one vector for each example, ``[B, D]``.
            train: whether to normalize by the batch's statistics and update the running averages, instead of
                normalizing by the running averages.

        Returns:
            Features of the same shape.

        Raises:
            ValueError: if there is not one vector per example.
        """
        if vectors.ndim != 2 or vectors.shape[0] != features.shape[0]:
            shape = f"[{features.shape[0]}, D]"
            raise ValueError(
                f"VectorBatchNorm takes a vector per example, {shape}, got {list(vectors.shape)}"
            )
        normalized = BatchNorm(
            use_running_average=not train,
            momentum=self.momentum,
            epsilon=self.epsilon,
            use_scale=False,
            use_bias=False,
            axis_name=self.axis_name,
        )(features)

        def linear(name: str) -> jax.Array:
            layer = Dense(features.shape[-1], use_bias=False, kernel_init=self.kernel_init, name=name)
            values = apply_layer(layer, vectors, spectral=self.spectral, train=train)
            return jnp.expand_dims(values, tuple(range(1, features.ndim - 1)))

        return (1 + linear("scale")) * normalized + linear("bias")
