"""Rules that bend the game's vector field by its own Jacobian, so that it turns less around an equilibrium.

With v the gradients of both players together and J its Jacobian, J^T v comes from one backward pass through
the gradients and J v from one forward pass: nothing of the size of J is ever made.

References:
    Mescheder et al. 2017, The Numerics of GANs, https://arxiv.org/abs/1705.10461
    Balduzzi et al. 2018, The Mechanics of n-Player Differentiable Games, https://arxiv.org/abs/1802.05642
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgan.games.adversarial import Turn
from jaxgan.games.gradients import (
    Joint,
    Players,
    Update,
    Updated,
    discriminator_updates,
    joint_gradients,
    move,
    with_params,
)
from jaxgan.state import GANState

Field = Callable[
    [Any], tuple[Any, Joint]
]  # the parameters of both -> (the gradients of both, what gave them)
Mean = Callable[[Any], Any]  # over the mapped axis
ALIGNMENT = 0.1  # epsilon of Balduzzi et al. 2018, algorithm 1


def consensus(*, weight: float) -> Update:
    """Make the rule in which both players also minimise the length of the vector field.

    Args:
        weight: gamma of the paper, >= 0; 0 is `simultaneous`. The step of plain gradient descent converges
            on a bilinear game while it is at most ``2 weight / (1 + weight**2)``.

    Returns:
        An update rule: gradients ``v + weight J^T v``.

    Raises:
        ValueError: if `weight` is negative.

    References:
        Mescheder et al. 2017, algorithm 2: with L the half squared norm of v, its gradient is J^T v.
    """
    if weight < 0:
        raise ValueError(f"the weight is at least 0, got {weight}")

    def adjust(field: Field, params: Any, mean: Mean) -> tuple[Any, Any, Joint]:
        gradients, pullback, joint = jax.vjp(field, params, has_aux=True)
        (toward,) = mean(pullback(gradients))
        return gradients, optax.tree.scale(weight, toward), joint

    return _adjusted(adjust)


def symplectic(*, weight: float = 1.0, align: bool = True) -> Update:
    """Make the rule that turns the vector field by the antisymmetric part A of its Jacobian.

    Args:
        weight: lambda of the paper, >= 0; 0 is `simultaneous`.
        align: choose the sign so that stable equilibria attract and unstable ones repel.

    Returns:
        An update rule: gradients ``v + weight A^T v``, ``A = (J - J^T) / 2``.

    Raises:
        ValueError: if `weight` is negative.

    References:
        Balduzzi et al. 2018, algorithm 1.
    """
    if weight < 0:
        raise ValueError(f"the weight is at least 0, got {weight}")

    def adjust(field: Field, params: Any, mean: Mean) -> tuple[Any, Any, Joint]:
        gradients, pullback, joint = jax.vjp(field, params, has_aux=True)
        (transposed,) = mean(pullback(gradients))  # at once: of their shares, devices would see other signs
        pushed = mean(jax.jvp(lambda params: field(params)[0], (params,), (gradients,))[1])
        turn = optax.tree.scale(0.5, optax.tree.sub(transposed, pushed))
        if not align:
            return gradients, optax.tree.scale(weight, turn), joint
        size = sum(leaf.size for leaf in jax.tree.leaves(params))
        along = jnp.asarray(optax.tree.vdot(gradients, transposed) * optax.tree.vdot(turn, transposed))
        sign = jnp.where(along / size + ALIGNMENT < 0, -weight, weight)
        return gradients, optax.tree.scale(sign, turn), joint

    return _adjusted(adjust)


def _adjusted(adjust: Callable[[Field, Any, Mean], tuple[Any, Any, Joint]]) -> Update:
    """Make the rule that moves both players by the gradients plus what `adjust` adds."""

    def update(players: Players, state: GANState, d_turns: Sequence[Turn], g_turn: Turn) -> Updated:
        state, d_metrics = discriminator_updates(players, state, d_turns[:-1])

        def field(params: Any) -> tuple[Any, Joint]:
            joint = joint_gradients(players, with_params(state, **params), d_turns[-1], g_turn)
            return joint.gradients, joint

        params = {"discriminator": state.discriminator.params, "generator": state.generator.params}
        gradients, added, joint = adjust(field, params, players.mean)
        moved = move(joint.state, **optax.tree.add(gradients, added))
        return moved, [*d_metrics, joint.d_metrics], joint.g_metrics

    return update
