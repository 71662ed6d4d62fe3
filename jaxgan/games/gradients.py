"""The gradient of each player's objective at a state, and the state after a move."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import optax

from jaxgan.games.accumulate import mean_of_parts, over_parts
from jaxgan.games.base import Game
from jaxgan.games.objectives import discriminator_objective, generator_objective
from jaxgan.games.turn import Objective, Turn
from jaxgan.state import GANState, TrainState

Metrics = dict[str, jax.Array]
Gradient = tuple[Any, GANState, Metrics]  # gradients, the state with new collections, metrics
Updated = tuple[
    GANState, list[Metrics], Metrics
]  # the state, metrics of each discriminator update and of the generator's


class Players(NamedTuple):
    """What an update rule knows of a game.

    Attributes:
        discriminator: ``(state, turn) -> (gradients, state, metrics)``.
        generator: the same for the generator.
        generator_objective: ``(params, state, turn) -> (value, (collections, metrics))``, the objective of
            the generator.
        mean: ``tree -> tree``, the average over the mapped axis, or the tree itself without one. A rule that
            differentiates the gradients again must average the result with it.
    """

    discriminator: Callable[[GANState, Turn], Gradient]
    generator: Callable[[GANState, Turn], Gradient]
    generator_objective: Callable[[Any, GANState, Turn], Objective]
    mean: Callable[[Any], Any]


Update = Callable[[Players, GANState, Sequence[Turn], Turn], Updated]


def players(game: Game, accumulate: int = 1) -> Players:
    """Return the two players of a game.

    Args:
        game: the game.
        accumulate: number of parts of a turn whose gradients are computed one after the other.

    Returns:
        The gradients of both players; each call makes the fakes of its turn.
    """

    def discriminator(state: GANState, turn: Turn) -> Gradient:
        def part_gradient(turn: Turn):
            variables, key = state.generator.variables, turn.keys.generator
            play, variables = game.play(variables, turn, key, state.latent_dim)
            generator_after = {name: value for name, value in variables.items() if name != "params"}
            gradient = jax.grad(partial(discriminator_objective, game), has_aux=True)
            gradients, (after, metrics) = gradient(state.discriminator.params, state, turn, play)
            return gradients, (after, generator_after), metrics

        gradients, (after, generator_after), metrics = mean_of_parts(game, part_gradient, turn, accumulate)
        gradients = _once(game, gradients)
        discriminator = state.discriminator.replace(collections=after)
        generator = state.generator.replace(collections=generator_after)
        metrics = {**metrics, "discriminator_gradient_norm": optax.tree.norm(gradients)}
        return gradients, state.replace(discriminator=discriminator, generator=generator), metrics

    def generator(state: GANState, turn: Turn) -> Gradient:
        def part_gradient(turn: Turn):
            gradient = jax.grad(partial(generator_objective, game), has_aux=True)
            gradients, (after, metrics) = gradient(state.generator.params, state, turn)
            return gradients, after, metrics

        gradients, after, metrics = mean_of_parts(game, part_gradient, turn, accumulate)
        gradients = _once(game, gradients)
        generator = state.generator.replace(collections=after)
        metrics = {**metrics, "generator_gradient_norm": optax.tree.norm(gradients)}
        return gradients, state.replace(generator=generator), metrics

    def objective(params: Any, state: GANState, turn: Turn) -> Objective:
        return over_parts(partial(generator_objective, game, params, state), turn, accumulate)

    return Players(discriminator, generator, objective, game.mean)


def _once(game: Game, gradients: Any) -> Any:
    """Keep XLA:TPU from sending gradients twice, as bfloat16 and as float32.

    It does so in a loop of steps, where Adam's beta1 is 0.5: it then writes the average as ``(mu + g) / 2``,
    and moves the sum over chips behind g's conversion to float32 for this one use.
    """
    if game.dtype is None:
        return gradients
    return jax.lax.platform_dependent(gradients, tpu=jax.lax.optimization_barrier, default=lambda tree: tree)


def gradients_of(
    players: Players, objective: Callable[..., Objective], network: TrainState, *inputs: Any
) -> tuple[Any, TrainState, Metrics]:
    """Return the gradients of an objective, the network with its updated collections, and the metrics.

    The objective averages over the mapped axis, and this function averages the gradients once more. Only both
    averages together are right under pmap as well as under shard_map.
    """
    (_, (collections, metrics)), gradients = jax.value_and_grad(objective, has_aux=True)(
        network.params, *inputs
    )
    return players.mean(gradients), network.replace(collections=players.mean(collections)), dict(metrics)


def move(state: GANState, **gradients: Any) -> GANState:
    """Return the state after each named player's optimizer has used its gradients."""
    networks = {name: getattr(state, name).apply_gradients(grads=grads) for name, grads in gradients.items()}
    return state.replace(**networks)


def with_params(state: GANState, **params: Any) -> GANState:
    """Return the state with other parameters of the named players."""
    return state.replace(**{name: getattr(state, name).replace(params=tree) for name, tree in params.items()})


class Joint(NamedTuple):
    """Both gradients at one point, on the same fakes.

    Attributes:
        gradients: ``{"discriminator": ..., "generator": ...}``.
        state: the state with new collections.
        d_metrics: the discriminator's metrics.
        g_metrics: the generator's metrics.
    """

    gradients: dict[str, Any]
    state: GANState
    d_metrics: Metrics
    g_metrics: Metrics


def joint_gradients(players: Players, state: GANState, d_turn: Turn, g_turn: Turn) -> Joint:
    """Return the gradients of both players at one state: the game's vector field, but for its sign."""
    d_gradients, state, d_metrics = players.discriminator(state, d_turn)
    g_gradients, state, g_metrics = players.generator(state, g_turn._replace(latent_key=d_turn.latent_key))
    return Joint({"discriminator": d_gradients, "generator": g_gradients}, state, d_metrics, g_metrics)


def discriminator_updates(
    players: Players, state: GANState, turns: Sequence[Turn]
) -> tuple[GANState, list[Metrics]]:
    """Let the discriminator move once for each turn."""
    d_metrics = []
    for turn in turns:  # unrolled: in a loop, XLA:CPU computes plain convolutions' gradients slowly
        gradients, state, metrics = players.discriminator(state, turn)
        state = move(state, discriminator=gradients)
        d_metrics.append(metrics)
    return state, d_metrics
