"""What makes GAN training stable? Five questions, each a population, a JSON and a figure in docs/stability/.

    python experiments/stability.py rates         learning rate of G against that of D, six by six
    python experiments/stability.py optimizers    Adam, SGD, RMSProp, optimistic Adam; beta1 0, 0.5, 0.9
    python experiments/stability.py d-steps       1 to 5 discriminator updates per generator update
    python experiments/stability.py losses        six losses with four penalties, on digits
    python experiments/stability.py norms         BatchNorm, spectral normalisation, none, on digits
    python experiments/stability.py rates --redraw    the figure from its JSON, without training

Ring and grid with all losses are in docs/mixtures.json (mixture_table.py). What was found: docs/stability.md.
"""

import dataclasses
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import jax
from tqdm import tqdm

import arenas
import laboratory
import stability_figures
from arenas import Row
from jaxgan import config
from jaxgan.errors import UserError, exits
from jaxgan.files import write_atomically
from laboratory import LOSSES

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


def rates(settings: Settings) -> Iterator[list[Row]]:
    """(a) Both learning rates, with Adam: rows of both arenas."""
    for name in arenas.ARENAS:
        arena = arenas.ARENAS[name]()
        cells = itertools.product(RATES, RATES, range(settings.seeds))
        rows = [{"arena": name, "g_rate": g, "d_rate": d, "seed": seed} for g, d, seed in cells]
        (scores,) = laboratory.train(arena, laboratory.members(rows), stops=[_steps(settings, arena)])
        yield _joined(rows, scores)


def optimizers(settings: Settings) -> Iterator[list[Row]]:
    """(b) Optimizers and momentum, each at four learning rates that both players share."""
    for name, optimizer in itertools.product(arenas.ARENAS, laboratory.OPTIMIZERS):
        arena = arenas.ARENAS[name]()
        tried = TUNED.get(optimizer, TUNED_ADAPTIVE)
        cells = itertools.product((0.0, 0.5, 0.9), tried, range(settings.seeds))
        rows = [{"beta1": beta1, "g_rate": rate, "d_rate": rate, "seed": seed} for beta1, rate, seed in cells]
        stops = [_steps(settings, arena)]
        (scores,) = laboratory.train(arena, laboratory.members(rows), stops=stops, optimizer=optimizer)
        yield _joined([{"arena": name, "optimizer": optimizer, **row} for row in rows], scores)


def d_steps(settings: Settings) -> Iterator[list[Row]]:
    """(c) Discriminator updates; at equal generator updates, and at equal work (one unit a gradient)."""
    for name, count in itertools.product(arenas.ARENAS, (1, 2, 3, 4, 5)):
        arena = arenas.ARENAS[name]()
        cells = itertools.product((3e-4, 1e-3), range(settings.seeds))
        rows = [{"g_rate": rate, "d_rate": rate, "seed": seed} for rate, seed in cells]
        steps = _steps(settings, arena)
        stops = sorted({max(1, 2 * steps // (count + 1)), steps})
        results = laboratory.train(arena, laboratory.members(rows), stops=stops, d_steps=count)
        for equal, scores in (("work", results[0]), ("updates", results[-1])):
            yield _joined([{"arena": name, "d_steps": count, "equal": equal, **row} for row in rows], scores)


def losses(settings: Settings) -> Iterator[list[Row]]:
    """(d) Losses and penalties on digits, all in one program."""
    arena = arenas.digits_arena()
    cells = list(itertools.product(LOSSES, PENALTIES, range(settings.seeds)))
    rows = [{"loss": loss, "seed": seed, **PENALTIES[penalty]} for loss, penalty, seed in cells]
    (scores,) = laboratory.train(
        arena,
        laboratory.members(rows),
        stops=[settings.steps or LOSSES_STEPS],  # three penalties each cost as much as four runs without
        pieces=laboratory.any_penalty,
    )
    named = [
        {"arena": "digits", "loss": loss, "penalty": penalty, "seed": seed} for loss, penalty, seed in cells
    ]
    yield _joined(named, scores)


def norms(settings: Settings) -> Iterator[list[Row]]:
    """(e) Normalisation in the discriminator of a DCGAN on digits, at four learning rates."""
    for norm in ("batch", "none", "spectral"):
        arena = arenas.digits_arena(norm)
        cells = itertools.product((1e-4, 3e-4, 1e-3, 3e-3), range(settings.seeds))
        rows = [{"g_rate": rate, "d_rate": rate, "seed": seed} for rate, seed in cells]
        (scores,) = laboratory.train(arena, laboratory.members(rows), stops=[_steps(settings, arena)])
        yield _joined([{"arena": "digits", "norm": norm, **row} for row in rows], scores)


STUDIES: dict[str, Callable[[Settings], Iterator[list[Row]]]] = {
    "rates": rates,
    "optimizers": optimizers,
    "d_steps": d_steps,
    "losses": losses,
    "norms": norms,
}


def _steps(settings: Settings, arena: arenas.Arena) -> int:
    return settings.steps or arena.steps


def _joined(rows: list[Row], scores: list[Row]) -> list[Row]:
    return [{**row, **score} for row, score in zip(rows, scores, strict=True)]


def write(file: Path, head: Row, rows: list[Row]) -> None:
    """Write a study's results, a row a line."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    text = json.dumps(head)[:-1] + ',\n"rows": [\n' + lines + "\n]}\n"
    write_atomically(file, lambda temporary: temporary.write_text(text))


def collect(parts: Iterable[list[Row]], file: Path, head: Row) -> None:
    """Write rows as they are made to a ``.part.json``, which outlives a stop; at the end, to the file."""
    start, rows, part_file = time.monotonic(), [], file.with_suffix(".part.json")
    if part_file.exists():  # of a study that was stopped: it is not gone on with, but kept
        part_file.rename(file.with_suffix(f".part-{time.strftime('%Y%m%d-%H%M%S')}.json"))
    for part in parts:
        rows += part
        write(part_file, head, rows)
    seconds = round(time.monotonic() - start, 1)
    write(file, {**head, "seconds": seconds}, rows)
    part_file.unlink()
    print(f"{len(rows)} scores in {seconds} s on {head['device']}")


def run(study: str, settings: Settings, file: Path) -> None:
    """Train, and write the scores."""
    head: Row = {
        "study": study,
        "steps": settings.steps or (LOSSES_STEPS if study == "losses" else arenas.ring_arena().steps),
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
    }
    collect(tqdm(STUDIES[study](settings), desc=study), file, head)


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
        if settings.redraw and not file.exists():
            raise UserError(f"{file} is not there: run the study without --redraw first")
        if not settings.redraw:
            run(study, settings, file)
        results = json.loads(file.read_text())
        print(stability_figures.summary(study, results["rows"]))
        stability_figures.draw(study, results, folder / f"{study}.png")
        print(f"{file}, {folder / f'{study}.png'}")


if __name__ == "__main__":
    main()
