"""Synthetic rows -> a `Report`: how good they are, beside what copulas and columns by themselves are.

A table for the terminal has a column for each source of rows: the generator, the baselines, and real rows.
The last say what can be had at best. Their shapes and trends are those of the training rows beside the unseen
ones, their models have learned the training rows, and their distances are those of the unseen rows.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxgan.data.tables import Table
from jaxgan.evaluate.report import Report
from jaxgan.evaluate.tables.baselines import BASELINES
from jaxgan.evaluate.tables.learned import detection, scores_of, trained_on_fakes
from jaxgan.evaluate.tables.rows import columns_of
from jaxgan.metrics import closest_record, table_quality
from jaxgan.metrics.result import Result
from jaxgan.system.errors import UserError

QUALITY, CLOSEST, DETECTION, TRAINED_ON_FAKES = "quality", "closest_record", "detection", "trained_on_fakes"
METRICS = (QUALITY, TRAINED_ON_FAKES, DETECTION, CLOSEST)
BESIDE = ("copula", "independent")  # baselines that stand beside a generator
FAKES, REALS = "synthetic rows", "real rows"

LINES = {  # what a line of the table shows: a number of a metric, and what it is called
    "column shapes": (QUALITY, "shapes", ""),
    "pair trends": (QUALITY, "trends", ""),
    "trends of strong pairs": (QUALITY, "strong_trends", ""),
    "quality": (QUALITY, "value", ""),
    "AUC on real rows, trained on these": (TRAINED_ON_FAKES, "auc", "auc_of_reals"),
    "F1 on real rows, trained on these": (TRAINED_ON_FAKES, "f1", "f1_of_reals"),
    "R2 on real rows, trained on these": (TRAINED_ON_FAKES, "r2", "r2_of_reals"),
    "AUC of telling them from real rows": (DETECTION, "auc", ""),
    "distance to the closest training row": (CLOSEST, "median", "held_out_median"),
    "the same, nearest 5 %": (CLOSEST, "near", "held_out_near"),
    "nearer to training than to held-out rows": (CLOSEST, "nearer_train", ""),
    "copies of training rows": (CLOSEST, "copies", "held_out_copies"),
}


class Rows(NamedTuple):
    """The real rows that synthetic ones are compared with.

    Attributes:
        train: rows that the generator was trained on.
        unseen: real rows that it was not trained on; None if there are none.
        target: the column that is predicted; None if there is none.
    """

    train: Table
    unseen: Table | None
    target: str | None = None


def measure(
    fakes: Table,
    rows: Rows,
    metrics: Sequence[str] = METRICS,
    *,
    beside: Sequence[str] = BESIDE,
    seed: int = 0,
    protocol: Mapping[str, Any] | None = None,
) -> Report:
    """Measure synthetic rows, and as many of some baselines.

    Quality and detection compare with the unseen rows, or with the training rows if there are no others. What
    takes unseen rows is left out without them, and so is what takes a target.

    Args:
        fakes: the synthetic rows.
        rows: the real rows.
        metrics: names of `METRICS`.
        beside: names of `jaxgan.evaluate.tables.BASELINES`, which are fitted to the training rows.
        seed: the seed of baselines, of models and of rows that are taken of long tables.
        protocol: what else the numbers depend on.

    Returns:
        The results of the synthetic rows by metric, those of a baseline as "copula_quality", and those of the
        training rows as "real_quality".

    Raises:
        UserError: if a metric cannot be computed of these rows, with its name.
    """
    real = rows.train if rows.unseen is None else rows.unseen
    measured, notes = list(metrics), []
    if TRAINED_ON_FAKES in metrics and (rows.unseen is None or rows.target is None):
        measured.remove(TRAINED_ON_FAKES)
        lacking = "rows that were not trained on: name such with `against`"
        if rows.unseen is not None:
            lacking = "a column to predict: name it with `target`"
        notes.append(f"{TRAINED_ON_FAKES} is left out, as it takes {lacking}")
    if rows.unseen is None:
        notes.append(f"{rows.train.name} is what was trained on: rows that are copied look best")
    sources = {"": fakes}
    sources |= {f"{name}_": BASELINES[name](rows.train, len(fakes), seed=seed) for name in beside}
    results: dict[str, tuple[Result, ...]] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        of_reals = None  # the same for all sources
        if TRAINED_ON_FAKES in measured and rows.unseen is not None and rows.target is not None:
            of_reals = scores_of(rows.train, rows.unseen, rows.target, seed=seed)
        for prefix, source in sources.items():
            for name in measured:
                results[prefix + name] = (_result(name, source, real, rows, of_reals, seed),)
        if QUALITY in measured and rows.unseen is not None:
            results[f"real_{QUALITY}"] = (_result(QUALITY, rows.train, real, rows, None, seed),)
    about = {
        **(protocol or {}),
        "n_fake": len(fakes),
        "trained_on": rows.train.name,
        "n_train": len(rows.train),
        "against": real.name,
        "n_real": len(real),
        "columns": {column.name: column.kind for column in fakes.columns},
        "target": rows.target,
        "seed": seed,
    }
    notes += [str(warning.message) for warning in caught]
    report = Report(results, {}, about, tuple(dict.fromkeys(notes)))
    return report._replace(comparison=comparison(report, beside))


def _result(name: str, fakes: Table, real: Table, rows: Rows, of_reals: Any, seed: int) -> Result:
    try:
        if name == QUALITY:
            return table_quality(columns_of(real), columns_of(fakes))
        if name == CLOSEST:
            held_out = None if rows.unseen is None else columns_of(rows.unseen)
            return closest_record(columns_of(rows.train), columns_of(fakes), held_out, seed=seed)
        if name == DETECTION:
            return detection(real, fakes, seed=seed)
        assert rows.unseen is not None
        assert rows.target is not None
        return trained_on_fakes(fakes, rows.train, rows.unseen, rows.target, seed=seed, of_reals=of_reals)
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{name}: {error}") from error


def comparison(report: Report, beside: Sequence[str] = BESIDE) -> tuple[tuple[str, ...], ...]:
    """Return the lines of a table: a heading, and the numbers of all sources, with real rows at the end."""
    lines: list[tuple[str, ...]] = [("", FAKES, *beside, REALS)]
    for title, (metric, number, of_reals) in LINES.items():
        ours = [_number(report, f"{prefix}{metric}", number) for prefix in ("", *(f"{b}_" for b in beside))]
        if all(cell == "" for cell in ours):
            continue
        reals = _number(report, metric, of_reals) if of_reals else _number(report, f"real_{metric}", number)
        lines.append((title, *ours, reals))
    return tuple(lines)


def _number(report: Report, metric: str, number: str) -> str:
    value = next((getattr(result, number, math.nan) for result in report.results.get(metric, ())), math.nan)
    return "" if math.isnan(value) else f"{value:.3f}"
