"""Looking for trouble while a run trains: what `jaxgan.diagnostics` finds, in the log and beside the curves.

A look changes nothing: the parameters are the same, bit for bit, with and without. What was found goes to
diagnostics.jsonl, a row a look; an alarm is said once while it lasts, and kept in status.json.
"""

import json
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import data, diagnostics
from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.run.recorder import Recorder
from jaxgan.run.workdir import Workdir, read_rows
from jaxgan.state import GANState
from jaxgan.system.errors import with_flags
from jaxgan.system.files import write_atomically, writing

IMAGES = 128  # that a look shows, about
WINDOW = 64  # rows of the log in which losses may come back
LOSSES = ("discriminator_loss", "generator_loss")


class Monitor:
    """The looks of one run.

    Args:
        config: ``diagnose_every`` says how often; None: never.
        dataset: some of its images are shown to the discriminator.
        experiment: step and networks.
        folder: of the run.
        recorder: says what is found.
        key: of the sample grid; latents come from it.
        start: the step that the run starts or goes on from; later looks are forgotten.
    """

    def __init__(
        self,
        config: Config,
        dataset: data.Dataset,
        experiment: Experiment,
        folder: Workdir,
        recorder: Recorder,
        *,
        key: jax.Array,
        start: int,
    ):
        self._folder, self._recorder = folder, recorder
        self._key = jax.random.fold_in(key, 2)  # the sample grid and evaluations have their own
        self._file = folder.path / "diagnostics.jsonl"
        rows = read_rows(folder.path, start, self._file.name)
        self._tell_again(rows)
        if self._file.exists():
            text = "".join(json.dumps(row) + "\n" for row in rows)
            write_atomically(self._file, lambda file: file.write_text(text))
        self._count, self._recent = len(rows), deque[dict[str, Any]](rows, maxlen=diagnostics.LOOKS)
        self._find: Any = None
        shown = examples(len(dataset.images), config)
        self._every = config.diagnose_every if len(shown) else None
        if self._every is not None:
            self._images = jnp.asarray(dataset.images[shown])
            labels = dataset.labels if config.conditional else None
            self._labels = None if labels is None else jnp.asarray(labels[shown])
            probe = diagnostics.make_probe(
                experiment.step.players, experiment.generator, experiment.discriminator
            )
            self._find = jax.jit(probe)

    @property
    def intervals(self) -> tuple[int, ...]:
        """After how many steps there is something to do, if anything."""
        return () if self._every is None else (self._every,)

    def _tell_again(self, rows: list[dict[str, Any]]) -> None:
        """Mark and keep the alarms of looks that were made before the run was stopped."""
        self._folder.warnings.clear()
        numbers = [_without_alarms(row) for row in rows]
        for i, row in enumerate(rows):
            if row["alarms"]:
                for alarm in diagnostics.alarms(numbers[max(0, i - diagnostics.LOOKS) : i + 1], warm_up=0):
                    self._folder.warnings[alarm.name] = with_flags(str(alarm))
                    self._recorder.marks.setdefault(alarm.name, row["step"])

    def look(self, step: int, state: GANState) -> list[Callable[[], None]]:
        """Start to look, at a step to look at; return what is to be done when the numbers are there."""
        if self._every is None or step % self._every:
            return []
        look = partial(self._find, state, self._images, self._labels, jax.random.fold_in(self._key, step))
        found = self._recorder.attempt("a look for trouble", look)
        return [] if found is None else [partial(self._judge, step, found)]

    def _judge(self, step: int, found: dict[str, jax.Array]) -> None:
        log = self._folder.last_metrics(WINDOW)
        row: dict[str, Any] = {"step": step}
        row |= {name: float(value) for name, value in jax.device_get(found).items()}
        row["oscillation"] = max(
            diagnostics.oscillation_index([line[loss] for line in log if loss in line]) for loss in LOSSES
        )
        before = set(self._recent[-1]["alarms"]) if self._recent else set()
        self._count += 1
        numbers = [_without_alarms(each) for each in self._recent]
        settled = self._count >= diagnostics.WARM_UP + diagnostics.LOOKS
        alarms = diagnostics.alarms([*numbers, row], warm_up=0) if settled else []
        self._recent.append({**row, "alarms": [alarm.name for alarm in alarms]})
        with writing(self._file), self._file.open("a") as file:
            file.write(json.dumps(self._recent[-1]) + "\n")
        for alarm in alarms:
            self._folder.warnings[alarm.name] = with_flags(str(alarm))
            if alarm.name not in before:
                self._recorder.say(f"warning: {with_flags(str(alarm))}")
                self._recorder.marks.setdefault(alarm.name, step)
        if alarms:
            self._folder.write_status("running", step)


def examples(available: int, config: Config) -> np.ndarray:
    """Return which of the data a look shows, as two halves; none if there are too few.

    Either half is spread over all the data, which may be in the order of classes, and can be cut into as many
    parts as a batch is. There are at most `IMAGES` and no more than in a step, unless the parts need more.
    """
    unit = 2 * config.accumulate
    count = max(4, unit, min(IMAGES, config.batch_size, available) // unit * unit)
    rows = np.linspace(0, available - 1, count if count <= available else 0).astype(int)
    return np.concatenate([rows[::2], rows[1::2]])


def _without_alarms(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "alarms"}
