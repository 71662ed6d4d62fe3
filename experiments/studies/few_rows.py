"""Do synthetic rows help a classifier that has few real ones? Fifty rows, with and without synthetic ones.

    python experiments/studies/few_rows.py                # breast_cancer
    python experiments/studies/few_rows.py --data wine

For each seed fifty rows are drawn, and a GAN is trained on them alone. A logistic regression and boosted
trees then learn different rows and are tested with all rows that were not drawn. The score is the mean of
both models' areas under the ROC curve:

| row | what the models learn |
|---|---|
| real | the fifty rows |
| GAN | the GAN's rows alone |
| real and GAN | both, half of each |
| copula | the rows of a Gaussian copula of the fifty |
| real and copula | both, half of each |
| all real | nine tenths of all rows, which the others do not have, tested with the others |

docs/guides/tables.md has the results. The same command goes on with runs that were stopped.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import study
import table_baselines
from jaxgan.data.tables import Table, read
from jaxgan.evaluate.tables import copula
from jaxgan.evaluate.tables.learned import scores_of
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, choose, exits
from jaxgan.system.progress import write
from study import Row, levels, select

NAME = "few_rows"
NAMES = ("breast_cancer", "wine")  # tables of classes
BASELINE, WITH_FAKES = "real", "real and GAN"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of the study."""

    data: str = "breast_cancer"  # breast_cancer or wine
    rows: int = 50  # real rows
    seeds: int = 5  # choices of the real rows, each with a GAN of its own
    steps: int = 1500  # updates of each GAN
    fakes: int = 500  # synthetic rows


def both(real: Table, fakes: Table) -> Table:
    """Return the synthetic rows and as many real ones, each of which comes several times."""
    again = real.take(np.arange(len(fakes)) % len(real))
    values = {name: np.concatenate([again.values[name], fakes.values[name]]) for name in real.names}
    return dataclasses.replace(real, values=values)


def measure(settings: Settings, folder: Path) -> list[Row]:
    """Train a GAN and the models for each seed; return the models' scores."""
    whole, rows = read(settings.data), []
    if not 10 <= settings.rows < len(whole) // 2:
        raise UserError(f"`rows` is at least 10 and below {len(whole) // 2}, got {settings.rows}")
    options: dict[str, Any] = {"data": settings.data, "steps": settings.steps}
    for seed in range(settings.seeds):
        config = table_baselines.config_of(
            table_baselines.Settings(**options), seed, folder / str(settings.rows)
        )
        target = config.settings()["target"]
        shuffled = whole.take(np.random.default_rng(seed).permutation(len(whole)))
        few, others = shuffled.take(slice(settings.rows)), shuffled.take(slice(settings.rows, None))
        generator = table_baselines.train_gan(config.replace(batch_size=settings.rows), few)
        fakes = generator.sample(settings.fakes, seed=seed)
        copied = copula(few, settings.fakes, seed=seed)
        tenth = len(whole) // 10
        learned = {
            BASELINE: (few, others),
            "GAN": (fakes, others),
            WITH_FAKES: (both(few, fakes), others),
            "copula": (copied, others),
            "real and copula": (both(few, copied), others),
            "all real": (shuffled.take(slice(tenth, None)), shuffled.take(slice(tenth))),
        }
        for name, (rows_to_learn, test) in learned.items():
            scores = scores_of(rows_to_learn, test, target, seed=seed)
            auc = float(np.mean([of_model["auc"] for of_model in scores.values()]))
            of_models = {f"auc_{model}": of_model["auc"] for model, of_model in scores.items()}
            rows.append({"learned": name, "seed": seed, "auc": auc, **of_models})
            write(f"seed {seed}, {name}: {auc:.3f}")
    return rows


def summary(rows: list[Row]) -> str:
    """Return the scores as a table in Markdown, and what the synthetic rows add for each seed."""
    lines = []
    for name in levels(rows, "learned"):
        own = select(rows, learned=name)
        cells = [study.values(own, score) for score in ("auc", "auc_linear", "auc_trees")]
        lines.append([name, *(f"{each.mean():.3f} ± {_deviation(each):.3f}" for each in cells)])
    without, with_fakes = (study.values(select(rows, learned=name), "auc") for name in (BASELINE, WITH_FAKES))
    gains = with_fakes - without
    gain = f"The GAN's rows add {gains.mean():+.3f} ± {_deviation(gains):.3f} to the real ones, and help "
    gain += f"{(gains > 0).sum()} of {len(gains)} seeds."
    return f"{study.markdown(['learned', 'AUC', 'linear', 'trees'], lines)}\n\n{gain}"


def _deviation(scores: np.ndarray) -> float:
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0


def draw(rows: list[Row], figure: Figure) -> None:
    """Draw a point for each seed and the mean of each row."""
    axes, names = figure.subplots(), levels(rows, "learned")
    for place, name in enumerate(names):
        scores = study.values(select(rows, learned=name), "auc")
        axes.plot(np.full(len(scores), place), scores, "o", color="C0", alpha=0.6)
        axes.plot([place - 0.25, place + 0.25], [scores.mean()] * 2, color="black")
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel="area under the ROC curve on other rows")
    axes.grid(alpha=0.3)


def main(args: Sequence[str] | None = None) -> None:
    """Train and compare, or draw again."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        choose("data", settings.data, NAMES)
        if min(settings.seeds, settings.steps) < 1 or settings.fakes < 10:
            raise UserError("`seeds` and `steps` must be at least 1, and `fakes` at least 10")
        question = study.Study(
            NAME, "few_rows.py", lambda folder: measure(settings, folder), summary, draw, (8, 4)
        )
        study.run(question, settings)


if __name__ == "__main__":
    main()
