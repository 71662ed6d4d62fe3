"""The figures and the tables of stability.py, made from the rows of its JSON files alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import study
from study import Row, levels, select

TITLES = {"covered": "share of high quality x share of modes", "fid": "FID-digits-cnn"}
PENALTIES = ("none", "r1", "r1_r2", "gradient_penalty")


def score_name(rows: list[Row]) -> str:
    """Return the name of the score that an arena's rows have."""
    return "covered" if "covered" in rows[0] else "fid"


def values(rows: list[Row]) -> np.ndarray:
    """Return the rows' scores; NaN for runs that diverged."""
    return study.values(rows, score_name(rows))


def spread(scores: np.ndarray, name: str) -> str:
    """Return the mean and the standard deviation over the seeds as text."""
    lost = int(np.isnan(scores).sum())
    if lost == len(scores):
        return "NaN"
    mean, deviation = np.nanmean(scores), np.nanstd(scores)
    text = f"{mean:.0%} ±{deviation:.0%}" if name == "covered" else f"{mean:.3g} ±{deviation:.2g}"
    return text + (f"\n{lost} NaN" if lost else "")


def heat_map(
    axes: Any, cells: list[list[np.ndarray]], rows: list[Any], columns: list[Any], name: str
) -> None:
    """Draw a table of scores: the better, the brighter. Distances are on a logarithmic scale."""
    means = np.array([[np.nanmean(c) if np.isfinite(c).any() else np.nan for c in line] for line in cells])
    shown = means if name == "covered" else -np.log10(means)
    axes.imshow(shown, cmap="viridis", aspect="auto", origin="lower")
    middle = np.nanmean([np.nanmin(shown), np.nanmax(shown)])
    for (i, j), value in np.ndenumerate(shown):
        color = "black" if value > middle else "white" if np.isfinite(value) else "black"
        axes.text(j, i, spread(cells[i][j], name), ha="center", va="center", fontsize=7, color=color)
    axes.set_xticks(range(len(columns)), [str(c) for c in columns])
    axes.set_yticks(range(len(rows)), [str(r) for r in rows])


def draw_rates(rows: list[Row], figure: Figure) -> None:
    """(a) A map for each arena, with lines where both rates are equal and where D's is five times G's."""
    for axes, arena in zip(figure.subplots(1, 2), levels(rows, "arena"), strict=True):
        here = select(rows, arena=arena)
        tried = levels(here, "g_rate")
        cells = [[values(select(here, g_rate=g, d_rate=d)) for d in tried] for g in tried]
        name = score_name(here)
        heat_map(axes, cells, tried, tried, name)
        slow = np.array([tried[0], tried[-1] / 5])
        places = [np.interp(np.log(each), np.log(tried), range(len(tried))) for each in (5 * slow, slow)]
        axes.axline((0, 0), slope=1, color="white", linewidth=0.8, label="equal")
        axes.plot(*places, "r--", linewidth=1.2, label="TTUR, D 5 times G")
        axes.set(xlabel="learning rate of D", ylabel="learning rate of G", title=f"{arena}: {TITLES[name]}")
        axes.legend(
            fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, facecolor="lightgrey"
        )


def draw_optimizers(rows: list[Row], figure: Figure) -> None:
    """(b) Each optimizer and momentum at its best learning rate, with grey points for the other rates."""
    for axes, arena in zip(figure.subplots(1, 2), levels(rows, "arena"), strict=True):
        here = select(rows, arena=arena)
        name, ticks = score_name(here), []
        for x, (optimizer, beta1, best, others) in enumerate(_best(here)):
            axes.plot(np.full(len(others), x), others, ".", color="lightgrey", markersize=5)
            axes.errorbar(
                x, best.mean(), [[best.mean() - best.min()], [best.max() - best.mean()]], fmt="o", color="C0"
            )
            ticks.append(f"{optimizer} {beta1}")
        axes.set_xticks(range(len(ticks)), ticks, rotation=60, ha="right", fontsize=8)
        axes.set(ylabel=TITLES[name], title=f"{arena}: best learning rate, all seeds; grey: other rates")
        axes.set_yscale("linear" if name == "covered" else "log")
        axes.grid(alpha=0.3)


def _best(rows: list[Row]) -> list[tuple[str, float, np.ndarray, np.ndarray]]:
    """Return optimizer, momentum, the scores at the best learning rate, and the means at all rates."""
    best, sign = [], 1 if score_name(rows) == "covered" else -1
    for optimizer in levels(rows, "optimizer"):
        for beta1 in levels(rows, "beta1"):
            here = select(rows, optimizer=optimizer, beta1=beta1)
            if not here:
                continue  # an optimizer without momentum
            cells = [values(select(here, g_rate=rate)) for rate in levels(here, "g_rate")]
            means = np.array([cell.mean() for cell in cells])  # NaN if a seed diverged
            order = np.where(np.isnan(means), -np.inf, sign * means)
            best.append((optimizer, beta1, cells[int(order.argmax())], means))
    return best


def draw_d_steps(rows: list[Row], figure: Figure) -> None:
    """(c) Score over the discriminator updates, at equal updates of G and at equal work."""
    for axes, arena in zip(figure.subplots(1, 2), levels(rows, "arena"), strict=True):
        here = select(rows, arena=arena)
        for i, rate in enumerate(levels(here, "g_rate")):
            for equal, style in (("updates", "-"), ("work", "--")):
                counts = levels(here, "d_steps")
                cells = [values(select(here, g_rate=rate, equal=equal, d_steps=count)) for count in counts]
                label = f"rate {rate:g}, equal {equal}"
                _line(axes, np.array(counts) + 0.05 * i, cells, f"C{i}", label, style)
        name = score_name(here)
        axes.set(xlabel="discriminator updates per step", ylabel=TITLES[name], title=arena)
        axes.set_yscale("linear" if name == "covered" else "log")
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)


def _line(axes: Any, places: Any, cells: list[np.ndarray], color: str, label: str, style: str = "-") -> None:
    """Draw the mean over the seeds, with bars from the worst to the best."""
    means = np.array([np.mean(cell) for cell in cells])
    ends = np.array([[m - np.min(c), np.max(c) - m] for m, c in zip(means, cells, strict=True)]).T
    axes.errorbar(places, means, ends, color=color, label=label, linestyle=style, marker=".", capsize=2)


def draw_losses(rows: list[Row], figure: Figure) -> None:
    """(d) Losses against penalties."""
    axes = figure.subplots()
    names = levels(rows, "loss")
    cells = [[values(select(rows, loss=loss, penalty=penalty)) for penalty in PENALTIES] for loss in names]
    heat_map(axes, cells, names, list(PENALTIES), "fid")
    axes.set(title="digits: FID-digits-cnn, mean and deviation over the seeds")


def draw_norms(rows: list[Row], figure: Figure) -> None:
    """(e) Score over the learning rate, for each normalization."""
    axes = figure.subplots()
    for i, norm in enumerate(levels(rows, "norm")):
        here = select(rows, norm=norm)
        tried = levels(here, "g_rate")
        cells = [values(select(here, g_rate=rate)) for rate in tried]
        _line(axes, np.array(tried) * (1 + 0.04 * i), cells, f"C{i}", norm)
    axes.set(xlabel="learning rate of both", ylabel=TITLES["fid"], xscale="log", yscale="log")
    axes.set_title("digits, DCGAN: normalization in the discriminator")
    axes.grid(alpha=0.3)
    axes.legend()


def draw_ablation(rows: list[Row], figure: Figure) -> None:
    """(f) Losses against penalties, a map for each network."""
    networks = levels(rows, "network")
    for axes, network in zip(figure.subplots(1, len(networks)), networks, strict=True):
        here = select(rows, network=network)
        losses, penalties = levels(here, "loss"), levels(here, "penalty")
        cells = [
            [values(select(here, loss=loss, penalty=penalty)) for penalty in penalties] for loss in losses
        ]
        heat_map(axes, cells, losses, penalties, "fid")
        axes.set(title=f"{network}: {TITLES['fid']}", xlabel="penalty")


DRAWINGS: dict[str, tuple[Callable[[list[Row], Figure], None], tuple[float, float]]] = {
    "rates": (draw_rates, (13, 5.5)),
    "optimizers": (draw_optimizers, (12, 5)),
    "d_steps": (draw_d_steps, (11, 4.5)),
    "losses": (draw_losses, (7, 4.5)),
    "norms": (draw_norms, (6, 4.5)),
    "ablation": (draw_ablation, (11, 3)),
}
COLUMNS = {
    "rates": ("arena", "g_rate", "d_rate"),
    "optimizers": ("arena", "optimizer", "beta1", "g_rate"),
    "d_steps": ("arena", "d_steps", "equal", "g_rate"),
    "losses": ("loss", "penalty"),
    "norms": ("norm", "g_rate"),
    "ablation": ("network", "loss", "penalty"),
}


def summary(name: str, rows: list[Row]) -> str:
    """Return a line for each cell of a study: the mean, the deviation, and the smallest and largest seed."""
    columns = COLUMNS[name]
    cells: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        cells.setdefault(tuple(row[column] for column in columns), []).append(row)
    lines = []
    for place, cell in cells.items():
        scores = values(cell)
        text = f"{np.mean(scores):.4g} ± {np.std(scores):.2g} ({np.min(scores):.4g} to {np.max(scores):.4g})"
        lines.append(" ".join(f"{item!s:<18}" for item in place) + text)
    return "\n".join(lines)
