"""The ends of a discriminator: its logit by projection, and what else it reads from an image."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers.dense import Dense
from jaxgan.layers.labels import encode_labels
from jaxgan.layers.spectral_norm import apply_layer


class ProjectionHead(nn.Module):
    """Map last features to a logit, ``w h + b``; with classes, plus ``<V y, h>`` for the label y.

    Attributes:
        num_classes: number of classes; None for a head without labels.
        spectral: whether w and V have spectral normalization.
        kernel_init: initializer of w and V.

    References:
        Miyato and Koyama 2018, cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637, eq. 5.
    """

    num_classes: int | None = None
    spectral: bool = False
    kernel_init: nn.initializers.Initializer = nn.initializers.xavier_uniform()

    @nn.compact
    def __call__(
        self, features: Float[Array, "batch feature"], labels: Int[Array, " batch"] | None, *, train: bool
    ) -> Float[Array, " batch"]:
        """Return logits ``[B]``.

        Args:
            features: the last features, ``[B, D]``.
            labels: class indices ``[B]``; None for a head without labels.
            train: whether to store the vectors of the power iterations.

        Raises:
            ValueError: if labels and `num_classes` do not fit (`encode_labels`).
        """
        one_hot = encode_labels(labels, self.num_classes, features.dtype)
        linear = Dense(1, kernel_init=self.kernel_init, name="linear")
        logits = apply_layer(linear, features, spectral=self.spectral, train=train)[:, 0]
        if one_hot is None:
            return logits
        classes = Dense(features.shape[1], use_bias=False, kernel_init=self.kernel_init, name="classes")
        rows = apply_layer(classes, one_hot, spectral=self.spectral, train=train)
        return logits + jnp.sum(rows * features, axis=-1)


def heads(
    widths: Sequence[int],
    features: Float[Array, "batch feature"],
    apply: Callable[[nn.Module, jax.Array], jax.Array],
) -> jax.Array | None:
    """Return what dense layers read from a discriminator's last features; call it in a compact method.

    Args:
        widths: width of each layer, the last one's the number of values that are read. Leaky ReLUs are
            between the layers.
        features: the last features, ``[B, D]``.
        apply: ``(layer, inputs) -> outputs``, where a network normalizes its layers.

    Returns:
        Values ``[B, widths[-1]]``; None if there is no layer.

    Raises:
        ValueError: if a width is below 1.
    """
    if widths and min(widths) < 1:
        raise ValueError(f"a head reads at least one value, got widths {tuple(widths)}")
    values = None
    for width in widths:
        inputs = features if values is None else jax.nn.leaky_relu(values, 0.2)
        values = apply(Dense(width), inputs)
    return values
