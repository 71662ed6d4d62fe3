"""Synthetic rows against real ones: quality, what models learn of them, and how near they are to real rows.

    rows = Rows(train, unseen, target="diagnosis")
    report = measure(fakes, rows)
    print(evaluate.table(report))

`jaxgan.evaluate.evaluate` does it for the run of a table game, and for a file of synthetic rows.
"""

from jaxgan.evaluate.tables.baselines import BASELINES, bootstrap, copula, independent
from jaxgan.evaluate.tables.learned import Classified, Detection, Regressed, detection, trained_on_fakes
from jaxgan.evaluate.tables.measure import BESIDE, METRICS, Rows, measure
from jaxgan.evaluate.tables.page import draw

__all__ = [
    "BASELINES",
    "BESIDE",
    "METRICS",
    "Classified",
    "Detection",
    "Regressed",
    "Rows",
    "bootstrap",
    "copula",
    "detection",
    "draw",
    "independent",
    "measure",
    "trained_on_fakes",
]
