"""How good are synthetic rows of small tables: a GAN's, a VAE's, a copula's, and real rows drawn again?

    python experiments/studies/table_baselines.py                       # breast_cancer
    python experiments/studies/table_baselines.py --data wine
    python experiments/studies/table_baselines.py --data diabetes

For each seed a fifth of the rows is held out. The GAN is experiments/breast_cancer.py and its neighbors, the
VAE experiments/table_vae.py. All of them learn the other rows and make as many new ones:

| row | what makes it |
|---|---|
| GAN | the table game |
| TVAE | a variational autoencoder with the same generator |
| copula | a Gaussian copula |
| independent | each column, drawn by itself |
| bootstrap | the training rows, drawn again |
| real | the training rows themselves |

The scores are those of ``jaxgan evaluate``; docs/guides/tables.md explains them. "requests" is the share of
rows that have the category that they were made for, before any are left out. The same command goes on with
runs that were stopped.
"""

import dataclasses
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import study
from jaxgan import export, train
from jaxgan.config import Config
from jaxgan.data.dataset import held_out_rows
from jaxgan.data.tables import Table, read
from jaxgan.data.tables.load import dataset_of
from jaxgan.data.tables.where import Test
from jaxgan.evaluate.tables import BASELINES, Rows, measure
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, choose, exits
from jaxgan.system.progress import write
from study import Row, levels, select

sys.path.append(str(study.EXPERIMENTS))
import table_vae

NAMES = ("breast_cancer", "wine", "diabetes")
HELD_OUT = 0.2
REAL = "real"
SCORES = {  # what a row of the JSON holds, and the number that it is
    "shapes": "quality_shapes",
    "trends": "quality_trends",
    "strong_trends": "quality_strong_trends",
    "auc": "trained_on_fakes_auc",
    "f1": "trained_on_fakes_f1",
    "r2": "trained_on_fakes_r2",
    "detection": "detection_auc",
    "distance": "closest_record_median",
    "nearer_train": "closest_record_nearer_train",
    "copies": "closest_record_copies",
}
OF_REALS = {  # what held-out rows say of a number, beside those whose names tell it
    "closest_record_held_out_median": "closest_record_median",
    "closest_record_held_out_copies": "closest_record_copies",
}
SEED_OF_REQUESTS = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of the study."""

    data: str = "breast_cancer"  # breast_cancer, wine or diabetes
    seeds: int = 5  # choices of the held-out rows, each with a GAN and a VAE of its own
    steps: int | None = None  # updates of the GAN, in place of the experiment's; as many of the VAE


def config_of(settings: Settings, seed: int, folder: Path) -> Config:
    """Return the settings of one GAN, which is given its training rows."""
    config: Config = importlib.import_module(settings.data).CONFIG
    steps = settings.steps or config.steps
    return config.replace(
        held_out=0.0,
        steps=steps,
        decay_steps=steps,
        seed=seed,
        sample_every=steps,
        diagnose_every=None,
        quiet=True,
        workdir=str(folder / f"{settings.data}-{steps}-{seed}"),
    )


def split(whole: Table, seed: int) -> tuple[Table, Table]:
    """Return training rows and held-out rows, other ones for each seed."""
    shuffled = whole.take(np.random.default_rng(seed).permutation(len(whole)))
    unseen = held_out_rows(len(whole), HELD_OUT)
    return shuffled.take(~unseen), shuffled.take(unseen)


def train_gan(config: Config, rows: Table) -> export.TableGenerator:
    """Train a GAN on rows, unless its run is done, and return its generator."""
    game: Any = config.game
    dataset = dataset_of(rows, target=game.target, modes=game.modes, frequency=game.conditions)
    if (status := train.run(config, dataset=dataset).status) != "done":
        sys.exit(train.EXIT_CODES[status])
    return export.load_table_generator(config.workdir)


def requests_met(generator: export.TableGenerator) -> float:
    """Return the share of rows that have the category that they were made for, over all categories."""
    shares = []
    for column in generator.encoding.categories:
        for code in np.flatnonzero(generator.encoding.counts[column.name]):
            request = Test(column.categories[code], column, "=", float(code))
            made = generator.rows_of_batch(0, SEED_OF_REQUESTS, [request])  # before `sample` leaves any out
            shares.append((made.values[column.name] == code).mean())
    return float(np.mean(shares))


def measure_all(settings: Settings, folder: Path) -> list[Row]:
    """Make rows in all ways for each seed; return their scores."""
    whole, rows = read(settings.data), []
    for seed in range(settings.seeds):
        config = config_of(settings, seed, folder)
        target = config.settings()["target"]
        seen, unseen = split(whole, seed)
        generator = train_gan(config, seen)
        vae = table_vae.fit(seen, table_vae.Settings(steps=config.steps, seed=seed))
        sources = {"GAN": generator.sample(len(seen), seed=seed), "TVAE": vae(len(seen), seed)}
        sources |= {name: make(seen, len(seen), seed=seed) for name, make in BASELINES.items()}
        scalars: dict[str, float] = {}
        for name, fakes in sources.items():
            scalars = measure(fakes, Rows(seen, unseen, target), beside=(), seed=seed).scalars
            rows.append({"data": settings.data, "seed": seed, "source": name, **_scores(scalars)})
            if name == "GAN" and generator.encoding.categories:
                rows[-1]["requests"] = requests_met(generator)
            write(f"seed {seed}, {name}: " + ", ".join(f"{k} {v:.3f}" for k, v in _scores(scalars).items()))
        of_reals = {f"{number}_of_reals": number for number in SCORES.values()}
        of_reals |= {f"real_{number}": number for number in SCORES.values()} | OF_REALS
        known = {of_reals[number]: value for number, value in scalars.items() if number in of_reals}
        rows.append({"data": settings.data, "seed": seed, "source": REAL, **_scores(known)})
    return rows


def _scores(scalars: dict[str, float]) -> dict[str, float]:
    return {score: scalars[number] for score, number in SCORES.items() if number in scalars}


def summary(rows: list[Row]) -> str:
    """Return mean and standard deviation of each score over the seeds, as a table in Markdown."""
    names = [name for name in (*SCORES, "requests") if any(name in row for row in rows)]
    lines = []
    for source in levels(rows, "source"):
        own = select(rows, source=source)
        lines.append([source, *(_spread([row[name] for row in own if name in row]) for name in names)])
    return study.markdown(["rows", *(name.replace("_", " ") for name in names)], lines)


def _spread(scores: list[float]) -> str:
    """Return a mean and, of several scores, their standard deviation (N - 1)."""
    if not scores:
        return ""
    spread = f" ± {np.std(scores, ddof=1):.3f}" if len(scores) > 1 else ""
    return f"{np.mean(scores):.3f}{spread}"


def draw(rows: list[Row], figure: Figure) -> None:
    """Draw a panel for each score, with a point for each seed."""
    names = [name for name in ("shapes", "trends", "auc", "r2", "detection", "distance") if name in rows[0]]
    sources = levels(rows, "source")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for place, source in enumerate(sources):
            scores = [row[name] for row in select(rows, source=source) if name in row]
            axes.plot(scores, np.full(len(scores), -place), "o", color=f"C{place}", alpha=0.6)
        axes.set_yticks(-np.arange(len(sources)), sources if axes.get_subplotspec().is_first_col() else [])
        axes.set(ylim=(0.5 - len(sources), 0.5), title=name.replace("_", " "))
        axes.grid(alpha=0.3)


def main(args: Sequence[str] | None = None) -> None:
    """Train and compare, or draw again."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        choose("data", settings.data, NAMES)
        if min(settings.seeds, settings.steps or 1) < 1:
            raise UserError("`seeds` and `steps` must be at least 1")
        question = study.Study(
            f"tables_{settings.data}",
            "table_baselines.py",
            lambda folder: measure_all(settings, folder),
            summary,
            draw,
            (14, 3),
        )
        study.run(question, settings)


if __name__ == "__main__":
    main()
