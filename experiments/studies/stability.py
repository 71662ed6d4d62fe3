"""What makes GAN training stable? Five questions, each a population, a JSON and a figure in docs/stability/.

    python experiments/stability.py rates         learning rate of G against that of D, six by six
    python experiments/stability.py optimizers    Adam, SGD, RMSProp, optimistic Adam; beta1 0, 0.5, 0.9
    python experiments/stability.py d-steps       1 to 5 discriminator updates per generator update
    python experiments/stability.py losses        six losses with four penalties, on digits
    python experiments/stability.py norms         BatchNorm, spectral normalisation, none, on digits
    python experiments/stability.py rates --redraw    the figure from its JSON, without training

A study that was stopped goes on with the same command; one of other --steps or --seeds wants another --out.
Ring and grid with all losses are in docs/mixtures.json (mixture_table.py). What was found: docs/stability.md.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import arenas
import laboratory
import results
import stability_figures
from jaxgan import config
from jaxgan.system.errors import UserError, exits
from laboratory import LOSSES
from results import Row

Part = Callable[[], list[Row]]  # a population to train

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
TUNED = {"sgd": (1e-2, 3e-2, 1e-1, 3e-1)}  # learning rates to choose from; SGD's are of another order
TUNED_ADAPTIVE = (1e-4, 3e-4, 1e-3, 3e-3)
PENALTIES: dict[str, Row] = {
    "none": {},
    "r1": {"r1": 1.0},
    "r1_r2": {"r1": 1.0, "r2": 1.0},
    "gradient_penalty": {"gradient_penalty": 10.0},
}
LOSSES_STEPS = 2000  # of that study


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of a study."""

    study: config.Positional[str]  # rates, optimizers, d-steps, losses or norms
    steps: int | None = None  # generator updates; None: as the arena has it
    seeds: int = 3  # members of each cell
    out: str = str(Path(__file__).parent.parent / "docs/stability")  # folder of the JSON and the figure
    redraw: bool = False  # draw from the JSON that is there


def rates(settings: Settings) -> Iterator[Part]:
    """(a) Both learning rates, with Adam: rows of both arenas."""
    for name in arenas.ARENAS:
        cells = itertools.product(RATES, RATES, range(settings.seeds))
        rows = [{"arena": name, "g_rate": g, "d_rate": d, "seed": seed} for g, d, seed in cells]
        yield partial(trained, arenas.ARENAS[name], rows, settings.steps)


def optimizers(settings: Settings) -> Iterator[Part]:
    """(b) Optimizers and momentum, each at four learning rates that both players share."""
    for name, optimizer in itertools.product(arenas.ARENAS, laboratory.OPTIMIZERS):
        tried = TUNED.get(optimizer, TUNED_ADAPTIVE)
        told = {"arena": name, "optimizer": optimizer}
        cells = itertools.product((0.0, 0.5, 0.9), tried, range(settings.seeds))
        rows = [
            {**told, "beta1": beta1, "g_rate": rate, "d_rate": rate, "seed": seed}
            for beta1, rate, seed in cells
        ]
        yield partial(trained, arenas.ARENAS[name], rows, settings.steps, optimizer=optimizer)


def d_steps(settings: Settings) -> Iterator[Part]:
    """(c) Discriminator updates; at equal generator updates, and at equal work (one unit a gradient)."""

    def compared(name: str, count: int) -> list[Row]:
        arena = arenas.ARENAS[name]()
        cells = itertools.product((3e-4, 1e-3), range(settings.seeds))
        rows = [{"g_rate": rate, "d_rate": rate, "seed": seed} for rate, seed in cells]
        steps = settings.steps or arena.steps
        stops = sorted({max(1, 2 * steps // (count + 1)), steps})
        scores = laboratory.train(arena, laboratory.members(rows), stops=stops, d_steps=count)
        told = {"arena": name, "d_steps": count}
        work = _joined([{**told, "equal": "work", **row} for row in rows], scores[0])
        return work + _joined([{**told, "equal": "updates", **row} for row in rows], scores[-1])

    for name, count in itertools.product(arenas.ARENAS, (1, 2, 3, 4, 5)):
        yield partial(compared, name, count)


def losses(settings: Settings) -> Iterator[Part]:
    """(d) Losses and penalties on digits, all in one program."""
    cells = list(itertools.product(LOSSES, PENALTIES, range(settings.seeds)))
    rows = [
        {"arena": "digits", "loss": loss, "penalty": penalty, "seed": seed} for loss, penalty, seed in cells
    ]
    members = [{**row, **PENALTIES[row["penalty"]]} for row in rows]
    steps = settings.steps or LOSSES_STEPS  # three penalties each cost as much as four runs without
    yield partial(trained, arenas.digits_arena, rows, steps, members=members, pieces=laboratory.any_penalty)


def norms(settings: Settings) -> Iterator[Part]:
    """(e) Normalisation in the discriminator of a DCGAN on digits, at four learning rates."""
    for norm in ("batch", "none", "spectral"):
        told = {"arena": "digits", "norm": norm}
        cells = itertools.product((1e-4, 3e-4, 1e-3, 3e-3), range(settings.seeds))
        rows = [{**told, "g_rate": rate, "d_rate": rate, "seed": seed} for rate, seed in cells]
        yield partial(trained, partial(arenas.digits_arena, norm), rows, settings.steps)


def trained(
    make_arena: Callable[[], arenas.Arena],
    rows: list[Row],
    steps: int | None,
    *,
    members: list[Row] | None = None,
    **options: Any,
) -> list[Row]:
    """Train one population; return its rows with their scores.

    Args:
        make_arena: where.
        rows: what to say of each member.
        steps: generator updates; None: as the arena has it.
        members: hyperparameters, if the rows do not say all of them.
        options: those of `laboratory.start`.
    """
    arena = make_arena()
    population = laboratory.members(members or rows)
    (scores,) = laboratory.train(arena, population, stops=[steps or arena.steps], **options)
    return _joined(rows, scores)


def _joined(rows: list[Row], scores: list[Row]) -> list[Row]:
    return [{**row, **score} for row, score in zip(rows, scores, strict=True)]


STUDIES: dict[str, Callable[[Settings], Iterator[Part]]] = {
    "rates": rates,
    "optimizers": optimizers,
    "d_steps": d_steps,
    "losses": losses,
    "norms": norms,
}


def run(study: str, settings: Settings, file: Path) -> None:
    """Train, and write the scores."""
    steps = settings.steps or (LOSSES_STEPS if study == "losses" else arenas.ring_arena().steps)
    head = results.head_of(study=study, steps=steps, seeds=settings.seeds)
    results.collect(list(STUDIES[study](settings)), file, head, name=study)


def main() -> None:
    """Run a study, or draw it again."""
    with exits(OSError):
        settings = config.parse(Settings("rates"), description=__doc__ or "")
        study = settings.study.replace("-", "_")
        if study not in STUDIES:
            names = ", ".join(STUDIES).replace("_", "-")
            raise UserError(f"there is no study {settings.study}: there are {names}")
        if settings.seeds < 1 or (settings.steps is not None and settings.steps < 2):
            raise UserError("--seeds must be at least 1 and --steps at least 2")
        folder = Path(settings.out)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{study}.json"
        if not settings.redraw:
            run(study, settings, file)
        found = results.read(file)
        print(stability_figures.summary(study, found["rows"]))
        stability_figures.draw(study, found, folder / f"{study}.png")
        print(f"{file}, {folder / f'{study}.png'}")


if __name__ == "__main__":
    main()
