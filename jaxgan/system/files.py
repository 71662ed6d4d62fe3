"""Files that appear whole or not at all, with the mode that the umask gives, and errors of a full disk.

A full disk reaches Python as an exception of whatever library writes. `writing` tells it by its cause or its
text, and raises one `NoRoomError` in its place.
"""

import contextlib
import errno
import json
import math
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jaxgan.system.errors import UserError

_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class NoRoomError(OSError):
    """The disk is full, or a file may not grow; the message names the file and the free space."""


def expanded(path: str | Path) -> Path:
    """Return a path with ``~`` replaced by the home folder; a name such as ``~b`` of no user stays.

    Raises:
        UserError: if the home folder is not known: a folder with the name "~" is nobody's wish.
    """
    whole = Path(os.path.expanduser(path))
    if whole.parts[:1] == ("~",):
        raise UserError(f"{path}: no home folder is known for ~ (HOME is not set): write the path in full")
    return whole


@contextlib.contextmanager
def as_text(folder: Path) -> Iterator[Path]:
    """Give an existing folder a name that is text, for libraries that take no other bytes.

    Names of files are bytes. Where they are not text in the locale's encoding, Linux's ``/proc`` has another
    name of an open folder.
    """
    try:
        str(folder).encode()
        yield folder
    except UnicodeEncodeError:
        handle = os.open(folder, os.O_RDONLY)
        try:
            yield Path(f"/proc/self/fd/{handle}")
        finally:
            os.close(handle)


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it: readers never see half a file.

    The file has the mode that the umask gives, whichever mode `write` chooses.

    Args:
        path: the file to make or to replace; missing folders are made too.
        write: called with the temporary path: an empty file with the suffix of `path`.

    Raises:
        NoRoomError: if the disk is full, whatever `write` raises then.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.unlink(missing_ok=True)  # of a killed process with the same number
            temporary.touch()
            mode = temporary.stat().st_mode
            write(temporary)
            if temporary.stat().st_mode != mode:
                temporary.chmod(stat.S_IMODE(mode))
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):  # the parent may be a file
                temporary.unlink()


def replace_folder(folder: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a new folder beside `folder`, then put it in its place: readers see all of it or none.

    What was in the folder is removed. Where that or the writing fails, the folder is as it was before.

    Args:
        folder: the folder to make or to replace; missing folders above it are made too.
        write: called with the path of an empty folder.

    Raises:
        NoRoomError: if the disk is full, whatever `write` raises then.
    """
    folder = folder.resolve()  # a link stays a link
    new, old = (folder.with_name(f".{folder.name}.{os.getpid()}.tmp-{kind}") for kind in ("new", "old"))
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in (new, old):  # of a killed process with the same number
            shutil.rmtree(left, ignore_errors=True)
        try:
            new.mkdir()
            write(new)
            if folder.exists():
                folder.rename(old)
            try:
                new.rename(folder)
            except BaseException:
                if old.exists():
                    old.rename(folder)
                raise
        finally:
            for left in (new, old):
                shutil.rmtree(left, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, whatever the locale; bytes of a name that are no text are escaped."""
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, atomically."""
    write_atomically(path, lambda file: write_text(file, json.dumps(content, indent=2) + "\n"))


def finite(content: Any) -> Any:
    """Return content that JSON can hold: None in place of NaN and infinity."""
    if isinstance(content, dict):
        return {name: finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def require_writable(folder: Path) -> None:
    """Make a folder and refuse one that takes no files: what is to be written may take long to compute.

    Raises:
        UserError: if files cannot be written there.
        NoRoomError: if the disk is full.
    """
    try:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except NoRoomError:
        raise
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that killed processes left, from a folder that no other process writes to."""
    for path in folder.rglob(".*.*.tmp*"):
        if path.is_file():
            path.unlink()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise `NoRoomError` with the file and the free space where the body fails for want of room."""
    try:
        yield
    except NoRoomError:
        raise
    except Exception as error:
        if reason := no_room(error):
            raise NoRoomError(f"cannot write {path}, {free_space(path.parent)}: {reason}") from error
        raise


def no_room(error: BaseException) -> str | None:
    """Return why there was no room, if that is what any library's exception, or its cause, says."""
    known = {number: os.strerror(number) for number in _NO_ROOM}
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno in known:
            return known[link.errno]
        if reason := next((reason for reason in known.values() if reason in str(link)), None):
            return reason
        link = link.__cause__ or link.__context__
    return None


def free_space(folder: Path) -> str:
    """Return in words how much may still be written below a folder, or where it would be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return f"{shutil.disk_usage(folder).free / 1e6:,.1f} MB free"
