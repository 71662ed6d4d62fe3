"""A table's file -> a data set of rows that a run learns."""

from collections.abc import Collection
from pathlib import Path

from jaxgan.data.dataset import Dataset, Rows
from jaxgan.data.sources import spelled
from jaxgan.data.tables.encoding import MODES, fitted
from jaxgan.data.tables.read import read
from jaxgan.data.tables.table import Table
from jaxgan.system.errors import UserError


def load_table(
    path: str | Path,
    *,
    target: str | None = None,
    categorical: Collection[str] = (),
    numeric: Collection[str] = (),
    ignore: Collection[str] = (),
    modes: int = MODES,
    frequency: str = "log",
) -> Dataset:
    """Load a table to learn.

    Args:
        path: as for `jaxgan.data.tables.read`.
        target: name of the column that a model would predict, or None.
        categorical: as for `jaxgan.data.tables.read`.
        numeric: as for `jaxgan.data.tables.read`.
        ignore: as for `jaxgan.data.tables.read`.
        modes: largest number of modes of a column of numbers; 0 normalizes by quantiles.
        frequency: "log" or "true": by what the categories of conditions are drawn; "none" for no conditions.

    Returns:
        A `Dataset` whose `rows` are the table.

    Raises:
        UserError: if the file makes no table, or lacks the target.
    """
    name = spelled(path)
    table = read(name, categorical=categorical, numeric=numeric, ignore=ignore)
    if target is not None and target not in table.names:
        left_out = any(note.startswith(f"column {target} is left out") for note in table.notes)
        has = f"column {target} is left out: name it by `categorical`" if left_out else ", ".join(table.names)
        raise UserError(f"`target` {target}: {name} has no such column, but {has}")
    return dataset_of(table, target=target, modes=modes, frequency=frequency)


def dataset_of(
    table: Table, *, target: str | None = None, modes: int = MODES, frequency: str = "log"
) -> Dataset:
    """Return a table as a data set; the arguments are those of `load_table`."""
    encoding, rows = fitted(table, target=target, modes=modes)
    if not encoding.width:
        raise UserError(f"all columns of {table.name} are constant: there is nothing to learn")
    return Dataset(table.name, rows, notes=table.notes, rows=Rows(table, encoding, frequency))
