"""``jaxgan evaluate`` of a table: the run of a table game, or a file of synthetic rows."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan import export
from jaxgan.data.dataset import held_out_rows
from jaxgan.data.tables import Table, read
from jaxgan.data.tables.files import is_table
from jaxgan.evaluate.report import Report, table, write
from jaxgan.evaluate.scores import split_names
from jaxgan.evaluate.subject import folder_of, settings_of
from jaxgan.evaluate.tables.measure import METRICS, Rows, measure
from jaxgan.evaluate.tables.page import draw
from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError, require_writable

PAGE = "plots/table.png"
FEWEST = 2  # rows


class Tables(NamedTuple):
    """What is measured, and what it is compared with.

    Attributes:
        fakes: the synthetic rows.
        rows: the real rows.
        protocol: where the synthetic rows come from.
        folder: where the numbers are written by default; None for nowhere.
    """

    fakes: Table
    rows: Rows
    protocol: dict[str, Any]
    folder: Path | None


def makes_rows(path: Path) -> bool:
    """Return whether what is at a path makes the rows of a table, or holds such rows."""
    if path.is_file() and is_table(path):
        return True
    path = export.local_copy(path) or path
    return export.is_exported(path) and export.has_table(path)


def evaluate_rows(
    path: Path,
    *,
    against: str | None,
    metrics: tuple[str, ...] | None,
    n: int | None,
    seed: int,
    held_out: str | None,
    target: str | None,
    out: Path | None,
) -> Report:
    """Measure synthetic rows against real ones; the arguments are those of `jaxgan.evaluate.evaluate`.

    Raises:
        UserError: if something cannot be done; one sentence says why.
    """
    names = split_names(",".join(metrics or METRICS), METRICS)
    if path.is_file() and is_table(path):
        tables = _of_file(path, against, held_out, target, n, seed)
    else:
        tables = _of_run(export.local_copy(path) or path, against, held_out, target, n, seed)
        if export.is_address(path):
            tables = tables._replace(folder=Path())
    if target is not None and target not in tables.fakes.names:
        raise UserError(f"`target` {target} is none of the columns {', '.join(tables.fakes.names)}")
    folder = tables.folder if out is None else out
    if folder is not None:
        require_writable(folder)
    report = measure(tables.fakes, tables.rows, names, seed=seed, protocol=tables.protocol)
    if folder is None:
        return report
    try:
        write(report, folder)
        real = tables.rows.train if tables.rows.unseen is None else tables.rows.unseen
        draw(real, tables.fakes, folder / PAGE)
    except NoRoomError as error:
        raise NoRoomError(f"{error}. The measurements:\n{table(report)}") from error
    except OSError as error:
        failure = f"cannot write to {folder}: {error.strerror or error}"
        raise UserError(f"{failure}. The measurements:\n{table(report)}") from error
    return report


def _of_file(
    path: Path, against: str | None, held_out: str | None, target: str | None, n: int | None, seed: int
) -> Tables:
    """Return a file of synthetic rows, and the real rows that they were made from."""
    if against is None:
        raise UserError(
            f"`against` is missing: the table that the rows of {path} were made from, and `held_out` for "
            "rows that they were not made from"
        )
    train = read(against)
    fakes = read(path, columns=train.columns, new_categories=True)
    unseen = None if held_out is None else read(held_out, columns=fakes.columns, new_categories=True)
    if n is not None and n < len(fakes):
        fakes = fakes.take(np.random.default_rng(seed).choice(len(fakes), n, replace=False))
    elif n is not None and n > len(fakes):
        raise UserError(f"{path} has {len(fakes):,} rows, fewer than `n` {n:,}")
    if len(fakes) < FEWEST:
        raise UserError(f"{path} has {len(fakes)} row: at least {FEWEST} are measured")
    return Tables(fakes, _rows(train, unseen, target), {"rows": str(path)}, None)


def _of_run(
    path: Path, against: str | None, held_out: str | None, target: str | None, n: int | None, seed: int
) -> Tables:
    """Return rows of a run's generator, and the table that it was trained on."""
    if held_out is not None:
        raise UserError(
            f"`held_out` goes with a file of rows: the run {path} knows what it was trained on, and "
            "`against` names rows that it was not trained on"
        )
    generator = export.load_table_generator(path)
    train, unseen = _learned(path, generator)
    if against is not None:
        unseen = read(against, columns=train.columns, new_categories=True)
    fakes = generator.sample(len(train) if n is None else n, seed=seed)
    protocol = {"generator": str(path), "weights": "EMA", "step": generator.step}
    rows = _rows(train, unseen, target or generator.encoding.target)
    return Tables(fakes, rows, protocol, folder_of(path))


def _learned(path: Path, generator: Any) -> tuple[Table, Table | None]:
    """Return the rows that a run has learned, and those that it has held out."""
    settings = settings_of(path)
    if settings.get("own_data") or "data" not in settings:
        raise UserError(
            f"{path} does not say which table it was trained on: write rows by jaxgan sample, and evaluate "
            "the file with `against`"
        )
    source, share = settings["data"], settings.get("held_out") or 0.0
    if os.path.isabs(source) and not os.path.exists(source):
        raise UserError(
            f"{path} learned {source}, where nothing is now: write rows by jaxgan sample, and evaluate the "
            "file with `against`"
        )
    whole = read(source, columns=generator.encoding.columns, new_categories=True)
    unseen = held_out_rows(len(whole), share) if share else np.zeros(len(whole), bool)
    train, learned = whole.take(~unseen), settings.get("fingerprint", {}).get("images", [len(whole)])[0]
    if len(train) != learned:
        raise UserError(
            f"{source} is not what {path} learned: {learned:,} rows then, {len(train):,} now. Write rows by "
            "jaxgan sample, and evaluate the file with `against`"
        )
    return train, whole.take(unseen) if share else None


def _rows(train: Table, unseen: Table | None, target: str | None) -> Rows:
    """Return the real rows; rows that were trained on are not unseen."""
    if unseen is not None and all(
        len(unseen) == len(train) and np.allclose(unseen.values[name], values, equal_nan=True, rtol=0, atol=0)
        for name, values in train.values.items()
    ):
        unseen = None
    return Rows(train, unseen, target)
