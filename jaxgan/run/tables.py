"""What a run of a table shows in the place of sample grids: rows as a CSV, and a picture of the columns."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.data.dataset import Rows
from jaxgan.data.tables.write import write
from jaxgan.evaluate.tables.page import distributions
from jaxgan.system.files import write_atomically

SAMPLES = 1000  # rows of a sample


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
    figure = distributions(rows.table, table)
    write_atomically(file, partial(figure.savefig, format="png", dpi=80))
