"""A `Table` -> a file, with each value printed as the column's input was."""

import csv
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.data.tables.table import Column, Table
from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded, write_atomically

_EPOCH = datetime(1970, 1, 1)
_BLOCK = 20_000  # rows


def write(table: Table, path: str | Path) -> None:
    """Write a table as ``.csv``, ``.npz`` or, with pyarrow, ``.parquet``; the file is whole or not there.

    Args:
        table: the table.
        path: the file; its suffix says the kind.

    Raises:
        UserError: for another suffix, or if pyarrow is missing.
    """
    check_suffix(path)
    file = expanded(path)
    kinds = {".csv": _write_csv, ".npz": _write_npz, ".parquet": _write_parquet}
    write_atomically(file, lambda temporary: kinds[file.suffix.lower()](table, temporary))


def check_suffix(path: str | Path) -> None:
    """Raise `UserError` if `write` could not write such a file."""
    suffix = expanded(path).suffix.lower()
    if suffix not in (".csv", ".npz", ".parquet"):
        raise UserError(f"a table is written to a .csv, .npz or .parquet, got {path}")
    if suffix == ".parquet":
        _require_pyarrow(path)


def texts(table: Table, name: str, rows: slice = slice(None)) -> list[str]:
    """Return the values of a column as texts; a missing one is written as it was in the input."""
    column, values = table.column(name), table.values[name][rows]
    if column.is_categorical:
        return np.asarray(column.categories, object)[values].tolist()
    written = _dates(column, values) if column.kind == "date" else _numbers(column, values)
    if column.mark != ".":
        written = [text.replace(".", column.mark) for text in written]
    if not np.isnan(values).any():
        return written
    return [column.missing_text if nan else text for text, nan in zip(written, np.isnan(values), strict=True)]


def _numbers(column: Column, values: np.ndarray) -> list[str]:
    if column.decimals is None:
        return [repr(value) for value in values.tolist()]
    form = f"%.{column.decimals}f"
    negative_zero = form % -0.0
    written = [form % value for value in values.tolist()]
    return [text[1:] if text == negative_zero else text for text in written]


def _dates(column: Column, values: np.ndarray) -> list[str]:
    smallest = 1 if "%S" in column.format else 60 if "%M" in column.format else 86_400
    if "%f" not in column.format:
        values = np.round(values / smallest) * smallest
    known = {
        value: (_EPOCH + timedelta(seconds=value)).strftime(column.format)
        for value in set(values[~np.isnan(values)].tolist())
    }
    return [known.get(value, "") for value in values.tolist()]


def _rows(table: Table) -> Iterator[Any]:
    for first in range(0, len(table), _BLOCK):
        rows = slice(first, first + _BLOCK)
        yield from zip(*(texts(table, name, rows) for name in table.names), strict=True)


def _write_csv(table: Table, file: Path) -> None:
    with file.open("w", encoding="utf-8", newline="") as text:
        marks = {column.mark for column in table.columns}
        writer = csv.writer(text, delimiter=";" if "," in marks else ",", lineterminator="\n")
        writer.writerow(table.names)
        writer.writerows(_rows(table))


def _arrays(table: Table) -> dict[str, np.ndarray]:
    """Return each column as numbers, whole where they are, or as texts."""
    arrays = {}
    for column in table.columns:
        values = table.values[column.name]
        if column.is_categorical:
            arrays[column.name] = _plain(column.categories)[values]
        elif column.kind == "date":
            arrays[column.name] = np.array(texts(table, column.name), str)
        elif column.kind == "integer" and not column.decimals and not np.isnan(values).any():
            arrays[column.name] = np.round(values).astype(np.int64)
        else:
            arrays[column.name] = values if column.decimals is None else np.round(values, column.decimals)
    return arrays


def _plain(categories: Sequence[str]) -> np.ndarray:
    """Return categories as whole numbers or truth values if all of them are, or else as texts."""
    if all(re.fullmatch(r"0|-?[1-9]\d{0,17}", text) for text in categories):
        return np.array([int(text) for text in categories], np.int64)
    if set(categories) <= {"False", "True"}:
        return np.array([text == "True" for text in categories])
    return np.array(categories, str)


def _write_npz(table: Table, file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:  # savez takes no column "file"
        for name, array in _arrays(table).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as part:
                np.lib.format.write_array(part, array, allow_pickle=False)


def _require_pyarrow(path: str | Path) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise UserError(f"{path} needs pyarrow: pip install jaxgan[tables]") from error


def _write_parquet(table: Table, file: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    arrays = _arrays(table)
    columns = {
        name: pyarrow.array(array if array.dtype.kind in "bif" else array.tolist(), from_pandas=True)
        for name, array in arrays.items()
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
