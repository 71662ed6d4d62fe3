"""The order of the two players' moves.

A step has the game's gradients and applies them in some order; which order it is makes another algorithm. An
update rule is a function of the two players, a state and the step's turns:

    make_train_step(generator, discriminator, loss, update=updates.simultaneous)

References:
    Goodfellow et al. 2014, Generative Adversarial Nets, https://arxiv.org/abs/1406.2661
    Mescheder et al. 2017, The Numerics of GANs, https://arxiv.org/abs/1705.10461
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from jaxgan.game import Turn
from jaxgan.state import GANState

Metrics = dict[str, jax.Array]
Gradient = tuple[Any, GANState, Metrics]  # of the parameters; the state with new collections; metrics


class Players(NamedTuple):
    """The gradient of each player's objective at a state.

    Attributes:
        discriminator: ``(state, turn) -> (gradients, state, metrics)``.
        generator: the same for the generator.
    """

    discriminator: Callable[[GANState, Turn], Gradient]
    generator: Callable[[GANState, Turn], Gradient]


Update = Callable[[Players, GANState, Sequence[Turn], Turn], tuple[GANState, list[Metrics], Metrics]]


def alternating(
    players: Players, state: GANState, d_turns: Sequence[Turn], g_turn: Turn
) -> tuple[GANState, list[Metrics], Metrics]:
    """Each discriminator update in turn, then the generator against the discriminator that came of them.

    Args:
        players: the gradients.
        state: before the step.
        d_turns: one for each discriminator update.
        g_turn: for the generator's update.

    Returns:
        The state with new parameters, the metrics of each discriminator update, those of the generator's.

    References:
        Goodfellow et al. 2014, algorithm 1.
    """
    d_metrics = []
    for turn in d_turns:  # unrolled: in a loop, XLA:CPU computes plain convolutions' gradients slowly
        gradients, state, metrics = players.discriminator(state, turn)
        state = _move(state, discriminator=gradients)
        d_metrics.append(metrics)
    gradients, state, g_metrics = players.generator(state, g_turn)
    return _move(state, generator=gradients), d_metrics, g_metrics


def simultaneous(
    players: Players, state: GANState, d_turns: Sequence[Turn], g_turn: Turn
) -> tuple[GANState, list[Metrics], Metrics]:
    """Both players move from where both stand: the generator does not see the discriminator's last update.

    The last discriminator update and the generator's share their fakes, so that these are made once. With
    more than one discriminator update, all but the last go before.

    Args:
        players: the gradients.
        state: before the step.
        d_turns: one for each discriminator update.
        g_turn: for the generator's update.

    Returns:
        As `alternating`.

    References:
        Mescheder et al. 2017, section 2.2: simultaneous gradient ascent.
    """
    d_metrics = []
    for turn in d_turns[:-1]:
        gradients, state, metrics = players.discriminator(state, turn)
        state = _move(state, discriminator=gradients)
        d_metrics.append(metrics)
    last = d_turns[-1]
    d_gradients, state, metrics = players.discriminator(state, last)
    g_gradients, state, g_metrics = players.generator(state, g_turn._replace(latent_key=last.latent_key))
    return _move(state, discriminator=d_gradients, generator=g_gradients), [*d_metrics, metrics], g_metrics


def _move(state: GANState, **gradients: Any) -> GANState:
    moved = {name: getattr(state, name).apply_gradients(grads=grads) for name, grads in gradients.items()}
    return state.replace(**moved)
