"""The two plain orders: one after the other, and both at once.

References:
    Goodfellow et al. 2014, Generative Adversarial Nets, https://arxiv.org/abs/1406.2661
    Mescheder et al. 2017, The Numerics of GANs, https://arxiv.org/abs/1705.10461
"""

from collections.abc import Sequence

from jaxgan.games.gradients import Players, Updated, discriminator_updates, joint_gradients, move
from jaxgan.games.turn import Turn
from jaxgan.state import GANState


def alternating(players: Players, state: GANState, d_turns: Sequence[Turn], g_turn: Turn) -> Updated:
    """Update the discriminator once for each of its turns, then the generator against the result.

    Args:
        players: the gradients of both players.
        state: the state before the step.
        d_turns: a turn for each discriminator update.
        g_turn: the turn of the generator's update.

    Returns:
        The state with new parameters, the metrics of each discriminator update, and the generator's metrics.

    References:
        Goodfellow et al. 2014, algorithm 1.
    """
    state, d_metrics = discriminator_updates(players, state, d_turns)
    gradients, state, g_metrics = players.generator(state, g_turn)
    return move(state, generator=gradients), d_metrics, g_metrics


def simultaneous(players: Players, state: GANState, d_turns: Sequence[Turn], g_turn: Turn) -> Updated:
    """Move both players from the same point: the generator does not see the discriminator's last update.

    The last discriminator update and the generator's have the same fakes (but for dropout), which are
    computed once. With more than one discriminator update, all but the last come first.

    Args:
        players: the gradients of both players.
        state: the state before the step.
        d_turns: a turn for each discriminator update.
        g_turn: the turn of the generator's update.

    Returns:
        The same as `alternating`.

    References:
        Mescheder et al. 2017, section 2.2: simultaneous gradient ascent.
    """
    state, d_metrics = discriminator_updates(players, state, d_turns[:-1])
    joint = joint_gradients(players, state, d_turns[-1], g_turn)
    return move(joint.state, **joint.gradients), [*d_metrics, joint.d_metrics], joint.g_metrics
