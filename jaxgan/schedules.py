"""Values that change with the step.

A schedule is a function of the number of generator updates so far. It holds no state of its own, so a run
that goes on at any step goes on with the right values.

References:
    Huang et al. 2024, The GAN is dead; long live the GAN! A Modern Baseline GAN,
    https://arxiv.org/abs/2501.05441, table 9: first and last values of five settings
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Value = float | jax.Array  # a number, also a traced one
Schedule = Callable[[Any], Any]  # step -> value


def toward(last: Value, first: Value, decay: Callable[[Any], Schedule]) -> Schedule:
    """Return the schedule from one value to another.

    Args:
        last: the value at the end.
        first: the value at step 0.
        decay: ``difference -> schedule`` of a difference that falls to 0.

    Returns:
        ``step -> last + decay(first - last)(step)``.
    """
    difference = decay(first - last)
    return lambda step: last + difference(step)


class _Followed(NamedTuple):
    """An optimizer's state, with the number of its updates so far."""

    count: jax.Array
    inner: Any


def following(make: Callable[[Any], optax.GradientTransformation]) -> optax.GradientTransformation:
    """Return an optimizer whose hyperparameters are functions of the number of its updates.

    Args:
        make: ``count -> optimizer``; the count is a traced int32 scalar, and the optimizer's state has the
            same structure at every count.

    Returns:
        An optimizer that updates as ``make(count)`` does, with the state of that one.
    """

    def init(params: Any) -> _Followed:
        count = jnp.zeros((), jnp.int32)
        return _Followed(count, make(count).init(params))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, _Followed]:
        updates, inner = make(state.count).update(updates, state.inner, params)
        return updates, _Followed(state.count + 1, inner)

    return optax.GradientTransformation(init, update)
