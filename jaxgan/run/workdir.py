"""The run folder: its lock, the run's settings, its status, its log and its rows of metrics.

runs/<name>/  config.json  env.json  status.json  log.txt  .lock  metrics.jsonl
              reals.png  samples/  plots/  checkpoints/  export/
"""

import contextlib
import fcntl
import itertools
import json
import os
import platform
import shlex
import shutil
import socket
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import jax
import numpy as np

from jaxgan.data.fingerprint import difference
from jaxgan.system.cache import content_hash
from jaxgan.system.errors import UserError
from jaxgan.system.files import (
    NoRoomError,
    expanded,
    remove_leftovers,
    write_atomically,
    write_json,
    write_text,
    writing,
)

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "jaxgan")
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
OWN, DATA = "your own", "fingerprint"
_RENAMED = {"discriminator_accuracy": "pair_accuracy"}  # an older version's metrics: a curve stays one line
_LONGEST_ROW = 1024  # bytes that a row of metrics.jsonl takes at most


class OtherRunError(UserError):
    """The folder holds a run with other settings; ``free`` is a path that does not exist yet."""

    def __init__(self, message: str, path: Path, free: Path):
        super().__init__(message)
        self.path, self.free = path, free

    def advice(self, arguments: Sequence[str]) -> str:
        """Return two command lines: one goes on with the run there, one begins another in the free folder."""
        line = [argument for argument in arguments if not argument.startswith("--workdir=")]
        if "--workdir" in line:
            del line[line.index("--workdir") : line.index("--workdir") + 2]
        program = ["jaxgan"] if Path(line[0]).stem == "jaxgan" else ["python", line[0]]
        command = shlex.join([*program, *line[1:], "--workdir", str(self.free)])
        resume = shlex.join(["jaxgan", "resume", str(self.path)])
        return f"The run that is there:  {resume}\nIn a folder of its own:  {command}"


class Workdir:
    """An open run folder, locked against other processes until it is closed.

    Args:
        path: path of the folder, which is made if missing.
        settings: the run's settings, as plain JSON values.
        practical: names of the settings that may differ from those of the run in the folder.
        upgrade: function that turns an older version's config.json into one that this version writes.
        writes: False for a process that leaves the folder to process 0 and writes nothing but a log of its
            own (`follow`).

    Raises:
        UserError: if the path is not a folder, cannot be written, holds other files than a run's, or is in
            use by another process.
        OtherRunError: if it holds a run with other settings.
    """

    def __init__(
        self,
        path: str | Path,
        settings: dict[str, Any],
        *,
        practical: Collection[str] = (),
        upgrade: Upgrade = dict,
        writes: bool = True,
    ):
        self.path, self.settings = expanded(path), settings
        self.warnings: dict[str, str] = {}  # by the alarm's name; status.json lists them
        self.notes: list[str] = []
        self.is_older = False  # whether the run in the folder was made before data had fingerprints
        self._step, self._writes = 0, writes
        if writes:
            self._open(settings, practical, upgrade)

    def follow(self) -> "Workdir":
        """Open the log of a process that does not write the folder; process 0 has made the folder by then.

        The runtime prints into the same log: when another process dies, it ends this one with a message.
        """
        number = jax.process_index()
        try:
            self._log = self._lock = _opened(self.path / f"log-{number}.txt")
        except OSError as error:
            raise UserError(
                f"process {number} cannot write to `workdir` {self.path} ({error.strerror}): all processes "
                "need the folder that process 0 has made, on a file system that they share"
            ) from error
        os.dup2(self._log.fileno(), 2)
        return self

    def _open(self, settings: dict[str, Any], practical: Collection[str], upgrade: Upgrade) -> None:
        file = self.path / "config.json"
        if self.path.is_dir() and not file.exists() and any(map(_is_strange, self.path.iterdir())):
            raise UserError(f"{self.path} holds files but no run of jaxgan: choose another `workdir`")
        is_new = not self.path.exists()
        try:
            with writing(self.path / ".lock"):
                self.path.mkdir(parents=True, exist_ok=True)
                self._lock = _opened(self.path / ".lock", "a+")
        except NoRoomError:
            raise
        except OSError as error:
            raise UserError(f"cannot write to `workdir` {self.path}: {error.strerror}") from error
        try:
            self._hold()
            remove_leftovers(self.path)
            if not is_new and file.exists():
                self._compare(file, settings, practical, upgrade)
            write_json(file, settings)
            write_json(self.path / "env.json", environment(self.path))
            with writing(self.path / "log.txt"):
                self._log = _opened(self.path / "log.txt")
        except BaseException:
            with contextlib.suppress(OSError):  # on a full disk it still has something to write
                self._lock.close()
            raise

    def __enter__(self) -> "Workdir":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock, contextlib.suppress(OSError), self._log:  # the disk may be full
            if error is not None and not isinstance(error, UserError):
                self.write_status("failed", self._step, f"{type(error).__name__}: {error}")
                self.log("".join(traceback.format_exception(error)))

    def log(self, line: str) -> None:
        """Append a line to the log, with the time."""
        with writing(Path(self._log.name)):
            self._log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}\n")
            self._log.flush()

    def write_status(self, state: str, step: int, why: str = "") -> None:
        """Write the run's state: "running", "done", "preempted" or "failed"."""
        self._step = step
        if not self._writes:
            self.log(f"{state} at step {step:,}{why and f': {why}'}")
            return
        status: dict[str, Any] = {"state": state, "step": step, "why": why}
        if self.warnings:
            status["warnings"] = list(self.warnings.values())
        path = self.path / "status.json"
        try:
            write_json(path, status)
        except NoRoomError:  # the file that is there has room of its own
            content = json.dumps(status, indent=2).encode()
            if not path.exists() or len(content) > path.stat().st_blocks * 512:
                raise
            with writing(path), path.open("r+b") as file:
                file.write(content)
                file.truncate()

    def append_metrics(self, step: int, metrics: dict[str, float]) -> None:
        """Append one row to metrics.jsonl. Rows hold no times, so an interrupted run writes the same file."""
        self._step = step
        self.append("metrics.jsonl", {"step": step, **metrics})

    def append(self, name: str, row: dict[str, Any]) -> None:
        """Append one row to a file of rows."""
        if self._writes:
            with writing(self.path / name), _opened(self.path / name) as file:
                file.write(json.dumps(row) + "\n")

    def read_metrics(self, up_to: int | None = None) -> list[dict[str, int | float]]:
        """Return the rows of metrics.jsonl, up to a step; a last line cut off by a crash is left out."""
        return self.read_rows("metrics.jsonl", up_to)

    def read_rows(self, name: str, up_to: int | None = None) -> list[dict[str, Any]]:
        """Return the rows of a file of rows, up to a step."""
        return read_rows(self.path, up_to, name)

    def last_metrics(self, count: int) -> list[dict[str, int | float]]:
        """Return the last rows of metrics.jsonl, however long it is."""
        if not (self.path / "metrics.jsonl").exists():
            return []
        with (self.path / "metrics.jsonl").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - count * _LONGEST_ROW))
            lines = file.read().decode(errors="replace").splitlines()[-count:]
        return list(_parse(lines))

    def some_metrics(self, most: int) -> list[dict[str, int | float]]:
        """Return at most `most` rows of metrics.jsonl, evenly spread and ending with the last."""
        file = self.path / "metrics.jsonl"
        if not file.exists():
            return []
        with file.open("rb") as lines:
            count = sum(1 for _ in lines)
        stride = 1 + max(0, count - 1) // most
        with file.open(encoding="utf-8", errors="replace") as lines:
            return list(_parse(itertools.islice(lines, (count - 1) % stride, None, stride)))

    def require_new(self) -> None:
        """Raise `UserError` if a run has ended in this folder: a new one would delete its metrics."""
        try:
            state = json.loads((self.path / "status.json").read_text(encoding="utf-8"))["state"]
        except (OSError, ValueError, TypeError, KeyError):
            return
        if state in ("done", "preempted"):  # a run that is "running" may have been killed in its first save
            raise UserError(
                f"{self.path} has the results of a run but no checkpoint to go on from: move that folder "
                f"away, or choose another `workdir`"
            )

    def trim_metrics(self, step: int) -> None:
        """Drop the rows of metrics.jsonl beyond `step`, which the run will write again."""
        self.write_rows("metrics.jsonl", self.read_metrics(up_to=step))

    def write_rows(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """Write a file of rows anew."""
        if self._writes:
            text = "".join(json.dumps(row) + "\n" for row in rows)
            write_atomically(self.path / name, lambda file: write_text(file, text))

    def _hold(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "another process"
            raise UserError(f"{self.path} is in use by {holder}") from error
        with writing(self.path / ".lock"):
            self._lock.truncate(0)
            self._lock.write(f"process {os.getpid()} on {socket.gethostname()}")
            self._lock.flush()

    def _compare(
        self, file: Path, settings: dict[str, Any], practical: Collection[str], upgrade: Upgrade
    ) -> None:
        saved = json.loads(json.dumps(upgrade(read_settings(self.path))))
        present = json.loads(json.dumps(settings))  # tuples become lists, as in the file
        old, new = _flat(saved, present), _flat(present, present)
        before, now = saved.get(DATA) or {}, present.get(DATA) or {}
        differing = list(filter(None, [difference(before, now)])) + [
            f"{name} was {old.get(name, 'unset')}, is now {new.get(name, 'unset')}"
            for name in dict.fromkeys([*old, *new])
            if old.get(name) != new.get(name) and name not in practical
        ]
        if differing:
            free = next(
                folder
                for i in itertools.count(2)
                if not (folder := self.path.with_name(f"{self.path.name}-{i}")).exists()
            )
            hint = ""
            if any(line.startswith(OWN) for line in differing):
                hint = " (train.run's argument labels names your own pieces, if these are the same)"
            message = f"{self.path} holds a run with other settings: {'; '.join(differing)}{hint}"
            raise OtherRunError(message, self.path, free)
        if "content" in now and "content" not in before:
            self.is_older = True
            self.notes.append(
                f"an older version kept no fingerprint of the run's data: it is now that of {present['data']}"
            )


def _opened(file: Path, mode: str = "a") -> IO[str]:
    """Open a text file to append to; any text can be written to it, whatever the locale."""
    return file.open(mode, encoding="utf-8", errors="backslashreplace")


def _flat(settings: dict[str, Any], present: dict[str, Any]) -> dict[str, Any]:
    """Return settings with an entry of its own for each of the user's own pieces.

    Args:
        settings: the settings of a run.
        present: the settings that they are compared with. Older versions kept only the names of pieces, whose
            labels are taken from these.
    """
    own = settings.get("own") or {}
    if isinstance(own, list):
        own = {name: (present.get("own") or {}).get(name) for name in own}
    flat = {name: value for name, value in settings.items() if name not in ("own", DATA)}
    return flat | {f"{OWN} {name}": label for name, label in own.items()}


def read_settings(folder: Path) -> dict[str, Any]:
    """Return the content of a run's config.json.

    Raises:
        UserError: if there is none, or if it is damaged.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise UserError(f"there is no run in {folder}: it has no config.json")
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(saved, dict):
            raise TypeError(f"it is {saved!r:.40}")
    except (ValueError, TypeError, OSError) as error:
        raise UserError(f"{file} does not hold a run's settings as JSON: {error}") from error
    return saved


def read_rows(folder: Path, up_to: int | None = None, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """Return the rows of a file of a run folder; see `Workdir.read_metrics`."""
    file = folder / name
    rows = _parse(file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else [])
    return [row for row in rows if up_to is None or row["step"] <= up_to]


def _parse(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows that are whole: a crash may cut off the last one, and a failing disk damage any."""
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and type(row.get("step")) is int:
            yield {_RENAMED.get(name, name): value for name, value in row.items()}


def _is_strange(file: Path) -> bool:
    """Return whether a file is not one that a run leaves when it is killed at its very start."""
    return file.name != ".lock" and not file.name.startswith(".config.")


def environment(folder: Path = Path(".")) -> dict[str, Any]:
    """Return what a run's numbers may depend on besides its settings: versions and the machine.

    Args:
        folder: the folder that results are written to; its disk counts.
    """
    device = jax.devices()[0]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": f"{jax.device_count()} x {device.device_kind}",
        "backend": device.platform,
        "disk_free_bytes": shutil.disk_usage(folder).free,
        "packages": versions(),
    }


def versions() -> dict[str, str | None]:
    """Return the version of each package that numbers depend on; None where one is not installed."""
    return {name: _version(name) for name in PACKAGES}


def code_hash() -> str:
    """Return 16 hex digits that change with any source file of jaxgan."""
    root = Path(__file__).parent.parent
    files = {
        str(file.relative_to(root)): np.frombuffer(file.read_bytes(), np.uint8) for file in root.rglob("*.py")
    }
    return content_hash(files)


def _version(package: str) -> str | None:
    """Return a package's version; None where it is used without being installed, as from a checkout."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
