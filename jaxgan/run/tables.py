"""What a run of a table shows in the place of sample grids: rows as a CSV, and a picture of the columns."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.data.dataset import Rows
from jaxgan.data.tables.table import Column, Table
from jaxgan.data.tables.write import write
from jaxgan.system.files import write_atomically

SAMPLES = 1000  # rows of a sample
MOST_COLUMNS = 36  # columns of a picture
_BINS = 30
_MOST_BARS = 20


def conditions(rows: Rows, count: int) -> dict[str, np.ndarray]:
    """Return the conditions of a sample's rows, by the categories' frequency, as a batch; always the same."""
    if rows.frequency == "none" or not rows.encoding.categories:
        return {}
    return {"condition": rows.encoding.conditions(count, np.random.default_rng(0))}


def write_samples(rows: Rows, made: Any, file: Path) -> None:
    """Write made rows ``[N, width]`` as ``file``.csv, and their columns beside the real ones as ``file``.

    Args:
        rows: the table that is learned.
        made: rows as the generator makes them; None for a picture of the real ones alone.
        file: a ``.png``.
    """
    table = None if made is None else rows.encoding.decode(np.asarray(made))
    if table is not None:
        write(table, file.with_suffix(".csv"))
    figure = draw(rows.table, table)
    write_atomically(file, partial(figure.savefig, format="png", dpi=80))


def draw(real: Table, made: Table | None) -> Any:
    """Return a figure of the distribution of each column, real and made."""
    from matplotlib.figure import Figure  # a second to import, and only here

    columns = real.columns[:MOST_COLUMNS]
    across = min(6, math.ceil(math.sqrt(len(columns))))
    down = -(-len(columns) // across)
    figure = Figure(figsize=(2.4 * across, 1.8 * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).flat
    for axes in panels[len(columns) :]:
        axes.set_axis_off()
    for axes, column in zip(panels, columns, strict=False):
        for kind, table in {"real": real, "made": made}.items():
            if table is None:
                continue
            share = _shares(column, table.values[column.name])
            places = np.arange(len(share))
            if column.is_categorical:
                axes.bar(places + (0.4 if kind == "made" else 0), share, 0.4, label=kind)
            else:
                axes.stairs(share, fill=kind == "real", alpha=0.5 if kind == "real" else 1, label=kind)
        axes.set_title(column.name[:24], fontsize=8)
        axes.set(xticks=[], yticks=[])
    figure.axes[0].legend(fontsize=7)
    return figure


def _shares(column: Column, values: np.ndarray) -> np.ndarray:
    """Return the shares of a column's categories, or of its numbers in bins of equal width."""
    if column.is_categorical:
        return np.bincount(values, minlength=len(column.categories))[:_MOST_BARS] / max(1, len(values))
    low, high = column.low or 0.0, column.high or 0.0
    known = values[~np.isnan(values)]
    counts, _ = np.histogram(known, _BINS, (low, high if high > low else low + 1))
    return counts / max(1, len(known))
