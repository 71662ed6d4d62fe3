"""A folder of pictures: which files count, which of them can be read, and which class each belongs to.

A damaged file shows here, before a run begins: each file is decoded once and kept (`jaxgan.data.cache`). A
note names the files that are left out.
"""

import os
import stat
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import UnidentifiedImageError

from jaxgan.data import cache, pictures
from jaxgan.data.dataset import SeveralSizesError
from jaxgan.system.errors import UserError

CHUNK = 4  # pictures that wait in memory for each thread that decodes
SHOWN = 3  # names in a message
MOST_CLASSES = 10  # classes whose names are all in the note

# What a run, a sweep, the VAE and an export write. A folder with two of these is one of theirs.
_OF_RUNS = {
    "config.json",
    "env.json",
    "status.json",
    "metrics.jsonl",
    "plan.json",
    "checkpoints",
    "populations",
    "generator.safetensors",
}
# Suffixes of files that lie beside pictures and that nobody takes for one.
_COMPANIONS = {
    *(".txt", ".md", ".rst", ".html", ".htm", ".pdf", ".log", ".lock", ".url", ".md5", ".sha256"),
    *(".json", ".jsonl", ".csv", ".tsv", ".xml", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".mat", ".db"),
    *(".py", ".ipynb", ".sh", ".bat", ".js", ".css", ".aae", ".xmp"),
}
_COMPANION_NAMES = {"readme", "license", "licence", "copying", "notice", "authors", "makefile", "changelog"}


class Listing(NamedTuple):
    """The picture files under a folder.

    Attributes:
        root: the folder, with links resolved.
        files: ``(path below root, size in bytes, time of change in ns)``, sorted by path.
        links_out: the number of links that lead out of the folder; they are not followed.
        runs: the number of pictures in each folder below that a run has written; these are left out.
        others: the number of files that are no pictures by their suffix, for each suffix.
    """

    root: Path
    files: list[tuple[str, int, int]]
    links_out: int
    runs: dict[str, int]
    others: Counter[str]

    def notes(self) -> list[str]:
        """Return lines for the user about what is left out."""
        notes = []
        if self.links_out:
            links, are = ("links lead", "are") if self.links_out > 1 else ("link leads", "is")
            notes.append(f"{self.links_out:,} {links} out of the folder and {are} not followed")
        if pictures_of_runs := sum(self.runs.values()):
            runs = sorted(name for name, count in self.runs.items() if count)
            notes.append(
                f"{_counted(pictures_of_runs, 'picture')} in {_counted(len(runs), 'run folder')} "
                f"{'are' if pictures_of_runs > 1 else 'is'} left out: {in_line(runs)}"
            )
        if self.others:
            often = sorted(self.others, key=lambda suffix: (-self.others[suffix], suffix))
            suffixes = in_line(suffix or "without a suffix" for suffix in often)
            count = self.others.total()
            are = "are no pictures that are" if count > 1 else "is no picture that is"
            notes.append(f"{_counted(count, 'file')} {are} read here ({suffixes})")
        return notes


def listing(folder: Path) -> Listing:
    """Return the files under a folder that have the suffix of a picture and are not hidden.

    A file without a suffix counts if it begins as a picture does. A link counts if it leads to a file inside
    the folder. Links to folders are not followed. The folders of runs below the folder are left out, so that
    a run in its folder of pictures does not learn from its own samples.

    Raises:
        UserError: if there are no such files, or the folder is missing or cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder" if folder.exists() else f"there is no folder {folder}")
    root = folder.resolve()
    files: dict[str, tuple[str, int, int]] = {}
    links: dict[str, Path] = {}
    links_out = 0
    runs: dict[str, int] = {}
    others: Counter[str] = Counter()
    for path, is_result in _walk(root):
        name, suffix = path.relative_to(root).as_posix(), path.suffix.lower().rstrip(".")
        if is_result:
            runs[name] = _count_pictures(path)
            continue
        if path.is_symlink():
            links[name] = Path(os.path.realpath(path))
            if not links[name].is_relative_to(root):
                links_out += 1
                continue
        if (status := _status(path)) is not None:
            if suffix in pictures.SUFFIXES or (not suffix and _begins_as_picture(path)):
                files[name] = name, status.st_size, status.st_ctime_ns
            elif suffix not in _COMPANIONS and path.name.lower() not in _COMPANION_NAMES:
                others[suffix] += 1
    for name in links.keys() & files:
        for run in runs:
            if links[name].is_relative_to(root / run):
                del files[name]
                runs[run] += 1
                break
    contents = Listing(root, sorted(files.values()), links_out, runs, others)
    if not files:
        suffixes = ", ".join(pictures.SUFFIXES)
        raise UserError("; ".join([f"{folder} holds no pictures ({suffixes})", *contents.notes()]))
    return contents


def paths(folder: Path) -> list[Path]:
    """Return the files of `listing`, for a folder with pictures."""
    contents = listing(folder)
    return [contents.root / name for name, _, _ in contents.files]


def file_names(folder: Path, count: int) -> list[str] | None:
    """Return the files under a folder in the order of its images; None if some of them cannot be read.

    Args:
        folder: the folder.
        count: the number of images that were read.
    """
    names = [name for name, _, _ in listing(folder).files]
    return names if len(names) == count else None


def first_shape(folder: Path) -> tuple[int, ...] | None:
    """Return the shape (H, W, C) of the first picture under a folder that can be read; None without one."""
    root, files, *_ = listing(folder)
    for name, _, _ in files:
        picture = _read(root, None, None, name)
        if not isinstance(picture, str):
            return picture[0].shape
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
    images, details = decoded(contents, image_size, channels)
    skipped: dict[str, str] = details["skipped"]
    notes = decoding_notes(folder, images, details, strict=strict)
    notes += contents.notes()
    labels, num_classes, classes = None, None, None
    if conditional:
        labels, classes = _classes(folder, [name for name, _, _ in contents.files if name not in skipped])
        num_classes = len(classes)
        named = f": {in_line(classes, shown=MOST_CLASSES)}"
        if num_classes > MOST_CLASSES:
            first, last = map(_printable, (classes[0], classes[-1]))
            named = f", in the order of their names: {first} is class 0, {last} is class {num_classes - 1}"
        notes.append(f"{num_classes} classes{named}")
    return {
        "images": images,
        "labels": labels,
        "num_classes": num_classes,
        "notes": tuple(notes),
        "class_names": None if classes is None else tuple(classes),
        "content": details["content"],
    }


def decoded(
    contents: Listing, image_size: tuple[int, int] | None, channels: int | None
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the pictures of a listing that can be read, and what was learned while decoding them.

    Args:
        contents: the files of a folder.
        image_size: as for `jaxgan.data.load`.
        channels: as for `jaxgan.data.load`.

    Returns:
        Images, and as details ``"skipped"``, in words why a file cannot be read, by its name, ``"gray"``, the
        names of gray pictures, and ``"content"``, the checksum of the images.
    """
    key = {
        "pictures": [pictures.RULE, str(contents.root), contents.files],
        "image_size": image_size,
        "channels": channels,
    }
    decode = partial(_decode, contents, image_size, channels)
    return cache.cached(key, decode, count=len(contents.files))


def decoding_notes(folder: Path, images: np.ndarray, details: dict[str, Any], *, strict: bool) -> list[str]:
    """Return lines for the user about files that were left out or changed.

    Raises:
        UserError: if `strict`, for a file that was left out.
    """
    skipped: dict[str, str] = details["skipped"]
    notes = []
    if skipped:
        names = in_line(f"{name} ({fault})" for name, fault in skipped.items())
        if strict:
            raise UserError(f"{folder}: {_files(skipped)} cannot be read: {names}")
        notes.append(f"{_files(skipped)} skipped: {names}")
    if details["gray"] and images.shape[-1] == 3:
        notes.append(f"{_files(details['gray'])} converted from gray to color: {in_line(details['gray'])}")
    return notes


def _decode(
    contents: Listing, image_size: tuple[int, int] | None, channels: int | None, write: cache.Write
) -> dict[str, Any]:
    """Pass each picture that can be read to `write`; return which were skipped, and which were gray."""
    root = contents.root
    names = [name for name, _, _ in contents.files]
    skipped: dict[str, str] = {}
    gray: list[str] = []
    first = None
    read = partial(_read, root, image_size, channels)
    for name, picture in zip(names, _in_threads(read, names), strict=True):
        if isinstance(picture, str):
            skipped[name] = picture
            continue
        pixels, is_gray = picture
        if first is None:
            first = name, pixels
        elif pixels.shape[:2] != first[1].shape[:2]:
            sizes = [
                f"{each} is {array.shape[0]}x{array.shape[1]}" for each, array in (first, (name, pixels))
            ]
            raise SeveralSizesError(
                f"the pictures in {root} have at least 2 sizes ({in_line(sizes)}): set `image_size`"
            )
        write(pixels)
        if is_gray:
            gray.append(name)
    if first is None:
        faults = in_line(f"{name} ({fault})" for name, fault in skipped.items())
        raise UserError(f"none of the pictures in {root} can be read: {faults}")
    return {"skipped": skipped, "gray": gray}


def _in_threads(read: Callable[[str], Any], names: Iterable[str]) -> Iterator[Any]:
    """Yield what `read` returns for each name, in order; threads read some of them ahead."""
    ahead: deque[Future] = deque()
    count = os.cpu_count() or 1
    workers = ThreadPoolExecutor(count)
    try:
        for name in names:
            ahead.append(workers.submit(read, name))
            if len(ahead) == count * CHUNK:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:  # Ctrl-C waits only for the pictures that are being decoded
        workers.shutdown(cancel_futures=True)


def _read(
    root: Path, image_size: tuple[int, int] | None, channels: int | None, name: str
) -> tuple[np.ndarray, bool] | str:
    """Return a picture's pixels and whether it is gray, or in words why it cannot be read."""
    try:
        return pictures.read(root / name, image_size, channels)
    except Exception as error:  # Pillow raises a dozen types for damaged files
        return _fault(root / name, error)


def read_picture(root: Path, channels: int, name: str) -> np.ndarray | str:
    """Return a picture's pixels in its own size, uint8 ``[H, W, channels]``, or in words why it has none.

    Args:
        root: the folder.
        channels: 3 for color, 1 for gray.
        name: the picture's path below it.
    """
    pixels = _read(root, None, channels, name)
    return pixels if isinstance(pixels, str) else pixels[0]


def _fault(path: Path, error: Exception) -> str:
    """Return in words why a file cannot be read."""
    status = _status(path)
    if status is None or not status.st_size:
        return "gone" if status is None else "empty"
    if isinstance(error, UnidentifiedImageError):
        return "not a picture"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return _printable(str(error).split("\n")[0]) or type(error).__name__


def _walk(root: Path) -> Iterator[tuple[Path, bool]]:
    """Yield files, links to folders and folders of results under a folder, and whether it is one of the last.

    Links are not followed, and nothing is yielded that is hidden or inside a folder of results.
    """

    def refuse(error: OSError) -> None:
        raise UserError(f"cannot read the folder {error.filename} ({error.strerror})") from error

    for folder, folders, names in os.walk(root, onerror=refuse):
        path = Path(folder)
        if path != root and _is_result(path, {*folders, *names}):
            folders.clear()
            yield path, True
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        yield from ((path / name, False) for name in names + links if not name.startswith("."))


def _count_pictures(folder: Path) -> int:
    """Return the number of pictures below a folder of results, by their suffixes."""
    files = (name for _, _, names in os.walk(folder) for name in names)
    return sum(os.path.splitext(name)[1].lower() in pictures.SUFFIXES for name in files)


def _is_result(folder: Path, names: set[str]) -> bool:
    """Return whether a run, a sweep, an evaluation or a study has written a folder, given its contents."""
    if len(names & _OF_RUNS) > 1:
        return True
    if folder.name == "plots":  # of jaxgan evaluate --out
        return any(folder.parent.glob("metric-*.json"))
    return any(f"{name}.json" in names and _is_study(folder / f"{name}.json") for name in names)


def _is_study(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(8) == b'{"study"'
    except OSError:
        return False


def _begins_as_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(8).startswith(pictures.BEGINNINGS)
    except OSError:
        return False


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
            f"classes are learned here, which are the subfolders of {folder}, "
            f"with {_files(stray)} in none: {in_line(stray)}"
        )
    classes, labels = np.unique([name.split("/")[0] for name in names], return_inverse=True)
    return labels.astype(np.int32), classes.tolist()


def _files(names: Any) -> str:
    return _counted(len(names), "file")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count > 1)}"


def in_line(names: Iterable[str], *, shown: int = SHOWN) -> str:
    """Return the first names in one line, and the number of the others."""
    names = list(names)
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(map(_printable, names[:shown])) + more


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
