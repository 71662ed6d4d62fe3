"""Make tables.npz: pairs of tables, and what SDMetrics says of them. jaxgan is not imported.

uv venv golden && uv pip install --python golden/bin/python sdmetrics==0.32.0
golden/bin/python tests/golden/make_tables.py

A column of floats has numbers, with NaN where one is missing; one of integers has the codes of categories,
with -1 where one is missing. SDMetrics gets categories as texts, and None where one is missing.
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from sdmetrics.reports.single_table import QualityReport

SEED = 20261130


def mixed(rng, rows, slope, shares):
    """A correlated pair of numbers, one of small integers, a skewed one, and two categories."""
    first = rng.normal(size=rows)
    kind = rng.choice(len(shares), rows, p=shares)
    return {
        "x": first,
        "y": slope * first + rng.normal(size=rows),
        "count": rng.poisson(3 + 2 * kind).astype(float),
        "money": np.round(np.exp(rng.normal(size=rows) + kind), 2),
        "kind": kind,
        "other": (kind + rng.integers(0, 2, rows)) % len(shares),
    }


def cases(rng):
    yield "mixed", mixed(rng, 300, 1.0, (0.6, 0.3, 0.1)), mixed(rng, 211, -0.3, (0.3, 0.3, 0.4))
    holes = [mixed(rng, rows, 1.0, (0.5, 0.3, 0.2)) for rows in (150, 170)]
    for table, share in zip(holes, (0.1, 0.4), strict=True):
        for name in ("y", "money", "kind"):
            lacks = rng.random(len(table[name])) < share
            table[name] = np.where(lacks, np.nan if table[name].dtype.kind == "f" else -1, table[name])
    yield "missing", *holes
    real, fake = mixed(rng, 90, 2.0, (0.5, 0.5)), mixed(rng, 70, 2.0, (0.2, 0.5, 0.3))  # a category is new
    yield "constant", {**real, "x": np.full(90, 7.0)}, {**fake, "money": np.zeros(70)}
    large = 1e9 + np.round(rng.normal(size=(2, 80, 2)) * 1e6)
    yield "large", *({"date": one[:, 0], "amount": one[:, 1] / 1e15} for one in large)


def frame(table):
    texts = {
        name: column if column.dtype.kind == "f" else [None if code < 0 else f"c{code}" for code in column]
        for name, column in table.items()
    }
    return pd.DataFrame(texts)


def main():
    arrays = {}
    for name, real, fake in cases(np.random.default_rng(SEED)):
        kinds = {c: "numerical" if v.dtype.kind == "f" else "categorical" for c, v in real.items()}
        metadata = {"columns": {column: {"sdtype": kind} for column, kind in kinds.items()}}
        report = QualityReport()
        report.generate(frame(real), frame(fake), metadata, verbose=False)
        strong = report.get_properties().set_index("Property")["Score"]["Column Pair Trends"]
        report.real_correlation_threshold = report.real_association_threshold = 0
        report.generate(frame(real), frame(fake), metadata, verbose=False)
        properties = report.get_properties().set_index("Property")["Score"]
        shapes, trends = (report.get_details(each) for each in ("Column Shapes", "Column Pair Trends"))
        arrays |= {f"{name}/real/{column}": values for column, values in real.items()}
        arrays |= {f"{name}/fake/{column}": values for column, values in fake.items()}
        arrays |= {
            f"{name}/columns": np.array(list(real)),
            f"{name}/means": [
                report.get_score(),
                *properties[["Column Shapes", "Column Pair Trends"]],
                strong,
            ],
            f"{name}/shapes": shapes["Score"].to_numpy(),
            f"{name}/trends": trends["Score"].to_numpy(),
        }
    names = sorted({key.split("/")[0] for key in arrays})
    made_by = [f"{each} {version(each)}" for each in ("sdmetrics", "pandas", "numpy", "scipy")]
    file = Path(__file__).with_name("tables.npz")
    np.savez_compressed(file, names=names, made_by=made_by, **arrays)


if __name__ == "__main__":
    main()
