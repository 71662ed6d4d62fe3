"""What a look at a GAN in training measures, as one pure function of its state.

References:
    Roy and Vetterli 2007, The effective rank, which this measures by the participation ratio instead
    McCandlish et al. 2018, An Empirical Model of Large-Batch Training, https://arxiv.org/abs/1812.06162
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan.games.adversarial import Turn
from jaxgan.images import to_float
from jaxgan.state import GANState, TrainState, Variables
from jaxgan.updates import Players, joint_gradients

Findings = dict[str, jax.Array]
Probe = Callable[..., Findings]  # (state, images, labels, key) -> scalars


def make_probe(players: Players, generator: nn.Module, discriminator: nn.Module) -> Probe:
    """Make the function that looks at a GAN: about as much work as two steps of half a batch.

    Args:
        players: those of the step, ``step.players``.
        generator: module ``(latents, labels, *, train) -> images``.
        discriminator: module ``(images, labels, *, train) -> logits``.

    Returns:
        ``probe(state, images, labels, key) -> findings``: scalars, all of the networks as they stand, not of
        the average. ``images`` are ``[2 n, ...]``, n >= 2, and ``labels`` int32 ``[2 n]`` or None. For each
        player:

        - ``*_update_ratio``: length of its next update over the length of its weights;
        - ``*_gradient_norm``;
        - ``*_gradient_noise``: how far the gradients of two half batches are apart, squared, over the sum of
          their squared lengths: 0 where they agree, 1 where they are noise, up to 2;
        - ``*_dead_units``: share of units whose weights have a gradient of exactly zero.

        And ``accuracy`` of the discriminator, ``real_logit`` and ``fake_logit``; ``diversity``, the mean
        distance between two fakes over that between two reals; ``rank``, the number of directions that the
        discriminator's last features take on fakes over that on reals (participation ratio).

    References:
        McCandlish et al. 2018, section 2.2, for the noise.
    """

    def probe(state: GANState, images: jax.Array, labels: jax.Array | None, key: jax.Array) -> Findings:
        images = to_float(images)
        half = len(images) // 2
        first_key, second_key, latent_key = jax.random.split(key, 3)

        def cut(part: slice) -> tuple[jax.Array, jax.Array | None]:
            return images[part], None if labels is None else labels[part]

        first, second = (
            joint_gradients(players, state, turn, turn)
            for turn in (
                Turn(*cut(slice(half)), *jax.random.split(first_key)),
                Turn(*cut(slice(half, 2 * half)), *jax.random.split(second_key)),
            )
        )
        found = {
            "accuracy": first.d_metrics["discriminator_accuracy"],
            "real_logit": first.d_metrics["real_logit"],
            "fake_logit": first.d_metrics["fake_logit"],
        }
        for name in ("generator", "discriminator"):
            gradients, others = first.gradients[name], second.gradients[name]
            told = _of(getattr(state, name), gradients, others)
            found |= {f"{name}_{what}": value for what, value in told.items()}
        real, worn = cut(slice(half))
        latents = jax.random.normal(latent_key, (half, state.latent_dim), jnp.float32)
        fake: Any = generator.apply(state.generator.variables, latents, worn, train=False)
        found["diversity"] = spread(fake) / jnp.maximum(spread(real), 1e-12)
        ranks = [
            directions(last_features(discriminator, state.discriminator.variables, each, worn))
            for each in (fake, real)
        ]
        found["rank"] = ranks[0] / jnp.maximum(ranks[1], 1e-12)
        return found

    return probe


def _of(network: TrainState, gradients: Any, others: Any) -> Findings:
    """Return what two gradients say of one player."""
    moved = network.apply_gradients(grads=gradients).params
    step = optax.tree.norm(optax.tree.sub(moved, network.params))
    norms = optax.tree.norm(gradients, squared=True) + optax.tree.norm(others, squared=True)
    apart = optax.tree.norm(optax.tree.sub(gradients, others), squared=True)
    return {
        "update_ratio": step / jnp.maximum(optax.tree.norm(network.params), 1e-12),
        "gradient_norm": jnp.asarray(optax.tree.norm(gradients)),
        "gradient_noise": apart / jnp.maximum(norms, 1e-30),
        "dead_units": dead_units(gradients, others),
    }


def dead_units(*gradients: Any) -> jax.Array:
    """Return the share of units (columns of kernels) whose weights have zero gradients in all of these."""

    def dead(*kernels: jax.Array) -> jax.Array:
        still = [(kernel == 0).reshape(-1, kernel.shape[-1]).all(axis=0) for kernel in kernels]
        return jnp.stack(still).all(axis=0)

    trees = [[leaf for leaf in jax.tree.leaves(tree) if leaf.ndim > 1] for tree in gradients]
    columns = [dead(*kernels) for kernels in zip(*trees, strict=True)]
    return jnp.concatenate(columns).mean() if columns else jnp.zeros(())


def spread(points: jax.Array) -> jax.Array:
    """Return the mean distance over all pairs of ``[n, ...]``, n >= 2."""
    flat = points.reshape(len(points), -1)
    flat = flat - flat.mean(axis=0, keepdims=True)  # or float32 would lose small distances far from zero
    squares = (flat**2).sum(axis=1)
    distances = jnp.maximum(squares[:, None] + squares[None, :] - 2 * flat @ flat.T, 0)
    return jnp.sqrt(distances).sum() / (len(flat) * (len(flat) - 1))


def directions(features: jax.Array) -> jax.Array:
    """Return the participation ratio of ``[n, d]``: how many directions share the variance, 1 to d.

    The squared trace of the covariance over the trace of its square; no eigenvalues are needed.
    """
    centred = features - features.mean(axis=0, keepdims=True)
    gram = centred @ centred.T
    return jnp.trace(gram) ** 2 / jnp.maximum((gram**2).sum(), 1e-30)


def last_features(
    discriminator: nn.Module, variables: Variables, images: jax.Array, labels: jax.Array | None
) -> jax.Array:
    """Return what the discriminator's last layer with weights takes in, ``[n, d]``.

    That is the last one of a single output, if there is any: a projection of labels comes later.
    """
    seen, scored = [images], []

    def listen(
        call: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any], context: Any
    ) -> Any:
        if context.method_name == "__call__" and context.module.has_variable("params", "kernel"):
            one = context.module.get_variable("params", "kernel").shape[-1] == 1
            (scored if one else seen).append(inputs[0])
        return call(*inputs, **options)

    with nn.intercept_methods(listen):
        discriminator.apply(variables, images, labels, train=False)
    return (scored or seen)[-1].reshape(len(images), -1)
