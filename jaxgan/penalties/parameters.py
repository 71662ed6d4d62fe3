"""What holds a network's parameters rather than its gradients.

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


def orthogonal(params: Any, *, weight: float = 1e-4) -> Float[Array, ""]:
    """Orthogonal regularisation without the norms, ``weight * sum |W^T W * (1 - I)|_F^2`` over kernels W.

    Different output features are pushed apart, their lengths are left alone. BigGAN has it on the generator,
    so that truncated latents still give good images; add it to a player's loss yourself.

    Args:
        params: a pytree of parameters. Leaves of rank two and more are kernels whose *last* axis is the
            output; the others (biases, scales) are left out.
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
    """Weight clipping, as the last transformation of a chain: parameters end in ``[-limit, limit]``.

        optax.chain(optax.rmsprop(5e-5), clip_parameters(0.01))

    The original way to keep a Wasserstein critic Lipschitz; a gradient penalty serves better.

    Args:
        limit: c, > 0.

    Returns:
        An optax transformation whose update needs the parameters.

    Raises:
        ValueError: if `limit` is not positive; in the update, if there are no parameters.

    References:
        Arjovsky et al. 2017, algorithm 1.
    """
    if not limit > 0:
        raise ValueError(f"limit is a positive number, got {limit}")

    def update(updates, state, params=None):
        if params is None:
            raise ValueError("clip_parameters needs the parameters: tx.update(gradients, state, params)")

        def clipped(parameter, update):
            return jnp.clip(parameter + update, -limit, limit) - parameter

        return jax.tree.map(clipped, params, updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)
