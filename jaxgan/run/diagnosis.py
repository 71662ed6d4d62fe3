"""Looking for trouble while a run trains, by `jaxgan.diagnostics`.

A look changes nothing: the parameters are the same, bit for bit, with and without. Each look is a row of
diagnostics.jsonl. An alarm is logged when it begins and when it ends, and marked on the curves. status.json
has those that last.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import diagnostics, parallel
from jaxgan.config import Config
from jaxgan.data import Dataset
from jaxgan.run.recorder import Recorder
from jaxgan.run.run import Run
from jaxgan.state import GANState
from jaxgan.system.errors import with_flags

IMAGES = 128  # approximate number of real images that a look uses
WINDOW = 64  # rows of the log in which an oscillation is looked for
FILE = "diagnostics.jsonl"


class Diagnosis:
    """The looks for trouble of one run.

    Args:
        run: the run; ``config.diagnose_every`` says how often to look, None for never.
        recorder: the run's recorder.
        start: the step that the run starts or goes on from; later looks are dropped.
    """

    def __init__(self, run: Run, recorder: Recorder, *, start: int):
        self._run, self._recorder = run, recorder
        rows = run.folder.read_rows(FILE, start)
        self._repeat_alarms(rows)
        if (run.folder.path / FILE).exists():
            run.folder.write_rows(FILE, rows)
        self._count, self._recent = len(rows), deque[dict[str, Any]](rows, maxlen=diagnostics.LOOKS)
        self._probe: Any = None
        config, dataset, experiment = run.config, run.dataset, run.experiment
        pack = getattr(experiment.step.game, "pack", 1)
        rows_of_data = examples(len(dataset.images), config, pack)
        self._every = config.diagnose_every if len(rows_of_data) else None
        if self._every is not None:
            self._images, self._condition = _seen(run, rows_of_data)
            labels = dataset.labels if config.conditional else None
            self._labels = None if labels is None else jnp.asarray(labels[rows_of_data])
            self._sources = _sources_of(dataset, rows_of_data)
            players = experiment.players
            probe = diagnostics.make_probe(players, experiment.step.game)
            self._probe = jax.jit(probe)

    @property
    def intervals(self) -> tuple[int, ...]:
        """Intervals of steps after which a look is due, if any."""
        return () if self._every is None else (self._every,)

    def _repeat_alarms(self, rows: list[dict[str, Any]]) -> None:
        """Mark the alarms of the looks before the run was stopped, and keep those of the last one."""
        warnings = self._run.folder.warnings
        warnings.clear()
        measurements = [_without_alarms(row) for row in rows]
        for i, row in enumerate(rows):
            recent = measurements[max(0, i - diagnostics.LOOKS) : i + 1]
            self._keep(self._alarms(recent) if row["alarms"] else [], row["step"])

    def _alarms(self, measurements: list[dict[str, Any]]) -> list[diagnostics.Alarm]:
        return diagnostics.alarms(measurements, warm_up=0, settings=vars(self._run.config))

    def _keep(self, alarms: list[diagnostics.Alarm], step: int) -> tuple[list[str], list[str]]:
        """Keep the warnings that last; return lines about those that are new and those that are over."""
        warnings, names = self._run.folder.warnings, [alarm.name for alarm in alarms]
        over = [f"{name} is over at step {step:,}" for name in warnings if name not in names]
        for name in [name for name in warnings if name not in names]:
            del warnings[name]
        new = [alarm for alarm in alarms if alarm.name not in warnings]
        for alarm in new:
            warnings[alarm.name] = with_flags(str(alarm))
            self._recorder.marks.setdefault(alarm.name, step)
        return [f"warning: {warnings[alarm.name]}" for alarm in new], over

    def look(self, step: int, state: GANState) -> list[Callable[[], None]]:
        """Start a look if one is due; return the work to do when its numbers have been computed."""
        if self._every is None or step % self._every:
            return []
        key = jax.random.fold_in(self._run.keys.diagnosis, step)
        networks, seen = parallel.local(state), (self._images, self._labels)
        look = partial(self._probe, networks, *seen, key, self._sources, self._condition)
        findings = self._recorder.attempt("a look for trouble", look)
        return [] if findings is None else [partial(self._record, step, findings)]

    def _record(self, step: int, findings: dict[str, jax.Array]) -> None:
        folder = self._run.folder
        log = folder.last_metrics(WINDOW)
        row: dict[str, Any] = {"step": step}
        row |= {name: float(value) for name, value in jax.device_get(findings).items()}
        row["oscillation"] = max(
            diagnostics.oscillation_index([line[loss] for line in log if loss in line])
            for loss in self._run.experiment.step.game.LOSSES
        )
        self._count += 1
        measurements = [_without_alarms(recent) for recent in self._recent]
        settled = self._count >= diagnostics.WARM_UP + diagnostics.LOOKS
        alarms = self._alarms([*measurements, row]) if settled else []
        self._recent.append({**row, "alarms": [alarm.name for alarm in alarms]})
        folder.append(FILE, self._recent[-1])
        new, over = self._keep(alarms, step)
        for line in (*new, *over):
            self._recorder.say(line)
        if new or over:
            folder.write_status("running", step)


def _sources_of(dataset: Dataset, rows: np.ndarray) -> jax.Array | None:
    """Return the sources of some images; of two sets without pairs, as many of the other set."""
    if dataset.unpaired is not None:
        places = np.linspace(0, len(dataset.unpaired) - 1, len(rows)).astype(int)
        return jnp.asarray(dataset.unpaired[np.concatenate([places[::2], places[1::2]])])
    return None if dataset.sources is None else jnp.asarray(dataset.sources[rows])


def _seen(run: Run, rows_of_data: np.ndarray) -> tuple[jax.Array, jax.Array | None]:
    """Return the examples of a look and, of a table, their conditions: those of the run's first batch."""
    if run.dataset.rows is None:
        return jnp.asarray(run.dataset.images[rows_of_data]), None
    arrays, count = jax.device_put(run.experiment.arrays), len(rows_of_data)
    batch = run.dataset.batch_at(arrays, 0, seed=np.uint32(run.config.seed), batch_size=count)
    return batch["image"], batch.get("condition")


def examples(available: int, config: Config, pack: int = 1) -> np.ndarray:
    """Return the indices of the examples that a look uses, as two halves; none if the data are too few.

    Each half is spread over all the data, which may be sorted by class, and divides into as many parts as a
    batch does, each of two packs at least. The halves hold at most `IMAGES` examples and at most a batch,
    unless the parts need more.
    """
    unit = 2 * config.accumulate * (pack if pack == 1 else 2 * pack)
    count = max(4, unit, min(IMAGES, config.batch_size, available) // unit * unit)
    rows = np.linspace(0, available - 1, count if count <= available else 0).astype(int)
    return np.concatenate([rows[::2], rows[1::2]])


def _without_alarms(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "alarms"}
