"""Files that appear whole or not at all, and errors that say where and how much room there is."""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def expanded(path: str | Path) -> Path:
    """Return a path with ``~`` replaced; where there is no such home it stays (`Path.expanduser` raises)."""
    return Path(os.path.expanduser(path))


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it: readers never see half of it.

    Args:
        path: the file to make or to replace; missing folders are made.
        write: called with the temporary path, which keeps the suffix of `path`.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):  # the parent may be no folder
                temporary.unlink()


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, atomically."""
    write_atomically(path, lambda file: file.write_text(json.dumps(content, indent=2) + "\n"))


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes that were killed, from a folder that nobody else writes to."""
    for path in folder.rglob(".*.*.tmp*"):
        if path.is_file():
            path.unlink()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file and the free space where there is no room: `OSError` from a write says neither."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise OSError(f"cannot write {path}, {free_space(path.parent)}: {error.strerror}") from error


def free_space(folder: Path) -> str:
    """Return how much may still be written below a folder, in words."""
    return f"{shutil.disk_usage(folder).free / 1e6:,.1f} MB free"
