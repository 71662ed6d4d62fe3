"""A folder of pictures: which files count, which of them can be read, and which class each belongs to.

A damaged file shows here, before a run begins: each file is decoded once and kept (`jaxgan.data.cache`). A
note names the files that are left out.
"""

import os
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import UnidentifiedImageError

from jaxgan.data import cache, pictures
from jaxgan.data.dataset import SeveralSizesError
from jaxgan.system.errors import UserError

CHUNK = 64  # pictures that are decoded before any of them is written; Ctrl-C waits for a chunk
SHOWN = 3  # names in a message


class Listing(NamedTuple):
    """The picture files under a folder.

    Attributes:
        root: the folder, with links resolved.
        files: ``(path below root, size in bytes, time of change in ns)``, sorted by path.
        links_out: the number of links that lead out of the folder; they are not followed.
    """

    root: Path
    files: list[tuple[str, int, int]]
    links_out: int


def listing(folder: Path) -> Listing:
    """Return the files under a folder that have the suffix of a picture and are not hidden.

    A link counts if it leads to a file inside the folder. Links to folders are not followed.

    Raises:
        UserError: if there are no such files, or the folder is missing or cannot be read.
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
    root, files, _ = listing(folder)
    with pictures.refuse_bombs():
        for name, _, _ in files:
            size, is_gray, fault = _look(root, name)
            if not fault:
                return (*size, 1 if is_gray else 3)
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
        The fields of a `Dataset` but its name.

    Raises:
        UserError: if the folder makes no data set.
    """
    contents = listing(folder)
    key = {
        "pictures": [pictures.RULE, str(contents.root), contents.files],
        "image_size": image_size,
        "channels": channels,
    }
    decode = partial(_decode, contents, image_size, channels)
    images, details = cache.cached(key, decode, count=len(contents.files))
    skipped: dict[str, str] = details["skipped"]
    notes = []
    if skipped:
        names = _names(f"{name} ({fault})" for name, fault in skipped.items())
        if strict:
            raise UserError(f"{folder}: {_files(skipped)} cannot be read: {names}")
        notes.append(f"{_files(skipped)} skipped: {names}")
    if details["gray"]:
        notes.append(f"{_files(details['gray'])} converted from gray to color: {_names(details['gray'])}")
    if contents.links_out:
        notes.append(_links(contents.links_out))
    labels, num_classes, classes = None, None, None
    if conditional:
        labels, classes = _classes(folder, [name for name, _, _ in contents.files if name not in skipped])
        num_classes = len(classes)
        notes.append(f"{num_classes} classes: {_names(classes, shown=10)}")
    return {
        "images": images,
        "labels": labels,
        "num_classes": num_classes,
        "notes": tuple(notes),
        "class_names": None if classes is None else tuple(classes),
        "content": details["content"],
    }


def _decode(
    contents: Listing, image_size: tuple[int, int] | None, channels: int | None, write: cache.Write
) -> dict[str, Any]:
    """Pass each picture that can be read to `write`; return which were skipped, and which were gray."""
    root = contents.root
    names = [name for name, _, _ in contents.files]
    skipped: dict[str, str] = {}
    sizes: dict[tuple[int, int], str] = {}
    gray: list[str] = []
    with pictures.refuse_bombs(), ThreadPoolExecutor(os.cpu_count()) as workers:
        for name, (size, is_gray, fault) in zip(names, map(partial(_look, root), names), strict=True):
            if fault:
                skipped[name] = fault
            else:
                sizes.setdefault(size, name)
                if is_gray:
                    gray.append(name)
        if image_size is None and len(sizes) > 1:
            examples = _names((f"{name} is {h}x{w}" for (h, w), name in sizes.items()), shown=2)
            raise SeveralSizesError(
                f"the pictures in {root} have {len(sizes)} sizes ({examples}): set `image_size`"
            )
        readable = [name for name in names if name not in skipped]
        channels = channels or (1 if len(gray) == len(readable) else 3)
        for start in range(0, len(readable), CHUNK):
            chunk = readable[start : start + CHUNK]
            pixels = workers.map(partial(_pixels, root, image_size, channels), chunk)
            for name, (image, fault) in zip(chunk, pixels, strict=True):
                if image is None:
                    skipped[name] = fault
                else:
                    write(image)
    if len(skipped) == len(names):
        faults = _names(f"{name} ({fault})" for name, fault in skipped.items())
        raise UserError(f"none of the pictures in {root} can be read: {faults}")
    return {"skipped": skipped, "gray": [name for name in gray if name not in skipped] * (channels == 3)}


def _look(root: Path, name: str) -> tuple[tuple[int, int], bool, str]:
    """Return a picture's height and width, whether it is gray, and "", from its first bytes; or its fault."""
    try:
        with pictures.open_picture(root / name) as image:
            return pictures.upright_size(image), pictures.is_gray(image), ""
    except Exception as error:  # Pillow raises a dozen types for damaged files
        return (0, 0), False, _fault(root / name, error)


def _pixels(
    root: Path, image_size: tuple[int, int] | None, channels: int, name: str
) -> tuple[np.ndarray | None, str]:
    """Return a picture's pixels and "", or None and its fault."""
    try:
        with pictures.open_picture(root / name) as image:
            return pictures.fit(image, image_size, channels), ""
    except Exception as error:
        return None, _fault(root / name, error)


def _fault(path: Path, error: Exception) -> str:
    """Return in words why a file cannot be read."""
    status = _status(path)
    if status is None or not status.st_size:
        return "gone" if status is None else "empty"
    if isinstance(error, UnidentifiedImageError):
        return "not a picture"
    return _printable(str(error).split("\n")[0]) or type(error).__name__


def _walk(root: Path) -> Iterable[Path]:
    """Yield the files under a folder and the links to folders, which are not followed."""

    def refuse(error: OSError) -> None:
        raise UserError(f"cannot read the folder {error.filename} ({error.strerror})") from error

    for folder, folders, names in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        yield from (Path(folder, name) for name in names + links if not name.startswith("."))


def _status(path: Path) -> os.stat_result | None:
    """Return a file's status; None for anything else, as reading from a pipe would wait forever."""
    try:
        status = path.stat()
    except OSError:  # a link to nowhere
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _classes(folder: Path, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Return the class of each file, its first-level subfolder, and the sorted names of the classes."""
    stray = [name for name in names if "/" not in name]
    if stray:
        raise UserError(
            f"`conditional` takes the subfolders of {folder} as classes, "
            f"and {_files(stray)} in none: {_names(stray)}"
        )
    classes, labels = np.unique([name.split("/")[0] for name in names], return_inverse=True)
    return labels.astype(np.int32), classes.tolist()


def _files(names: Any) -> str:
    return f"{len(names):,} file{'s' * (len(names) > 1)}"


def _links(count: int) -> str:
    links, are = ("links lead", "are") if count > 1 else ("link leads", "is")
    return f"{count:,} {links} out of the folder and {are} not followed"


def _names(names: Iterable[str], *, shown: int = SHOWN) -> str:
    """Return the first names in one line, and the number of the others."""
    names = list(names)
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(map(_printable, names[:shown])) + more


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
