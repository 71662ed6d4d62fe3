"""Evaluation while a run trains: how far the fakes are from the reals, the best so far, and when to stop.

Evaluating reads the EMA weights and nothing else, with latents from a key of its own, so a run's parameters
are the same, bit for bit, with and without evaluations. Each evaluation is a row of evaluations.jsonl.
Of several processes, each makes a share of the fakes; process 0 computes the scores, and all know them.
"""

from functools import partial

import jax

from jaxgan import parallel
from jaxgan.export import WEIGHTS, read_description
from jaxgan.run import checkpoint, early_stopping, evaluation_plan, figures
from jaxgan.run.early_stopping import Row
from jaxgan.run.evaluation_plan import EvaluationPlan
from jaxgan.run.recorder import Recorder, networks_of
from jaxgan.run.run import Run
from jaxgan.state import GANState, Variables, named_leaves, with_leaves
from jaxgan.system import processes
from jaxgan.system.errors import UserError
from jaxgan.system.files import write_json

FILE, PLOT, BEST = "evaluations.jsonl", "plots/evaluations.png", "best"


class Evaluations:
    """The evaluations of one run.

    Args:
        run: the run; without a plan, it is not evaluated.
        recorder: the run's recorder.
        start: the step that the run starts or goes on from; later evaluations are dropped.
    """

    def __init__(self, run: Run, recorder: Recorder, *, start: int):
        self._run, self._plan, self._recorder = run, run.plan, recorder
        self._rows: list[Row] = processes.first(run.folder.read_rows(FILE, start))
        if self._plan is not None:
            self._write()
            if processes.is_first():
                write_json(run.folder.path / "evaluation.json", self._plan.protocol)

    @property
    def stop_reason(self) -> str | None:
        """Why the run should stop, or None to go on."""
        return None if self._plan is None else early_stopping.stop_reason(self._rows, self._plan.goal)

    @property
    def intervals(self) -> tuple[int, ...]:
        """Intervals of steps after which an evaluation is due, if any."""
        return () if self._plan is None else (self._plan.every,)

    @property
    def best(self) -> int | None:
        """The step of the best evaluation so far."""
        if self._plan is None:  # a run that goes on without evaluations keeps the best of earlier calls
            return self._exported()
        index = early_stopping.best(self._rows, self._plan.goal)
        return None if index is None else int(self._rows[index]["step"] or 0)

    def measure(self, step: int, state: GANState, *, last: bool = False) -> bool:
        """Evaluate if an evaluation is due and not done yet; return whether it is a new best.

        Every process has to call this.

        Args:
            step: the present step.
            state: the present state; the average generator is evaluated.
            last: whether the run ends at this step, which is evaluated whatever the interval.
        """
        plan = self._plan
        if (
            plan is None
            or not (last or step % plan.every == 0)
            or any(row["step"] == step for row in self._rows)
        ):
            return False
        ema = parallel.local(state.ema)
        jax.block_until_ready(ema)
        with self._recorder.pace.paused():
            self._rows.append({"step": step, **self._scores(plan, ema)})
            self._say(step, plan)
            self._write()
            best = early_stopping.best(self._rows, plan.goal)
            is_best = best == len(self._rows) - 1
            if best is not None:
                self._plot(plan, best)
            if is_best:
                self._recorder.export(step, networks_of(state), BEST)
        return is_best

    def rebuild(self, step: int, state: GANState) -> None:
        """Make the plot of evaluations and the export of the best generator again where they are missing.

        Args:
            step: the present step.
            state: the present state; that of another step comes from its checkpoint.
        """
        best_step = self.best
        if self._plan is None or best_step is None:
            return
        if not (self._recorder.path / PLOT).exists():
            self._plot(self._plan, [row["step"] for row in self._rows].index(best_step))
        if self._exported() != best_step:
            try:
                best = state if best_step == step else self._saved(best_step)
                self._recorder.export(best_step, networks_of(best), BEST)
            except (checkpoint.DamagedError, UserError) as error:
                self._recorder.say(
                    f"note: the generator of step {best_step:,}, the best, cannot be read: {error}"
                )

    def _exported(self) -> int | None:
        """Return the step of the generator in best/; None if the folder holds none."""
        folder = self._recorder.path / BEST
        try:
            return read_description(folder)["step"] if (folder / WEIGHTS).exists() else None
        except (UserError, KeyError):
            return None

    def _saved(self, step: int) -> GANState:
        shapes = self._run.experiment.shapes
        leaves = checkpoint.read(self._recorder.path / f"checkpoints/{step}", named_leaves(shapes))
        return with_leaves(shapes, leaves)

    def _plot(self, plan: EvaluationPlan, best: int) -> None:
        plots, network = (self._recorder.path / PLOT).parent, plan.extractor
        draw = partial(figures.plot_evaluations, self._rows, best, plan.names, network, plots)
        self._recorder.attempt("the plot of evaluations", draw)

    def _scores(self, plan: EvaluationPlan, ema: Variables) -> Row:
        experiment = self._run.experiment
        scores, notes = evaluation_plan.measure(
            plan, experiment, partial(experiment.generate, ema), self._run.keys.evaluation
        )
        for note in notes:
            self._recorder.say(note)
        return processes.first(scores)

    def _say(self, step: int, plan: EvaluationPlan) -> None:
        numbers = [
            f"{name} {value:.4g}"
            for name, value in self._rows[-1].items()
            if name != "step" and value is not None and not name.endswith(figures.SPREADS)
        ]
        protocol = f"{plan.extractor}, {plan.n:,} fakes, {plan.n_real:,} reals"
        self._recorder.say(f"evaluated step {step:,}: {', '.join(numbers) or 'no number'} ({protocol})")

    def _write(self) -> None:
        self._run.folder.write_rows(FILE, self._rows)
