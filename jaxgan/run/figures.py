"""The figures of a run: its curves and its evaluations."""

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from jaxgan.system.files import write_atomically

MOST_POINTS = 2000  # largest number of points of a curve; more cost time and memory and show nothing new
SPREADS = ("_deviation", "_standard_error", "_slope")  # suffixes of numbers that are measured and not drawn


def plot_curves(
    rows: list[dict[str, int | float]],
    file: Path,
    *,
    panels: Mapping[str, Sequence[str]],
    marks: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Draw the metrics of a run over its steps: each row faint, a moving average on top.

    Args:
        rows: rows of metrics.jsonl, in order; `MOST_POINTS` are enough.
        file: a ``.png``.
        panels: names of metrics by the panel's title; a metric that no row has is left out, and so is a panel
            without metrics.
        marks: steps to mark with a vertical line, by the line's name.
    """
    from matplotlib.figure import Figure  # a second to import, and only here

    kept = {
        title: [name for name in names if any(name in row for row in rows)] for title, names in panels.items()
    }
    kept = {title: names for title, names in kept.items() if names}
    columns = 1 if len(kept) < 2 else 2
    height = max(1, -(-len(kept) // columns))
    figure = Figure(figsize=(5 * columns, 3.25 * height), layout="constrained")
    all_axes = figure.subplots(height, columns, squeeze=False).flat
    for axes, (title, names) in zip(all_axes, kept.items(), strict=False):
        for i, name in enumerate(names):
            steps = [row["step"] for row in rows if name in row]
            values = np.array([row[name] for row in rows if name in row])
            label = name.removesuffix(f"_{title.replace(' ', '_')}").replace("_", " ")
            axes.plot(steps, values, color=f"C{i}", alpha=0.3, linewidth=0.8)
            axes.plot(steps, _smooth(values), color=f"C{i}", label=label)
        for name, step in marks.items():
            axes.axvline(step, color="tab:red", linestyle=":", linewidth=1)
            axes.text(step, 0.02, name, transform=axes.get_xaxis_transform(), rotation=90, fontsize=7)
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
        axes.legend()
    _save(figure, file)


def plot_evaluations(
    rows: list[dict[str, Any]], best: int, metrics: tuple[str, ...], extractor: str, folder: Path
) -> None:
    """Draw the evaluations over the steps, one panel per metric, into ``evaluations.png``.

    Args:
        rows: rows of evaluations.jsonl, in order; a missing number is None.
        best: index of the best row, which is marked.
        metrics: names of the metrics; "prdc_recall" in a row belongs to "prdc".
        extractor: name of the network that computed the features.
        folder: folder that the picture is written into.
    """
    from matplotlib.figure import Figure

    steps = [row["step"] for row in rows]
    names = [name for name in rows[best] if name != "step" and not name.endswith(SPREADS)]
    metric_of = {name: max((m for m in metrics if f"{name}_".startswith(f"{m}_")), key=len) for name in names}
    figure = Figure(figsize=(6 * len(metrics), 4), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        for name in (name for name in names if metric_of[name] == panel):
            values = [math.nan if row.get(name) is None else row[name] for row in rows]
            axes.plot(steps, values, marker=".", label=name.removeprefix(f"{panel}_"))
        axes.axvline(steps[best], color="grey", linestyle=":", label=f"best, step {steps[best]:,}")
        axes.set(title=f"{panel} ({extractor})", xlabel="step")
        axes.grid(alpha=0.3)
        axes.legend()
    _save(figure, folder / "evaluations.png")


def _save(figure: Any, file: Path) -> None:
    """Write a figure; Matplotlib's note that a legend took a second, on a busy machine, is left out."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Creating legend with loc")
        write_atomically(file, lambda temporary: figure.savefig(temporary, dpi=100))


def _smooth(values: np.ndarray, share: float = 0.05) -> np.ndarray:
    """Return the moving average, over a window that holds a `share` of all values."""
    half = int(len(values) * share / 2)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(np.arange(len(values)) - half, 0)
    last = np.minimum(np.arange(len(values)) + half + 1, len(values))
    return (sums[last] - sums[first]) / (last - first)
