"""How the cost of a step grows: with the batch, the width, the resolution, and the discriminator's updates.

python benchmarks/scaling.py --figure scaling.png

benchmarks/README.md has the method and figures.
"""

import argparse
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from jaxgan import build
from jaxgan.config import Config
from jaxgan.system.files import write_json
from step_time import training
from timing import matmul_peak, measure

BASE = Config(network="dcgan", image_size="32", channels=3, batch_size=64, width=32)
SWEEPS: dict[str, list[Any]] = {
    "batch_size": [8, 16, 32, 64, 128, 256, 512],
    "width": [16, 32, 64, 96],
    "image_size": ["16", "32", "64", "128"],
    "d_steps": [1, 2, 3, 5],
}


def sweep(field: str, values: list[Any], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure one step for each value of a field, the others as in `BASE`."""
    rows, peak = [], matmul_peak()
    for value in values:
        config = build.check(BASE.replace(**{field: value}))
        work, facts = training(config, max(1024, config.batch_size * config.d_steps))
        result = measure({"step": work}, repetitions=arguments.repetitions, seconds=arguments.seconds)["step"]
        rows.append({field: value, **facts, **result, "peak_gigabytes": peak_memory() / 1e9})
        jax.clear_caches()
        print(row(field, rows[-1], rows[0], peak), flush=True)
    return rows


def row(field: str, result: dict[str, Any], first: dict[str, Any], peak: float) -> str:
    """Return a line of the table: the step's time, and how it grew with its FLOPs since the first value."""
    milliseconds = [1e3 / rate for rate in result["batches_per_second"][::-1]]
    growth = first["batches_per_second"][1] / result["batches_per_second"][1]
    work = result["flops_per_step"] / first["flops_per_step"]
    speed = result["flops_per_step"] * result["batches_per_second"][1] / 1e9
    low, median, high = milliseconds
    cells = [field, f"{result[field]}", f"{median:.1f}", f"{low:.1f} .. {high:.1f}"]
    cells += [
        f"{growth:.1f}x",
        f"{work:.1f}x",
        f"{speed:.0f}",
        f"{1e11 * speed / peak:.0f} %",
        f"{result['compile_seconds']:.1f}",
    ]
    cells += [f"{result['peak_gigabytes']:.2f}"]
    return f"| {' | '.join(cells)} |"


def peak_memory() -> float:
    """Return the most bytes used so far: of the device, or of this process on CPU."""
    statistics = jax.local_devices()[0].memory_stats()
    if statistics and "peak_bytes_in_use" in statistics:
        return statistics["peak_bytes_in_use"]
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def draw(results: dict[str, list[dict[str, Any]]], file: Path) -> None:
    """Draw the time of a step over each field, beside what its FLOPs would have it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3), layout="constrained")
    panels = figure.subplots(1, len(results), squeeze=False)[0]
    for axes, (field, rows) in zip(panels, results.items(), strict=True):
        values = [int(result[field]) for result in rows]
        times = [1e3 / result["batches_per_second"][1] for result in rows]
        flops = [result["flops_per_step"] for result in rows]
        axes.plot(values, times, "o-", label="measured")
        axes.plot(values, [times[0] * each / flops[0] for each in flops], ":", label="as its FLOPs")
        axes.set(xscale="log", yscale="log", xlabel=field.replace("_", " "), ylabel="ms per step")
        axes.set_xticks(values, [str(value) for value in values])
        axes.minorticks_off()
    axes.legend()
    figure.savefig(file, dpi=110)


def main(args: Sequence[str] | None = None) -> None:
    """Measure every sweep; print the table, write what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sweeps", nargs="+", default=[*SWEEPS], choices=[*SWEEPS], help="(all)")
    add("--largest", type=int, help="leave out values above this")
    add("--repetitions", type=int, default=3, metavar="N", help="(%(default)s)")
    add("--seconds", type=float, default=1.0, metavar="S", help="of a repetition, about (%(default)s)")
    add("--figure", type=Path, metavar="FILE", help="draw a picture")
    add("--json", type=Path, metavar="FILE", help="write every repetition")
    arguments = parser.parse_args(args)
    if arguments.repetitions < 1 or not arguments.seconds > 0:
        print("error: --repetitions must be at least 1 and --seconds positive", file=sys.stderr)
        sys.exit(2)
    print(
        "| field | value | ms/step | quartiles | time | FLOPs | GFLOP/s | of peak | compile s | GB so far |"
    )
    print(f"|{'---|' * 10}", flush=True)
    results = {}
    for field in arguments.sweeps:
        values = [v for v in SWEEPS[field] if not arguments.largest or int(v) <= arguments.largest]
        results[field] = sweep(field, values, arguments)
    if arguments.figure:
        draw(results, arguments.figure)
    if arguments.json:
        write_json(arguments.json, results)


if __name__ == "__main__":
    main()
