"""Batch normalization whose scale and bias depend on the class."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers.batch_norm import BatchNorm


class ConditionalBatchNorm(nn.Module):
    """Batch normalization whose scale and bias are tables with one row per class.

    The statistics are those of the whole batch, over all classes. All classes begin with scale 1 and bias 0.

    Attributes:
        num_classes: number of classes, and of rows of the two tables.
        momentum: decay of the running averages, in [0, 1].
        epsilon: summand of the variance, > 0.
        axis_name: mapped axis over which batch statistics are averaged.

    References:
        De Vries et al. 2017, Modulating early visual processing by language,
        https://arxiv.org/abs/1707.00683, section 3.
        Dumoulin et al. 2017, A Learned Representation For Artistic Style, https://arxiv.org/abs/1610.07629,
        eq. 5.
        Miyato and Koyama 2018, cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637,
        section 5: in the generator of a GAN.
    """

    num_classes: int
    momentum: float = 0.99
    epsilon: float = 1e-5
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self,
        features: Float[Array, "batch *space feature"],
        labels: Int[Array, " label"] | None,
        *,
        train: bool,
    ) -> Float[Array, "batch *space feature"]:
        """Normalize the features, then scale and shift each example with the numbers of its class.

        Args:
            features: ``[B, ..., C]``.
            labels: class indices in [0, num_classes), ``[B]``, never None. An index outside gives NaN.
            train: whether to normalize by the batch's statistics and update the running averages, instead of
                normalizing by the running averages.

        Returns:
            Features of the same shape.

        Raises:
            ValueError: if there is not one label per example.
        """
        if labels is None or labels.shape != features.shape[:1]:
            got = "none" if labels is None else f"shape {labels.shape}"
            raise ValueError(
                f"ConditionalBatchNorm takes one label per example, shape {features.shape[:1]}, got {got}"
            )
        normalized = BatchNorm(
            use_running_average=not train,
            momentum=self.momentum,
            epsilon=self.epsilon,
            use_scale=False,
            use_bias=False,
            axis_name=self.axis_name,
        )(features)

        def row(name: str, init: nn.initializers.Initializer) -> jax.Array:
            rows = nn.Embed(self.num_classes, features.shape[-1], embedding_init=init, name=name)(labels)
            return jnp.expand_dims(rows, tuple(range(1, features.ndim - 1)))

        return row("scale", nn.initializers.ones) * normalized + row("bias", nn.initializers.zeros)
