"""What only optimizers and averages need, cut over the devices: each holds a share of it.

Every device computes with all parameters, but an optimizer's statistics and the moving average are only ever
changed element by element. So each device can keep and change a share of them, and tell the others no more
than the update of its share (ZeRO, its first stage). With Adam, these are three of the four
arrays of a generator's size in a state, and two of the discriminator's three.

The compiler does the work. The leaves say where they lie, and the optimizers say that an update is whole
again. Then it adds up the gradients of all devices, changes the shares, and gathers the updates.

References:
    Rajbhandari et al. 2020, ZeRO: Memory Optimizations Toward Training Trillion Parameter Models,
    https://arxiv.org/abs/1910.02054
"""

from typing import Any, TypeVar

import jax
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxgan.parallel.mesh import AXIS, shares, whole
from jaxgan.state import GANState, TrainState

SMALLEST = 2**14  # numbers of a leaf that is worth cutting: below, a message costs more than it saves
Tree = TypeVar("Tree")


def shard_states(state: GANState, mesh: Mesh, *, smallest: int = SMALLEST) -> GANState:
    """Return a state whose optimizers' statistics and moving average are cut over the devices.

    Args:
        state: a state, or its shapes (`jax.eval_shape`).
        mesh: mesh of the devices (`batch_mesh`).
        smallest: numbers that a leaf must have to be cut, >= 1. It is cut along its longest axis that divides
            by the number of devices; leaves without such an axis stay whole.

    Returns:
        The state, or its shapes, with the placement of each leaf. `jaxgan.parallel.jit` and `scan` take it as
        `like`, and give states that lie as it does.
    """

    def cut(leaf: Any) -> NamedSharding:
        axes = [axis for axis, size in enumerate(leaf.shape) if size % mesh.size == 0]
        if leaf.size < smallest or not axes:
            return whole(mesh)
        return shares(mesh, max(axes, key=lambda axis: leaf.shape[axis]))

    def cut_player(player: TrainState) -> TrainState:
        lying = jax.tree.map(lambda leaf: whole(mesh), player)
        placed = _place(player, lying.replace(opt_state=jax.tree.map(cut, player.opt_state)))
        return placed.replace(tx=_whole_updates(player.tx))

    lying = jax.tree.map(lambda leaf: whole(mesh), state)
    players = {"generator": cut_player(state.generator), "discriminator": cut_player(state.discriminator)}
    return _place(state, lying.replace(ema=jax.tree.map(cut, state.ema))).replace(**players)


def placements(like: Any, mesh: Mesh) -> Any:
    """Return where each leaf lies on the mesh; one sharding for all if every device holds all of them."""
    places = jax.tree.map(lambda leaf: leaf.sharding or whole(mesh), like)  # shapes may have none
    return whole(mesh) if all(place.is_fully_replicated for place in jax.tree.leaves(places)) else places


def _place(tree: Any, places: Any) -> Any:
    """Return arrays, or shapes, at other places."""

    def at(leaf: Any, place: NamedSharding) -> Any:
        if isinstance(leaf, jax.Array):
            return jax.device_put(leaf, place)
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place)

    return jax.tree.map(at, tree, places)


def _whole_updates(tx: optax.GradientTransformation) -> optax.GradientTransformation:
    """Return an optimizer for statistics that are cut: every device gets the whole of its updates."""
    inner = optax.with_extra_args_support(tx)

    def update(updates: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, Any]:
        updates, state = inner.update(_whole(updates), state, params, **extra_args)
        return _whole(updates), state

    return optax.GradientTransformationExtraArgs(inner.init, update)


def _whole(tree: Tree) -> Tree:
    """Return arrays that each device of the traced mesh holds whole; without a mesh, as they are."""
    if AXIS not in jax.sharding.get_abstract_mesh().auto_axes:
        return tree
    return jax.lax.with_sharding_constraint(tree, PartitionSpec())
