"""Trackers that a run's numbers go to as well: trackio and wandb, which take the same three calls.

``metrics.jsonl`` stays the truth. A tracker's run has the name of the run's folder and a hash of its path, so
that a run which goes on is the same run there. The file ``tracked.json`` holds the last step that each
tracker was given: steps that a stopped run computes again are not given twice.
"""

import contextlib
import importlib
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxgan.system.files import write_json

PROJECT = "jaxgan"
FILE = "tracked.json"


class Tracker:
    """One tracker of one run.

    Args:
        name: "trackio" or "wandb".
        folder: the run's folder.
        settings: the run's settings, as JSON can hold them.
    """

    def __init__(self, name: str, folder: Path, settings: Mapping[str, Any]):
        self._name, self._file = name, folder / FILE
        self._library: Any = importlib.import_module(name)
        self._last = _marks(self._file).get(name, -1)
        identity = f"{folder.name}-{zlib.crc32(bytes(folder.resolve())):08x}"
        options: dict[str, Any] = {"project": PROJECT, "name": identity, "resume": "allow"}
        options["config"] = dict(settings)
        if name == "wandb":
            options |= {"id": identity, "dir": str(folder)}
            if not os.environ.get("WANDB_MODE") and not self._library.login(prompt=False):
                options["mode"] = "offline"  # nobody is logged in, and a question would stop the run
        else:
            options |= {"auto_log_cpu": False, "auto_log_gpu": False}
        with contextlib.redirect_stdout(None):
            self._library.init(**options)

    def add_scalars(self, values: Mapping[str, float], step: int) -> None:
        """Give the numbers of a step, unless the tracker has had them."""
        if step > self._last:
            self._library.log(dict(values), step=step)
            self._last = step
            write_json(self._file, {**_marks(self._file), self._name: step})

    def close(self) -> None:
        """Bring everything to where the tracker keeps it."""
        with contextlib.redirect_stdout(None):
            self._library.finish()


def _marks(file: Path) -> dict[str, int]:
    """Return the last step that each tracker was given; {} where the file is missing or damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
