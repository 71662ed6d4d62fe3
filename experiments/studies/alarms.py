"""How often are the warnings right? Eighty runs on the ring, forty of which go wrong by construction.

    python experiments/studies/alarms.py             train (minutes on two CPU cores) and print the rates
    python experiments/studies/alarms.py --redraw    the rates by today's limits, from the looks in the JSON

Three kinds of runs go wrong: they collapse (the generator is 30 times as fast as its discriminator), diverge
(the learning rates are far too large), or oscillate (momentum of 0.9, and nothing that bounds the critic).
The others have the losses of mixture_table.py, with R1 and without. Each run is looked at every 100 steps, as
`jaxgan.train` does it. The limits of `jaxgan.diagnostics` were chosen by such runs.
docs/guides/stability.md has the rates, also those of other seeds (--seed 1000).
"""

import dataclasses
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import study
from jaxgan import build, diagnostics
from jaxgan.run import evaluation_plan
from jaxgan.run.diagnosis import WINDOW, examples
from jaxgan.run.keys import run_keys
from jaxgan.sweep.program import Program, diverged, member
from jaxgan.sweep.settings import programs, varied
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, exits
from study import RING, Cell, Row, levels, select

# For each kind: the alarm that would be right, the number of runs, and their settings in turn.
KINDS: dict[str, tuple[str, int, list[Row]]] = {
    "collapse": (
        "mode collapse",
        14,
        [{"loss": loss, "g_rate": 3e-3, "d_rate": 1e-4} for loss in ("minimax", "hinge")],
    ),
    "divergence": (
        "divergence",
        13,
        [{"loss": loss, "g_rate": 1e-1, "d_rate": 1e-1} for loss in ("wasserstein", "non_saturating")],
    ),
    "oscillation": (
        "oscillation",
        13,
        [
            {"loss": "wasserstein", "g_rate": 1e-3, "d_rate": 1e-3, "beta1": 0.9},
            {"loss": "hinge", "g_rate": 3e-3, "d_rate": 3e-3, "beta1": 0.9},
        ],
    ),
    "healthy": (
        "",
        40,
        [
            {"loss": loss, "r1": weight}
            for loss in ("minimax", "non_saturating", "hinge", "relativistic")
            for weight in (0.0, 0.002)
        ],
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of the calibration."""

    steps: int = 3000  # generator updates of each run
    every: int = 100  # steps between looks
    share: float = 1.0  # of the eighty runs
    seed: int = 0  # seed of the first run of each kind


def cells(settings: Settings) -> list[Cell]:
    """Return the eighty runs, or a share of each kind."""
    runs = []
    for kind, (_, count, choices) in KINDS.items():
        for i in range(max(1, round(settings.share * count))):
            row = choices[i % len(choices)]
            config = RING.replace(
                loss=row["loss"],
                penalty="r1" if row.get("r1") else "none",
                penalty_weight=row.get("r1") or RING.penalty_weight,
                generator_learning_rate=row.get("g_rate", RING.generator_learning_rate),
                discriminator_learning_rate=row.get("d_rate", RING.discriminator_learning_rate),
                beta1=row.get("beta1", RING.beta1),
                steps=settings.steps,
                diagnose_every=settings.every,
                log_every=max(1, settings.every // 4),
                seed=settings.seed + i,
            )
            runs.append(({"kind": kind, "seed": settings.seed + i, **row}, config.check()))
    return runs


def measure(runs: Sequence[Cell]) -> list[Row]:
    """Train all runs, those with the same loss in one program; return them with their scores and looks."""
    configs = [config for _, config in runs]
    rows: dict[int, Row] = {}
    for numbers in programs(configs):
        print(
            f"{configs[numbers[0]].loss}, penalty {configs[numbers[0]].penalty}: {len(numbers)} runs",
            flush=True,
        )
        for number, row in zip(numbers, looked_at([configs[i] for i in numbers]), strict=True):
            rows[number] = {**runs[number][0], **row}
    return [rows[i] for i in range(len(runs))]


def looked_at(configs: list[study.Config]) -> list[Row]:
    """Train runs in one program and look at each of them on the way.

    Args:
        configs: settings that differ only in what one program can vary (`jaxgan.sweep.settings.programs`).

    Returns:
        The score of each run, and its "looks": a list for each number of `jaxgan.diagnostics`. The looks of a
        run that met NaN end there, as `jaxgan.train` would have ended.
    """
    config, count = configs[0], len(configs)
    dataset = build.dataset(config)
    experiment = build.experiment(config, dataset)
    program = Program(config, varied(configs), experiment, size=count, devices=jax.devices()[:1])
    plan = evaluation_plan.plan(config.replace(evaluate_every=config.steps), dataset)
    assert plan is not None
    reals = jnp.asarray(dataset.images[examples(len(dataset.images), config)])
    look = diagnostics.make_probe(experiment.players, experiment.step.game)
    axes = jax.tree.map(lambda _: 0, program.shapes).replace(step=None)
    probe = jax.jit(jax.vmap(lambda state, key: look(state, reals, None, key), in_axes=(axes, 0)))
    keys = jax.vmap(jax.random.fold_in, (0, None))
    own_keys = jnp.stack([run_keys(each.seed).diagnosis for each in configs])

    state = program.init(configs)
    looks: list[list[Row]] = [[] for _ in configs]
    histories: list[tuple[list[float], list[float]]] = [([], []) for _ in configs]
    for step in range(config.log_every, config.steps + 1, config.log_every):
        state, metrics = program.run(configs, state, config.log_every)
        for name, series in zip(
            ("discriminator_loss", "generator_loss"), zip(*histories, strict=True), strict=True
        ):
            for history, value in zip(series, np.asarray(metrics[name]), strict=True):
                history.append(float(value))
        if step % (4 * config.log_every):
            continue
        findings = jax.device_get(probe(state, keys(own_keys, step)))
        for i in [i for i, at in enumerate(diverged(state)) if at is None]:
            row = {"step": step, **{name: float(f"{value[i]:.3g}") for name, value in findings.items()}}
            waves = [diagnostics.oscillation_index(series[-WINDOW:]) for series in histories[i]]
            looks[i].append({**row, "oscillation": round(max(waves), 3)})
    rows = []
    for i, each in enumerate(configs):
        generate = partial(experiment.generate, member(state, i).ema)
        values, _ = evaluation_plan.measure(plan, experiment, generate, run_keys(each.seed).evaluation)
        columns = {name: [look[name] for look in looks[i]] for name in (looks[i] or [{}])[0]}
        rows.append({**study.scores(config.data, values), "looks": columns})
    return rows


def judge(rows: list[Row]) -> str:
    """Return how many runs of each kind raise which alarm, and the rates of true and false alarms."""
    names = [rule.name for rule in diagnostics.RULES]
    lines, right, wrong = [], [], []
    for kind in levels(rows, "kind"):
        runs, expected = select(rows, kind=kind), KINDS[kind][0]
        raised = [raised_by(run["looks"]) for run in runs]
        counts = {name: sum(name in each for each in raised) for name in names}
        alarms = ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "none"
        scores = f"modes {np.mean([run['modes'] for run in runs]):.1f}, "
        scores += f"high quality {np.mean([run['high_quality'] for run in runs]):.0%}"
        own = f", its own {counts[expected]}" if expected else ""
        lines.append(f"{kind:<12}{len(runs):>3} runs ({scores}): any {sum(map(bool, raised))}{own}; {alarms}")
        (right if expected else wrong).extend(map(bool, raised))
    lines.append(
        f"true alarms {np.mean(right):.1%} of {len(right)}, false alarms {np.mean(wrong):.1%} of {len(wrong)}"
    )
    return "\n".join(lines)


def raised_by(columns: Row) -> set[str]:
    """Return the names of all alarms that a run raised."""
    looks = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return {alarm.name for end in range(1, len(looks) + 1) for alarm in diagnostics.alarms(looks[:end])}


def main(args: Sequence[str] | None = None) -> None:
    """Train and look, or judge the looks that a JSON holds."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        if not (0 < settings.share <= 1 and 0 < settings.every <= settings.steps):
            raise UserError("`share` is above 0 and at most 1, `every` above 0 and at most `steps`")
        study.run(
            study.Study("alarms", "alarms.py", lambda folder: measure(cells(settings)), judge), settings
        )


if __name__ == "__main__":
    main()
