"""A feature that shows a discriminator how much the examples of a batch differ."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float


class MinibatchStddev(nn.Module):
    """Append one feature that measures how much the examples of a group differ.

    A discriminator with this layer can recognize fakes that are all alike. The layer belongs near the
    discriminator's end. Within a group, the standard deviations of all features at all positions are averaged
    to a single number; every example of the group gets this number at every position.

    A group consists of consecutive examples. A shard of the batch therefore holds whole groups, and many
    devices give the same numbers as one. The logits of a group depend on all of its images: with this layer,
    a gradient penalty takes, for each example, the gradient of the *sum* of its group's logits.

    Attributes:
        group_size: number of examples in a group, >= 1; a divisor of the batch size on each device.

    References:
        Karras et al. 2018, Progressive Growing of GANs, https://arxiv.org/abs/1710.10196, section 3.
    """

    group_size: int = 4

    @nn.compact
    def __call__(self, features: Float[Array, "batch *space_feature"]) -> Float[Array, "batch *space_more"]:
        """Append the group's mean standard deviation as one more feature.

        Args:
            features: ``[B, ..., C]``. At initialization B may be any number: the batch is one group then.

        Returns:
            ``[B, ..., C + 1]``.

        Raises:
            ValueError: if the batch does not divide into groups, or there is no feature axis (at trace time).
        """
        if features.ndim < 2:
            raise ValueError(f"MinibatchStddev takes features [B, ..., C], got shape {features.shape}")
        batch = features.shape[0]
        group = batch if self.is_initializing() else self.group_size
        if group < 1 or batch % group:
            raise ValueError(f"a batch of {batch} does not divide into groups of {group}")
        groups = features.reshape(-1, group, *features.shape[1:])
        # The 1e-8 keeps the gradient finite where all examples of a group are equal.
        deviation = jnp.sqrt(groups.var(axis=1) + 1e-8).mean(axis=tuple(range(1, features.ndim)))
        channel = jnp.repeat(deviation, group).reshape(batch, *[1] * (features.ndim - 1))
        return jnp.concatenate([features, jnp.broadcast_to(channel, (*features.shape[:-1], 1))], axis=-1)
