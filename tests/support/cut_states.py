"""Three steps with states that are cut over two devices, and with whole ones; prints what to compare, as JSON.

NPROC=64 python tests/support/cut_states.py      # with fewer threads, XLA:CPU's devices wait for each other
"""

import json
import os
from functools import partial

if __name__ == "__main__":
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"

import jax
import numpy as np
import optax

from jaxgan import data, losses, parallel
from jaxgan.state import init_state, named_leaves
from jaxgan.step import make_train_step
from smooth import DenseDiscriminator, DenseGenerator

KEY = jax.random.key(3)
NETWORKS = DenseGenerator((4, 4, 1), 7), DenseDiscriminator(8)  # 7 does not divide by two devices


def first_state():
    tx = optax.chain(optax.clip_by_global_norm(0.1), optax.adam(1e-2, b1=0.5))
    return init_state(KEY, *NETWORKS, image_shape=(4, 4, 1), latent_dim=6, g_tx=tx, d_tx=tx)


def train(is_cut, mesh):
    """Return the state and the metrics after three steps, and the bytes of a device's arguments."""
    step = make_train_step(*NETWORKS, losses.non_saturating, ema_decay=0.5)
    images = {"image": np.random.default_rng(0).integers(0, 256, (16, 4, 4, 1), np.uint8)}
    state = first_state()
    state = parallel.shard_states(state, mesh, smallest=1) if is_cut else parallel.replicate(state, mesh)
    loop = parallel.scan(step, partial(data.batch_at, seed=0, batch_size=8), mesh, like=state)
    arguments = state, *parallel.replicate((images, KEY), mesh), 3
    held = loop.lower(*arguments).compile().memory_analysis().argument_size_in_bytes
    return *loop(*arguments), held


def compare():
    mesh = parallel.batch_mesh()
    cut, cut_metrics, cut_bytes = train(True, mesh)
    whole, metrics, whole_bytes = train(False, mesh)
    copy = parallel.local(cut)
    pairs = zip(
        jax.tree.leaves((cut, cut_metrics, copy)), jax.tree.leaves((whole, metrics, whole)), strict=True
    )
    return {
        "difference": max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in pairs),
        "cut": {
            name: list(leaf.sharding.shard_shape(leaf.shape))
            for name, leaf in named_leaves(cut).items()
            if not leaf.sharding.is_fully_replicated
        },
        "bytes": sum(leaf.nbytes for leaf in jax.tree.leaves(cut) if not leaf.sharding.is_fully_replicated),
        "saved": whole_bytes - cut_bytes,
        "devices of a copy": max(len(leaf.devices()) for leaf in jax.tree.leaves(copy)),
    }


if __name__ == "__main__":
    print(json.dumps(compare()))
