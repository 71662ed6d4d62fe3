"""Rules that look ahead: they move by gradients at a point that the game would reach later.

References:
    Korpelevich 1976, The extragradient method for finding saddle points and other problems
    Gidel et al. 2019, A Variational Inequality Perspective on GANs, https://arxiv.org/abs/1802.10551
    Metz et al. 2017, Unrolled Generative Adversarial Networks, https://arxiv.org/abs/1611.02163
"""

from collections.abc import Sequence
from typing import Any

import optax

from jaxgan.games.gradients import (
    Players,
    Update,
    Updated,
    discriminator_updates,
    gradients_of,
    joint_gradients,
    move,
    with_params,
)
from jaxgan.games.turn import Objective, Turn
from jaxgan.state import GANState


def extragradient(players: Players, state: GANState, d_turns: Sequence[Turn], g_turn: Turn) -> Updated:
    """Look one simultaneous step ahead, and move both players by the gradients at that point.

    The step ahead uses the players' own optimizers, and the same images and latents. It leaves no trace in
    the optimizers' averages: only the gradients of the actual move enter them. The rule costs twice as much
    as `simultaneous`.

    Args:
        players: the gradients of both players.
        state: the state before the step.
        d_turns: a turn for each discriminator update; all but the last come first, as in `simultaneous`.
        g_turn: the turn of the generator's update.

    Returns:
        The same as `alternating`; the metrics are those of the point ahead.

    References:
        Gidel et al. 2019, eqs. 10 and 11, with the same mini-batch in both.
    """
    state, d_metrics = discriminator_updates(players, state, d_turns[:-1])
    present = joint_gradients(players, state, d_turns[-1], g_turn)
    ahead = joint_gradients(players, move(present.state, **present.gradients), d_turns[-1], g_turn)
    return move(present.state, **ahead.gradients), [*d_metrics, ahead.d_metrics], ahead.g_metrics


def unrolled(*, steps: int = 5, learning_rate: float) -> Update:
    """Make the rule whose generator foresees the discriminator's answer.

    The discriminator moves as in `alternating`. The generator's objective is taken against a discriminator
    that is `steps` plain gradient steps further, on the images and latents of this turn; its gradient goes
    through those steps. Afterwards, the discriminator is again the one before those steps.

    Args:
        steps: number of the discriminator's steps, >= 0; 0 is `alternating`. Each costs time and memory.
        learning_rate: step size of these steps. They are plain gradient descent whatever the discriminator's
            optimizer is, since the derivative of Adam is not finite where a gradient is zero. It is >= 0.

    Returns:
        An update rule.

    Raises:
        ValueError: if `steps` is negative, or `learning_rate` is negative or NaN.

    References:
        Metz et al. 2017, eqs. 7 to 11.
    """
    if steps < 0:
        raise ValueError(f"`steps` must be at least 0, got {steps}")
    if not learning_rate >= 0:
        raise ValueError(f"`learning_rate` must be at least 0, got {learning_rate}")

    def update(players: Players, state: GANState, d_turns: Sequence[Turn], g_turn: Turn) -> Updated:
        state, d_metrics = discriminator_updates(players, state, d_turns)

        def objective(params: Any, state: GANState, turn: Turn) -> Objective:
            answer = with_params(state, generator=params)
            for _ in range(steps):
                gradients, answer, _ = players.discriminator(answer, turn)
                d_params = optax.tree.add_scale(answer.discriminator.params, -learning_rate, gradients)
                answer = with_params(answer, discriminator=d_params)
            return players.generator_objective(
                params, state.replace(discriminator=answer.discriminator), turn
            )

        gradients, network, g_metrics = gradients_of(players, objective, state.generator, state, g_turn)
        g_metrics["generator_gradient_norm"] = optax.tree.norm(gradients)
        return move(state.replace(generator=network), generator=gradients), d_metrics, g_metrics

    return update
