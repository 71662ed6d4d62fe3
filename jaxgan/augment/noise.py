"""Instance noise: the discriminator sees everything through the same fog."""

import jax
import jax.numpy as jnp

from jaxgan.augment.examples import Amount, Augmentation, amount_at, check


def instance_noise(*, sigma: Amount) -> Augmentation:
    """Add Gaussian noise, ``x + sigma * n`` with ``n ~ N(0, 1)`` for each value of each example.

    Real and generated data rarely overlap; noise gives them a common support, and a schedule lifts it.

    Args:
        sigma: standard deviation, >= 0, in the data's units (images span 2); a number or a schedule of the
            step, e.g. ``optax.linear_schedule(0.1, 0.0, 10_000)``.

    Returns:
        An `Augmentation` for float data ``[B, ...]`` of any rank.

    Raises:
        ValueError: here for a negative number; when it is called (at trace time), if there is not one key
            per example.

    References:
        Sønderby et al. 2017, instance noise.
    """
    if isinstance(sigma, (int, float)) and not sigma >= 0:
        raise ValueError(f"sigma is a standard deviation, at least 0, got {sigma}")

    def augment(images, *, keys, step=0):
        keys = check(images, keys)
        noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:], images.dtype))(keys)
        return images + jnp.asarray(amount_at(sigma, step), images.dtype) * noise

    return augment
