"""How the cost of a step grows with the batch, the width, the resolution and the discriminator's updates.

python benchmarks/scaling.py --figure scaling.png

benchmarks/README.md explains the method, and has figures.
"""

import argparse
import math
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from jaxgan.config import Config
from jaxgan.system.errors import UserError, exits
from jaxgan.system.files import write_json
from step_time import Parser, training
from tables import Table
from timing import matmul_peak, measure

BASE = Config(network="dcgan", image_size=32, channels=3, batch_size=64, width=32)
SWEEPS: dict[str, list[int]] = {
    "batch_size": [8, 16, 32, 64, 128, 256, 512],
    "width": [16, 32, 64, 96],
    "image_size": [16, 32, 64, 128],
    "d_steps": [1, 2, 3, 5],
}
HEADING = (
    *("field", "value", "ms/step", "quartiles", "time", "FLOPs"),
    *("GFLOP/s", "of peak", "compile s", "GB so far"),
)


def sweep(field: str, values: list[int], arguments: argparse.Namespace, table: Table) -> list[dict[str, Any]]:
    """Measure one step for each value of a field and add it to the table; other fields are as in `BASE`."""
    rows, peak = [], matmul_peak()
    for value in values:
        config = BASE.replace(**{field: value}).check()
        work, facts = training(config, max(1024, config.images_per_step))
        result = measure({"step": work}, repetitions=arguments.repetitions, seconds=arguments.seconds)["step"]
        rows.append({field: value, **facts, **result, "peak_gigabytes": peak_memory() / 1e9})
        jax.clear_caches()
        table.add(row(field, rows[-1], rows[0], peak))
    return rows


def row(field: str, result: dict[str, Any], first: dict[str, Any], peak: float) -> list[str]:
    """Return one row of the table.

    Args:
        field: the setting that is varied.
        result: the measurement at this row's value.
        first: the measurement at the first value; times and FLOPs are divided by its own.
        peak: floating-point operations a second of a matrix product.
    """
    milliseconds = [1e3 / rate for rate in result["batches_per_second"][::-1]]
    growth = first["batches_per_second"][1] / result["batches_per_second"][1]
    work = result["flops_per_step"] / first["flops_per_step"]
    speed = result["flops_per_step"] * result["batches_per_second"][1] / 1e9
    low, median, high = milliseconds
    return [
        field,
        f"{result[field]}",
        f"{median:.1f}",
        f"{low:.1f} .. {high:.1f}",
        f"{growth:.1f}x",
        f"{work:.1f}x",
        f"{speed:.0f}",
        f"{1e11 * speed / peak:.0f} %",
        f"{result['compile_seconds']:.1f}",
        f"{result['peak_gigabytes']:.2f}",
    ]


def peak_memory() -> float:
    """Return the most bytes that the device has held so far; on a CPU, those of this process."""
    statistics = jax.local_devices()[0].memory_stats()
    if statistics and "peak_bytes_in_use" in statistics:
        return statistics["peak_bytes_in_use"]
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def draw(results: dict[str, list[dict[str, Any]]], file: Path) -> None:
    """Draw the time of a step over each field, and how the time would grow if it followed the FLOPs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3), layout="constrained")
    panels = figure.subplots(1, len(results), squeeze=False)[0]
    for axes, (field, rows) in zip(panels, results.items(), strict=True):
        values = [result[field] for result in rows]
        times = [1e3 / result["batches_per_second"][1] for result in rows]
        flops = [result["flops_per_step"] for result in rows]
        axes.plot(values, times, "o-", label="measured")
        axes.plot(values, [times[0] * each / flops[0] for each in flops], ":", label="in proportion to FLOPs")
        axes.set(xscale="log", yscale="log", xlabel=field.replace("_", " "), ylabel="ms per step")
        axes.set_xticks(values, [str(value) for value in values])
        axes.minorticks_off()
    axes.legend()
    figure.savefig(file, dpi=110)


def parse(args: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--sweeps", nargs="+", default=[*SWEEPS], choices=[*SWEEPS], help="fields to vary (all)")
    add("--largest", type=int, metavar="N", help="leave out larger values")
    add("--repetitions", type=int, default=3, metavar="N", help="repetitions of a measurement (%(default)s)")
    add("--seconds", type=float, default=1.0, metavar="S", help="length of a repetition (about %(default)s)")
    add("--figure", type=Path, metavar="FILE", help="draw a picture")
    add("--json", type=Path, metavar="FILE", help="write every repetition")
    arguments = parser.parse_args(args)
    if arguments.repetitions < 1 or not arguments.seconds > 0:
        raise UserError("--repetitions must be at least 1 and --seconds positive")
    return arguments


def main(args: Sequence[str] | None = None) -> None:
    """Measure every sweep, print the table, and write the files that the command line asks for."""
    with exits():
        arguments = parse(args)
        table, results = Table(HEADING, names=SWEEPS), {}
        for field in arguments.sweeps:
            values = [value for value in SWEEPS[field] if value <= (arguments.largest or math.inf)]
            results[field] = sweep(field, values, arguments, table)
        if arguments.figure:
            draw(results, arguments.figure)
        if arguments.json:
            write_json(arguments.json, results)


if __name__ == "__main__":
    main()
