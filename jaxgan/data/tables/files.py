"""The texts of a table's file: CSV, ``.npz`` and Parquet, as blocks of rows of which one at a time is held.

A CSV's delimiter and encoding are found. The arrays of an ``.npz`` and the columns of a Parquet file become
texts too, the shortest that give the same number, so that all of them are typed in one way.
"""

import csv
import itertools
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.data.tables import embedded
from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded

SUFFIXES = (".csv", ".tsv", ".txt", ".npz", ".parquet")
BLOCK = 20_000  # rows
_DELIMITERS = ",;\t|"
_MOST_CHARACTERS = 2**20  # of a field
_NO_TEXT = "{} is no text: a table is a CSV, an .npz or a Parquet file"


class Block(NamedTuple):
    """Some rows of a file.

    Attributes:
        columns: the texts of each column.
        lines: the number of each row in the file, from 1, as messages count it.
    """

    columns: list[list[str]]
    lines: Any


class Source(NamedTuple):
    """A file of rows.

    Attributes:
        names: the names of the columns.
        blocks: ``() -> blocks of rows``, from the first one at each call.
        unit: what messages call a place: "line" of a text, "row" of other files.
        commas: whether a comma may be a decimal mark, since it is not the delimiter.
        notes: lines for the user.
    """

    names: tuple[str, ...]
    blocks: Callable[[], Iterator[Block]]
    unit: str
    commas: bool = False
    notes: tuple[str, ...] = ()


def is_table(path: str | Path) -> bool:
    """Return whether a path is a table: a CSV or Parquet file, an ``.npz`` of columns, or a name of ours."""
    if str(path) in embedded.TARGETS:
        return True
    suffix = expanded(path).suffix.lower()
    if suffix != ".npz":
        return suffix in SUFFIXES
    try:
        with zipfile.ZipFile(expanded(path)) as archive:
            shapes = [_shape(archive, name) for name in archive.namelist() if name.endswith(".npy")]
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
    images = {"images", "train_images", "x_train", "test_images", "x_test"}
    return bool(shapes) and not names & images and all(len(shape) == 1 for shape in shapes)


def open_source(path: str | Path) -> Source:
    """Open the file of a table, or one of the tables that need no file.

    Raises:
        UserError: if there is no such file, it cannot be read, or its columns have no names of their own.
    """
    file = expanded(path)
    if str(path) in embedded.TARGETS:
        return _of_arrays(embedded.columns_of(str(path)), str(path))
    if not file.is_file():
        raise UserError(f"there is no file {path}")
    suffix = file.suffix.lower()
    try:
        source = {".npz": _npz, ".parquet": _parquet}.get(suffix, _csv)(file, str(path))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    _check_names(source.names, str(path))
    return source


def _check_names(names: tuple[str, ...], path: str) -> None:
    for place, name in enumerate(names, 1):
        if not name:
            raise UserError(f"column {place} of {path} has no name: give each column a name of its own")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        places = [str(place) for place, name in enumerate(names, 1) if name == twice[0]]
        raise UserError(
            f"{path} has {len(places)} columns {twice[0]!r}, the columns {' and '.join(places)}: "
            "give each column a name of its own"
        )


def _csv(file: Path, path: str) -> Source:
    encoding, notes = _encoding(file, path)
    with file.open(encoding=encoding, newline="") as text:
        start = list(itertools.islice(text, 50))
    if not any(line.strip() for line in start):
        raise UserError(f"{path} is empty: a table has a line of names and a line for each row")
    delimiter = _delimiter(start)

    def rows() -> Iterator[tuple[int, list[str]]]:
        csv.field_size_limit(_MOST_CHARACTERS)
        with file.open(encoding=encoding, newline="") as text:
            reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
            try:
                for row in reader:
                    if row and (len(row) > 1 or row[0].strip()):
                        yield reader.line_num, row
            except csv.Error as error:
                raise UserError(f"{path}, line {reader.line_num}: {error}") from error

    names = tuple(name.strip() for name in next(rows())[1])
    if _are_numbers(names):
        raise UserError(
            f"the first line of {path} holds numbers: a table begins with a line of the columns' names"
        )

    def blocks() -> Iterator[Block]:
        numbered = itertools.islice(rows(), 1, None)
        while chunk := list(itertools.islice(numbered, BLOCK)):
            for line, row in chunk:
                if len(row) != len(names):
                    raise UserError(
                        f"line {line} of {path} has {len(row)} fields, and the first line names "
                        f"{len(names)} columns (with the delimiter {_spelled(delimiter)})"
                    )
            columns = zip(*(row for _, row in chunk), strict=True)
            yield Block(
                [[each.strip() for each in column] for column in columns], [line for line, _ in chunk]
            )

    return Source(names, blocks, "line", delimiter != ",", notes)


def _encoding(file: Path, path: str) -> tuple[str, tuple[str, ...]]:
    """Return the encoding of a text, by its mark or by trying, and a line for the user about a guess."""
    with file.open("rb") as raw:
        start = raw.read(2**12)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16", ()
    if b"\0" in start:
        raise UserError(_NO_TEXT.format(path))
    if _reads(file, "utf-8-sig"):
        return "utf-8-sig", ()
    encoding = "cp1252" if _reads(file, "cp1252") else "latin-1"
    note = f"{path} is no UTF-8, and is read as {encoding}: save it as UTF-8 if letters are wrong"
    return encoding, (note,)


def _reads(file: Path, encoding: str) -> bool:
    try:
        with file.open(encoding=encoding, newline="") as text:
            while text.read(2**20):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter by which the first lines have the same number of fields, and the most of them."""

    def fields(delimiter: str) -> tuple[int, int]:
        rows = [row for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if row]
        alike = sum(len(row) == len(rows[0]) for row in rows)
        return (0, 0) if len(rows[0]) == 1 else (alike * len(rows[0]), len(rows[0]))

    best = max(_DELIMITERS, key=fields)
    return best if fields(best) > (0, 0) else ","


def _spelled(delimiter: str) -> str:
    return {"\t": "a tab"}.get(delimiter, f'"{delimiter}"')


def _are_numbers(names: tuple[str, ...]) -> bool:
    """Return whether names are values: all numbers, and not just 0, 1, 2 and so on."""
    try:
        numbers = [float(name.replace(",", ".")) for name in names]
    except ValueError:
        return False
    return numbers not in (list(range(len(names))), list(range(1, len(names) + 1)))


def _npz(file: Path, path: str) -> Source:
    if not zipfile.is_zipfile(file):  # NumPy would take it for a pickle
        raise UserError(f"{path} is no .npz file")
    try:
        with np.load(file, allow_pickle=False) as arrays:
            columns = {name: arrays[name] for name in arrays}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is refused: an array is damaged, or holds pickled objects, which could run code "
            f"({error})"
        ) from error
    for name, array in columns.items():
        if array.ndim != 1:
            raise UserError(
                f"{path} is no table: a column is one array [N], and {name!r} has shape {list(array.shape)}"
            )
    return _of_arrays(columns, path)


def _parquet(file: Path, path: str) -> Source:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise UserError(f"{path} needs pyarrow: pip install jaxgan[tables]") from error
    try:
        table: Any = pyarrow.parquet.read_table(file)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    _check_names(tuple(table.column_names), path)
    columns = {name: _of_arrow(table[name]) for name in table.column_names}
    return _of_arrays(columns, path)


def _of_arrow(column: Any) -> np.ndarray:
    """Return a column of Arrow as an array of objects, with None where a value is missing."""
    return np.array([*column.to_pylist(), None], object)[:-1]


def _of_arrays(columns: dict[str, np.ndarray], path: str) -> Source:
    counts = {name: len(array) for name, array in columns.items()}
    if len(set(counts.values())) > 1:
        (first, count), *others = counts.items()
        name, other = next((name, other) for name, other in others if other != count)
        raise UserError(f"{path}: column {first!r} has {count:,} rows and column {name!r} has {other:,}")
    total = next(iter(counts.values()), 0)
    columns = {name: _without_clock(array) for name, array in columns.items()}

    def blocks() -> Iterator[Block]:
        for first in range(0, total, BLOCK):
            rows = slice(first, min(first + BLOCK, total))
            yield Block(
                [_texts(array[rows]) for array in columns.values()], range(rows.start + 1, rows.stop + 1)
            )

    return Source(tuple(columns), blocks, "row")


def _texts(array: np.ndarray) -> list[str]:
    """Return values as texts, the shortest that give the same number; missing ones are empty."""
    if array.dtype.kind == "O":
        return ["" if value is None or value != value else _text(value) for value in array.tolist()]
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    texts = array.astype(str).tolist()
    return (
        texts if array.dtype.kind not in "fM" else ["" if text in ("nan", "NaT") else text for text in texts]
    )


def _without_clock(array: np.ndarray) -> np.ndarray:
    """Return dates in days if all of them are whole days, or else in seconds; other values as they are."""
    if array.dtype.kind != "M":
        return array
    seconds, days = array.astype("datetime64[s]"), array.astype("datetime64[D]")
    return days if ((days == seconds) | np.isnat(days)).all() else seconds


def _text(value: Any) -> str:
    if hasattr(value, "isoformat"):
        return value.isoformat(sep=" ") if hasattr(value, "hour") else value.isoformat()
    return str(value)


def _shape(archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        return read(file)[0]
