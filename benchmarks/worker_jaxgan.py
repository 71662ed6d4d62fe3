"""The JAX side of vs_pytorch.py: a network's training as `jaxgan.train` runs it, in a process of its own.

It is started as ``python worker_jaxgan.py NETWORK BATCH VARIANT``; a variant is ``float32`` or ``bfloat16``,
the precision, or ``linen`` for the same networks of plain linen layers in float32. Each line ``SECONDS`` on
its standard input is answered by one line of JSON.
"""

import json
import sys
import time
from functools import partial
from typing import Any

import flax.linen as nn
import jax

import inputs
import sngan
from jaxgan import build, data, parallel
from jaxgan.networks import dcgan
from vs_pytorch import IMAGES, NETWORKS


def main() -> None:
    """Answer each request for so many seconds of training with the seconds a step took."""
    name, batch, variant = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if variant == "linen":
        for layer in ("Conv", "ConvTranspose", "BatchNorm"):
            setattr(dcgan, layer, getattr(nn, layer))
    precision = "bfloat16" if variant == "bfloat16" else "float32"
    config = build.check(NETWORKS[name].replace(batch_size=batch, precision=precision))
    size = int(config.image_size or 0)
    players: dict[str, Any] = {}
    if name == "sngan_32":
        linen = variant == "linen"
        players = {
            "generator": sngan.Generator(linen=linen),
            "discriminator": sngan.Discriminator(linen=linen),
        }
    images = inputs.made_images(IMAGES, (size, size, config.channels or 1))
    experiment = build.experiment(config, images, **players)
    state, key = experiment.init(jax.random.key(0)), jax.random.key(1)
    arrays = jax.device_put(experiment.arrays)
    batch_at = partial(data.batch_at, seed=0, batch_size=batch)
    advance = parallel.compile_run(experiment.step, batch_at, state, arrays, key)
    state = jax.block_until_ready(advance(state, arrays, key, 3)[0])
    start = time.perf_counter()
    state = jax.block_until_ready(advance(state, arrays, key, 2)[0])
    chunk = max(1, round(0.5 / ((time.perf_counter() - start) / 2)))  # calls of half a second, as in training
    print(json.dumps({"jax": jax.__version__, "device": jax.devices()[0].device_kind}), flush=True)
    for line in sys.stdin:
        count, start = 0, time.perf_counter()
        while (taken := time.perf_counter() - start) < float(line):
            state = jax.block_until_ready(advance(state, arrays, key, chunk)[0])
            count += chunk
        print(json.dumps({"step_seconds": taken / count}), flush=True)


if __name__ == "__main__":
    main()
