"""When a run is good enough: what its evaluations say about stopping, and which of them was the best.

Everything is a function of the rows of evaluations.jsonl up to a step, so a run that was interrupted decides
as one that was not. A number that is missing or not finite is never the best, and never good enough.
"""

import math
from typing import NamedTuple

from jaxgan.system.errors import UserError

Row = dict[str, int | float | None]


class Goal(NamedTuple):
    """What to look at, and when to stop.

    Attributes:
        metric: of which less is better; None: there is none to look at.
        target: stop when the metric is at most this.
        patience: stop after as many evaluations without a new best.
    """

    metric: str | None
    target: float | None = None
    patience: int | None = None


def parse(
    stop_at: str | None, patience: int | None, names: tuple[str, ...], distances: tuple[str, ...]
) -> Goal:
    """Return the goal that the options say.

    Args:
        stop_at: such as "fid=12", or None.
        patience: evaluations, >= 1, or None.
        names: the metrics that are measured.
        distances: those of all metrics of which less is better.

    Raises:
        UserError: if they make no sense.
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
            some = ", ".join(watched) or "none"
            raise UserError(
                f"`stop_at` {metric} is not one of the `metrics` of which less is better ({some})"
            )
    if patience is not None and patience < 1:
        raise UserError(f"`patience` must be at least 1, got {patience}")
    if patience is not None and metric is None:
        raise UserError(f"`patience` needs one of {', '.join(distances)} among `metrics`")
    return Goal(metric, target, patience)


def best(rows: list[Row], goal: Goal) -> int | None:
    """Return the index of the best row, the first of equals; None if there is none."""
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
    first = best(rows, goal)
    since = len(rows) - 1 - (-1 if first is None else first)
    if goal.patience is not None and since >= goal.patience:
        what = (
            "no number"
            if first is None
            else f"{score(rows[first], goal):.6g} at step {rows[first]['step']:,}"
        )
        return f"{goal.metric} has had nothing better than {what} in {since} evaluations"
    return None
