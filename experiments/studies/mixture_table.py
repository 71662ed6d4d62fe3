"""Which loss and which penalty find all modes? Every loss on the ring and on the grid.

    python experiments/studies/mixture_table.py    # hours on two CPU cores
    jaxgan sweep experiments/ring.py --grid loss=hinge,minimax --grid penalty=none,r1 --seeds 3    # a part

The runs are those of ring.py and grid.py with smaller networks and batches and fewer steps, so that losses
differ. Six losses meet four penalties with ten seeds each; the others have R1 and R2 and three seeds.
docs/guides/mixtures.md has the results.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import study
from jaxgan.names import LOSSES
from jaxgan.sweep.settings import read_config
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, exits
from study import Cell, Row, levels, select

MIXTURES = ("ring", "grid")
WEIGHTS = {"none": 1.0, "r1": 0.002, "r1_r2": 0.002, "gradient_penalty": 0.1}
MAIN = ("minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic")
OTHERS = tuple(loss for loss in LOSSES if loss not in MAIN)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of the table."""

    steps: int = 3000  # updates of each player
    seeds: int = 10  # runs of each of the six losses with each penalty
    other_seeds: int = 3  # runs of each other loss


def cells(settings: Settings, mixture: str) -> list[Cell]:
    """Return all runs on one mixture."""
    small = read_config(study.EXPERIMENTS / f"{mixture}.py").replace(
        hidden=(64,) * 3,
        batch_size=128,
        steps=settings.steps,
        decay_steps=settings.steps,
        evaluate_every=None,
    )
    choices = [(loss, penalty, settings.seeds) for loss in MAIN for penalty in WEIGHTS]
    choices += [(loss, "r1_r2", settings.other_seeds) for loss in OTHERS]
    return [
        (
            {"mixture": mixture, "loss": loss, "penalty": penalty, "seed": seed},
            small.replace(loss=loss, penalty=penalty, penalty_weight=WEIGHTS[penalty], seed=seed),
        )
        for loss, penalty, seeds in choices
        for seed in range(seeds)
    ]


def measure(settings: Settings, folder: Path) -> list[Row]:
    """Train all runs, a sweep for each mixture."""
    return [row for mixture in MIXTURES for row in study.sweep(folder / mixture, cells(settings, mixture))]


def summary(rows: list[Row]) -> str:
    """Return four tables: mean modes, mean share of high quality, and the share of the worst seed."""
    return "\n\n".join(table(rows, mixture, losses) for mixture in MIXTURES for losses in (MAIN, OTHERS))


def table(rows: list[Row], mixture: str, losses: Sequence[str]) -> str:
    """Return the table of some losses on one mixture, in Markdown."""
    rows = [row for row in select(rows, mixture=mixture) if row["loss"] in losses]
    penalties = levels(rows, "penalty")
    lines = []
    for loss in losses:
        texts = []
        for penalty in penalties:
            cell = select(rows, loss=loss, penalty=penalty)
            modes, shares = ([row[name] for row in cell] for name in ("modes", "high_quality"))
            texts.append(f"{np.mean(modes):.1f}, {np.mean(shares):.0%} ({min(shares):.0%})")
        lines.append([loss, *texts])
    return study.markdown([mixture, *penalties], lines)


def main(args: Sequence[str] | None = None) -> None:
    """Train all runs and print the tables."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        if min(settings.steps, settings.seeds, settings.other_seeds) < 1:
            raise UserError("`steps`, `seeds` and `other_seeds` must be at least 1")
        question = study.Study(
            "mixtures", "mixture_table.py", lambda folder: measure(settings, folder), summary, sweeps=True
        )
        study.run(question, settings)


if __name__ == "__main__":
    main()
