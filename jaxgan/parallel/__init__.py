"""How a step is run: thin adapters around the one pure function.

- `jit` and `scan` run it on one device, or leave it to the compiler to spread the batch over a mesh;
- `shard_map` and `pmap` cut the batch: each device runs a step made with `axis_name` on its share;
- `population` runs many GANs instead of one.

The first four take the same flat, global batch and give the same numbers to rounding. `shard_states`
cuts what only optimizers and averages need, so that each device of `jit` and `scan` holds a share of it.
"""

from jaxgan.parallel.adapters import jit, pmap, shard_map
from jaxgan.parallel.loops import compile_run, scan
from jaxgan.parallel.mesh import AXIS, batch_mesh, check_batch, local, replicate, replicated_shapes, whole
from jaxgan.parallel.population import init_population, population
from jaxgan.parallel.shares import shard_states

__all__ = [
    "AXIS",
    "batch_mesh",
    "check_batch",
    "compile_run",
    "init_population",
    "jit",
    "local",
    "pmap",
    "population",
    "replicate",
    "replicated_shapes",
    "scan",
    "shard_map",
    "shard_states",
    "whole",
]
