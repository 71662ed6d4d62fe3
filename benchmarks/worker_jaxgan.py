"""The JAX side of vs_pytorch.py: a network's training as `jaxgan.train` runs it, in a process of its own.

It is started as ``python worker_jaxgan.py NETWORK BATCH VARIANT``. A variant is a precision, ``float32`` or
``bfloat16``, or ``linen``: the same networks with plain linen layers, in float32. It answers with lines of
JSON: at first with its version and its numbers of parameters, then for each line ``SECONDS`` on the standard
input with the seconds of a step, the processor's seconds of a step, and the most memory that training has
held.
"""

import contextlib
import json
import sys
import time

import jax

from linen_layers import linen_layers
from memory import forget_peak, peak_bytes
from training import Training, made_dataset
from vs_pytorch import IMAGES, NETWORKS


def main() -> None:
    """Answer each request for so many seconds of training with the seconds of one step."""
    name, batch, variant = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    precision = "bfloat16" if variant == "bfloat16" else "float32"
    config = NETWORKS[name].replace(batch_size=batch, precision=precision).check()
    with linen_layers() if variant == "linen" else contextlib.nullcontext():
        training = Training(config, made_dataset(config, IMAGES))
    training.advance(3)
    chunk = max(1, round(0.5 * 2 / training.seconds(2)))  # a call takes half a second, as in training
    device, state = jax.devices()[0], training.state
    counts = [
        sum(leaf.size for leaf in jax.tree.leaves(each.params))
        for each in (state.generator, state.discriminator)
    ]
    versions = {"jax": jax.__version__, "device": device.device_kind}
    print(json.dumps({"versions": versions, "parameters": counts}), flush=True)
    forget_peak()
    for line in sys.stdin:
        count, start, busy = 0, time.perf_counter(), time.process_time()
        while (taken := time.perf_counter() - start) < float(line):
            training.advance(chunk)
            count += chunk
        held = (device.memory_stats() or {}).get("peak_bytes_in_use") or peak_bytes()
        busy = time.process_time() - busy
        answer = {"step_seconds": taken / count, "processor_seconds": busy / count, "peak_bytes": held}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
