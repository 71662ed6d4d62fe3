"""Which devices a run uses, and what that changes of an experiment: nothing but where its arrays lie."""

import jax
from jax.sharding import Mesh, SingleDeviceSharding

from jaxgan import parallel
from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.system.errors import UserError


def place(experiment: Experiment, config: Config) -> Experiment:
    """Return the experiment with step and state as they have to be on the devices that the config asks for.

    Raises:
        UserError: if there are fewer, or the batch does not divide.
    """
    there = jax.devices()
    count = len(there) if config.devices == "all" else int(config.devices)
    if not 1 <= count <= len(there):
        raise UserError(f"--devices {config.devices}: there are {len(there)} ({there[0].device_kind})")
    parallel.check_batch(config.batch_size, count, config.accumulate, "--batch-size")
    if count == 1:  # at home on it as a restored state is: else a run that goes on compiles its step anew
        home = SingleDeviceSharding(there[0])
        return experiment._replace(init=jax.jit(experiment.init, out_shardings=home))
    mesh = parallel.batch_mesh(there[:count])
    step = experiment.step
    if config.parallel == "pmap":
        step = experiment.make_step(parallel.AXIS)
    shapes = parallel.replicated_shapes(experiment.shapes, mesh)
    init = jax.jit(experiment.init, out_shardings=parallel.whole(mesh))
    return experiment._replace(step=step, shapes=shapes, init=init, mesh=mesh)


def describe(mesh: Mesh | None) -> str:
    """Return the devices in words: "cpu", "8 x NVIDIA H100", "16 x TPU v4 on 4 hosts"."""
    if mesh is None:
        return jax.devices()[0].device_kind
    hosts = len({device.process_index for device in mesh.devices.flat})
    kind = mesh.devices.flat[0].device_kind
    return f"{mesh.size} x {kind}" + (f" on {hosts} hosts" if hosts > 1 else "")


def notes(config: Config) -> list[str]:
    """Return what a user may not expect."""
    if config.accumulate == 1:
        return []
    part = config.batch_size // config.accumulate
    return [f"batch normalisation and relativistic averages see {part:,} images at a time (--accumulate)"]
