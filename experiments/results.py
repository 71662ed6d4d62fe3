"""Results of studies: JSON of a head, which says what was asked for and on what machine, and a row a line.

A study that is stopped goes on with the next call, and one with other settings never takes its place.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
from tqdm import tqdm

from jaxgan.system.errors import UserError
from jaxgan.system.files import write_atomically

Row = dict[str, Any]
_MACHINE = ("device", "jax")


def head_of(**settings: Any) -> Row:
    """Return a head: the settings and the machine."""
    return {**settings, "device": jax.devices()[0].device_kind, "jax": jax.__version__}


def parsed(file: Path) -> Row:
    """Return the JSON object in a file; an empty one if there is no file.

    Raises:
        UserError: if it holds something else, as after a crash of the machine.
    """
    try:
        found = json.loads(file.read_text()) if file.exists() else {}
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is not JSON ({error}): move it away") from error
    if not isinstance(found, dict):
        raise UserError(f"{file} does not hold the results of a study: move it away")
    return found


def read(file: Path) -> Row:
    """Return the head of a study, with "rows".

    Raises:
        UserError: if the file is not there, or is none.
    """
    if not file.exists():
        raise UserError(f"{file} is not there: run without --redraw first")
    found = parsed(file)
    rows = found.get("rows")
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        raise UserError(f"{file} does not hold the results of a study: move it away")
    return found


def write(file: Path, head: Row, rows: list[Row]) -> None:
    """Write results, a row a line."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    text = json.dumps(head)[:-1] + ',\n"rows": [\n' + lines + "\n]}\n"
    write_atomically(file, lambda temporary: temporary.write_text(text))


def require_same(file: Path, head: Row, *, but: Sequence[str] = _MACHINE) -> None:
    """Refuse to go on where a file holds the results of other settings.

    Args:
        file: which need not be there.
        head: what is asked for.
        but: what may differ; as it stands, the machine: a study may be repeated on another.

    Raises:
        UserError: naming the settings that differ.
    """
    if not file.exists():
        return
    found = read(file)
    differing = [
        f"{name} {found.get(name, 'unset')} there, {value} here"
        for name, value in head.items()
        if found.get(name) != value and name not in but
    ]
    if differing:
        raise UserError(f"{file} holds another study ({'; '.join(differing)}): choose another --out")


def collect(parts: Sequence[Callable[[], list[Row]]], file: Path, head: Row, *, name: str) -> None:
    """Compute the parts of a study and write them; those that a stopped call left are not computed again.

    Args:
        parts: each returns its rows.
        file: gets the results at the end; until then ``.part.json`` beside it has what is there.
        head: what is asked for, by `head_of`.
        name: for the progress bar.

    Raises:
        UserError: if either file holds the results of other settings, or the part is of another machine.
    """
    part_file = file.with_suffix(".part.json")
    require_same(file, head)
    require_same(part_file, head, but=())
    found: Row = read(part_file) if part_file.exists() else {"rows": [], "parts": 0, "seconds": 0.0}
    rows, seconds = found["rows"], found["seconds"]
    if found["parts"]:
        print(f"{found['parts']} of {len(parts)} parts are in {part_file}")
    for i in tqdm(range(found["parts"], len(parts)), desc=name, initial=found["parts"], total=len(parts)):
        start = time.monotonic()
        rows += parts[i]()
        seconds = round(seconds + time.monotonic() - start, 1)
        write(part_file, {**head, "parts": i + 1, "seconds": seconds}, rows)
    write(file, {**head, "seconds": seconds}, rows)
    part_file.unlink()
    print(f"{len(rows)} scores in {seconds} s on {head['device']}")
