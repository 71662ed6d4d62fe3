"""The devices that a run uses, and where an experiment's arrays lie on them; nothing else depends on them."""

import dataclasses
import os
from collections.abc import Callable

import jax
from jax.sharding import Mesh, SingleDeviceSharding

from jaxgan import parallel
from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.state import GANState
from jaxgan.system.errors import UserError


def place(experiment: Experiment, config: Config) -> Experiment:
    """Return the experiment with its step and state placed on the devices that the config asks for.

    Raises:
        UserError: if the machine has fewer devices, or if the batch does not divide.
    """
    devices = jax.devices()
    count = len(devices) if config.devices == "all" else config.devices
    if not 1 <= count <= len(devices):
        kind = devices[0].device_kind
        raise UserError(f"`devices` {config.devices}: this machine has {len(devices)} ({kind})")
    parallel.check_batch(config.batch_size, count, config.accumulate, "`batch_size`")
    if config.shard_states:
        _require_shares(devices[:count])
    if count == 1:  # committed to the device as a restored state is, or a resumed run would compile twice
        sharding = SingleDeviceSharding(devices[0])
        return experiment._replace(init=jax.jit(experiment.init, out_shardings=sharding))
    mesh = parallel.batch_mesh(devices[:count])
    step = experiment.step
    if config.parallel == "pmap":
        if jax.config.jax_disable_jit:  # pyrefly: ignore
            raise UserError("`parallel` pmap is a compiled program: unset JAX_DISABLE_JIT")
        step = dataclasses.replace(step, game=step.game.on_axis(parallel.AXIS))
    shapes = parallel.replicated_shapes(experiment.shapes, mesh)
    init = jax.jit(experiment.init, out_shardings=parallel.whole(mesh))
    if config.shard_states:
        shapes = parallel.shard_states(experiment.shapes, mesh)
        init = _init_like(experiment, shapes)
    return experiment._replace(step=step, shapes=shapes, init=init, mesh=mesh)


def _require_shares(devices: list[jax.Device]) -> None:
    """Refuse to cut states where that has no effect, or where XLA's devices would wait for each other.

    The virtual devices of a CPU take one pool of threads. Gathers that do not depend on each other block as
    many of them as there are, and those of another device then find none.
    """
    if len(devices) == 1:
        raise UserError("`shard_states` has no effect on one device, which holds the whole state")
    threads = os.environ.get("NPROC", "")
    if devices[0].platform == "cpu" and not (threads.isdecimal() and int(threads) >= 32 * len(devices)):
        raise UserError(
            "`shard_states` needs more threads than XLA starts for the virtual devices of a CPU: set the "
            f"environment variable NPROC to {64 * len(devices)}"
        )


def _init_like(experiment: Experiment, shapes: GANState) -> Callable[[jax.Array], GANState]:
    """Return ``key -> state`` for states with the optimizers of these shapes, which lie as these do."""

    def init(key: jax.Array) -> GANState:
        return jax.tree.unflatten(jax.tree.structure(shapes), jax.tree.leaves(experiment.init(key)))

    return jax.jit(init, out_shardings=jax.tree.map(lambda leaf: leaf.sharding, shapes))


def describe(mesh: Mesh | None) -> str:
    """Return the devices in words: "cpu", "8 x NVIDIA H100", "16 x TPU v4 on 4 hosts"."""
    if mesh is None:
        return jax.devices()[0].device_kind
    hosts = len({device.process_index for device in mesh.devices.flat})
    kind = mesh.devices.flat[0].device_kind
    return f"{mesh.size} x {kind}" + (f" on {hosts} hosts" if hosts > 1 else "")


def notes(config: Config) -> list[str]:
    """Return lines for the user about settings whose effect is easily overlooked."""
    if config.accumulate == 1:
        return []
    part = config.batch_size // config.accumulate
    return [f"batch normalization and relativistic averages see {part:,} images at a time (`accumulate`)"]
