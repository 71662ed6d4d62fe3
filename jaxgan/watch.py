"""Evaluation while a run trains: how far the fakes are from the reals, the best so far, and when to stop.

Evaluating reads the EMA weights and nothing else, with latents from a key of its own: a run has the same
parameters, bit for bit, with and without. What was measured goes to evaluations.jsonl, a row per evaluation.
"""

import json
import math
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgan import data, features, goal, report
from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.errors import UserError
from jaxgan.evaluate import DISTANCES, METRICS, WITH_TRAINING_SET, from_generator, labels_like, split_names
from jaxgan.evaluate import reals as there
from jaxgan.evaluate.fakes import outputs
from jaxgan.evaluate.reals import Reals
from jaxgan.evaluate.scores import Evidence, scalars
from jaxgan.features import Extractor, Outputs
from jaxgan.files import write_atomically, write_json
from jaxgan.goal import Goal, Row
from jaxgan.recorder import Recorder
from jaxgan.state import Variables

FILE = "evaluations.jsonl"


class Judge(NamedTuple):
    """What a run is judged by.

    Attributes:
        every: steps between evaluations.
        n: fakes.
        names: of the metrics.
        goal: when to stop.
        reals: what the fakes are compared with.
        real: their features.
        extractor: that made them.
    """

    every: int
    n: int
    names: tuple[str, ...]
    goal: Goal
    reals: Reals
    real: Outputs
    extractor: Extractor


def judge(config: Config, dataset: data.Dataset, extractor: Extractor | None = None) -> Judge | None:
    """Return what a run is to be judged by, or None if it is not; makes the features of the reals.

    Args:
        config: of the run.
        dataset: of the run. A TFDS one is compared with its "test" split, any other with itself.
        extractor: your own.

    Raises:
        UserError: if the options make no sense, or an extractor or data cannot be had.
    """
    known = tuple(name for name in METRICS if name not in WITH_TRAINING_SET)
    names = split_names(config.metrics, known)
    wanted = goal.parse(config.stop_at, config.patience, names, DISTANCES)
    if config.evaluate_every is None:
        if config.stop_at is not None or config.patience is not None:
            raise UserError("--stop-at and --patience look at evaluations: set --evaluate-every")
        return None
    if extractor is None:
        extractor = features.get(
            config.extractor,
            source=dataset.name,
            inception_weights=config.inception_weights,
            efficientnet_weights=config.efficientnet_weights,
            data_dir=config.data_dir,
        )
    if data.has_splits(dataset.name) and dataset.name == config.data:
        shape = dataset.images.shape[1:]
        reals = there.load(dataset.name, shape, split="test", n=config.evaluate_n, data_dir=config.data_dir)
    else:
        reals = there.from_dataset(dataset, config.evaluate_n)
    real = there.outputs(reals, extractor)
    return Judge(config.evaluate_every, config.evaluate_n, names, wanted, reals, real, extractor)


def measure(
    judge: Judge, experiment: Experiment, generate: Callable[..., jax.Array], key: jax.Array
) -> tuple[Row, list[str]]:
    """Return what the judge measures of a generator, None where it is no finite number, and lines to say.

    Args:
        judge: what to measure, and against what.
        experiment: the networks.
        generate: ``(latents, labels) -> images``.
        key: of the latents.
    """
    fakes = from_generator(
        generate,
        latent_dim=experiment.shapes.latent_dim,
        n=judge.n,
        labels=labels_like(judge.reals, judge.n, experiment.num_classes),
        key=key,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            evidence = Evidence(judge.real, outputs(fakes, judge.extractor), judge.extractor)
        except features.NotFiniteError as error:
            return {judge.goal.metric or judge.names[0]: None}, [f"cannot evaluate: {error}"]
        results = {name: METRICS[name](evidence) for name in judge.names}
    notes = [f"note: {message}" for message in dict.fromkeys(str(warning.message) for warning in caught)]
    return {name: x if math.isfinite(x) else None for name, x in scalars(results).items()}, notes


class Watch:
    """The evaluations of one run.

    Args:
        judge: None for a run without evaluations.
        recorder: of the run.
        experiment: the networks.
        key: of the latents: the same ones at every evaluation.
        start: the step that the run starts or goes on from; later evaluations are forgotten.
    """

    def __init__(
        self, judge: Judge | None, recorder: Recorder, experiment: Experiment, *, key: jax.Array, start: int
    ):
        self._judge, self._recorder, self._experiment, self._key = judge, recorder, experiment, key
        self._file = recorder.path / FILE
        self._rows: list[Row] = _read(self._file, up_to=start)
        generator = experiment.generator
        self._generate = jax.jit(
            lambda variables, latents, labels: generator.apply(variables, latents, labels, train=False)
        )
        if judge is not None:
            self._write()
            write_json(recorder.path / "evaluation.json", _protocol(judge))

    @property
    def why(self) -> str | None:
        """Why to stop; None: go on."""
        return None if self._judge is None else goal.why_stop(self._rows, self._judge.goal)

    @property
    def intervals(self) -> tuple[int, ...]:
        """After how many steps there is something to do, if anything."""
        return () if self._judge is None else (self._judge.every,)

    def score(self, step: int) -> float | None:
        """Return the number that a step is judged by; None if it was not measured, or is no number."""
        rows = [row for row in self._rows if row["step"] == step]
        return goal.score(rows[0], self._judge.goal) if rows and self._judge else None

    def measure(self, step: int, ema: Variables, *, last: bool = False) -> bool:
        """Evaluate where a step is one to evaluate at, and was not yet; say whether it is a new best.

        Args:
            step: the present one.
            ema: the generator's average variables.
            last: whether to evaluate in any case.
        """
        judge = self._judge
        if (
            judge is None
            or not (last or step % judge.every == 0)
            or any(r["step"] == step for r in self._rows)
        ):
            return False
        jax.block_until_ready(ema)
        with self._recorder.progress.paused():
            self._rows.append({"step": step, **self._scores(judge, ema)})
            self._say(step, judge)
            self._write()
            best = goal.best(self._rows, judge.goal)
            is_best = best == len(self._rows) - 1
            if best is not None:
                plots, network = self._recorder.path / "plots", judge.extractor.name
                draw = partial(report.plot_evaluations, self._rows, best, judge.names, network, plots)
                self._recorder.attempt("the plot of evaluations", draw)
            if is_best:
                self._recorder.export(step, jax.device_get(ema), "best")
        return is_best

    def _scores(self, judge: Judge, ema: Variables) -> Row:
        scores, notes = measure(judge, self._experiment, partial(self._generate, ema), self._key)
        for note in notes:
            self._recorder.say(note)
        return scores

    def _say(self, step: int, judge: Judge) -> None:
        numbers = [
            f"{name} {value:.4g}"
            for name, value in self._rows[-1].items()
            if name != "step" and value is not None and not name.endswith(report.SPREADS)
        ]
        protocol = f"{judge.extractor.name}, {judge.n:,} fakes, {len(judge.reals.images):,} reals"
        self._recorder.say(f"evaluated step {step:,}: {', '.join(numbers) or 'no number'} ({protocol})")

    def _write(self) -> None:
        text = "".join(json.dumps(row) + "\n" for row in self._rows)
        write_atomically(self._file, lambda file: file.write_text(text))


def _read(file: Path, *, up_to: int) -> list[Row]:
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [row for row in rows if row["step"] <= up_to]


def _protocol(judge: Judge) -> dict[str, Any]:
    return {
        "weights": "EMA",
        "latents": "standard normal, not truncated, the same at every evaluation",
        "metrics": list(judge.names),
        "n_fake": judge.n,
        "against": judge.reals.source,
        "split": judge.reals.split,
        "n_real": len(judge.reals.images),
        "bits": 8,
        "extractor": judge.extractor.name,
        "extractor_hash": judge.extractor.hash,
        "extractor_details": judge.extractor.details,
        "resize": judge.extractor.change(judge.reals.images.shape[1:]),
    }
