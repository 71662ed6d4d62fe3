"""Are GANs created equal? A random search over hyperparameters for each loss, each search one population.

    jaxgan data prepare mnist        # once; --from FOLDER takes the official files from there
    python experiments/created_equal.py
    python experiments/created_equal.py --redraw

Lucic et al. 2018 gave each GAN the same budget of random hyperparameters and found that most reach similar
FIDs. Here, smaller: fully connected networks of two hidden layers of 256, MNIST, and FID-mnist-cnn in the
place of FID; the learning rate of both players log-uniform in 1e-5 to 1e-2, beta1 one of 0, 0.5, 0.9, the
weight of a penalty log-uniform in 0.1 to 100. Every loss draws the same rates, betas and seeds, makes one
discriminator update a step, and is measured by its moving average. Writes created_equal.json and .png to
docs/stability/. A search that was stopped goes on with the same command; one of other settings wants another
--out.

References:
    Lucic et al. 2018, Are GANs Created Equal? A Large-Scale Study, https://arxiv.org/abs/1711.10337
"""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import arenas
import laboratory
import results
from jaxgan import config, losses
from jaxgan.names import PENALTIES
from jaxgan.system.errors import UserError, exits
from jaxgan.system.files import write_atomically
from results import Row

GANS: dict[str, tuple[Any, Any]] = {  # name: loss, penalty of a weight
    "minimax": (losses.minimax, None),
    "non-saturating": (losses.non_saturating, None),
    "least squares": (losses.least_squares, None),
    "hinge": (losses.hinge, None),
    "WGAN-GP": (losses.wasserstein, PENALTIES["gradient_penalty"]),
    "DRAGAN": (losses.non_saturating, PENALTIES["dragan"]),
    "non-saturating, R1": (losses.non_saturating, PENALTIES["r1"]),
    "relativistic, R1, R2": (losses.relativistic, PENALTIES["r1_r2"]),
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of the search."""

    members: int = 30  # random settings of each GAN
    steps: int = 10_000  # generator updates; on two cores 2,000
    fakes: int = 5000  # of each member, for the distance
    seed: int = 0  # of the search
    data_dir: str | None = None  # where TFDS's mnist is; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    out: str = str(Path(__file__).parent.parent / "docs/stability")  # folder of the JSON and the figure
    redraw: bool = False  # draw from the JSON that is there


def drawn(settings: Settings) -> list[Row]:
    """Return random hyperparameters, the same for every GAN."""
    rng = np.random.default_rng(settings.seed)
    rows = []
    for i in range(settings.members):
        rate, weight = 10 ** rng.uniform(-5, -2), 10 ** rng.uniform(-1, 2)
        beta1 = float(rng.choice([0.0, 0.5, 0.9]))
        rows.append({"seed": i, "g_rate": rate, "d_rate": rate, "beta1": beta1, "r1": weight})
    return rows


def search(name: str, settings: Settings, arena: arenas.Arena) -> list[Row]:
    """Train one GAN with all settings; return a row a member."""
    loss, penalty = GANS[name]

    def pieces(member: laboratory.Members) -> tuple[Any, Any]:
        return loss, None if penalty is None else penalty(member.r1)  # r1: the weight, whatever the penalty

    rows = drawn(settings)
    (scores,) = laboratory.train(arena, laboratory.members(rows), stops=[settings.steps], pieces=pieces)
    told = [{"gan": name, "rate": row["g_rate"], "beta1": row["beta1"], "weight": row["r1"]} for row in rows]
    return [{**row, **score} for row, score in zip(told, scores, strict=True)]


def distances(rows: list[Row], name: str) -> np.ndarray:
    """Return the distances of one GAN, the best first; infinite where a member left the finite numbers."""
    return np.sort([np.inf if row["fid"] is None else row["fid"] for row in rows if row["gan"] == name])


def expected_best(found: np.ndarray, budget: int, draws: int = 2000) -> float:
    """Return the mean of the best of `budget` settings, by resampling (Lucic 2018, section 6.2)."""
    return float(np.random.default_rng(0).choice(found, (draws, budget)).min(axis=1).mean())


def draw(rows: list[Row], file: Path) -> None:
    """Draw the distributions, and what a budget buys."""
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    boxes, budgets = figure.subplots(1, 2)
    names = list(dict.fromkeys(row["gan"] for row in rows))
    found = [distances(rows, name) for name in names]
    boxes.boxplot([each[np.isfinite(each)] for each in found], tick_labels=names)
    for label in boxes.get_xticklabels():
        label.set(rotation=40, ha="right")
    boxes.set(yscale="log", ylabel="FID-mnist-cnn", title="all random settings")
    for name, each in zip(names, found, strict=True):
        counts = np.arange(1, len(each) + 1)
        finite = np.where(np.isfinite(each), each, 1e4)
        budgets.plot(counts, [expected_best(finite, count) for count in counts.tolist()], label=name)
    budgets.set(yscale="log", xlabel="budget, settings tried", ylabel="best FID-mnist-cnn, expected")
    budgets.legend(fontsize=8)
    for axes in (boxes, budgets):
        axes.grid(alpha=0.3)
    write_atomically(file, lambda temporary: figure.savefig(temporary, dpi=90))


def main() -> None:
    """Search and draw, or draw."""
    with exits(OSError):
        settings = config.parse(Settings(), description=__doc__ or "")
        if settings.members < 1 or settings.steps < 1 or settings.fakes < 200:
            raise UserError("--members and --steps must be at least 1, --fakes at least 200")
        folder = Path(settings.out)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "created_equal.json"
        if not settings.redraw:
            asked = {name: getattr(settings, name) for name in ("steps", "members", "fakes", "seed")}
            head = results.head_of(**asked)
            results.require_same(file, head)
            arena = arenas.mnist_arena(settings.fakes, settings.data_dir)
            parts = [partial(search, name, settings, arena) for name in GANS]
            results.collect(parts, file, head, name="GANs")
    rows = results.read(file)["rows"]
    for name in dict.fromkeys(row["gan"] for row in rows):
        found = distances(rows, name)
        print(f"{name:<24}best {found[0]:.4g}, median {np.median(found):.4g}")
    draw(rows, folder / "created_equal.png")
    print(f"{file}, {folder / 'created_equal.png'}")


if __name__ == "__main__":
    main()
