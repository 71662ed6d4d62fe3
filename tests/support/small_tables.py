"""A small table with known relations."""

import numpy as np

from jaxgan.data.tables import Column, Table

COLUMNS = (
    Column("x", "numeric", decimals=3),
    Column("y", "numeric"),
    Column("count", "integer", decimals=0),
    Column("kind", "categorical", ("", "blue", "red")),
)


def small_table(seed, rows=120, name="small"):
    """Rows of which y follows x, and kind follows the sign of x; one in ten counts and kinds is missing."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=rows), 3)
    count = rng.poisson(4, rows).astype(float)
    kind = np.where(x + 0.3 * rng.normal(size=rows) > 0, 2, 1).astype(np.int32)
    count[rng.random(rows) < 0.1] = np.nan
    kind[rng.random(rows) < 0.1] = 0
    values = {"x": x, "y": 3 * x + rng.normal(size=rows), "count": count, "kind": kind}
    return Table(COLUMNS, values, name=name)
