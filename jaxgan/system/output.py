"""What a program prints, whatever its output can show, and whether or not anybody reads it.

A terminal may know ASCII only, a pipe's reader may have ended, a scheduler may start a program without any
output, and the names of files need not be text. None of these is a reason to end a run.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from typing import Any

_NOBODY_READS = (errno.EPIPE, errno.EIO, errno.EBADF)  # of a pipe, a terminal, a closed file


def prepare() -> None:
    """Make this program's standard output and standard error fit for any text; programs begin with this.

    Where one of them was closed before the start, the next file that the program opens would take its place,
    and whatever is printed would go into that file. The null device takes it instead.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(null)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 -- until the end
        stream: Any = getattr(sys, name)
        if stream.errors in ("strict", "surrogateescape") and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def write(text: str, *, error: bool = False) -> None:
    """Print a line; what the output cannot show is printed as its code, and a closed output is silence.

    Args:
        text: the line.
        error: whether the line belongs on standard error, which is silent where the disk is full, too.

    Raises:
        OSError: if standard output is a file that has no room.
    """
    stream = sys.stderr if error else sys.stdout
    if stream is None or getattr(stream, "closed", False):
        return
    try:
        try:
            stream.write(text + "\n")
        except UnicodeError:
            stream.write(text.encode("ascii", "backslashreplace").decode() + "\n")
        stream.flush()
    except OSError as failure:
        silence(stream)
        if failure.errno not in _NOBODY_READS and not error:
            raise OSError(f"cannot write the output: {failure.strerror}") from failure


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table whose columns are as wide as their longest cell.

    Args:
        rows: the cells of each line, as many in each; at least one line.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def flush() -> None:
    """Write out what has been printed, before a program ends without Python's own end."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def is_terminal() -> bool:
    """Return whether a person watches standard error."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # it was closed, before the start or later
        return False


def silence(stream: Any) -> None:
    """Let a stream write to the null device, or what it still holds would fail again at the end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
