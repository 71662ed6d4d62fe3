"""A single step on one device or many.

References:
    JAX, https://docs.jax.dev/en/latest/notebooks/shard_map.html and https://docs.jax.dev/en/latest/jax.pmap.html
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec, use_abstract_mesh

from jaxgan.parallel.mesh import AXIS, batch_mesh, check_batch, shares, whole
from jaxgan.state import GANState
from jaxgan.step import Batch, Metrics, Step

Run = Callable[[GANState, Batch, jax.Array], tuple[GANState, Metrics]]


def jit(step: Step, mesh: Mesh | None = None) -> Run:
    """Compile a step, for one device or for a batch that the compiler spreads over a mesh.

    Args:
        step: made by `make_train_step` without an `axis_name`.
        mesh: with an Auto axis "batch" (`batch_mesh`); None for one device.

    Returns:
        ``step(state, batch, key) -> (state, metrics)``; the state that goes in is donated. What goes in may
        lie anywhere; what comes out is on every device of the mesh.

    Raises:
        ValueError: if the step was made for a mapped axis; when called, if the batch does not divide.
    """
    check_axis(step, None)
    if mesh is None:
        return jax.jit(step, donate_argnums=0)
    return _placed(on_mesh(step, mesh), step, mesh)


def shard_map(step: Step, mesh: Mesh) -> Run:
    """Compile a step of which each device runs its share, the averages written out.

    Args:
        step: made by `make_train_step` with the `axis_name` of the mesh.
        mesh: of one axis (`batch_mesh`).

    Returns:
        As of `jit`.

    Raises:
        ValueError: if the step was made for another axis; when called, if the batch does not divide.
    """
    (axis_name,) = mesh.axis_names
    check_axis(step, axis_name)
    here, everywhere = PartitionSpec(axis_name), PartitionSpec()
    # check_vma would add a sum over devices of its own to every gradient (design: "Parallelism")
    share = jax.shard_map(
        step, mesh=mesh, in_specs=(everywhere, here, everywhere), out_specs=everywhere, check_vma=False
    )
    return _placed(share, step, mesh)


def pmap(step: Step, axis_name: str = AXIS, devices: Sequence[jax.Device] | None = None) -> Run:
    """Compile a step by `jax.pmap`, which JAX keeps but develops no further; `shard_map` does the same.

    Args:
        step: made by `make_train_step` with this `axis_name`.
        axis_name: of the mapped axis.
        devices: that share the batch; None for all of this host.

    Returns:
        As of `jit`: the batch is flat and global, the state has no axis of replicas.

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
    """Return a function that knows, while it is traced, that the examples lie on a mesh."""
    if mesh is None:
        return function

    def traced(*arguments: Any) -> Any:
        with use_abstract_mesh(mesh.abstract_mesh):
            return function(*arguments)

    return traced


def check_axis(step: Step, axis_name: str | None) -> None:
    """Refuse a step made for another axis: it would train on one device's share without a word."""
    made_for = getattr(step, "axis_name", None)
    if made_for != axis_name:
        raise ValueError(f"this adapter runs a step with axis_name={axis_name!r}, got one for {made_for!r}")


def _placed(function: Callable[..., Any], step: Step, mesh: Mesh) -> Run:
    """Compile for a mesh; what goes in is laid there first, or the second call would compile again."""
    places = whole(mesh), shares(mesh), whole(mesh)
    compiled = jax.jit(function, in_shardings=places, out_shardings=whole(mesh), donate_argnums=0)

    def run(state: GANState, batch: Batch, key: jax.Array) -> tuple[GANState, Metrics]:
        check_step(step, batch, mesh)
        return compiled(*jax.device_put((state, batch, key), places))

    run.lower = compiled.lower  # pyrefly: ignore
    return run


def check_step(step: Step, batch: Batch, mesh: Mesh) -> None:
    """Refuse a batch that the devices cannot share."""
    size = len(next(iter(batch.values())))
    check_batch(size, mesh.size, getattr(step, "parts", 1))
