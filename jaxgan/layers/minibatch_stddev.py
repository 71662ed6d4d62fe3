"""A feature that tells a discriminator how much the examples of a batch differ."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float


class MinibatchStddev(nn.Module):
    """One more feature, which tells how much the examples of a group differ.

    A discriminator with this layer sees when the fakes are all alike. It belongs near its end. Within a group
    the standard deviation of every feature at every place is averaged to a single number, which all examples
    of the group get at all places.

    Groups are consecutive examples, so that a shard of the batch holds whole groups and many devices give the
    numbers of one. The logits of a group then depend on all of its images: what a gradient penalty calls the
    gradient of an example is that of the *sum* of its group's logits with respect to this example.

    Attributes:
        group_size: examples in a group, >= 1; a divisor of the batch on each device.

    References:
        Karras et al. 2018, Progressive Growing of GANs, https://arxiv.org/abs/1710.10196, section 3.
    """

    group_size: int = 4

    @nn.compact
    def __call__(self, features: Float[Array, "batch *space feature"]) -> Float[Array, "batch *space more"]:
        """Append the group's mean standard deviation as one more feature.

        Args:
            features: ``[B, ..., C]``. Only at initialisation may B be any number (it is then one group): with
                smaller groups on a small batch, a shard would not see what one device does.

        Returns:
            ``[B, ..., C + 1]``.

        Raises:
            ValueError: at trace time, if the batch does not divide into groups.
        """
        batch = features.shape[0]
        group = batch if self.is_initializing() else self.group_size
        if group < 1 or batch % group:
            raise ValueError(f"a batch of {batch} does not divide into groups of {group}")
        groups = features.reshape(-1, group, *features.shape[1:])
        # The 1e-8 keeps the gradient finite where a group is all alike.
        deviation = jnp.sqrt(groups.var(axis=1) + 1e-8).mean(axis=tuple(range(1, features.ndim)))
        channel = jnp.repeat(deviation, group).reshape(batch, *[1] * (features.ndim - 1))
        return jnp.concatenate([features, jnp.broadcast_to(channel, (*features.shape[:-1], 1))], axis=-1)
