"""How fast each layer is beside linen's: forward, derivatives by images and parameters, second order.

python benchmarks/kernels.py

Each number is the time of one compiled call. With `--loop` it is the time of one turn of a compiled loop, in
which XLA:CPU computes the gradients of ordinary convolutions up to a hundred times slower. All forms of a
layer are timed in turns.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from timeit import timeit
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.layers.batch_norm import BatchNorm
from jaxgan.layers.convolution import Conv, ConvDownsample, ConvTranspose, UpsampleConv
from jaxgan.run.workdir import environment
from jaxgan.system.files import write_json
from linen_layers import ConvThenPool, RepeatThenConv
from tables import Table
from timing import Work, measure, quartiles


class Layer(NamedTuple):
    """A layer of jaxgan's and what linen has in its place.

    Attributes:
        ours: jaxgan's layer.
        linens: linen's layer.
        pixels: height and width of the input.
        channels: channels of the input.
    """

    ours: nn.Module
    linens: nn.Module
    pixels: int
    channels: int


def layers(width: int) -> dict[str, Layer]:
    """Return the convolutions of a DCGAN of 32x32 pixels, and one layer of each other kind, by name."""

    def strided(layer, features):
        return layer(features, (4, 4), strides=(2, 2))

    pairs = {}
    for pixels, channels, features in ((32, 3, width), (16, width, 2 * width), (8, 2 * width, 4 * width)):
        size = f"{pixels}x{pixels}"
        ours, linens = strided(Conv, features), strided(nn.Conv, features)
        pairs[f"Conv {size}x{channels} -> {features}"] = Layer(ours, linens, pixels, channels)
        ours, linens = strided(ConvTranspose, channels), strided(nn.ConvTranspose, channels)
        pairs[f"ConvTranspose {channels} <- {features}, to {size}"] = Layer(
            ours, linens, pixels // 2, features
        )
    ours, linens = UpsampleConv(width, (3, 3)), RepeatThenConv(width, (3, 3))
    pairs[f"UpsampleConv 8x8x{width}"] = Layer(ours, linens, 8, width)
    ours, linens = ConvDownsample(width, (3, 3)), ConvThenPool(width, (3, 3))
    pairs[f"ConvDownsample 16x16x{width}"] = Layer(ours, linens, 16, width)
    ours, linens = (layer(use_running_average=False) for layer in (BatchNorm, nn.BatchNorm))
    pairs[f"BatchNorm 16x16x{width}"] = Layer(ours, linens, 16, width)
    return pairs


def forms(module: nn.Module, variables: Any) -> dict[str, Callable]:
    """Return what is computed with a layer, by name: functions of its parameters, input and a cotangent."""
    statistics = {name: value for name, value in variables.items() if name != "params"}

    def forward(params, x, cotangent):
        return module.apply({"params": params, **statistics}, x, mutable=[*statistics])[0]

    def paired(params, x, cotangent):
        return jnp.vdot(forward(params, x, cotangent), cotangent)

    def slope(params, x, cotangent):  # tanh, because the second order of a linear layer alone is 0
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
    """Return a function to time, compiled alone or in a loop; each turn of it depends on the one before."""

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
    """Time every layer and form, and return the seconds and their ratio, as quartiles, by name."""
    results = {}
    for name, layer in layers(arguments.width).items():
        if arguments.only not in name:
            continue
        x = jax.random.normal(jax.random.key(0), (arguments.batch_size, *[layer.pixels] * 2, layer.channels))
        works: dict[str, Work] = {}
        for whose, module in (("ours", layer.ours), ("linens", layer.linens)):
            outputs, variables = jax.jit(module.init_with_output)(jax.random.key(1), x)
            sample = variables["params"], x, jnp.cos(outputs)
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


def print_layers(results: dict[str, dict[str, Any]]) -> None:
    """Print the table of the layers; jaxgan's stand beside linen's."""
    rows = []
    for name, result in results.items():
        ours, linens = (f"{1e3 * result[whose][1]:#.3g}" for whose in ("ours_seconds", "linens_seconds"))
        low, median, high = result["ratio"]
        rows.append([name, ours, linens, f"{median:.2f}", f"{low:.2f} .. {high:.2f}"])
    Table(["layer", "ours, ms", "linen's, ms", "times as fast", "quartiles"], rows)


def main(args: Sequence[str] | None = None) -> None:
    """Time the layers, print the table, and write the JSON file that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--width", type=int, default=64, metavar="N", help="channels next to the image (%(default)s)")
    add("--batch-size", type=int, default=64, metavar="N", help="images (%(default)s)")
    add("--only", default="", metavar="TEXT", help="measure the layers whose names contain this")
    add("--loop", action="store_true", help="time turns of a compiled loop")
    add("--repetitions", type=int, default=7, metavar="N", help="repetitions of a measurement (%(default)s)")
    add("--seconds", type=float, default=0.2, metavar="S", help="length of a repetition (about %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the machine, all settings and every number")
    arguments = parser.parse_args(args)
    results = benchmark(arguments)
    print_layers(results)
    if arguments.json:
        settings = {name: value for name, value in vars(arguments).items() if name != "json"}
        write_json(arguments.json, {"environment": environment(), "settings": settings, "kernels": results})


if __name__ == "__main__":
    main()
