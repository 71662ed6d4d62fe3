"""How fast each layer is beside linen's: forward, derivatives by images and parameters, second order.

python benchmarks/kernels.py

Every figure is of one compiled call or, with `--loop`, of one turn of a compiled loop, where XLA:CPU computes
the gradients of ordinary convolutions up to a hundred times slower. All forms of a layer are timed in turns.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from timeit import timeit
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

import tables
from jaxgan.layers.batch_norm import BatchNorm
from jaxgan.layers.convolution import Conv, ConvDownsample, ConvTranspose, UpsampleConv
from jaxgan.run.workdir import environment
from jaxgan.system.files import write_json
from sngan import ConvThenPool, RepeatThenConv
from timing import Work, measure, quartiles


class Layer(NamedTuple):
    """A layer of ours, linen's, and how many pixels each way and channels go in."""

    ours: nn.Module
    linens: nn.Module
    pixels: int
    channels: int


def layers(width: int) -> dict[str, Layer]:
    """Return the convolutions of a DCGAN of 32x32 pixels, and one each of the other layers."""

    def strided(layer, features):
        return layer(features, (4, 4), strides=(2, 2))

    found = {}
    for pixels, channels, features in ((32, 3, width), (16, width, 2 * width), (8, 2 * width, 4 * width)):
        size = f"{pixels}x{pixels}"
        ours, linens = strided(Conv, features), strided(nn.Conv, features)
        found[f"Conv {size}x{channels} -> {features}"] = Layer(ours, linens, pixels, channels)
        ours, linens = strided(ConvTranspose, channels), strided(nn.ConvTranspose, channels)
        found[f"ConvTranspose {channels} <- {features}, to {size}"] = Layer(
            ours, linens, pixels // 2, features
        )
    ours, linens = UpsampleConv(width, (3, 3)), RepeatThenConv(width)
    found[f"UpsampleConv 8x8x{width}"] = Layer(ours, linens, 8, width)
    ours, linens = ConvDownsample(width, (3, 3)), ConvThenPool(width)
    found[f"ConvDownsample 16x16x{width}"] = Layer(ours, linens, 16, width)
    ours, linens = (layer(use_running_average=False) for layer in (BatchNorm, nn.BatchNorm))
    found[f"BatchNorm 16x16x{width}"] = Layer(ours, linens, 16, width)
    return found


def forms(module: nn.Module, variables: Any) -> dict[str, Callable]:
    """Return what is computed with a layer: functions of its parameters, its input and a cotangent."""
    statistics = {name: value for name, value in variables.items() if name != "params"}

    def forward(params, x, cotangent):
        return module.apply({"params": params, **statistics}, x, mutable=[*statistics])[0]

    def paired(params, x, cotangent):
        return jnp.vdot(forward(params, x, cotangent), cotangent)

    def slope(params, x, cotangent):  # of a nonlinear function: else the second order of a linear layer is 0
        return jnp.sum(
            jax.grad(lambda x: jnp.sum(jnp.tanh(forward(params, x, cotangent)) * cotangent))(x) ** 2
        )

    return {
        "forward": forward,
        "dx": jax.grad(paired, argnums=1),
        "dw": jax.grad(paired, argnums=0),
        "second order": jax.grad(slope, argnums=0),
    }


def work(function: Callable, arguments: Sequence[Any], batch: int, *, loop: bool) -> Work:
    """Return a function to time, compiled alone or in a loop that nothing can be taken out of."""

    @jax.jit
    def turns(count, params, x, cotangent):
        def turn(_, scale):
            total = sum(jnp.vdot(y, y) for y in jax.tree.leaves(function(params, x * scale, cotangent)))
            return 1 + 0 * jnp.minimum(total, 1.0)

        return jax.lax.fori_loop(0, count, turn, jnp.ones(()))

    single = jax.jit(function)

    def seconds(count: int) -> float:
        if loop:
            return timeit(lambda: jax.block_until_ready(turns(count, *arguments)), number=1)
        return timeit(lambda: jax.block_until_ready(single(*arguments)), number=count)

    return Work(batch, seconds)


def benchmark(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Time every layer and form, and return the milliseconds and ratios by name."""
    results = {}
    for name, layer in layers(arguments.width).items():
        if arguments.only not in name:
            continue
        x = jax.random.normal(jax.random.key(0), (arguments.batch_size, *[layer.pixels] * 2, layer.channels))
        works: dict[str, Work] = {}
        for whose, module in (("ours", layer.ours), ("linens", layer.linens)):
            made, variables = jax.jit(module.init_with_output)(jax.random.key(1), x)
            sample = variables["params"], x, jnp.cos(made)
            for form, function in forms(module, variables).items():
                works[f"{form} {whose}"] = work(function, sample, arguments.batch_size, loop=arguments.loop)
        times = measure(works, repetitions=arguments.repetitions, seconds=arguments.seconds)
        for form in ("forward", "dx", "dw", "second order"):
            one, other = (times[f"{form} {whose}"] for whose in ("ours", "linens"))
            each = [[s / time["batches"] for s in time["seconds"]] for time in (one, other)]
            results[f"{name}, {form}"] = {
                "ours_seconds": quartiles(each[0]),
                "linens_seconds": quartiles(each[1]),
                "ratio": quartiles([b / a for a, b in zip(*each, strict=True)]),
            }
    return results


def main(args: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--width", type=int, default=64, metavar="N", help="channels next to the image (%(default)s)")
    add("--batch-size", type=int, default=64, metavar="N", help="images (%(default)s)")
    add("--only", default="", metavar="TEXT", help="layers that have this in their names")
    add("--loop", action="store_true", help="time turns of a compiled loop")
    add("--repetitions", type=int, default=7, metavar="N", help="of every measurement (%(default)s)")
    add("--seconds", type=float, default=0.2, metavar="S", help="of a repetition, about (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the machine, all settings and every figure")
    arguments = parser.parse_args(args)
    results = benchmark(arguments)
    print(tables.kernels(results))
    if arguments.json:
        settings = {name: value for name, value in vars(arguments).items() if name != "json"}
        write_json(arguments.json, {"environment": environment(), "settings": settings, "kernels": results})


if __name__ == "__main__":
    main(sys.argv[1:])
