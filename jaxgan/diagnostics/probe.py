"""The probe: one pure function of a GAN's state that measures how its training goes.

References:
    McCandlish et al. 2018, An Empirical Model of Large-Batch Training, https://arxiv.org/abs/1812.06162
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan.games.base import Game
from jaxgan.games.turn import Turn
from jaxgan.images import to_float
from jaxgan.state import GANState, TrainState, Variables
from jaxgan.updates import Players, joint_gradients

Findings = dict[str, jax.Array]
Probe = Callable[..., Findings]  # (state, images, labels, key) -> scalars


def make_probe(players: Players, game: Game) -> Probe:
    """Make the function that probes a GAN; one call costs about as much as two steps of half a batch.

    Args:
        players: those of the step, ``step.players``.
        game: the step's game, ``step.game``.

    Returns:
        ``probe(state, images, labels, key, sources=None, condition=None) -> findings``: scalars that describe
        the present networks, not the average one. ``images`` are ``[2 n, ...]``, n >= 2, ``labels`` int32
        ``[2 n]`` or None, ``sources`` as many sources ``[2 n, ...]`` where the data have some, and
        ``condition`` that of each row of a table. The findings of each player:

        - ``*_update_ratio``: the length of its next update over the length of its weights;
        - ``*_gradient_norm``: the length of its gradient;
        - ``*_gradient_noise``: the squared distance between the gradients of two half batches over the sum of
          their squared lengths: 0 if they agree, 1 if they are noise, at most 2;
        - ``*_dead_units``: the share of units whose weights have a gradient of exactly zero.

        The findings of both:

        - ``accuracy``: the share of pairs of a real and a fake in which the real has the larger logit;
        - ``real_logit``, ``fake_logit``: the discriminator's mean logits;
        - ``diversity``: the mean distance between two fakes over that between two reals;
        - ``rank``: the number of directions of the discriminator's last features on fakes over that on reals,
          both by the participation ratio.

    References:
        McCandlish et al. 2018, section 2.2, for the noise.
    """

    def probe(
        state: GANState,
        images: jax.Array,
        labels: jax.Array | None,
        key: jax.Array,
        sources: jax.Array | None = None,
        condition: jax.Array | None = None,
    ) -> Findings:
        images = to_float(images)
        half = len(images) // 2
        first_key, second_key, latent_key = jax.random.split(key, 3)

        def cut(part: slice) -> dict[str, jax.Array]:
            batch = {"image": images[part]}
            if sources is not None:
                batch["source"] = to_float(sources[part])
            if condition is not None:
                batch["condition"] = condition[part]
            return batch if labels is None else {**batch, "label": labels[part]}

        first, second = (
            joint_gradients(players, state, turn, turn)
            for turn in (
                Turn(cut(slice(half)), *jax.random.split(first_key)),
                Turn(cut(slice(half, 2 * half)), *jax.random.split(second_key)),
            )
        )
        findings = {
            "accuracy": first.d_metrics["pair_accuracy"],
            "real_logit": first.d_metrics["real_logit"],
            "fake_logit": first.d_metrics["fake_logit"],
        }
        for name in ("generator", "discriminator"):
            gradients, others = first.gradients[name], second.gradients[name]
            statistics = _gradient_statistics(getattr(state, name), gradients, others)
            findings |= {f"{name}_{statistic}": value for statistic, value in statistics.items()}
        turn, size = Turn(cut(slice(half)), latent_key, latent_key), state.latent_dim
        inputs = (
            jax.random.normal(latent_key, (half, size), jnp.float32)
            if game.prior is None and not game.SOURCES
            else game.inputs_of(turn.batch, latent_key, half, size)
        )
        real, fake = game.shown(state.generator.variables, turn.real, inputs, turn.labels)
        real_images, fake_images = (jax.tree.leaves(shown)[0] for shown in (real, fake))
        findings["diversity"] = spread(fake_images) / jnp.maximum(spread(real_images), 1e-12)
        variables, labels = state.discriminator.variables, game.judged_labels(turn)
        ranks = [
            directions(last_features(game.discriminator, variables, shown, labels)) for shown in (fake, real)
        ]
        findings["rank"] = ranks[0] / jnp.maximum(ranks[1], 1e-12)
        return findings

    return probe


def _gradient_statistics(network: TrainState, gradients: Any, others: Any) -> Findings:
    """Return the findings of one player from its gradients on two half batches."""
    updated = network.apply_gradients(grads=gradients).params
    step = optax.tree.norm(optax.tree.sub(updated, network.params))
    norms = optax.tree.norm(gradients, squared=True) + optax.tree.norm(others, squared=True)
    distance = optax.tree.norm(optax.tree.sub(gradients, others), squared=True)
    return {
        "update_ratio": step / jnp.maximum(optax.tree.norm(network.params), 1e-12),
        "gradient_norm": jnp.asarray(optax.tree.norm(gradients)),
        "gradient_noise": distance / jnp.maximum(norms, 1e-30),
        "dead_units": dead_units(gradients, others),
    }


def dead_units(*gradients: Any) -> jax.Array:
    """Return the share of units (columns of kernels) whose weights have zero gradients in all arguments."""

    def dead(*kernels: jax.Array) -> jax.Array:
        zero = [(kernel == 0).reshape(-1, kernel.shape[-1]).all(axis=0) for kernel in kernels]
        return jnp.stack(zero).all(axis=0)

    trees = [[leaf for leaf in jax.tree.leaves(tree) if leaf.ndim > 1] for tree in gradients]
    columns = [dead(*kernels) for kernels in zip(*trees, strict=True)]
    return jnp.concatenate(columns).mean() if columns else jnp.zeros(())


def spread(points: jax.Array) -> jax.Array:
    """Return the mean distance over all pairs of ``[n, ...]``, n >= 2."""
    flat = points.reshape(len(points), -1)
    flat = flat - flat.mean(axis=0, keepdims=True)  # far from zero, float32 would lose small distances
    squares = (flat**2).sum(axis=1)
    distances = jnp.maximum(squares[:, None] + squares[None, :] - 2 * flat @ flat.T, 0)
    return jnp.sqrt(distances).sum() / (len(flat) * (len(flat) - 1))


def directions(features: jax.Array) -> jax.Array:
    """Return the participation ratio of ``[n, d]``: the number of directions that share the variance, 1 to d.

    It is the squared trace of the covariance over the trace of its square, so no eigenvalues are needed.
    """
    centered = features - features.mean(axis=0, keepdims=True)
    gram = centered @ centered.T
    return jnp.trace(gram) ** 2 / jnp.maximum((gram**2).sum(), 1e-30)


def last_features(
    discriminator: nn.Module, variables: Variables, images: Any, labels: jax.Array | None
) -> jax.Array:
    """Return the input of the discriminator's last layer with weights, ``[n, d]``, on what it is shown.

    If some layers have a single output, it is the last of those: a projection of labels may come later.
    """
    first = jax.tree.leaves(images)[0]
    inputs_of_any, inputs_of_heads = [first], []

    def listen(
        call: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any], context: Any
    ) -> Any:
        if context.method_name == "__call__" and context.module.has_variable("params", "kernel"):
            is_head = context.module.get_variable("params", "kernel").shape[-1] == 1
            (inputs_of_heads if is_head else inputs_of_any).append(inputs[0])
        return call(*inputs, **options)

    with nn.intercept_methods(listen):
        discriminator.apply(variables, images, labels, train=False)
    return (inputs_of_heads or inputs_of_any)[-1].reshape(len(first), -1)
