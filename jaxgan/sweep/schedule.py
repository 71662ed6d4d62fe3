"""All populations of a sweep, one after the other, and the results of the whole sweep."""

import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax

from jaxgan import build, features
from jaxgan.config import PRACTICAL, Config, upgrade
from jaxgan.data.fingerprint import fingerprint
from jaxgan.data.sources import located
from jaxgan.run import evaluation_plan
from jaxgan.run.workdir import Workdir, read_rows
from jaxgan.sweep import population, results
from jaxgan.sweep.population import Outcome, Setting
from jaxgan.sweep.program import Program, fitting
from jaxgan.sweep.settings import programs, varied
from jaxgan.system import signals
from jaxgan.system.errors import UserError
from jaxgan.system.files import write_json
from jaxgan.system.progress import write
from jaxgan.system.random import pinned
from jaxgan.system.signals import Preemption

PLAN = "plan.json"  # the number of members at once in each program, by its first member's number
Say = Callable[[str], None]


@pinned()
def run(
    path: Path,
    members: Sequence[Config],
    settings: dict[str, Any],
    *,
    at_once: int | None = None,
    devices: Sequence[jax.Device],
) -> bool:
    """Train all members, or go on with the sweep that is in a folder; return whether it is done.

    Args:
        path: the sweep's folder.
        members: the members' configs, checked.
        settings: the sweep's settings, as plain JSON values.
        at_once: largest number of members in one program; None for as many as the memory holds.
        devices: the devices that share the members.
    """
    groups, is_new = programs(members), not path.exists()
    practical = PRACTICAL - {"steps"}
    with_labels = members[0].replace(conditional=any(member.conditional for member in members))
    content = fingerprint(build.dataset(with_labels), conditional=with_labels.conditional)
    settings = settings | {"data": located(members[0].data), "fingerprint": content}
    with (
        Workdir(path, settings, practical=practical, upgrade=upgrade) as folder,
        signals.listen() as stop,
    ):
        say = partial(_say, folder, quiet=members[0].quiet)
        say(f"{len(members)} members in {len(groups)} program{'s' * (len(groups) > 1)}: {path}")
        folder.write_status("running", _step(path))
        outcomes: list[Outcome] = []
        for group in groups:
            try:
                group_outcomes = _run_group(path, members, group, at_once, devices, say, stop)
            except UserError:
                if is_new and not (path / "populations").exists():
                    shutil.rmtree(path)  # a mistake does not occupy the folder
                raise
            if group_outcomes is None:
                say("stopped; the same command goes on from there")
                folder.write_status("preempted", _step(path), stop.signal.name if stop.signal else "")
                return False
            outcomes += group_outcomes
        _show(path, members, outcomes, say)
        folder.write_status("done", _step(path))
    return True


def _step(path: Path) -> int:
    """Return the furthest step of all populations."""
    statuses = (
        json.loads(file.read_text(encoding="utf-8")) for file in (path / "populations").glob("*/status.json")
    )
    return max((status["step"] for status in statuses), default=0)


def _run_group(
    path: Path,
    members: Sequence[Config],
    group: list[int],
    at_once: int | None,
    devices: Sequence[jax.Device],
    say: Say,
    stop: Preemption,
) -> list[Outcome] | None:
    """Train the members of one program, as many at once as when it was first compiled."""
    plan = json.loads((path / PLAN).read_text(encoding="utf-8")) if (path / PLAN).exists() else {}
    size, setting = plan.get(str(group[0])), None
    if size is None:
        setting = _setting(members, group, devices, say, most=at_once)
        size = setting.program.size
        write_json(path / PLAN, plan | {str(group[0]): size})
    outcomes: list[Outcome] = []
    for first in range(0, len(group), size):
        numbers = group[first : first + size]
        folder = path / "populations" / f"{numbers[0]:04d}"
        population_outcomes = population.outcomes(folder)
        if population_outcomes is None:
            setting = setting or _setting(members, group, devices, say, size=size)
            say(f"trains members {', '.join(map(str, numbers))} in one program")
            configs = {number: members[number] for number in numbers}
            population_outcomes = population.run(folder, configs, setting, say=say, stop=stop)
        if population_outcomes is None:
            return None
        outcomes += population_outcomes
    return outcomes


def _setting(
    members: Sequence[Config],
    group: list[int],
    devices: Sequence[jax.Device],
    say: Say,
    *,
    most: int | None = None,
    size: int | None = None,
) -> Setting:
    """Load a group's data and compile its program, of a given size or as large as the memory holds."""
    config = members[group[0]]
    dataset = build.dataset(config)
    experiment = build.experiment(config, dataset)
    nbytes = sum(array.nbytes for array in jax.tree.leaves(experiment.arrays))
    if nbytes > config.device_data * 1e9:
        raise UserError(
            f"{dataset.name} takes {nbytes / 1e9:.3g} GB, and a sweep keeps its data on the device: "
            f"`grid` device-data={math.ceil(nbytes / 1e9)} allows that"
        )
    plan = None
    chosen = config.extractor or config.inception_weights or config.efficientnet_weights
    if chosen or dataset.kind == "points" or dataset.name in features.CLASSIFIER_OF:
        plan = evaluation_plan.plan(config.replace(evaluate_every=config.steps), dataset)
    else:
        say(f"no extractor goes with {dataset.name}: members are compared by their logits, only a hint")
    began = time.perf_counter()
    varying = varied([members[number] for number in group])
    if size is None:
        program = fitting(config, varying, experiment, count=len(group), most=most, devices=devices)
    else:
        shared = devices[: math.gcd(size, len(devices))]
        program = Program(config, varying, experiment, size=size, devices=shared)
    say(f"compiled a program of {program.size} members in {time.perf_counter() - began:.1f} s")
    return Setting(dataset, experiment, plan, program)


def _show(path: Path, members: Sequence[Config], outcomes: list[Outcome], say: Say) -> None:
    """Write the tables, the figure and the best member's run folder, and print the sweep's results."""
    rows = results.table(members, outcomes)
    results.write(path, rows)
    metrics = [row for folder in sorted((path / "populations").iterdir()) for row in read_rows(folder)]
    results.plot(members, outcomes, metrics, path / "sweep.png")
    say(results.text(rows))
    best = population.ranked(outcomes)[0]
    if best["diverged_at"] is not None:
        say("every member diverged, so none is the best")
        return
    number = best["member"]
    best_rows = [row for row in metrics if row["member"] == number]
    # On one device, as it was trained: its batch may not divide over all devices.
    config = members[number].replace(workdir=str(path / "best"), quiet=True, devices=1)
    population.write_run(config, path / "populations" / best["population"] / "winner", best_rows)
    say(f"member {number} is the best by {population.ranked_by(outcomes)}: {path / 'best'} is its run")
    say(f"{path / 'table.csv'}, {path / 'sweep.png'}")


def _say(folder: Workdir, line: str, *, quiet: bool) -> None:
    folder.log(line)
    if not quiet:
        write(line)
