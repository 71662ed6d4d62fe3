"""Files that appear whole or not at all, and write errors that name the file and the free space."""

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
    """Return a path with ``~`` replaced; an unknown home stays, where `Path.expanduser` would raise."""
    return Path(os.path.expanduser(path))


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it: readers never see half a file.

    Args:
        path: the file to make or to replace; missing folders are made too.
        write: called with the temporary path, which has the suffix of `path`.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):  # the parent may be a file
                temporary.unlink()


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, atomically."""
    write_atomically(path, lambda file: file.write_text(json.dumps(content, indent=2) + "\n"))


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that killed processes left, from a folder that no other process writes to."""
    for path in folder.rglob(".*.*.tmp*"):
        if path.is_file():
            path.unlink()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file and the free space where the disk is full: an `OSError` from a write names neither."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise OSError(f"cannot write {path}, {free_space(path.parent)}: {error.strerror}") from error


def free_space(folder: Path) -> str:
    """Return in words how much may still be written below a folder."""
    return f"{shutil.disk_usage(folder).free / 1e6:,.1f} MB free"
