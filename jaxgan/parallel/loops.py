"""Loops of steps in one compiled call."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, JaxprEqn, jaxprs_in_params
from jax.sharding import Mesh

from jaxgan.parallel.adapters import check_axis, check_step, cut, mapped_step, on_mesh
from jaxgan.parallel.mesh import shares, whole
from jaxgan.parallel.shares import placements
from jaxgan.state import GANState
from jaxgan.step import Batch, Metrics, Step

State = TypeVar("State")  # a GANState, or any other pytree that a step maps to one of its kind
BatchAt = Callable[[Any, jax.Array], Batch]  # (data, step) -> the batch of that step
Loop = Callable[[GANState, Any, jax.Array, int], tuple[GANState, Metrics]]


def scan(
    step: Step, batch_at: BatchAt, mesh: Mesh | None = None, *, like: GANState | None = None
) -> jax.stages.Wrapped:
    """Compile a loop of steps whose batches are made on the device.

    The number of steps is traced: one compilation serves every n, and however a run is cut into calls, its
    numbers are the same bit for bit.

    Args:
        step: a step of `make_train_step` without an `axis_name`.
        batch_at: ``(data, step) -> batch``, e.g. `functools.partial` of `jaxgan.data.batch_at`.
        mesh: mesh over which the batches are spread, as by `jaxgan.parallel.jit`; `replicate` puts state,
            data and key on it once, before the first call. None for one device.
        like: a state on the mesh, or its shapes, that lies as all states will (`shard_states`); None for
            states that every device holds whole.

    Returns:
        ``run(state, data, key, n) -> (state, metrics of the last step)``; n >= 1. The state is donated, the
        data are not. A metric that was NaN or infinite at any step of the call stays so.

    Raises:
        ValueError: if the step was made for a mapped axis; at trace time, if the batch does not divide.
    """
    return _loop(_step_with_data(step, batch_at, mesh), mesh, like)


def compile_run(
    step: Step, batch_at: BatchAt, state: GANState, data: Any, key: jax.Array, mesh: Mesh | None = None
) -> Loop:
    """Compile the loop of `scan` ahead of time, in the form that is fastest on this machine.

    That form is the compiled loop, except for convolutions on CPU, which run in single calls: inside a loop,
    XLA:CPU computes the gradients of plain convolutions several times slower (benchmarks/README.md); jaxgan's
    layers are equally fast in both forms. Either form gives the same bits however a run is cut into calls.
    The two forms agree with each other to rounding. A step that was made for an axis runs under `jax.pmap`,
    also in single calls.

    Args:
        step: a step of `make_train_step`.
        batch_at: ``(data, step) -> batch``.
        state: a state, or its shapes.
        data: the data that `batch_at` takes, or their shapes.
        key: the run's key.
        mesh: mesh of the devices that share the batches; state, data (or their shapes) and key lie on it.
            None for one device.

    Returns:
        ``run(state, data, key, n) -> (state, metrics of the last step)``; n >= 1. The state is donated.
    """
    if step.axis_name is not None and mesh is not None:
        return _calls(_compile_mapped(step, batch_at, state, data, key, mesh))
    if jax.config.jax_disable_jit:  # pyrefly: ignore  # a debugger follows each operation
        return scan(step, batch_at, mesh)
    like, one = None if mesh is None else state, _step_with_data(step, batch_at, mesh)
    single = _compiled(on_mesh(one, mesh), mesh, like, arguments=3).trace(state, data, key)
    if jax.default_backend() == "cpu" and _convolves(single.jaxpr.jaxpr):
        return _calls(single.lower().compile())
    return _loop(one, mesh, like).lower(state, data, key, 1).compile()


def _convolves(jaxpr: Jaxpr) -> bool:
    """Return whether a traced function computes a convolution of more than one pixel, at any depth."""

    def is_convolution(equation: JaxprEqn) -> bool:
        if equation.primitive.name == "conv_general_dilated":
            return True
        window = equation.params.get("window")  # a parameter of the primitives in jaxgan.layers.kernels
        return window is not None and not window.point

    return any(
        is_convolution(equation) or any(map(_convolves, jaxprs_in_params(equation.params)))
        for equation in jaxpr.eqns
    )


def _step_with_data(step: Step, batch_at: BatchAt, mesh: Mesh | None) -> jax.stages.Wrapped:
    """Return the step with its batch. Python runs each once, however often it is part of a program."""
    check_axis(step, None)

    def one(state: GANState, data: Any, key: jax.Array) -> tuple[GANState, Metrics]:
        batch = batch_at(data, state.step)
        if mesh is not None:
            check_step(step, batch, mesh)
            batch = jax.lax.with_sharding_constraint(batch, shares(mesh))
        return jax.jit(step, inline=True)(state, batch, key)

    return jax.jit(one, inline=True)


def _loop(one: Callable[..., Any], mesh: Mesh | None, like: GANState | None) -> jax.stages.Wrapped:
    def run(state, data, key, n):
        return repeat(lambda state: one(state, data, key), state, n)

    return _compiled(on_mesh(run, mesh), mesh, like, arguments=4)


def _compiled(
    function: Callable[..., Any], mesh: Mesh | None, like: GANState | None, *, arguments: int
) -> jax.stages.Wrapped:
    """Compile a function of state, data (which stay where they are), key and, as fourth argument, n."""
    if mesh is None:
        return jax.jit(function, donate_argnums=0)
    states = whole(mesh) if like is None else placements(like, mesh)
    shardings, results = (states, None, whole(mesh), None)[:arguments], (states, whole(mesh))
    return jax.jit(function, in_shardings=shardings, out_shardings=results, donate_argnums=0)


def _compile_mapped(
    step: Step, batch_at: BatchAt, state: GANState, data: Any, key: jax.Array, mesh: Mesh
) -> Callable[..., Any]:
    def batch_of(data, index):
        batch = batch_at(data, index)
        check_step(step, batch, mesh)
        return cut(batch, mesh)

    batches = jax.jit(batch_of, out_shardings=shares(mesh)).lower(data, state.step)
    mapped = mapped_step(step, mesh).lower(state, batches.out_info, key).compile()
    make_batch = batches.compile()
    return lambda state, data, key: mapped(state, make_batch(data, state.step), key)


def _calls(single: Callable[..., Any]) -> Loop:
    """Return the loop over a compiled step, in single calls."""
    merge = jax.jit(_keep_not_finite)

    def run(state, data, key, n):
        state, metrics = single(state, data, key)
        for _ in range(n - 1):
            state, later = single(state, data, key)
            metrics = merge(metrics, later)
        return state, metrics

    return run


def repeat(
    step: Callable[[State], tuple[State, Metrics]], state: State, n: int | jax.Array
) -> tuple[State, Metrics]:
    """Return the state after n steps, and the metrics of the last one (but see `_keep_not_finite`)."""
    step = jax.jit(step, inline=True)  # Python runs it once for its shapes and the body
    shapes = jax.eval_shape(step, state)[1]
    blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

    def body(_, carry):
        state, metrics = step(carry[0])
        return state, _keep_not_finite(carry[1], metrics)

    return jax.lax.fori_loop(0, n, body, (state, blank))


def _keep_not_finite(earlier: Metrics, later: Metrics) -> Metrics:
    """Return the later metrics, but the earlier one where it is NaN or infinite, so that none goes unseen."""
    return jax.tree.map(lambda old, new: jnp.where(jnp.isfinite(old), new, old), earlier, later)
