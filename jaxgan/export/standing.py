"""Standing statistics: the batch statistics of a finished generator, in place of its running averages.

The running averages of a batch-normalized generator are of weights from the last steps of training, and the
generator that draws has averaged weights. The two differ. Here many batches of fresh latents go through the
finished generator in training mode, and the averages of their statistics replace the running ones.

References:
    Brock et al. 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis,
    https://arxiv.org/abs/1809.11096
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.export.generator import prior_of
from jaxgan.export.safetensors import Network
from jaxgan.prior import draw_rows
from jaxgan.state import named_leaves, with_leaves
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key
from jaxgan.system.settings import converted

BATCH_SIZE = 64


def with_standing_statistics(network: Network, batches: int) -> Network:
    """Return an exported generator whose running averages are the means over fresh batches.

    A running average becomes ``m a + (1 - m) b``, where a is its old value, b the batch's statistic, and m
    its decay. At a = 0 it is ``(1 - m) b``, and its derivative by a is m. So b is known for any decay.

    Args:
        network: a generator with batch normalization (`jaxgan.export.read_generator`).
        batches: number of batches of 64 latents, at least 1. The latents and the labels, which are drawn
            evenly, are always the same.

    Raises:
        UserError: if there is no batch normalization, or no batch.
    """
    batches = converted("standing_statistics", batches, int)
    if batches < 1:
        raise UserError(f"`standing_statistics` must be at least 1, got {batches}")
    leaves = named_leaves(network.variables)
    averages = {name: leaf for name, leaf in leaves.items() if name.rpartition("/")[2] in ("mean", "var")}
    if not averages:
        raise UserError(
            f"`standing_statistics` {batches} has no effect on a {network.description['network']} generator, "
            "which has no batch normalization"
        )
    prior = prior_of(network.description)

    @jax.jit
    def statistics(variables: Any, batch: jax.Array) -> dict[str, jax.Array]:
        of_latents, of_labels, of_network = jax.random.split(jax.random.fold_in(seed_key(0), batch), 3)
        latents, labels = draw_rows(prior, of_latents, BATCH_SIZE), None
        if network.num_classes is not None:
            labels = jax.random.randint(of_labels, (BATCH_SIZE,), 0, network.num_classes)
        rngs = {"examples": of_network, "dropout": jax.random.fold_in(of_network, 1)}

        def updated(averages: dict[str, jax.Array]) -> dict[str, jax.Array]:
            given = with_leaves(variables, named_leaves(variables) | averages)
            collections = [name for name in given if name != "params"]
            _, changed = network.module.apply(
                given, latents, labels, train=True, mutable=collections, rngs=rngs
            )
            changed = named_leaves(changed)
            return {name: changed[name] for name in averages}

        zeros, ones = jax.tree.map(jnp.zeros_like, averages), jax.tree.map(jnp.ones_like, averages)
        at_zero, decays = jax.jvp(updated, (zeros,), (ones,))
        return jax.tree.map(lambda value, decay: value / (1 - decay), at_zero, decays)

    total = statistics(network.variables, jnp.asarray(0))
    for batch in range(1, batches):
        total = jax.tree.map(jnp.add, total, statistics(network.variables, jnp.asarray(batch)))
    means = {name: value / batches for name, value in total.items()}
    return network._replace(variables=with_leaves(network.variables, leaves | means))
