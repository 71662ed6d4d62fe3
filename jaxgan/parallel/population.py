"""Many GANs in one program."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from jaxgan.parallel.adapters import Run
from jaxgan.parallel.loops import repeat
from jaxgan.state import GANState
from jaxgan.step import Batch
from jaxgan.system.random import seed_key


def population(
    make_step: Callable[[Any], Run], batch_at: Callable[[Any, jax.Array, jax.Array], Batch]
) -> jax.stages.Wrapped:
    """Compile a loop of steps of many GANs at once, each with a seed and hyperparameters of its own.

    Small networks do not keep a device busy; k of them in one program cost much less than k programs.

    Args:
        make_step: ``hyper -> step`` (see `make_train_step`), called with one member's hyperparameters, which
            are traced: weights and decays may vary, shapes and the number of updates may not.
        batch_at: ``(data, step, seed) -> batch`` of one member.

    Returns:
        ``run(hyper, state, data, seeds, n) -> (state, metrics of the last step)``. Leaves of `hyper`, `state`
        (but for its one ``step``, which all share) and the metrics have a leading axis of members; seeds are
        ``[members]``; n >= 1 is traced. Member i draws from ``seed_key(seeds[i])``. The state, which
        `init_population` makes, is donated.
    """

    @partial(jax.jit, donate_argnums=1)
    def run(hyper, state, data, seeds, n):
        axes = _member_axes(state)

        def member(hyper, state, seed):
            return make_step(hyper)(state, batch_at(data, state.step, seed), seed_key(seed))

        members = jax.vmap(member, in_axes=(0, axes, 0), out_axes=(axes, 0))
        return repeat(lambda state: members(hyper, state, seeds), state, n)

    return run


def init_population(init: Callable[[jax.Array], GANState], seeds: jax.Array) -> GANState:
    """Return the states ``init(key)`` of all seeds as one, with the one step they share."""

    def member(seed):
        return init(seed_key(seed))

    axes = _member_axes(jax.eval_shape(member, seeds[0]))
    return jax.jit(jax.vmap(member, out_axes=axes))(seeds)


def _member_axes(state: GANState) -> GANState:
    """Return the axis of members in each leaf: the first, or None for the step."""
    return jax.tree.map(lambda _: 0, state).replace(step=None)
