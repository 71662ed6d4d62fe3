"""Instance noise: the discriminator sees real and fake examples under the same noise."""

import jax
import jax.numpy as jnp

from jaxgan.augment.examples import Amount, Augmentation, check_keys, value_at


def instance_noise(*, sigma: Amount) -> Augmentation:
    """Add Gaussian noise, ``x + sigma * n`` with ``n ~ N(0, 1)`` for each value of each example.

    Real and generated data rarely overlap. Noise gives them a common support; a schedule can remove it as
    training goes on.

    Args:
        sigma: standard deviation, >= 0, in the data's units (images span 2); a number or a schedule of the
            step, e.g. ``optax.linear_schedule(0.1, 0.0, 10_000)``.

    Returns:
        An `Augmentation` for float data ``[B, ...]`` of any rank.

    Raises:
        ValueError: if sigma is a negative number. The augmentation itself raises it (at trace time) if there
            is not one key per example.

    References:
        Sønderby et al. 2017, instance noise.
    """
    if isinstance(sigma, (int, float)) and not sigma >= 0:
        raise ValueError(f"sigma is a standard deviation, at least 0, got {sigma}")

    def augment(images, *, keys, step=0):
        keys = check_keys(images, keys)
        noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:], images.dtype))(keys)
        return images + jnp.asarray(value_at(sigma, step), images.dtype) * noise

    return augment
