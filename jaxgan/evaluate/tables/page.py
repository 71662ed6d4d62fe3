"""A page with the distributions of all columns, real and synthetic, and with how columns are related."""

import datetime
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from jaxgan.data.tables import Column, Table
from jaxgan.evaluate.tables.rows import MISSING, columns_of
from jaxgan.metrics import associations
from jaxgan.system.files import write_atomically

BINS = 30
MOST_BARS = 10  # categories of a column that have a bar of their own; the others share one
MOST_NAMES = 25  # columns whose names stand beside the matrices
MOST_PANELS = 60  # columns that are drawn
WIDTH = 13.0  # inches
REAL, FAKE = "0.45", "tab:orange"  # colors
NAMES = "real", "synthetic"
EPOCH = datetime.datetime(1970, 1, 1)


def draw(real: Table, fakes: Table, file: Path) -> None:
    """Draw a panel for each column, and a matrix for each table, into a ``.png``.

    Numbers are histograms, categories are bars of their shares. A cell of a matrix is the correlation of two
    columns of numbers, and otherwise Cramer's V.

    Args:
        real: real rows.
        fakes: synthetic rows of the same columns.
        file: the picture. Of tables of more than 60 columns, the first 60 are drawn.
    """
    from matplotlib.figure import Figure  # a second to import, and only here

    height = _height(real)
    figure = Figure(figsize=(WIDTH, height + 0.44 * WIDTH), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=[height, 0.41 * WIDTH])
    above, below = halves
    _draw_panels(above, real, fakes)
    columns = real.columns[:MOST_PANELS]
    names = {column.name for column in columns}
    matrices = [
        associations({name: values for name, values in columns_of(table).items() if name in names})
        for table in (real, fakes)
    ]
    _draw_matrices(below, [column.name for column in columns], *matrices)
    write_atomically(file, partial(figure.savefig, format="png", dpi=100))


def distributions(real: Table, fakes: Table | None) -> Any:
    """Return a figure of the panels alone.

    Args:
        real: real rows.
        fakes: synthetic rows of the same columns; None for the real ones alone.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, _height(real) + 0.4), layout="constrained")
    _draw_panels(figure, real, fakes)
    return figure


def _across(table: Table) -> int:
    """Return the number of panels beside each other."""
    return 5 if len(table.columns) <= 20 else 8


def _height(table: Table) -> float:
    """Return the height of all panels, in inches."""
    across = _across(table)
    return -(-len(table.columns[:MOST_PANELS]) // across) * WIDTH / across * 0.8


def _draw_panels(figure: Any, real: Table, fakes: Table | None) -> None:
    """Draw a panel for each column."""
    columns, across = real.columns[:MOST_PANELS], _across(real)
    tables = [table for table in (real, fakes) if table is not None]
    axes = [*figure.subplots(-(-len(columns) // across), across, squeeze=False).flat]
    size = 8 if across == 5 else 6.5
    for column, each in zip(columns, axes, strict=False):
        values = [table.values[column.name] for table in tables]
        if column.is_categorical:
            categories = max((table.column(column.name).categories for table in tables), key=len)
            _draw_shares(each, categories, values)
        else:
            _draw_histograms(each, column, values)
        each.set_title(_short(column.name, 24), fontsize=size + 1)
        each.tick_params(labelsize=size)
    for each in axes[len(columns) :]:
        each.axis("off")
    handles = [_patch(REAL), _patch(FAKE)][: len(tables)]
    labels = [f"{name} ({len(table):,} rows)" for name, table in zip(NAMES, tables, strict=False)]
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)


def _draw_histograms(axes: Any, column: Column, tables: Sequence[np.ndarray]) -> None:
    """Draw the shares of numbers in equal bins, of real rows and of others; all have the same bins."""
    there = [values[~np.isnan(values)] for values in tables]
    low, high = _range(np.concatenate(there))
    edges = np.linspace(low, high, BINS + 1)
    if column.kind == "integer" and high - low < BINS:
        edges = np.arange(np.floor(low) - 0.5, np.ceil(high) + 1)
    looks: list[dict[str, Any]] = [{"color": REAL, "alpha": 0.45}, {"color": FAKE}]
    for values, every, look in zip(there, tables, looks, strict=False):
        shares = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / max(len(every), 1)
        axes.stairs(shares, edges, fill="alpha" in look, linewidth=1.3, **look)
    lacking = [np.isnan(values).mean() for values in tables]
    if any(lacking):
        words = [f"{name} {share:.0%}" for name, share in zip(NAMES, lacking, strict=False)]
        axes.set_xlabel(f"missing: {', '.join(words)}", fontsize=6)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=4)
    if column.kind == "date":
        ticks = np.linspace(low, high, 3)[[0, 2]]
        days = [(EPOCH + datetime.timedelta(seconds=tick)).date().isoformat() for tick in ticks]
        axes.set_xticks(ticks, days)
    axes.ticklabel_format(axis="x", scilimits=(-3, 4)) if column.kind != "date" else None


def _range(values: np.ndarray) -> tuple[float, float]:
    """Return what most values lie between: a few far ones would squeeze all others into one bin."""
    if not len(values):
        return 0.0, 1.0
    low, high = np.percentile(values, [0.5, 99.5])
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _draw_shares(axes: Any, categories: tuple[str, ...], tables: Sequence[np.ndarray]) -> None:
    """Draw a bar for the share of each category; rare ones share the last bar."""
    shares = [np.bincount(values, minlength=len(categories)) / max(len(values), 1) for values in tables]
    order = np.argsort(-shares[0], kind="stable")
    names = ["missing" if categories[code] == MISSING else categories[code] for code in order]
    heights = [each[order] for each in shares]
    if len(order) > MOST_BARS:
        names = [*names[: MOST_BARS - 1], f"{len(order) - MOST_BARS + 1} others"]
        heights = [np.append(each[: MOST_BARS - 1], each[MOST_BARS - 1 :].sum()) for each in heights]
    places = np.arange(len(names))
    axes.bar(places - 0.2, heights[0], 0.4, color=REAL, alpha=0.6)
    if len(heights) > 1:
        axes.bar(places + 0.2, heights[1], 0.4, color=FAKE)
    turned: dict[str, Any] = {"rotation": 30, "ha": "right"} if len(names) > 2 else {}
    axes.set_xticks(places, [_short(name, 12) for name in names], **turned)
    axes.set_yticks([])


def _draw_matrices(
    figure: Any, names: list[str], real: Float64[np.ndarray, "d d"], fake: Float64[np.ndarray, "d d"]
) -> None:
    """Draw both matrices in one scale; gray cells are not defined."""
    from matplotlib import colormaps

    colors = colormaps["RdBu_r"].with_extremes(bad="0.8")
    both = figure.subplots(1, 2)
    for axes, matrix, title in zip(both, (real, fake), NAMES, strict=True):
        image = axes.imshow(np.ma.masked_invalid(matrix), cmap=colors, vmin=-1, vmax=1)
        axes.set_title(f"how columns are related: {title}", fontsize=9)
        size = 7 if len(names) <= MOST_NAMES else 5
        axes.set_yticks(range(len(names)), [_short(name, 18) for name in names], fontsize=size)
        axes.set_xticks(range(len(names)), [_short(name, 18) for name in names], fontsize=size, rotation=90)
        figure.colorbar(image, ax=axes, shrink=0.6, label="correlation, or Cramer's V")


def _patch(color: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=color)


def _short(text: str, most: int) -> str:
    """Return a text that fits, with its end, where names of many columns differ.

    A dollar sign would begin a formula.
    """
    if len(text) > most:
        end = most // 3
        text = f"{text[: most - end - 1]}\N{HORIZONTAL ELLIPSIS}{text[-end:]}"
    return text.replace("$", r"\$")
