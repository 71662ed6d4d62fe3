"""A folder of pictures: which files count, which of them can be read, and what class each is of.

All that could go wrong with a file goes wrong here, before a run begins: each is decoded once (and kept,
`jaxgan.data.cache`), and one that cannot be is left out by name.
"""

import os
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.data import cache, pictures
from jaxgan.system.errors import UserError

_AT_ONCE = 64  # pictures decoded before they are written; Ctrl-C waits for as many
_SHOWN = 3  # names in a message


class Listing(NamedTuple):
    """The picture files under a folder.

    Attributes:
        root: the folder, with links resolved.
        files: ``(path below root, size in bytes, time of change in ns)``, sorted by path.
        links_out: how many links lead out of the folder; they are not followed.
    """

    root: Path
    files: list[tuple[str, int, int]]
    links_out: int


def listing(folder: Path) -> Listing:
    """Find the picture files under a folder, by suffix, hidden ones aside.

    Links to files inside the folder count; links to folders are not followed, nor is a link that leads out.

    Raises:
        UserError: if there are none, or the folder is missing or cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder" if folder.exists() else f"there is no folder {folder}")
    root = folder.resolve()
    files, links_out = [], 0
    for path in _walk(root):
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
            links_out += 1
        elif path.suffix.lower() in pictures.SUFFIXES and (status := _status(path)) is not None:
            files.append((path.relative_to(root).as_posix(), status.st_size, status.st_ctime_ns))
    if not files:
        links = f"; {_links(links_out)}" if links_out else ""
        raise UserError(f"{folder} holds no pictures ({', '.join(pictures.SUFFIXES)}){links}")
    return Listing(root, sorted(files), links_out)


def first_shape(folder: Path) -> tuple[int, int, int] | None:
    """Return the shape (H, W, C) of the first picture under a folder whose first bytes can be read."""
    found = listing(folder)
    with pictures.judging():
        for name, _, _ in found.files:
            size, grey, why = _look(found.root, name)
            if not why:
                return (*size, 1 if grey else 3)
    return None


def read(
    folder: Path,
    *,
    image_size: tuple[int, int] | None,
    channels: int | None,
    conditional: bool,
    strict: bool,
) -> dict[str, Any]:
    """Read a folder of pictures; see `jaxgan.data.load` for the arguments.

    Returns:
        What a `Dataset` has: "images", "labels", "num_classes" and "notes".

    Raises:
        UserError: if the folder cannot make a data set.
    """
    found = listing(folder)
    key = {
        "folder": [pictures.RULE, str(found.root), found.files],
        "image_size": image_size,
        "channels": channels,
    }
    images, details = cache.cached(key, partial(_decode, found, image_size, channels), count=len(found.files))
    skipped: dict[str, str] = details["skipped"]
    notes = []
    if skipped:
        note = f"{_files(skipped)} skipped: {_some(f'{name} ({why})' for name, why in skipped.items())}"
        if strict:
            raise UserError(f"{folder}: " + note.replace(" skipped", " cannot be read", 1))
        notes.append(note)
    if details["grey"]:
        notes.append(f"{_files(details['grey'])} converted from grey to colour: {_some(details['grey'])}")
    if found.links_out:
        notes.append(_links(found.links_out))
    labels, num_classes = None, None
    if conditional:
        kept = [name for name, _, _ in found.files if name not in skipped]
        labels, classes = _classes(folder, kept)
        num_classes = len(classes)
        notes.append(f"{num_classes} classes: {_some(classes, shown=10)}")
    return {"images": images, "labels": labels, "num_classes": num_classes, "notes": tuple(notes)}


def _decode(
    found: Listing, image_size: tuple[int, int] | None, channels: int | None, write: cache.Write
) -> dict[str, Any]:
    """Hand each picture that can be read to `write`; return what was skipped, and what was grey."""
    skipped, sizes, grey = {}, {}, []
    names = [name for name, _, _ in found.files]
    with pictures.judging(), ThreadPoolExecutor(os.cpu_count()) as workers:
        for name, (size, shades, why) in zip(names, map(partial(_look, found.root), names), strict=True):
            if why:
                skipped[name] = why
            else:
                sizes.setdefault(size, name)
                if shades:
                    grey.append(name)
        if image_size is None and len(sizes) > 1:
            examples = _some((f"{name} is {h}x{w}" for (h, w), name in sizes.items()), shown=2)
            raise UserError(
                f"the pictures in {found.root} have {len(sizes)} sizes ({examples}): set --image-size HxW"
            )
        opened = [name for name in names if name not in skipped]
        channels = channels or (1 if len(grey) == len(opened) else 3)
        for start in range(0, len(opened), _AT_ONCE):
            chunk = opened[start : start + _AT_ONCE]
            pixels = workers.map(partial(_pixels, found.root, image_size, channels), chunk)
            for name, (image, why) in zip(chunk, pixels, strict=True):
                if image is None:
                    skipped[name] = why
                else:
                    write(image)
    if len(skipped) == len(names):
        why = _some(f"{name} ({why})" for name, why in skipped.items())
        raise UserError(f"none of the pictures in {found.root} can be read: {why}")
    return {"skipped": skipped, "grey": [name for name in grey if name not in skipped] * (channels == 3)}


def _look(root: Path, name: str) -> tuple[tuple[int, int], bool, str]:
    """Return a picture's height and width and whether it is grey, from its first bytes, or why not."""
    try:
        with pictures.open_picture(root / name) as image:
            return pictures.upright_size(image), pictures.is_grey(image), ""
    except Exception as error:  # Pillow raises a dozen types for the ways in which a file can be damaged
        return (0, 0), False, _why(root / name, error)


def _pixels(
    root: Path, image_size: tuple[int, int] | None, channels: int, name: str
) -> tuple[np.ndarray | None, str]:
    """Return a picture's pixels, or why not."""
    try:
        with pictures.open_picture(root / name) as image:
            return pictures.fit(image, image_size, channels), ""
    except Exception as error:
        return None, _why(root / name, error)


def _why(path: Path, error: Exception) -> str:
    status = _status(path)
    if status is None or not status.st_size:
        return "gone" if status is None else "empty"
    if type(error).__name__ == "UnidentifiedImageError":
        return "not a picture"
    return _printable(str(error).split("\n")[0]) or type(error).__name__


def _walk(root: Path) -> Iterable[Path]:
    """Yield the files under a folder, and the links to folders, which are not entered."""

    def refuse(error: OSError) -> None:
        raise UserError(f"cannot read the folder {error.filename} ({error.strerror})") from error

    for folder, folders, names in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        yield from (Path(folder, name) for name in names + links if not name.startswith("."))


def _status(path: Path) -> os.stat_result | None:
    """Return a file's status; None for what is no file: reading from a pipe would wait for ever."""
    try:
        status = path.stat()
    except OSError:  # a link to nowhere
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _classes(folder: Path, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Return each file's class, its subfolder, as int32 ``[N]``, and the names of the classes, sorted."""
    stray = [name for name in names if "/" not in name]
    if stray:
        raise UserError(
            f"--conditional takes the subfolders of {folder} for classes, "
            f"and {_files(stray)} in none: {_some(stray)}"
        )
    classes, labels = np.unique([name.split("/")[0] for name in names], return_inverse=True)
    return labels.astype(np.int32), classes.tolist()


def _files(names: Any) -> str:
    return f"{len(names):,} file{'s' * (len(names) > 1)}"


def _links(count: int) -> str:
    links, are = ("links lead", "are") if count > 1 else ("link leads", "is")
    return f"{count:,} {links} out of the folder and {are} not followed"


def _some(names: Iterable[str], *, shown: int = _SHOWN) -> str:
    names = list(names)
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(map(_printable, names[:shown])) + more


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
