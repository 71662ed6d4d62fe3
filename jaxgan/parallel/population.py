"""Many GANs in one program."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from jaxgan.parallel.adapters import Run
from jaxgan.parallel.loops import repeat
from jaxgan.state import GANState
from jaxgan.step import Batch
from jaxgan.system.random import seed_key


def population(
    make_step: Callable[[Any], Run],
    batch_at: Callable[[Any, jax.Array, jax.Array], Batch],
    mesh: Mesh | None = None,
    *,
    together: bool | None = None,
) -> jax.stages.Wrapped:
    """Compile a loop of steps of many GANs, each with a seed and hyperparameters of its own.

    Small networks do not keep an accelerator busy: there each step is one of all members. On a CPU the
    members train one after the other, all n steps, so that the arrays of one stay in the caches.

    Args:
        make_step: ``hyper -> step`` (see `make_train_step`), called with one member's hyperparameters, which
            are traced: weights and decays may vary, shapes and the number of updates may not.
        batch_at: ``(data, step, seed) -> batch`` of one member.
        mesh: mesh of one axis, over whose devices the members are spread; each device holds all data. None
            for one device.
        together: whether a step is one of all members; None: where the devices are no CPU.

    Returns:
        ``run(hyper, state, data, seeds, n) -> (state, metrics of the last step)``. Leaves of `hyper`, `state`
        (but for its one ``step``, which all share) and the metrics have a leading axis of members; seeds are
        ``[members]``; n >= 1 is traced. Member i draws from ``seed_key(seeds[i])``. The state, which
        `init_population` makes, is donated.
    """
    platform = jax.default_backend() if mesh is None else mesh.devices.flat[0].platform
    together = platform != "cpu" if together is None else together

    def member(hyper, state, data, seed):
        return make_step(hyper)(state, batch_at(data, state.step, seed), seed_key(seed))

    def side_by_side(hyper, state, data, seeds, n):
        axes = _member_axes(state)
        members = jax.vmap(member, in_axes=(0, axes, None, 0), out_axes=(axes, 0))
        return repeat(lambda now: members(hyper, now, data, seeds), state, n)

    def one_by_one(hyper, state, data, seeds, n):
        def train(states, own):
            i, hyper, seed = own
            start = jax.tree.map(lambda leaf: leaf[i], states).replace(step=state.step)
            end, metrics = repeat(lambda now: member(hyper, now, data, seed), start, n)
            ends = jax.tree.map(lambda leaf, end: leaf.at[i].set(end), states, end.replace(step=None))
            return ends, metrics

        everyone = jnp.arange(len(seeds)), hyper, seeds
        ends, metrics = jax.lax.scan(train, state.replace(step=None), everyone)
        return ends.replace(step=state.step + n), metrics

    members = side_by_side if together else one_by_one

    @partial(jax.jit, donate_argnums=1)
    def run(hyper, state, data, seeds, n):
        if mesh is None:
            return members(hyper, state, data, seeds, n)
        each, all_of = PartitionSpec(*mesh.axis_names), PartitionSpec()
        states = jax.tree.map(lambda _: each, state).replace(step=all_of)
        spread = jax.shard_map(
            members,
            mesh=mesh,
            in_specs=(each, states, all_of, each, all_of),
            out_specs=(states, each),
            check_vma=False,
        )
        return spread(hyper, state, data, seeds, n)

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
