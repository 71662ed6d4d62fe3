"""One compiled program for many members: what varies is traced, and a member that diverges is frozen.

A member that meets NaN or infinity keeps the state that it had before, at every later step, and its metrics
are NaN. The state says so itself (`Member.diverged_at`), so a checkpoint holds it, and however a sweep is cut
into calls, the numbers are the same.
"""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan import build, parallel
from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.run.keys import keys_of
from jaxgan.state import GANState
from jaxgan.step import Batch, Metrics
from jaxgan.system import limits
from jaxgan.system.errors import UserError

AXIS = "members"


class Member(GANState):
    """A GAN among others.

    Attributes:
        diverged_at: int32 scalar, the step at which it met NaN or infinity; 0 while it has not.
    """

    diverged_at: Any


def _member(state: GANState, diverged_at: Any) -> Member:
    return Member(**_fields(state), diverged_at=diverged_at)


def _plain(state: Member) -> GANState:
    return GANState(**_fields(state))


def _fields(state: GANState) -> dict[str, Any]:
    return {field.name: getattr(state, field.name) for field in dataclasses.fields(GANState)}


class Program:
    """A compiled program that trains a fixed number of members.

    Args:
        config: the config of any member.
        varying: names of the settings in which the members differ, all of which a program can trace.
        experiment: the members' networks and data.
        size: number of members, a multiple of the number of devices.
        devices: devices that share the members; they do not communicate.

    Attributes:
        size: number of members.
        bytes: bytes that the program needs on each device, by XLA's count; those of all devices on a CPU,
            whose memory they share.
    """

    def __init__(
        self,
        config: Config,
        varying: Sequence[str],
        experiment: Experiment,
        *,
        size: int,
        devices: Sequence[jax.Device],
    ):
        self.size = size
        self._config, self._experiment = config, experiment
        self._hyper = [name for name in varying if name != "seed"]
        self._mesh = jax.make_mesh(
            (len(devices),), (AXIS,), devices=list(devices), axis_types=(jax.sharding.AxisType.Auto,)
        )
        each, shared = P(AXIS), P()
        self._shapes = _member(experiment.shapes, jax.ShapeDtypeStruct((), jnp.int32))
        state_specs = jax.tree.map(lambda _: each, self._shapes).replace(step=shared)
        specs = (each, state_specs, shared, each)
        self._placements = jax.tree.map(partial(NamedSharding, self._mesh), specs)
        self._data = jax.device_put(
            jax.tree.map(np.asarray, experiment.arrays), NamedSharding(self._mesh, shared)
        )
        hyper, seeds = self._settings([config] * size)
        arguments = (hyper, self.shapes, self._data, seeds, 1)
        if jax.config.jax_disable_jit:  # pyrefly: ignore
            raise UserError("a sweep is a compiled program: unset JAX_DISABLE_JIT")
        run = parallel.population(self._make_step, self._batch_at, self._mesh)
        self._compiled = run.lower(*arguments).compile()
        analysis: Any = self._compiled.memory_analysis()
        needed = sum(
            getattr(analysis, f"{kind}_size_in_bytes", 0) for kind in ("temp", "argument", "output")
        ) - getattr(analysis, "alias_size_in_bytes", 0)
        self.bytes = needed * (len(devices) if devices[0].platform == "cpu" else 1)

    @property
    def shapes(self) -> Member:
        """Shapes, dtypes and shardings of the members' state."""
        return jax.tree.map(
            lambda leaf, place: jax.ShapeDtypeStruct(
                (self.size, *leaf.shape) if place.spec else leaf.shape, leaf.dtype, sharding=place
            ),
            self._shapes,
            self._placements[1],
        )

    def init(self, members: Sequence[Config]) -> Member:
        """Return the members' states at step 0."""

        def init(key: jax.Array) -> Member:
            return _member(self._experiment.init(keys_of(key).init), jnp.zeros((), jnp.int32))

        state: Any = parallel.init_population(init, self._settings(members)[1])
        return self.place(state)

    def restore(self, checkpoints: Checkpoints) -> Member:
        """Return the members' states of the newest checkpoint."""
        shapes = self.shapes
        try:
            return self.place(checkpoints.restore(shapes))
        except UserError:  # of a version that marked members in the generator's counter
            saved = checkpoints.restore(_plain(shapes))
        counts = saved.generator.step
        generator = saved.generator.replace(step=jnp.abs(counts))
        return self.place(_member(saved.replace(generator=generator), jnp.maximum(-counts, 0)))

    def place(self, state: Member) -> Member:
        """Spread a state over the devices."""
        return jax.device_put(state, self._placements[1])

    def run(self, members: Sequence[Config], state: Member, n: int) -> tuple[Member, Metrics]:
        """Train `n` steps; return the state and the metrics of the last, ``[size]`` each.

        Args:
            members: the members' configs; the last one fills the program up to its size.
            state: the members' state, which is donated.
            n: number of steps, >= 1.
        """
        hyper, seeds = self._settings(members)
        return self._compiled(hyper, state, self._data, seeds, n)

    def _settings(self, members: Sequence[Config]) -> tuple[dict[str, jax.Array], jax.Array]:
        filled = [*members, *[members[-1]] * (self.size - len(members))]
        settings = [member.settings() for member in filled]
        hyper = {name: np.array([each[name] for each in settings], np.float32) for name in self._hyper}
        seeds = np.array([member.seed for member in filled], np.uint32)
        return jax.device_put((hyper, seeds), NamedSharding(self._mesh, P(AXIS)))

    def _batch_at(self, arrays: Any, step: jax.Array, seed: jax.Array) -> Batch:
        batch_size = self._config.images_per_step
        return self._experiment.batch_at(arrays, step, seed=seed, batch_size=batch_size)

    def _make_step(self, hyper: dict[str, Any]) -> Callable[..., tuple[GANState, Metrics]]:
        generator, discriminator = self._experiment.generator, self._experiment.discriminator
        size = len(self._experiment.arrays["image"])
        inner = build.train_step(self._config, generator, discriminator, traced=hyper, size=size)
        optimizers = build.optimizers(self._config, traced=hyper)

        def step(state: Member, batch: Batch, key: jax.Array) -> tuple[Member, Metrics]:
            own_optimizers = state.generator.tx, state.discriminator.tx
            after, metrics = inner(_with_optimizers(state, *optimizers), batch, keys_of(key).train)
            return _freeze(state, _with_optimizers(after, *own_optimizers), metrics)

        return step


def fitting(
    config: Config,
    varying: Sequence[str],
    experiment: Experiment,
    *,
    count: int,
    most: int | None,
    devices: Sequence[jax.Device],
) -> Program:
    """Compile a program for `count` members, or for as many at once as the memory holds.

    Args:
        config: the config of any member.
        varying: names of the settings in which the members differ, as for `Program`.
        experiment: the members' networks and data.
        count: number of members in all.
        most: largest number of members at once, or None for no such number.
        devices: devices that share the members.

    Raises:
        UserError: if the memory does not hold one member per device.
    """
    most = count if most is None else min(most, count)
    devices, parts = devices[:most], -(-count // most)
    while True:
        rows = -(-count // (parts * len(devices)))
        program = Program(config, varying, experiment, size=rows * len(devices), devices=devices)
        if program.bytes <= limits.available_memory() or program.size == 1:
            limits.require_memory(program.bytes, f"a program of {program.size} members")
            return program
        if rows > 1:
            parts *= 2
        else:
            devices = devices[: len(devices) // 2]


def member(state: Member, i: int) -> GANState:
    """Return the state of one member on the host, as if the member had been trained alone."""
    one_member = jax.tree.map(lambda leaf: np.asarray(leaf[i]), _plain(state).replace(step=None))
    return one_member.replace(step=np.asarray(state.step))


def diverged(state: Member) -> list[int | None]:
    """Return for each member the step at which it diverged, or None."""
    return [step or None for step in np.asarray(state.diverged_at).tolist()]


def _freeze(before: Member, after: Member, metrics: Metrics) -> tuple[Member, Metrics]:
    """Return the state after a step, or the one before it if the member diverged now or earlier."""
    # Gradients that are not finite show in their norms: averages and optimizers are finite where these are.
    leaves = jax.tree.leaves((after.generator.variables, after.discriminator.variables, metrics))
    finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()
    was_frozen = before.diverged_at > 0
    alive = finite & ~was_frozen
    state = jax.tree.map(partial(jnp.where, alive), after, before)
    diverged_at = jnp.where(finite | was_frozen, before.diverged_at, after.step)
    state = state.replace(step=after.step, diverged_at=diverged_at)
    return state, jax.tree.map(lambda value: jnp.where(alive, value, jnp.nan), metrics)


def _with_optimizers(state: Any, g_tx: Any, d_tx: Any) -> Member:
    """Return the state with other optimizers, whose states have the same structure."""
    return state.replace(
        generator=state.generator.replace(tx=g_tx), discriminator=state.discriminator.replace(tx=d_tx)
    )
