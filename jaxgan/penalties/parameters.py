"""Regularization of a network's parameters. Neither function here is a `Penalty`, which takes a critic.

`orthogonal` is a term that the caller adds to either player's loss; `clip_parameters` belongs into the
player's optimizer.

References:
    Brock et al. 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis,
    https://arxiv.org/abs/1809.11096
    Arjovsky et al. 2017, Wasserstein GAN, https://arxiv.org/abs/1701.07875
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float


def orthogonal(params: Any, *, weight: float | jax.Array = 1e-4) -> Float[Array, ""]:
    """Orthogonal regularization without the norms, ``weight * sum |W^T W * (1 - I)|_F^2`` over kernels W.

    It makes the output features of a layer orthogonal and does not change their norms. BigGAN applies it to
    the generator, so that truncated latents still give good images.

    Args:
        params: a pytree of parameters. Leaves of rank two or more are kernels whose *last* axis is the
            output; the others (biases, scales) do not count.
        weight: beta, >= 0.

    Returns:
        A scalar.

    References:
        Brock et al. 2019, eq. 3.
    """
    kernels = [leaf.reshape(-1, leaf.shape[-1]) for leaf in jax.tree.leaves(params) if leaf.ndim >= 2]
    total = jnp.zeros(())
    for kernel in kernels:
        gram = kernel.T @ kernel
        total += jnp.sum((gram - jnp.diag(jnp.diag(gram))) ** 2)
    return weight * total


def clip_parameters(limit: float = 0.01) -> optax.GradientTransformation:
    """Weight clipping: after each update the parameters lie in ``[-limit, limit]``.

    It is the last transformation of a chain:

        optax.chain(optax.rmsprop(5e-5), clip_parameters(0.01))

    This was the first way to keep a Wasserstein critic Lipschitz; a gradient penalty works better.

    Args:
        limit: c, > 0.

    Returns:
        An optax transformation whose update needs the parameters.

    Raises:
        ValueError: if `limit` is not positive. The update raises it if it is called without parameters.

    References:
        Arjovsky et al. 2017, algorithm 1.
    """
    if not limit > 0:
        raise ValueError(f"limit is a positive number, got {limit}")

    def update(updates, state, params=None):
        if params is None:
            raise ValueError("clip_parameters needs the parameters: tx.update(gradients, state, params)")

        def clip(parameter, update):
            return jnp.clip(parameter + update, -limit, limit) - parameter

        return jax.tree.map(clip, params, updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)
