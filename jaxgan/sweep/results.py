"""The results of a sweep: a table on the terminal and as files, and a figure."""

import csv
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.config import Config, option
from jaxgan.sweep.population import GAP, Outcome, ranked, ranked_by
from jaxgan.sweep.settings import varied
from jaxgan.system.files import write_atomically, write_json

MOST_ROWS = 20  # rows that a terminal shows at most; the files have all
MOST_GROUPS = 8  # groups of members that get a color, a median and a band at most
CURVES = {
    "discriminator_loss": "discriminator loss",
    "generator_loss": "generator loss",
    GAP: "D(real) - D(fake)",
}
APART = ("member", "population", "judged_by", "extractor")  # keys of an outcome that are not shown as results


def table(members: Sequence[Config], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return a row for each member, from the best to the worst: its settings, and its results."""
    names = varied(members)
    rows = []
    for outcome in ranked(outcomes):
        of_member = members[outcome["member"]].settings()
        settings = {name: of_member[name] for name in names}
        results = {name: value for name, value in outcome.items() if name not in APART}
        rows.append({"member": outcome["member"], **settings, **results})
    return rows


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Write ``table.json`` and ``table.csv``."""
    write_json(folder / "table.json", rows)
    names = list(dict.fromkeys(name for row in rows for name in row))

    def write_csv(file: Path) -> None:
        with file.open("w", newline="", encoding="utf-8", errors="backslashreplace") as opened:
            writer = csv.DictWriter(opened, names)
            writer.writeheader()
            writer.writerows(rows)

    write_atomically(folder / "table.csv", write_csv)


def text(rows: list[dict[str, Any]]) -> str:
    """Return the table as aligned lines: the best rows, and the number of others."""
    names = list(dict.fromkeys(name for row in rows for name in row if name != "diverged_at"))
    cells = [[name.replace("_", " ") for name in names]]
    for row in rows[:MOST_ROWS]:
        cells.append([_cell(row.get(name)) for name in names])
        if row["diverged_at"] is not None:
            cells[-1].append(f"diverged at step {row['diverged_at']:,}")
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    lines = ["  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=False)) for line in cells]
    for line, row in zip(range(1, len(cells)), rows, strict=False):
        if row["diverged_at"] is not None:
            lines[line] += f"  {cells[line][-1]}"
    left = len(rows) - MOST_ROWS
    return "\n".join([*lines, *[f"and {left} more in table.csv"] * (left > 0)])


def plot(
    members: Sequence[Config], outcomes: Sequence[Outcome], rows: list[dict[str, Any]], file: Path
) -> None:
    """Draw the members' curves, medians with quartile bands, and each member's final score.

    Args:
        members: the configs of all members.
        outcomes: the outcome of each member.
        rows: the members' rows of metrics.
        file: a ``.png``.
    """
    from matplotlib.figure import Figure  # a second to import, and only here

    groups = _groups(members)
    figure = Figure(figsize=(13, 6.5), layout="constrained")
    panels = figure.subplots(2, 2)
    for axes, (name, title) in zip(panels.flat, CURVES.items(), strict=False):
        for i, (label, numbers) in enumerate(groups.items()):
            _curves(axes, [row for row in rows if row["member"] in numbers], name, f"C{i}", label)
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
    if len(groups) > 1:
        panels[0, 0].legend(fontsize="small")
    _finals(panels[1, 1], members, outcomes, groups)
    write_atomically(file, partial(figure.savefig, dpi=100))


def _curves(axes: Any, rows: list[dict[str, Any]], name: str, color: str, label: str) -> None:
    """Draw a faint line per member, and the median and quartiles of several."""
    rows = [row | _gap(row) for row in rows]
    rows = [row for row in rows if name in row]
    if not rows:  # the game has no such metric
        return
    curves = {number: [r for r in rows if r["member"] == number] for number in {r["member"] for r in rows}}
    for curve in curves.values():
        axes.plot(
            [r["step"] for r in curve], [r[name] for r in curve], color=color, alpha=0.25, linewidth=0.6
        )
    steps = sorted({row["step"] for row in rows})
    values = {step: [row[name] for row in rows if row["step"] == step] for step in steps}
    quartiles = np.array([np.percentile(values[step], [25, 50, 75]) for step in steps])
    low, middle, high = quartiles.reshape(-1, 3).T
    axes.plot(steps, middle, color=color, label=label)
    if len(curves) > 1:
        axes.fill_between(steps, low, high, color=color, alpha=0.2, linewidth=0)


def _gap(row: dict[str, Any]) -> dict[str, float]:
    logits = "real_logit", "fake_logit"
    return {GAP: row[logits[0]] - row[logits[1]]} if set(logits) <= row.keys() else {}


def _finals(
    axes: Any, members: Sequence[Config], outcomes: Sequence[Outcome], groups: dict[str, list[int]]
) -> None:
    """Draw a point per member, over the number that takes the most values, or over the seed."""
    metric = ranked_by(outcomes)
    values = {outcome["member"]: outcome.get(metric) for outcome in outcomes}
    of_members = [member.settings() for member in members]
    settings = {n: {each[n] for each in of_members} for n in varied(members) if n != "seed"}
    counts = {n: len(xs) for n, xs in settings.items() if all(isinstance(x, int | float) for x in xs)}
    name = max(counts, key=lambda name: counts[name], default="seed")
    places = {number: of_members[number][name] for number in values}
    for i, numbers in enumerate(groups.values()):
        finite = [number for number in numbers if values[number] is not None]
        axes.plot([places[n] for n in finite], [values[n] for n in finite], "o", color=f"C{i}", alpha=0.7)
    scores = [value for value in values.values() if value is not None]
    if scores and 0 < 10 * min(scores) < max(scores):
        axes.set_yscale("log")
    diverged = [number for number, value in values.items() if value is None]
    top = [0.97] * len(diverged)
    axes.plot([places[n] for n in diverged], top, "x", color="black", transform=axes.get_xaxis_transform())
    if name != "seed" and min(places.values()) > 0:
        axes.set_xscale("log")
        if counts[name] <= MOST_GROUPS:
            ticks = sorted(set(places.values()))
            axes.set_xticks(ticks, [_cell(tick) for tick in ticks])
            axes.minorticks_off()
    networks = {outcome["extractor"] for outcome in outcomes if outcome.get("extractor") and metric != GAP}
    title = " ".join([metric.replace("_", " "), *[f"({name})" for name in networks], "of each member"])
    axes.set(title=f"{title}; x: diverged" if diverged else title, xlabel=name.replace("_", " "))
    axes.grid(alpha=0.3)


def _groups(members: Sequence[Config]) -> dict[str, list[int]]:
    """Return the members' numbers by their settings but the seed; one group of all if these are too many."""
    names = [name for name in varied(members) if name != "seed"]
    groups: dict[str, list[int]] = {}
    for number, member in enumerate(members):
        settings = member.settings()
        label = " ".join(f"{option(name)} {_cell(settings[name])}" for name in names)
        groups.setdefault(label, []).append(number)
    return groups if len(groups) <= MOST_GROUPS else {"all": list(range(len(members)))}


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else str(value)
    return str(value)
