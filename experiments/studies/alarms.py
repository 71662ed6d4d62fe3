"""How often are the warnings right? Eighty runs on the ring: 40 go wrong by construction, 40 do not.

    python experiments/alarms.py             train, write docs/stability/alarms.json, print the rates
    python experiments/alarms.py --redraw    the rates from the looks in the JSON, with the limits of today

Wrong are: collapse (a generator 30 times as fast as its discriminator), divergence (steps far too large),
oscillation (no penalty, momentum 0.9, a Wasserstein loss without any bound on its critic). Right are the
losses of docs/mixtures.md at 1e-3, with R1 and without. A look every 100 of 3,000 steps.
"""

import dataclasses
import time
from pathlib import Path

import numpy as np

import laboratory
import results
from jaxgan import config, diagnostics
from jaxgan.system.errors import UserError, exits
from results import Row

KINDS: dict[str, tuple[str, list[Row]]] = {  # kind: the alarms that are right, rows without their seeds
    "collapse": (
        "mode collapse",
        [{"loss": loss, "g_rate": 3e-3, "d_rate": 1e-4} for loss in ("minimax", "hinge")],
    ),
    "divergence": (
        "divergence",
        [{"loss": loss, "g_rate": 1e-1, "d_rate": 1e-1} for loss in ("wasserstein", "non_saturating")],
    ),
    "oscillation": (
        "oscillation",
        [
            {"loss": "wasserstein", "g_rate": 1e-3, "d_rate": 1e-3, "beta1": 0.9},
            {"loss": "hinge", "g_rate": 3e-3, "d_rate": 3e-3, "beta1": 0.9},
        ],
    ),
    "healthy": (
        "",
        [
            {"loss": loss, "r1": weight}
            for loss in ("minimax", "non_saturating", "hinge", "relativistic")
            for weight in (0.0, 0.002)
        ],
    ),
}
COUNTS = {"collapse": 14, "divergence": 13, "oscillation": 13, "healthy": 40}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of the calibration."""

    steps: int = 3000  # of each run
    every: int = 100  # steps between looks
    share: float = 1.0  # of the eighty runs
    seed: int = 0  # of the first run of each kind
    out: str = str(Path(__file__).parent.parent / "docs/stability")  # folder of the JSON
    redraw: bool = False  # only the rates, from the JSON that is there


def cast(share: float, seed: int) -> list[Row]:
    """Return the eighty runs, or a share of each kind."""
    rows = []
    for kind, (_, kinds) in KINDS.items():
        for i in range(max(1, round(share * COUNTS[kind]))):
            rows.append({"kind": kind, "seed": seed + i, **kinds[i % len(kinds)]})
    return rows


def judge(runs: list[Row]) -> str:
    """Return a table: of each kind, how many runs raise which alarm, and the two rates."""
    names = [rule.name for rule in diagnostics.RULES]
    lines, right, wrong = [], [], []
    for kind, (expected, _) in KINDS.items():
        here = [run for run in runs if run["kind"] == kind]
        raised = [raised_by(run["looks"]) for run in here]
        counts = {name: sum(name in each for each in raised) for name in names}
        told = ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "none"
        finals = f"modes {np.mean([r['modes'] for r in here]):.1f}, "
        finals += f"high quality {np.mean([r['high_quality'] for r in here]):.0%}"
        by_name = f", its own {counts[expected]}" if expected else ""
        lines.append(
            f"{kind:<12}{len(here):>3} runs ({finals}): any {sum(map(bool, raised))}{by_name}; {told}"
        )
        (right if expected else wrong).extend(map(bool, raised))
    lines.append(
        f"true alarms {np.mean(right):.1%} of {len(right)}, false alarms {np.mean(wrong):.1%} of {len(wrong)}"
    )
    return "\n".join(lines)


def raised_by(columns: Row) -> set[str]:
    """Return the names of all alarms that a run raised."""
    looks = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return {alarm.name for end in range(1, len(looks) + 1) for alarm in diagnostics.alarms(looks[:end])}


def main() -> None:
    """Train and look, or judge what is there."""
    with exits(OSError):
        settings = config.parse(Settings(), description=__doc__ or "")
        if not (0 < settings.share <= 1 and 0 < settings.every <= settings.steps):
            raise UserError("--share is above 0 and at most 1, --every above 0 and at most --steps")
        folder = Path(settings.out)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "alarms.json"
        if not settings.redraw:
            asked = {name: getattr(settings, name) for name in ("steps", "every", "share", "seed")}
            head = results.head_of(**asked)
            results.require_same(file, head)
            start = time.monotonic()
            runs = laboratory.looked_at(
                cast(settings.share, settings.seed), steps=settings.steps, every=settings.every
            )
            results.write(file, {**head, "seconds": round(time.monotonic() - start, 1)}, runs)
    print(judge(results.read(file)["rows"]))


if __name__ == "__main__":
    main()
