"""One population, from its first step, or from where it was interrupted, to its members' scores."""

import json
import math
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import build, data, train
from jaxgan.build import Experiment
from jaxgan.config import PRACTICAL, Config, upgrade
from jaxgan.data.fingerprint import fingerprint
from jaxgan.data.sources import located
from jaxgan.run import evaluation_plan
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.run.evaluation_plan import EvaluationPlan
from jaxgan.run.keys import run_keys
from jaxgan.run.pace import Pace
from jaxgan.run.workdir import Workdir
from jaxgan.sweep.program import Member, Program, diverged, member
from jaxgan.system.files import write_json
from jaxgan.system.progress import Progress
from jaxgan.system.signals import Preemption

GAP = "logit_gap"
Outcome = dict[str, Any]


class Setting(NamedTuple):
    """What the populations of one program share.

    Attributes:
        dataset: the populations' data set.
        experiment: the members' networks and step.
        plan: the plan of the evaluation at the end, or None.
        program: the compiled program that trains the members.
    """

    dataset: data.Dataset
    experiment: Experiment
    plan: EvaluationPlan | None
    program: Program


def outcomes(path: Path) -> list[Outcome] | None:
    """Return the outcomes of a finished population; None for one that is not finished."""
    file = path / "results.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def run(
    path: Path,
    members: dict[int, Config],
    setting: Setting,
    *,
    say: Callable[[str], None],
    stop: Preemption,
) -> list[Outcome] | None:
    """Train a population and measure it.

    Args:
        path: the population's folder.
        members: the members' configs by their numbers.
        setting: the data and the program that the populations share.
        say: function that shows a line to the user.
        stop: whether a signal has asked for an end.

    Returns:
        An outcome for each member, or None if a signal asked for an end; everything is saved then.
    """
    settings = {"members": list(members), "size": setting.program.size}
    with Workdir(path, settings) as folder:
        with Checkpoints(path / "checkpoints", keep=1) as checkpoints:
            state = _train(folder, members, setting, checkpoints, say, stop)
            step = int(state.step)
            checkpoints.save(step, state)
        config = next(iter(members.values()))
        if stop and step < config.steps and any(number is None for number in diverged(state)):
            folder.write_status("preempted", step)
            return None
        outcomes = _measure(folder, members, setting, state, say)
        best = ranked(outcomes)[0]
        if best["diverged_at"] is None:
            with Checkpoints(path / "winner", keep=1) as winner:
                winner.save(step, member(state, list(members).index(best["member"])))
        write_json(path / "results.json", outcomes)
        shutil.rmtree(path / "checkpoints")
        folder.write_status("done", step)
    return outcomes


def ranked(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return outcomes from the best to the worst; diverged members and those without a number are last."""
    metric = ranked_by(outcomes)

    def place(outcome: Outcome) -> tuple[bool, float]:
        value = outcome.get(metric)
        return (True, math.inf) if value is None else (False, value)

    return sorted(outcomes, key=place)


def ranked_by(outcomes: Sequence[Outcome]) -> str:
    """Return the name of the metric that members are ranked by; less is better."""
    names = [outcome["judged_by"] for outcome in outcomes if outcome["diverged_at"] is None]
    return names[0] if names else GAP


def write_run(config: Config, winner: Path, rows: list[dict[str, Any]]) -> None:
    """Write the run folder of a member, as `jaxgan.train` would have written it.

    Args:
        config: the member's config, with the folder.
        winner: folder with a checkpoint of the member's state.
        rows: the member's rows of metrics.
    """
    dataset, path = build.dataset(config), Path(config.workdir)
    status = path / "status.json"
    if status.exists() and json.loads(status.read_text(encoding="utf-8"))["state"] == "done":
        return
    if not status.exists():
        content = fingerprint(dataset, conditional=config.conditional)
        settings = config.asked(located(config.data), content, {})
        with Workdir(path, settings, practical=PRACTICAL, upgrade=upgrade) as folder:
            folder.trim_metrics(-1)
            for row in rows:
                folder.append_metrics(
                    row["step"], {name: row[name] for name in row if name not in ("step", "member")}
                )
        shutil.copytree(winner, path / "checkpoints", dirs_exist_ok=True)
    train.run(config)  # the run is at its last step, so this only writes the missing files


def _train(
    folder: Workdir,
    members: dict[int, Config],
    setting: Setting,
    checkpoints: Checkpoints,
    say: Callable[[str], None],
    stop: Preemption,
) -> Member:
    program, numbers, configs = setting.program, list(members), list(members.values())
    config = configs[0]
    saved = checkpoints.latest_step()
    state = program.init(configs) if saved is None else program.restore(checkpoints)
    step, diverged_steps = int(state.step), diverged(state)
    folder.trim_metrics(step)
    folder.write_status("running", step)
    if saved is not None:
        say(f"goes on at step {step:,}")
    images = program.size * config.images_per_step
    bar = config.progress and not config.quiet
    line = setting.experiment.step.game.LINE
    progress = Progress(
        step, config.steps, images, metrics=line, kind=setting.dataset.kind, bar=bar, quiet=config.quiet
    )
    pace = Pace()
    progress.start()
    while step < config.steps and not stop and None in diverged_steps[: len(configs)]:
        to_event = min(every - step % every for every in (config.log_every, config.save_every))
        steps = min(pace.steps_per_call, config.steps - step, to_event)
        state, metrics = program.run(configs, state, steps)
        step += steps
        values = {name: value[: len(configs)] for name, value in jax.device_get(metrics).items()}
        steps_before, diverged_steps = diverged_steps, diverged(state)
        for number, before, after in zip(numbers, steps_before, diverged_steps, strict=False):
            if before != after:
                say(f"member {number} met NaN or infinity at step {after:,} and is frozen; the others go on")
        alive = [i for i, diverged_at in enumerate(diverged_steps[: len(configs)]) if diverged_at is None]
        if not alive:
            break
        medians = {name: float(np.median(value[alive])) for name, value in values.items()}
        pace.advance(steps)
        line = progress.advance(steps, medians, rate=pace.rate, average=pace.average)
        if step % config.log_every == 0 or step == config.steps:
            for i in alive:
                row = {name: float(value[i]) for name, value in values.items()}
                folder.append_metrics(step, {"member": numbers[i], **row})
            folder.log(line)
            progress.write_unless_bar(f"{line}  (median of {len(alive)})")
        if step % config.save_every == 0 and step < config.steps:
            checkpoints.save(step, state)
    progress.close()
    return state


def _measure(
    folder: Workdir,
    members: dict[int, Config],
    setting: Setting,
    state: Member,
    say: Callable[[str], None],
) -> list[Outcome]:
    plan, rows, game = setting.plan, folder.read_metrics(), setting.experiment.step.game
    notes: dict[str, None] = {}
    outcomes = []
    for i, (number, config) in enumerate(members.items()):
        diverged_at = diverged(state)[i]
        outcome: Outcome = {"member": number, "population": folder.path.name, "diverged_at": diverged_at}
        if diverged_at is None:
            outcome |= {"judged_by": GAP, "extractor": plan and plan.extractor}
            if plan is not None:
                outcome["judged_by"] = plan.goal.metric or GAP
                key = run_keys(config.seed).evaluation  # the same as in the member's own run
                ema = member(state, i).ema
                scores, new = evaluation_plan.measure(
                    plan, setting.experiment, partial(setting.experiment.generate, ema), key
                )
                outcome |= scores
                notes |= dict.fromkeys(new)
            outcome |= _last([row for row in rows if row["member"] == number], game.LOSSES)
        outcomes.append(outcome)
    for note in notes:
        say(note)
    return outcomes


def _last(rows: list[dict[str, Any]], losses: Sequence[str]) -> dict[str, float]:
    """Return the means of a member's losses and of its logit gap, over the last tenth of its rows."""
    last = rows[-max(1, len(rows) // 10) :]
    means = {name: float(np.mean([row[name] for row in last])) for name in losses}
    if all({"real_logit", "fake_logit"} <= row.keys() for row in last):
        means[GAP] = float(np.mean([abs(row["real_logit"] - row["fake_logit"]) for row in last]))
    return means
