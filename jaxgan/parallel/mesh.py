"""The devices of a run as a mesh with one axis, named "batch", and how arrays lie on it.

Every device holds the whole state (but see `jaxgan.parallel.shares`) and its share of a batch. The axis keeps
the order of `jax.devices`, so a host's devices are neighbors and its share of a batch is one piece.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxgan.games.base import BATCH_AXIS as AXIS
from jaxgan.system.errors import UserError


def batch_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Return a mesh of one axis, "batch", over these devices (all, if None), in this order."""
    row = np.array(jax.devices() if devices is None else devices)
    return Mesh(row, (AXIS,), axis_types=(AxisType.Auto,))


def whole(mesh: Mesh) -> NamedSharding:
    """Return the sharding of arrays that every device holds whole."""
    return NamedSharding(mesh, PartitionSpec())


def shares(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """Return the sharding of arrays that are cut along an axis, with a share for each device."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, mesh.axis_names[0]))


def replicate(tree: Any, mesh: Mesh | None) -> Any:
    """Return arrays of which every device of the mesh holds the whole; with no mesh, as they are."""
    if mesh is None:
        return tree
    if whole(mesh).is_fully_addressable:
        return jax.device_put(tree, whole(mesh))
    # Across hosts, device_put takes no random keys.
    return jax.jit(lambda tree: tree, out_shardings=whole(mesh))(tree)


def replicated_shapes(tree: Any, mesh: Mesh | None) -> Any:
    """Return shapes (`jax.ShapeDtypeStruct`) as those of arrays that are replicated over the mesh."""
    if mesh is None:
        return tree
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=whole(mesh)), tree)


def local(tree: Any) -> Any:
    """Return whole arrays on this host's first device; only those that are cut over the devices are moved."""

    def whole_of(x: jax.Array) -> jax.Array:
        copy = x.addressable_data(0)
        return copy if x.is_fully_replicated else jax.device_put(x, copy.sharding)

    return jax.tree.map(whole_of, tree)


def check_batch(size: int, devices: int, parts: int = 1, what: str = "a batch of") -> None:
    """Refuse a batch that does not divide.

    Args:
        size: size of the batch.
        devices: number of devices that share the batch.
        parts: number of parts of each device's share: discriminator updates times accumulated gradients.
        what: beginning of the message.

    Raises:
        UserError: if the batch does not divide; the message names the nearest sizes that do.
    """
    unit = devices * parts
    if size % unit:
        over = f"over {devices} devices" if devices > 1 else ""
        over += f" in {parts} parts" * (parts > 1) + " each" * (parts > 1 and devices > 1)
        less, more = size // unit * unit, (size // unit + 1) * unit
        near = f"{less} and {more} do" if less else f"{more} does"
        raise UserError(f"{what} {size} does not divide {over.strip()}: {near}")
