"""What all processes but the first have in the place of a run folder and a recorder: they write a log.

They look at the metrics as the first one does, so that all meet a NaN at the same step.
"""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import jax

from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.data import Dataset
from jaxgan.run.recorder import Recorder
from jaxgan.run.workdir import Workdir
from jaxgan.state import Variables
from jaxgan.system import processes
from jaxgan.system.progress import Progress


def following(config: Config) -> Config:
    """Return the config of a process that neither evaluates nor looks for trouble."""
    return config.replace(evaluate_every=None, stop_at=None, patience=None, diagnose_every=None)


def open_folder(path: str | Path, settings: dict[str, Any], **options: Any) -> Workdir:
    """Open a run folder, process 0 as `Workdir` does, the others when it has."""
    folder = Workdir(path, settings, **options) if processes.is_first() else None
    processes.gather("open")
    folder = folder or FollowerFolder(path)
    processes.log_to(folder.log)
    return folder


class FollowerFolder(Workdir):
    """The folder that process 0 has opened; this one writes ``log-<process>.txt`` alone.

    What the runtime prints goes there too: when another process dies, it ends this one with a message.
    """

    def __init__(self, path: str | Path):
        self.path, self._step = Path(path), 0
        self.warnings: dict[str, str] = {}
        self._log = self._lock = (self.path / f"log-{jax.process_index()}.txt").open("a")
        os.dup2(self._log.fileno(), 2)

    def log(self, line: str) -> None:
        """Append a line to the log."""
        self._log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}\n")
        self._log.flush()

    def write_status(self, state: str, step: int, why: str = "") -> None:
        """Log it."""
        self._step = step
        self.log(f"{state} at step {step:,}{why and f': {why}'}")

    def append_metrics(self, step: int, metrics: dict[str, float]) -> None:
        """Leave it to process 0."""

    def trim_metrics(self, step: int) -> None:
        """Leave it to process 0."""


class FollowerRecorder(Recorder):
    """Takes what `jaxgan.run.recorder.Recorder` takes, and logs the metrics."""

    def __init__(
        self,
        folder: Workdir,
        config: Config,
        dataset: Dataset,
        experiment: Experiment,
        *,
        key: jax.Array,
        start: int,
    ):
        del dataset, key
        self._config, self._experiment, self.marks = config, experiment, {}
        images = config.batch_size * config.d_steps
        self.progress = Progress(start, config.steps, images, bar=False, quiet=True)
        self.path, self.say = folder.path, folder.log

    def __enter__(self) -> "FollowerRecorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.close()

    def attempt(self, what: str, work: Callable[[], Any]) -> None:
        """Leave it to process 0."""

    def draw(self, ema: Variables) -> None:
        """Leave it to process 0."""

    def publish(self, step: int, ema: Variables) -> None:
        """Leave it to process 0."""

    def finish(self, step: int, images: Any) -> None:
        """Leave it to process 0."""

    def call_ended(
        self, step: int, steps: int, metrics: dict[str, jax.Array], images: Any, last: bool = False
    ) -> None:
        """Check what a call has given, and log it."""
        line = self._arrived(step, steps, metrics)[1]
        if last or self._logs(step):
            self.say(line)
