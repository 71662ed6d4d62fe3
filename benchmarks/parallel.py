"""Steps a second of each way to run a step, on 1, 2, 4 and 8 virtual devices of this machine's CPU.

python benchmarks/parallel.py

Virtual devices share the same cores, so none of them makes training faster. The table shows what it costs to
share the work.
benchmarks/README.md has figures.
"""

import argparse
import os
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

if __name__ == "__main__":  # before JAX looks for devices
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import jax
import optax

from jaxgan import data, losses, parallel, penalties
from jaxgan.networks import dcgan, mlp
from jaxgan.state import init_state
from jaxgan.step import make_train_step
from tables import Table
from timing import Work, measure

BATCH = 128
NETWORKS: dict[str, tuple[Any, Any]] = {
    "tiny MLP": (mlp.Generator((8, 8, 1), (16,)), mlp.Discriminator((16,))),
    "MLP": (mlp.Generator((8, 8, 1)), mlp.Discriminator()),
    "DCGAN": (dcgan.Generator((16, 16, 1), 16), dcgan.Discriminator(16, "spectral")),
}
MODES = ("one call a step", "many steps a call", "shard_map", "pmap")


def label(mode: str, devices: int) -> str:
    """Return the name of one measurement."""
    return f"{mode}, {devices} devices"


def work(name: str, mode: str, devices: int) -> Work:
    """Return the training of a network in one of the `MODES`, on so many devices."""
    generator, discriminator = NETWORKS[name]
    mesh = parallel.batch_mesh(jax.devices()[:devices])
    tx, shape = optax.adam(2e-4, b1=0.5), generator.image_shape
    state = init_state(
        jax.random.key(0), generator, discriminator, image_shape=shape, latent_dim=64, g_tx=tx, d_tx=tx
    )
    axis_name = parallel.AXIS if mode in ("shard_map", "pmap") else None
    step = make_train_step(
        generator, discriminator, losses.non_saturating, penalty=penalties.r1(gamma=1.0), axis_name=axis_name
    )
    images = jax.random.randint(jax.random.key(1), (1000, *shape), 0, 256).astype("uint8")
    batch_at = partial(data.batch_at, seed=0, batch_size=BATCH)
    place = partial(parallel.replicate, mesh=None if devices == 1 else mesh)
    held: Any = place((state, {"image": images}, jax.random.key(2)))
    if mode == "many steps a call":
        run = parallel.scan(step, batch_at, None if devices == 1 else mesh)
    else:
        single = {
            "one call a step": partial(parallel.jit, mesh=None if devices == 1 else mesh),
            "shard_map": partial(parallel.shard_map, mesh=mesh),
            "pmap": partial(parallel.pmap, devices=list(mesh.devices.flat)),
        }[mode](step)
        drawn = jax.jit(batch_at)

        def calls(state, arrays, key, n):
            metrics: Any = None
            for i in range(n):
                state, metrics = single(state, drawn(arrays, i), key)
            return state, metrics

        run: Any = calls

    def seconds(n: int) -> float:
        nonlocal held
        began = time.perf_counter()
        state, metrics = run(*held, n)
        jax.block_until_ready(metrics)
        held = (state, *held[1:])
        return time.perf_counter() - began

    return Work(BATCH, seconds)


def main(args: Sequence[str] | None = None) -> None:
    """Print the table. It has a row for each network and mode, and a column for each number of devices."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--devices", nargs="+", type=int, default=[1, 2, 4, 8], metavar="N", help="columns (1 2 4 8)")
    add("--networks", nargs="+", default=[*NETWORKS], choices=[*NETWORKS], help="networks (all)")
    add("--repetitions", type=int, default=3, metavar="N", help="repetitions of a measurement (%(default)s)")
    add("--seconds", type=float, default=1.0, metavar="S", help="length of a repetition (about %(default)s)")
    arguments = parser.parse_args(args)
    if bad := [n for n in arguments.devices if not 1 <= n <= len(jax.devices()) or BATCH % n]:
        parser.error(f"--devices are 1 to {len(jax.devices())} and divide {BATCH}, got {bad[0]}")
    table = Table(["network", "mode", *(f"{n} devices" for n in arguments.devices)], names=NETWORKS)
    timing = {"repetitions": arguments.repetitions, "seconds": arguments.seconds}
    for name in arguments.networks:
        works = {label(mode, n): work(name, mode, n) for mode in MODES for n in arguments.devices}
        rates = {key: result["batches_per_second"][1] for key, result in measure(works, **timing).items()}
        for mode in MODES:
            table.add([name, mode, *(f"{rates[label(mode, n)]:,.1f}" for n in arguments.devices)])


if __name__ == "__main__":
    main()
