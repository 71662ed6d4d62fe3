"""The JAX side of vs_pytorch.py: a network's training as `jaxgan.train` runs it, in a process of its own.

It is started as ``python worker_jaxgan.py NETWORK BATCH VARIANT``. A variant is a precision, ``float32`` or
``bfloat16``, or ``linen``: the same networks with plain linen layers, in float32. Each line ``SECONDS`` on
the standard input is answered by one line of JSON.
"""

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

import sngan
from jaxgan.build import NONE, Pieces
from jaxgan.layers.batch_norm import BatchNorm
from jaxgan.layers.convolution import Conv, ConvTranspose
from training import Training, made_dataset
from vs_pytorch import IMAGES, NETWORKS

PLAIN: dict[type[nn.Module], Any] = {
    Conv: nn.Conv,
    ConvTranspose: nn.ConvTranspose,
    BatchNorm: nn.BatchNorm,
}


def plain_linen(
    call: Callable[..., Any], args: Any, kwargs: Any, context: nn.module.InterceptorContext
) -> Any:
    """Call linen's layer in the place of jaxgan's, for `flax.linen.intercept_methods`.

    It has the settings of jaxgan's layer, and finds its parameters under the same names.
    """
    layer = context.module
    if type(layer) not in PLAIN or context.method_name != "__call__":
        return call(*args, **kwargs)
    linens = PLAIN[type(layer)]
    names = {field.name for field in dataclasses.fields(layer)} & {f.name for f in dataclasses.fields(linens)}
    settings = {name: getattr(layer, name) for name in names - {"parent", "name"}}
    return linens(**settings, parent=layer.scope)(*args, **kwargs)


def main() -> None:
    """Answer each request for so many seconds of training with the seconds of one step."""
    name, batch, variant = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    linen = variant == "linen"
    precision = "bfloat16" if variant == "bfloat16" else "float32"
    config = NETWORKS[name].replace(batch_size=batch, precision=precision).check()
    pieces = NONE
    if name == "sngan_32":
        pieces = Pieces(sngan.Generator(linen=linen), sngan.Discriminator(linen=linen))
    with nn.intercept_methods(plain_linen) if linen else contextlib.nullcontext():
        training = Training(config, made_dataset(config, IMAGES), pieces)
    training.advance(3)
    chunk = max(1, round(0.5 * 2 / training.seconds(2)))  # a call takes half a second, as in training
    print(json.dumps({"jax": jax.__version__, "device": jax.devices()[0].device_kind}), flush=True)
    for line in sys.stdin:
        count, start = 0, time.perf_counter()
        while (taken := time.perf_counter() - start) < float(line):
            training.advance(chunk)
            count += chunk
        print(json.dumps({"step_seconds": taken / count}), flush=True)


if __name__ == "__main__":
    main()
