"""What a command found: methods side by side, as a table and as JSON."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan.evaluate.subject import folder_of, refuse_data
from jaxgan.export import is_address
from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError, finite, require_writable, write_atomically, write_json
from jaxgan.system.output import aligned
from jaxgan.system.settings import converted


class Comparison(NamedTuple):
    """Methods beside each other.

    Attributes:
        rows: the numbers of each method by name. A number that a method does not have is missing.
        parts: numbers and words on each part of the data, such as a cluster, by the part's name.
        protocol: everything that the numbers depend on, as JSON can hold it.
        notes: lines for the reader.
    """

    rows: dict[str, dict[str, float]]
    parts: dict[str, dict[str, Any]]
    protocol: dict[str, Any]
    notes: tuple[str, ...]


def table(comparison: Comparison) -> str:
    """Return a comparison as lines for a terminal."""
    lines = _lines("method", comparison.rows)
    if comparison.parts:
        lines += ["", *_lines(comparison.protocol.get("parts", "part"), comparison.parts)]
    return "\n".join([*lines, *(f"note: {note}" for note in dict.fromkeys(comparison.notes))])


def _lines(kind: str, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    cells = [(name, *(_cell(row.get(column)) for column in columns)) for name, row in rows.items()]
    return aligned([(kind, *(name.replace("_", " ") for name in columns)), *cells])


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def write(comparison: Comparison, file: Path) -> None:
    """Write a comparison as JSON; NaN and infinity become null."""
    content = {"methods": comparison.rows, "protocol": comparison.protocol, "notes": list(comparison.notes)}
    if comparison.parts:
        content["parts"] = comparison.parts
    write_json(file, finite(content))


def output_file(run: Path, out: Any, default: str, data: Any = None) -> Path:
    """Return the file that a command is to write, whose folder takes files.

    Args:
        run: the run's folder, or an exported generator.
        out: the file that the user names; None for one of the default's name in the run's folder, or in the
            current folder where the run is a repository of the Hub.
        default: name of the file, whose suffix `out` must have too.
        data: the images that the command reads, if they are named; they are not overwritten.

    Raises:
        UserError: if `out` has another suffix or is a folder, if it holds data, or if its folder takes no
            files.
    """
    suffix = Path(default).suffix
    folder = Path() if is_address(run) else folder_of(run)
    file = converted("out", out, Path | None) or folder / default
    if file.suffix.lower() != suffix:
        raise UserError(f"`out` must end in {suffix}, got {file}")
    if file.is_dir():
        raise UserError(f"`out` is a file, and {file} is a folder")
    for each in {suffix, ".png", ".json"}:  # what stands beside it
        refuse_data(file.with_suffix(each), run, data)
    require_writable(file.parent)
    return file


def save(comparison: Comparison, files: Mapping[Path, Callable[[Path], Any]], file: Path) -> None:
    """Write the files of a command; where that fails, the error holds what was found.

    Args:
        comparison: what was found.
        files: functions that write a file, by its path.
        file: the path of the JSON.

    Raises:
        UserError: if a file cannot be written.
        NoRoomError: if the disk is full.
    """
    try:
        for path, writing in files.items():
            write_atomically(path, writing)
        write(comparison, file)
    except NoRoomError as error:
        raise NoRoomError(f"{error}. What was found:\n{table(comparison)}") from error
    except OSError as error:
        failure = f"cannot write to {file.parent}: {error.strerror or error}"
        raise UserError(f"{failure}. What was found:\n{table(comparison)}") from error
