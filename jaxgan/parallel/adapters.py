"""A single step on one device or many."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec, use_abstract_mesh

from jaxgan.parallel.mesh import AXIS, batch_mesh, check_batch, shares, whole
from jaxgan.parallel.shares import placements
from jaxgan.state import GANState
from jaxgan.step import Batch, Metrics, Step

Run = Callable[[GANState, Batch, jax.Array], tuple[GANState, Metrics]]


def jit(step: Step, mesh: Mesh | None = None, *, like: GANState | None = None) -> Run:
    """Compile a step, for one device or for a batch that the compiler spreads over a mesh.

    Args:
        step: a step of `make_train_step` without an `axis_name`.
        mesh: a mesh with an Auto axis "batch" (`batch_mesh`); None for one device.
        like: a state on the mesh, or its shapes, that lies as all states will (`shard_states`); None for
            states that every device holds whole.

    Returns:
        ``step(state, batch, key) -> (state, metrics)``; the argument `state` is donated. Arguments may lie on
        any device; every device of the mesh holds the results.

    Raises:
        ValueError: if the step was made for a mapped axis; when called, if the batch does not divide.
    """
    check_axis(step, None)
    if mesh is None:
        return jax.jit(step, donate_argnums=0)
    return _placed(on_mesh(step, mesh), step, mesh, whole(mesh) if like is None else placements(like, mesh))


def shard_map(step: Step, mesh: Mesh) -> Run:
    """Compile a step that each device runs on its share of the batch, with explicit averages over devices.

    Args:
        step: a step of `make_train_step` with the `axis_name` of the mesh.
        mesh: a mesh of one axis (`batch_mesh`).

    Returns:
        A function like that of `jit`.

    Raises:
        ValueError: if the step was made for another axis; when called, if the batch does not divide.
    """
    (axis_name,) = mesh.axis_names
    check_axis(step, axis_name)
    cut, replicated = PartitionSpec(axis_name), PartitionSpec()
    # With check_vma, JAX would sum every gradient over the devices once more.
    sharded = jax.shard_map(
        step, mesh=mesh, in_specs=(replicated, cut, replicated), out_specs=replicated, check_vma=False
    )
    return _placed(sharded, step, mesh, whole(mesh))


def pmap(step: Step, axis_name: str = AXIS, devices: Sequence[jax.Device] | None = None) -> Run:
    """Compile a step by `jax.pmap`, which JAX keeps but develops no further; `shard_map` does the same.

    Args:
        step: a step of `make_train_step` with this `axis_name`.
        axis_name: name of the mapped axis.
        devices: devices that share the batch; None for all of this host.

    Returns:
        A function like that of `jit`: the batch is flat and global, and the state has no axis of replicas.

    Raises:
        ValueError: if the step was made for another axis; when called, if the batch does not divide.
    """
    check_axis(step, axis_name)
    mesh = batch_mesh(jax.local_devices() if devices is None else devices)
    mapped = mapped_step(step, mesh)

    def run(state: GANState, batch: Batch, key: jax.Array) -> tuple[GANState, Metrics]:
        check_step(step, batch, mesh)
        state, key = jax.device_put((state, key), whole(mesh))
        return mapped(state, jax.device_put(cut(batch, mesh), shares(mesh)), key)

    return run


def mapped_step(step: Step, mesh: Mesh) -> Any:
    """Return the step under `jax.pmap`, for batches that are `cut`."""
    axes, devices = (None, 0, None), list(mesh.devices.flat)
    return jax.pmap(step, step.axis_name, in_axes=axes, out_axes=None, devices=devices, donate_argnums=0)


def cut(batch: Batch, mesh: Mesh) -> Batch:
    """Return a flat batch as ``[devices, share, ...]``."""
    return jax.tree.map(lambda values: values.reshape(mesh.size, -1, *values.shape[1:]), batch)


def on_mesh(function: Callable[..., Any], mesh: Mesh | None) -> Callable[..., Any]:
    """Return a function for which the mesh is the abstract mesh while it is traced."""
    if mesh is None:
        return function

    def traced(*arguments: Any) -> Any:
        with use_abstract_mesh(mesh.abstract_mesh):
            return function(*arguments)

    return traced


def check_axis(step: Step, axis_name: str | None) -> None:
    """Refuse a step made for another axis: it would silently train on one device's share."""
    made_for = getattr(step, "axis_name", None)
    if made_for != axis_name:
        raise ValueError(f"this adapter runs a step with axis_name={axis_name!r}, got one for {made_for!r}")


def _placed(function: Callable[..., Any], step: Step, mesh: Mesh, states: Any) -> Run:
    """Compile for a mesh; arguments are placed on it first, or the second call would compile again.

    Args:
        function: the step, for the mesh.
        step: the step.
        mesh: the mesh.
        states: placement of the states' leaves, one for all or one for each.
    """
    shardings, results = (states, shares(mesh), whole(mesh)), (states, whole(mesh))
    compiled = jax.jit(function, in_shardings=shardings, out_shardings=results, donate_argnums=0)

    def run(state: GANState, batch: Batch, key: jax.Array) -> tuple[GANState, Metrics]:
        check_step(step, batch, mesh)
        return compiled(*jax.device_put((state, batch, key), shardings))

    run.lower = compiled.lower  # pyrefly: ignore
    return run


def check_step(step: Step, batch: Batch, mesh: Mesh) -> None:
    """Refuse a batch that the devices cannot share."""
    size = len(next(iter(batch.values())))
    check_batch(size, mesh.size, getattr(step, "parts", 1))
