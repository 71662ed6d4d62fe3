"""Rules that adjust the game's vector field by its Jacobian, so that it rotates less around an equilibrium.

Let v be the gradients of both players together, and J the Jacobian of v. One backward pass through the
gradients gives J^T v, and one forward pass gives J v: J itself is never computed.

References:
    Mescheder et al. 2017, The Numerics of GANs, https://arxiv.org/abs/1705.10461
    Balduzzi et al. 2018, The Mechanics of n-Player Differentiable Games, https://arxiv.org/abs/1802.05642
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

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
from jaxgan.games.turn import Turn
from jaxgan.state import GANState

Field = Callable[[Any], tuple[Any, Joint]]  # parameters of both players -> (their gradients, the `Joint`)
Mean = Callable[[Any], Any]  # tree -> its mean over the mapped axis
ALIGNMENT = 0.1  # epsilon of Balduzzi et al. 2018, algorithm 1


def consensus(*, weight: float) -> Update:
    """Make the rule in which both players also minimize the length of the vector field.

    Args:
        weight: gamma of the paper, >= 0; 0 is `simultaneous`. Plain gradient descent converges on a bilinear
            game while its step size is at most ``2 weight / (1 + weight**2)``.

    Returns:
        An update rule: gradients ``v + weight J^T v``.

    Raises:
        ValueError: if `weight` is negative or NaN.

    References:
        Mescheder et al. 2017, algorithm 2: with L the half squared norm of v, its gradient is J^T v.
    """
    if not weight >= 0:
        raise ValueError(f"`weight` must be at least 0, got {weight}")

    def adjust(field: Field, params: Any, mean: Mean) -> tuple[Any, Any, Joint]:
        gradients, pullback, joint = jax.vjp(field, params, has_aux=True)
        (transposed,) = mean(pullback(gradients))
        return gradients, optax.tree.scale(weight, transposed), joint

    return _adjusted(adjust)


def symplectic(*, weight: float = 1.0, align: bool = True) -> Update:
    """Make the rule that rotates the vector field by the antisymmetric part A of its Jacobian.

    Args:
        weight: lambda of the paper, >= 0; 0 is `simultaneous`.
        align: choose the sign so that stable equilibria attract and unstable ones repel.

    Returns:
        An update rule: gradients ``v + weight A^T v``, ``A = (J - J^T) / 2``.

    Raises:
        ValueError: if `weight` is negative or NaN.

    References:
        Balduzzi et al. 2018, algorithm 1.
    """
    if not weight >= 0:
        raise ValueError(f"`weight` must be at least 0, got {weight}")

    def adjust(field: Field, params: Any, mean: Mean) -> tuple[Any, Any, Joint]:
        gradients, pullback, joint = jax.vjp(field, params, has_aux=True)
        (transposed,) = mean(pullback(gradients))  # averaged, so that devices agree on the sign
        pushed = mean(jax.jvp(lambda params: field(params)[0], (params,), (gradients,))[1])
        rotation = optax.tree.scale(0.5, optax.tree.sub(transposed, pushed))
        if not align:
            return gradients, optax.tree.scale(weight, rotation), joint
        size = sum(leaf.size for leaf in jax.tree.leaves(params))
        along = jnp.asarray(optax.tree.vdot(gradients, transposed) * optax.tree.vdot(rotation, transposed))
        sign = jnp.where(along / size + ALIGNMENT < 0, -weight, weight)
        return gradients, optax.tree.scale(sign, rotation), joint

    return _adjusted(adjust)


def _adjusted(adjust: Callable[[Field, Any, Mean], tuple[Any, Any, Joint]]) -> Update:
    """Make the rule that moves both players by the gradients plus the adjustment."""

    def update(players: Players, state: GANState, d_turns: Sequence[Turn], g_turn: Turn) -> Updated:
        state, d_metrics = discriminator_updates(players, state, d_turns[:-1])

        def field(params: Any) -> tuple[Any, Joint]:
            joint = joint_gradients(players, with_params(state, **params), d_turns[-1], g_turn)
            return joint.gradients, joint

        params = {"discriminator": state.discriminator.params, "generator": state.generator.params}
        gradients, adjustment, joint = adjust(field, params, players.mean)
        after = move(joint.state, **optax.tree.add(gradients, adjustment))
        return after, [*d_metrics, joint.d_metrics], joint.g_metrics

    return update
