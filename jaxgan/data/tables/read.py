"""A table's file -> a `Table`, in two passes: what the columns are, and then their values."""

import dataclasses
import math
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from jaxgan.data.tables.files import Source, open_source
from jaxgan.data.tables.kinds import MISSING, Choices, columns_of, number, seconds, survey
from jaxgan.data.tables.table import Column, Table, listed
from jaxgan.system.errors import UserError


def read(
    path: str | Path,
    *,
    categorical: Collection[str] = (),
    numeric: Collection[str] = (),
    ignore: Collection[str] = (),
    columns: Sequence[Column] | None = None,
    new_categories: bool = False,
) -> Table:
    """Read a table.

    Args:
        path: a CSV, with any of the usual delimiters and encodings; an ``.npz`` with an array ``[N]`` for
            each column; or a Parquet file, which needs pyarrow.
        categorical: names of columns whose texts are categories, whatever they look like.
        numeric: names of columns of numbers that would be taken for categories.
        ignore: names of columns that are left out.
        columns: the columns of an earlier table, in whose types this one is read; its other columns are left
            out. None finds the types.
        new_categories: with `columns`, whether a category that they lack is added behind their own, instead
            of refused.

    Returns:
        A `Table` of at least two rows; with `columns`, of at least one.

    Raises:
        UserError: if the file cannot be read or makes no table. The sentence names column and line.
    """
    source = open_source(path)
    notes, is_new = list(source.notes), columns is None
    if columns is None:
        chosen = Choices(tuple(categorical), tuple(numeric), tuple(ignore))
        chosen.check(source.names, str(path))
        columns, more = columns_of(survey(source, chosen, str(path)), chosen, str(path), source.unit)
        notes += more
    else:
        lacking = [column.name for column in columns if column.name not in source.names]
        if lacking:
            raise UserError(f"{path} has no column {lacking[0]}, but {', '.join(source.names)}")
    table = _values(source, tuple(columns), str(path), new_categories, tuple(notes))
    return _with_ranges(table) if is_new else table


def _with_ranges(table: Table) -> Table:
    """Return a table whose columns of numbers and dates know their smallest and largest value."""

    def ranged(column: Column) -> Column:
        known = table.values[column.name]
        known = known[~np.isnan(known)]
        return dataclasses.replace(column, low=float(known.min()), high=float(known.max()))

    columns = tuple(column if column.is_categorical else ranged(column) for column in table.columns)
    return dataclasses.replace(table, columns=columns)


def _values(
    source: Source, columns: tuple[Column, ...], path: str, new_categories: bool, notes: tuple[str, ...]
) -> Table:
    places = {column.name: source.names.index(column.name) for column in columns}
    codes = {column.name: {text: i for i, text in enumerate(column.categories)} for column in columns}
    parts: dict[str, list[np.ndarray]] = {column.name: [] for column in columns}
    for block in source.blocks():
        for column in columns:
            texts, name = block.columns[places[column.name]], column.name
            if column.is_categorical:
                known = codes[name]
                for text in dict.fromkeys(texts):
                    if text not in known and not new_categories:
                        place = f"{source.unit} {block.lines[texts.index(text)]}"
                        categories = listed([repr(each) for each in column.categories])
                        raise UserError(
                            f"column {name} of {path}, {place}: {text!r:.60} is none of the categories "
                            f"{categories}"
                        )
                    known.setdefault(text, len(known))
                parts[name].append(np.array([known[text] for text in texts], np.int32))
            else:
                column = column if source.commas else dataclasses.replace(column, mark=".")
                where = f"column {name} of {path}"
                parts[name].append(_numbers(texts, block.lines, column, where, source.unit))
    if not any(map(len, parts[columns[0].name])):
        raise UserError(f"{path} has no rows")
    changed = tuple(
        dataclasses.replace(column, categories=tuple(codes[column.name])) if column.is_categorical else column
        for column in columns
    )
    return Table(changed, {name: np.concatenate(arrays) for name, arrays in parts.items()}, notes, path)


def _numbers(texts: list[str], lines: Sequence[int], column: Column, where: str, unit: str) -> np.ndarray:
    """Return the values of numbers or dates, NaN where one is missing."""
    try:
        if column.kind != "date":
            plain = texts if column.mark == "." else [text.replace(column.mark, ".") for text in texts]
            values = np.array([float(text) if text else math.nan for text in plain])
            if np.isfinite(values).all():
                return values
    except ValueError:
        pass
    known: dict[str, float] = {}
    for text, line in zip(texts, lines, strict=True):
        if text in known:
            continue
        if text.lower() in MISSING:
            known[text] = math.nan
            continue
        value = seconds(text, column.format) if column.kind == "date" else number(text, column.mark)
        if value is None or not math.isfinite(value):
            raise UserError(f"{where}, {unit} {line}: {text!r:.60} is no {_what(column)}")
        known[text] = value
    return np.array([known[text] for text in texts])


def _what(column: Column) -> str:
    return f"date in the format {column.format}" if column.kind == "date" else "finite number"
