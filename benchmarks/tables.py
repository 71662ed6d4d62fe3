"""Results as Markdown tables, aligned: to be read as they are, or put into the README."""

from typing import Any

from timing import quartiles

Results = dict[str, dict[str, Any]]


def networks(results: Results, peak: float) -> str:
    """Return the table of the train steps, beside the operations a second of a matrix product."""
    head = ["network", "images", "batch", "D steps", "compile s", "steps/s", "quartiles", "images/s"]
    rows = [[*head, "MB/step", "GFLOP/step", "GFLOP/s", "of peak"]]
    for name, result in results.items():
        steps, flops = result["batches_per_second"], result["flops_per_step"] / 1e9
        shape = "x".join(map(str, result["image_shape"]))
        counts = [f"{result[field]}" for field in ("batch_size", "d_steps")]
        images = _spread(result["images_per_second"])[0]
        compiled, speed = f"{result['compile_seconds']:.1f}", f"{flops * steps[1]:.1f}"
        share = f"{1e11 * flops * steps[1] / peak:.1f} %"
        costs = [f"{result['bytes_per_step'] / 1e6:,.0f}", f"{flops:.3g}", speed, share]
        rows.append([name, shape, *counts, compiled, *_spread(steps), images, *costs])
    return _table(rows)


def inputs(results: Results, networks: Results) -> str:
    """Return the table of the input, each way beside what the fastest training takes."""
    needs = {name: network["images_per_second"][1] for name, network in networks.items()}
    fastest, needed = max(needs.items(), key=lambda pair: pair[1])
    rows = [["input", "batch", "images/s", "quartiles", f"times what {fastest} takes"]]
    for name, result in results.items():
        rates = result["images_per_second"]
        rows.append([name, f"{result['images_per_batch']}", *_spread(rates), f"{rates[1] / needed:,.1f}"])
    return _table(rows)


def opening(times: dict[str, list[float]], pictures: int) -> str:
    """Return a line on the folder of pictures."""
    first, cached = (quartiles(times[name]) for name in ("first", "cached"))
    return (
        f"A folder of {pictures:,} JPEGs opens in {first[1]:.2f} s ({first[0]:.2f} .. {first[2]:.2f}) the "
        f"first time, {pictures / first[1]:,.0f} images/s, and in {cached[1]:.3f} s "
        f"({cached[0]:.3f} .. {cached[2]:.3f}) from the cache."
    )


def kernels(results: Results) -> str:
    """Return the table of single layers, ours beside linen's."""
    rows = [["layer", "ours, ms", "linen's, ms", "times as fast", "quartiles"]]
    for name, result in results.items():
        ours, linens = (f"{1e3 * result[whose][1]:#.3g}" for whose in ("ours_seconds", "linens_seconds"))
        low, median, high = result["ratio"]
        rows.append([name, ours, linens, f"{median:.2f}", f"{low:.2f} .. {high:.2f}"])
    return _table(rows)


def populations(results: list[dict[str, Any]]) -> str:
    """Return the table of the ways to run many GANs, each beside the loop over single runs."""
    rows = [
        ["workload", "runs", "way", "start, s", "steps/s of all", "runs/hour", "quartiles", "times the loop"]
    ]
    loops = {r["members"]: r["runs_per_hour"][1] for r in results if r["way"] == "loop"}
    for result in results:
        counts = [f"{result['members']}", result["way"], f"{result['start_seconds']:.1f}"]
        speed, hourly = _spread(result["steps_per_second"])[0], result["runs_per_hour"]
        times = f"{hourly[1] / loops[result['members']]:.2f}"
        rows.append([result["workload"], *counts, speed, *_spread(hourly), times])
    return _table(rows)


def _table(rows: list[list[str]]) -> str:
    """Return rows, the first of them a heading, as an aligned Markdown table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    first, *others = widths
    lines = []
    for name, *cells in rows:
        padded = [name.ljust(first), *(cell.rjust(w) for cell, w in zip(cells, others, strict=True))]
        lines.append(f"| {' | '.join(padded)} |")
    return "\n".join(lines)


def _spread(rates: list[float]) -> list[str]:
    """Return a median and its quartiles as two cells of a table."""
    low, median, high = (f"{rate:,.0f}" if rates[1] >= 100 else f"{rate:#.3g}" for rate in rates)
    return [median, f"{low} .. {high}"]
