"""How a step is run: thin adapters around the one pure function.

References:
    JAX, https://docs.jax.dev/en/latest/jit-compilation.html
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.state import GANState
from jaxgan.step import Batch, Metrics, Step

BatchAt = Callable[[Any, jax.Array], Batch]  # (data, step) -> the batch of that step


def jit(step: Step) -> jax.stages.Wrapped:
    """Compile a step for one device; the state that goes in is donated.

    Args:
        step: made by `make_train_step` without an `axis_name`.

    Returns:
        ``step(state, batch, key) -> (state, metrics)``.

    Raises:
        ValueError: if the step was made for a mapped axis.
    """
    _check_axis(step, None)
    return jax.jit(step, donate_argnums=0)


def scan(step: Step, batch_at: BatchAt) -> jax.stages.Wrapped:
    """Compile a loop of steps whose batches are made on the device.

    The number of steps is traced: one compilation serves every n, and however a run is cut into calls, its
    numbers are the same bit for bit.

    Args:
        step: made by `make_train_step` without an `axis_name`.
        batch_at: ``(data, step) -> batch``, e.g. `functools.partial` of `jaxgan.data.batch_at`.

    Returns:
        ``run(state, data, key, n) -> (state, metrics of the last step)``; n >= 1. The state is donated, the
        data are not. A metric that was NaN or infinite at an earlier step stays so.

    Raises:
        ValueError: if the step was made for a mapped axis.
    """
    _check_axis(step, None)

    @partial(jax.jit, donate_argnums=0)
    def run(state, data, key, n):
        return _repeat(lambda state: step(state, batch_at(data, state.step), key), state, n)

    return run


def population(
    make_step: Callable[[Any], Step], batch_at: Callable[[Any, jax.Array, jax.Array], Batch]
) -> jax.stages.Wrapped:
    """Compile a loop of steps of many GANs at once, each with a seed and hyperparameters of its own.

    Small networks leave a device idle; k of them in one program cost much less than k programs.

    Args:
        make_step: ``hyper -> step`` (see `make_train_step`), called with one member's hyperparameters, which
            are traced: weights and decays may vary, shapes and the number of updates may not.
        batch_at: ``(data, step, seed) -> batch`` of one member.

    Returns:
        ``run(hyper, state, data, seeds, n) -> (state, metrics of the last step)``. Leaves of `hyper`, `state`
        (but for its one ``step``, which all share) and the metrics have a leading axis of members; seeds are
        ``[members]``; n >= 1 is traced. Member i draws from ``jax.random.key(seeds[i])``. The state is
        donated. `init_population` makes one.
    """

    @partial(jax.jit, donate_argnums=1)
    def run(hyper, state, data, seeds, n):
        axes = _member_axes(state)

        def member(hyper, state, seed):
            return make_step(hyper)(state, batch_at(data, state.step, seed), jax.random.key(seed))

        members = jax.vmap(member, in_axes=(0, axes, 0), out_axes=(axes, 0))
        return _repeat(lambda state: members(hyper, state, seeds), state, n)

    return run


def init_population(init: Callable[[jax.Array], GANState], seeds: jax.Array) -> GANState:
    """Return the states ``init(jax.random.key(seed))`` of all seeds as one, with the one step they share."""

    def member(seed):
        return init(jax.random.key(seed))

    axes = _member_axes(jax.eval_shape(member, seeds[0]))
    return jax.jit(jax.vmap(member, out_axes=axes))(seeds)


def _member_axes(state: GANState) -> GANState:
    """Return the axis of members in each leaf: the first, but none in the step."""
    return jax.tree.map(lambda _: 0, state).replace(step=None)


def compile_run(
    step: Step, batch_at: BatchAt, state: GANState, data: Any, key: jax.Array
) -> Callable[[GANState, Any, jax.Array, int], tuple[GANState, Metrics]]:
    """Compile what `scan` gives, ahead of time, in the form that is fastest where it will run.

    That is the compiled loop, but for convolutions on CPU: there XLA computes the gradients of plain ones
    several times slower in a loop than in single calls (benchmarks/README.md); our own layers do not care.
    Either form gives the same bits however a
    run is cut into calls; the two agree with each other to rounding.

    Args:
        step: made by `make_train_step` without an `axis_name`.
        batch_at: ``(data, step) -> batch``.
        state: a state, or its shapes.
        data: what `batch_at` takes, or its shapes.
        key: the run's key.

    Returns:
        ``run(state, data, key, n) -> (state, metrics of the last step)``; n >= 1. The state is donated.
    """
    lowered = scan(step, batch_at).lower(state, data, key, 1)
    if jax.default_backend() != "cpu" or "stablehlo.convolution" not in lowered.as_text():
        return lowered.compile()

    def single(state, data, key):
        return step(state, batch_at(data, state.step), key)

    compiled = jax.jit(single, donate_argnums=0).lower(state, data, key).compile()
    merge = jax.jit(_keep_not_finite)

    def run(state, data, key, n):
        state, metrics = compiled(state, data, key)
        for _ in range(n - 1):
            state, later = compiled(state, data, key)
            metrics = merge(metrics, later)
        return state, metrics

    return run


def _repeat(
    step: Callable[[GANState], tuple[GANState, Metrics]], state: GANState, n: jax.Array
) -> tuple[GANState, Metrics]:
    """Return the state after n steps, and the metrics of the last one (but see `_keep_not_finite`)."""
    shapes = jax.eval_shape(step, state)[1]
    blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

    def body(_, carry):
        state, metrics = step(carry[0])
        return state, _keep_not_finite(carry[1], metrics)

    return jax.lax.fori_loop(0, n, body, (state, blank))


def _keep_not_finite(earlier: Metrics, later: Metrics) -> Metrics:
    """Return the later metrics, but the earlier one where it is NaN or infinite: one look shows any."""
    return jax.tree.map(lambda old, new: jnp.where(jnp.isfinite(old), new, old), earlier, later)


def _check_axis(step: Step, axis_name: str | None) -> None:
    """Refuse a step made for another axis: it would train on one device's share without a word."""
    made_for = getattr(step, "axis_name", None)
    if made_for != axis_name:
        raise ValueError(f"this adapter runs a step with axis_name={axis_name!r}, got one for {made_for!r}")
