"""Gradient accumulation: the gradient of a batch as the mean over its parts, in the memory of one part.

Part i of n holds the examples i, i + n, i + 2n, ...: so each device cuts its own share, and nothing moves. An
example draws the same random numbers as in the whole batch, so results equal the whole batch's to rounding.

They differ where a layer draws random numbers, as in dropout or StyleGAN2's noise: each part draws its own.
They differ too where examples depend on each other: batch normalization, relativistic averages, top-k
training and minibatch deviation see one part of every n-th example in place of the batch. The running
statistics are then the means of the parts' statistics.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.games.base import Game
from jaxgan.games.turn import Turn


def mean_of_parts(game: Game, gradient: Callable[[Turn], Any], turn: Turn, parts: int) -> Any:
    """Return ``(gradients, collections, metrics)`` of a turn; all but the metrics are means over devices too.

    Args:
        game: the game that is played.
        gradient: ``turn -> (gradients, collections, metrics)``.
        turn: the turn, with B examples.
        parts: number of parts, a divisor of B; they are computed in a loop.

    Raises:
        ValueError: at trace time, if B does not divide.
    """
    gradients, collections, metrics = over_parts(gradient, turn, parts)
    return game.mean(gradients), game.mean(collections), metrics


def over_parts(function: Callable[[Turn], Any], turn: Turn, parts: int) -> Any:
    """Return the mean of a function over the parts of a turn; a backward pass computes the parts again.

    Args:
        function: ``turn -> tree of arrays``.
        turn: the turn, with B examples.
        parts: number of parts, a divisor of B; with 1, the function is called with the turn as it is.

    Raises:
        ValueError: at trace time, if B does not divide.
    """
    if parts == 1:
        return function(turn)
    if len(turn.real) % parts:
        raise ValueError(f"a batch of {len(turn.real)} does not divide into {parts} parts to accumulate")
    examples = jax.tree.map(
        lambda x: jnp.moveaxis(x.reshape(-1, parts, *x.shape[1:]), 1, 0), dict(turn.batch)
    )

    @partial(jax.checkpoint, prevent_cse=False)  # or a rule that differentiates this would keep all parts
    def part_value(i: Any, part: Any) -> Any:
        return function(turn._replace(batch=part, part=(i, parts)))

    def add(total: Any, inputs: Any) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, part_value(*inputs)), None

    shapes = jax.eval_shape(part_value, jnp.zeros((), jnp.int32), jax.tree.map(lambda x: x[0], examples))
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    total, _ = jax.lax.scan(add, zeros, (jnp.arange(parts), examples))
    return jax.tree.map(lambda x: (x / parts).astype(x.dtype), total)
