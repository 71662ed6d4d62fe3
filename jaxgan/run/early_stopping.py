"""When a run is good enough: which of its evaluations was the best, and whether to stop.

Everything is a function of the rows of evaluations.jsonl up to a step, so an interrupted run decides as an
uninterrupted one does. A number that is missing or not finite is never the best, and never good enough.
"""

import math
from typing import NamedTuple

from jaxgan.system.errors import UserError

Row = dict[str, int | float | None]


class Goal(NamedTuple):
    """The metric that decides, and when to stop.

    Attributes:
        metric: name of a metric of which less is better, or None where no such metric is measured.
        target: value of the metric at which, or below which, the run stops; None for no such value.
        patience: number of evaluations without a new best after which the run stops; None for no such number.
    """

    metric: str | None
    target: float | None = None
    patience: int | None = None


def parse(
    stop_at: str | None, patience: int | None, names: tuple[str, ...], distances: tuple[str, ...]
) -> Goal:
    """Return the goal that the options describe.

    Args:
        stop_at: text such as "fid=12", or None.
        patience: number of evaluations, >= 1, or None.
        names: names of the metrics that are measured.
        distances: names of all metrics of which less is better.

    Raises:
        UserError: if an option is malformed, out of range, or about a metric that is not measured.
    """
    watched = sorted((name for name in names if name in distances), key=lambda name: name != "fid")
    metric, target = watched[0] if watched else None, None
    if stop_at is not None:
        metric, _, number = stop_at.replace(" ", "").partition("=")
        try:
            target = float(number)
        except ValueError:
            target = math.nan
        if not math.isfinite(target):
            raise UserError(f"`stop_at` is a metric and a number, such as fid=12, got {stop_at}")
        if metric not in watched:
            choices = ", ".join(watched) or "none"
            raise UserError(
                f"`stop_at` {metric} is not one of the `metrics` of which less is better ({choices})"
            )
    if patience is not None and patience < 1:
        raise UserError(f"`patience` must be at least 1, got {patience}")
    if patience is not None and metric is None:
        raise UserError(f"`patience` needs one of {', '.join(distances)} among `metrics`")
    return Goal(metric, target, patience)


def best(rows: list[Row], goal: Goal) -> int | None:
    """Return the index of the best row, the first of equals; None if no row has a number."""
    values = {i: value for i, row in enumerate(rows) if (value := score(row, goal)) is not None}
    return min(values, key=lambda i: values[i]) if values else None


def score(row: Row, goal: Goal) -> float | None:
    """Return the number that a row is judged by, or None."""
    value = row.get(goal.metric or "")
    return value if value is not None and math.isfinite(value) else None


def stop_reason(rows: list[Row], goal: Goal) -> str | None:
    """Return the reason to stop after these rows, or None to go on."""
    if not rows:
        return None
    value, step = score(rows[-1], goal), rows[-1]["step"]
    if goal.target is not None and value is not None and value <= goal.target:
        return f"{goal.metric} {value:.6g} at step {step:,} is at most {goal.target:g}"
    best_index = best(rows, goal)
    since = len(rows) - 1 - (-1 if best_index is None else best_index)
    if goal.patience is not None and since >= goal.patience:
        best_score = (
            "no number"
            if best_index is None
            else f"{score(rows[best_index], goal):.6g} at step {rows[best_index]['step']:,}"
        )
        return f"{goal.metric} has had nothing better than {best_score} in {since} evaluations"
    return None
