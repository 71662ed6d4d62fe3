"""One compiled program for many members: varying settings are traced, and members that diverge are frozen.

A member that meets NaN or infinity keeps the state from before at every later step, and its metrics are NaN.
The negated step at which it diverged replaces ``generator.step`` in its state, a counter that nothing else
reads. So a checkpoint holds it, and the numbers are the same however a sweep is cut into calls.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan import build, data, parallel
from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.run.keys import keys_of
from jaxgan.state import GANState
from jaxgan.step import Batch, Metrics
from jaxgan.system import limits

AXIS = "members"


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
        bytes: bytes that the program needs on each device, by XLA's count.
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
        state_specs = jax.tree.map(lambda _: each, experiment.shapes).replace(step=shared)
        specs = (each, state_specs, shared, each)
        self._placements = jax.tree.map(partial(NamedSharding, self._mesh), specs)
        mapped = jax.shard_map(
            parallel.population(self._make_step, self._batch_at),
            mesh=self._mesh,
            in_specs=(*specs, shared),
            out_specs=(state_specs, each),
            check_vma=False,
        )
        self._data = jax.device_put(
            jax.tree.map(np.asarray, experiment.arrays), NamedSharding(self._mesh, shared)
        )
        hyper, seeds = self._settings([config] * size)
        arguments = (hyper, self.shapes, self._data, seeds, 1)
        self._compiled = jax.jit(mapped, donate_argnums=1).lower(*arguments).compile()
        analysis: Any = self._compiled.memory_analysis()
        self.bytes = sum(
            getattr(analysis, f"{kind}_size_in_bytes", 0) for kind in ("temp", "argument", "output")
        ) - getattr(analysis, "alias_size_in_bytes", 0)

    @property
    def shapes(self) -> GANState:
        """Shapes, dtypes and shardings of the members' state."""
        return jax.tree.map(
            lambda leaf, place: jax.ShapeDtypeStruct(
                (self.size, *leaf.shape) if place.spec else leaf.shape, leaf.dtype, sharding=place
            ),
            self._experiment.shapes,
            self._placements[1],
        )

    def init(self, members: Sequence[Config]) -> GANState:
        """Return the members' states at step 0."""
        seeds = self._settings(members)[1]
        return self.place(
            parallel.init_population(lambda key: self._experiment.init(keys_of(key).init), seeds)
        )

    def place(self, state: GANState) -> GANState:
        """Spread a state over the devices."""
        return jax.device_put(state, self._placements[1])

    def run(self, members: Sequence[Config], state: GANState, n: int) -> tuple[GANState, Metrics]:
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
        hyper = {name: np.array([getattr(m, name) for m in filled], np.float32) for name in self._hyper}
        seeds = np.array([member.seed for member in filled], np.uint32)
        return jax.device_put((hyper, seeds), NamedSharding(self._mesh, P(AXIS)))

    def _batch_at(self, arrays: Any, step: jax.Array, seed: jax.Array) -> Batch:
        return data.batch_at(arrays, step, seed=seed, batch_size=self._config.images_per_step)

    def _make_step(self, hyper: dict[str, Any]) -> Callable[..., tuple[GANState, Metrics]]:
        generator, discriminator = self._experiment.generator, self._experiment.discriminator
        inner = build.train_step(self._config, generator, discriminator, traced=hyper)
        optimizers = build.optimizers(self._config, traced=hyper)

        def step(state: GANState, batch: Batch, key: jax.Array) -> tuple[GANState, Metrics]:
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
    devices = devices[:count]
    parts = 1 if most is None else -(-count // most)
    while True:
        rows = -(-count // (parts * len(devices)))
        program = Program(config, varying, experiment, size=rows * len(devices), devices=devices)
        if program.bytes <= limits.available_memory() or rows == 1:
            limits.require_memory(program.bytes, f"a program of {program.size} members")
            return program
        parts *= 2


def member(state: GANState, i: int) -> GANState:
    """Return the state of one member on the host, as if the member had been trained alone."""
    one_member = jax.tree.map(lambda leaf: np.asarray(leaf[i]), state.replace(step=None))
    return one_member.replace(step=np.asarray(state.step))


def diverged(state: GANState) -> list[int | None]:
    """Return for each member the step at which it diverged, or None."""
    counts = np.asarray(state.generator.step).tolist()
    return [-count if count < 0 else None for count in counts]


def _freeze(before: GANState, after: GANState, metrics: Metrics) -> tuple[GANState, Metrics]:
    """Return the state after a step, or the one before it if the member diverged now or earlier."""
    # Gradients that are not finite show in their norms: averages and optimizers are finite where these are.
    leaves = jax.tree.leaves((after.generator.variables, after.discriminator.variables, metrics))
    finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()
    was_frozen = before.generator.step < 0
    alive = finite & ~was_frozen
    state = jax.tree.map(partial(jnp.where, alive), after, before)
    mark = jnp.where(was_frozen, before.generator.step, -after.step)
    count = jnp.where(alive, after.generator.step, mark)
    state = state.replace(step=after.step, generator=state.generator.replace(step=count))
    return state, jax.tree.map(lambda value: jnp.where(alive, value, jnp.nan), metrics)


def _with_optimizers(state: GANState, g_tx: Any, d_tx: Any) -> GANState:
    """Return the state with other optimizers, whose states have the same structure."""
    return state.replace(
        generator=state.generator.replace(tx=g_tx), discriminator=state.discriminator.replace(tx=d_tx)
    )
