"""Evaluation while a run trains: how far the fakes are from the reals, the best so far, and when to stop.

Evaluating reads the EMA weights and nothing else, with latents from a key of its own: a run has the same
parameters, bit for bit, with and without. What was measured goes to evaluations.jsonl, a row per evaluation.
"""

import json
from functools import partial

import jax

from jaxgan.build import Experiment
from jaxgan.export import WEIGHTS, read_description
from jaxgan.run import checkpoint, early_stopping, evaluation_plan, figures
from jaxgan.run.early_stopping import Row
from jaxgan.run.evaluation_plan import Judge
from jaxgan.run.recorder import Recorder
from jaxgan.run.workdir import read_rows
from jaxgan.state import Variables, named_leaves, with_leaves
from jaxgan.system.errors import UserError
from jaxgan.system.files import write_atomically, write_json

FILE, PLOT, BEST = "evaluations.jsonl", "plots/evaluations.png", "best"


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
        self._rows: list[Row] = read_rows(self._recorder.path, start, self._file.name)
        generator = experiment.generator
        self._generate = jax.jit(
            lambda variables, latents, labels: generator.apply(variables, latents, labels, train=False)
        )
        if judge is not None:
            self._write()
            write_json(recorder.path / "evaluation.json", evaluation_plan.protocol(judge))

    @property
    def why(self) -> str | None:
        """Why to stop; None: go on."""
        return None if self._judge is None else early_stopping.why_stop(self._rows, self._judge.goal)

    @property
    def intervals(self) -> tuple[int, ...]:
        """After how many steps there is something to do, if anything."""
        return () if self._judge is None else (self._judge.every,)

    @property
    def best(self) -> int | None:
        """The step of the best evaluation so far."""
        if self._judge is None:  # a stretch without evaluations: what an earlier one found
            return self._exported()
        found = early_stopping.best(self._rows, self._judge.goal)
        return None if found is None else int(self._rows[found]["step"] or 0)

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
            best = early_stopping.best(self._rows, judge.goal)
            is_best = best == len(self._rows) - 1
            if best is not None:
                self._plot(judge, best)
            if is_best:
                self._recorder.export(step, jax.device_get(ema), BEST)
        return is_best

    def rebuild(self, step: int, ema: Variables) -> None:
        """Make the plot of evaluations and the export of the best generator anew, where they are not right.

        Args:
            step: the present one.
            ema: the generator's average variables; those of another step come from its checkpoint.
        """
        at = self.best
        if self._judge is None or at is None:
            return
        if not (self._recorder.path / PLOT).exists():
            self._plot(self._judge, [row["step"] for row in self._rows].index(at))
        if self._exported() != at:
            try:
                best_ema = ema if at == step else self._saved(at)
                self._recorder.export(at, jax.device_get(best_ema), BEST)
            except (checkpoint.DamagedError, UserError) as error:
                self._recorder.say(f"note: the generator of step {at:,}, the best, cannot be had: {error}")

    def _exported(self) -> int | None:
        """Return the step of the generator in best/; None where there is none."""
        folder = self._recorder.path / BEST
        try:
            return read_description(folder)["step"] if (folder / WEIGHTS).exists() else None
        except (UserError, KeyError):
            return None

    def _saved(self, step: int) -> Variables:
        shapes = self._experiment.shapes
        leaves = checkpoint.read(self._recorder.path / f"checkpoints/{step}", named_leaves(shapes))
        return with_leaves(shapes, leaves).ema

    def _plot(self, judge: Judge, best: int) -> None:
        plots, network = (self._recorder.path / PLOT).parent, judge.extractor.name
        draw = partial(figures.plot_evaluations, self._rows, best, judge.names, network, plots)
        self._recorder.attempt("the plot of evaluations", draw)

    def _scores(self, judge: Judge, ema: Variables) -> Row:
        scores, notes = evaluation_plan.measure(
            judge, self._experiment, partial(self._generate, ema), self._key
        )
        for note in notes:
            self._recorder.say(note)
        return scores

    def _say(self, step: int, judge: Judge) -> None:
        numbers = [
            f"{name} {value:.4g}"
            for name, value in self._rows[-1].items()
            if name != "step" and value is not None and not name.endswith(figures.SPREADS)
        ]
        protocol = f"{judge.extractor.name}, {judge.n:,} fakes, {len(judge.reals.images):,} reals"
        self._recorder.say(f"evaluated step {step:,}: {', '.join(numbers) or 'no number'} ({protocol})")

    def _write(self) -> None:
        text = "".join(json.dumps(row) + "\n" for row in self._rows)
        write_atomically(self._file, lambda file: file.write_text(text))
