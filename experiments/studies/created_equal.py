"""Are GANs created equal? The same random settings for eight GANs on MNIST, compared by the FID.

    jaxgan data prepare mnist        # once; --from FOLDER takes the official files from there
    python experiments/studies/created_equal.py              # hours on a GPU
    python experiments/studies/created_equal.py --members 10 --steps 1000 --fakes 2000    # 17 min on 2 cores
    python experiments/studies/created_equal.py --redraw

Lucic et al. 2018 gave each GAN the same budget of random settings and found that most reach similar FIDs.
This study is smaller: the networks have two hidden layers of 256 units, and the FID is that of mnist-cnn.
Both learning rates are the same number, drawn log-uniformly from 1e-5 to 1e-2. beta1 is 0, 0.5 or 0.9. The
weight of a penalty is drawn log-uniformly from 0.1 to 100. Every GAN gets the same draws and seeds, makes one
discriminator update a step, and is measured by its average generator.
docs/guides/stability.md has the results.

References:
    Lucic et al. 2018, Are GANs Created Equal? A Large-Scale Study, https://arxiv.org/abs/1711.10337
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

import study
from jaxgan.config import Config
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, exits
from study import Cell, Row, levels, select

GANS = {  # loss, penalty
    "minimax": ("minimax", "none"),
    "non-saturating": ("non_saturating", "none"),
    "least squares": ("least_squares", "none"),
    "hinge": ("hinge", "none"),
    "WGAN-GP": ("wasserstein", "gradient_penalty"),
    "DRAGAN": ("non_saturating", "dragan"),
    "non-saturating, R1": ("non_saturating", "r1"),
    "relativistic, R1, R2": ("relativistic", "r1_r2"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of the search."""

    members: int = 30  # random settings of each GAN
    steps: int = 10_000  # generator updates of each run
    fakes: int = 5000  # fakes of each run, and test images at most, for the FID
    seed: int = 0  # seed of the search
    data: str = "mnist"  # mnist, or digits for a trial
    data_dir: str | None = None  # folder of TFDS data sets; None: $TFDS_DATA_DIR or ~/tensorflow_datasets


def cells(settings: Settings) -> list[Cell]:
    """Return all runs: the same random settings for every GAN."""
    rng = np.random.default_rng(settings.seed)
    draws = []
    for _ in range(settings.members):
        rate, weight = 10 ** rng.uniform(-5, -2), 10 ** rng.uniform(-1, 2)
        draws.append((rate, weight, float(rng.choice([0.0, 0.5, 0.9]))))
    runs = []
    for gan, (loss, penalty) in GANS.items():
        for i, (rate, weight, beta1) in enumerate(draws):
            config = Config(
                data=settings.data,
                data_dir=settings.data_dir,
                network="mlp",
                hidden=(256, 256),
                latent_dim=64,
                batch_size=64,
                loss=loss,
                penalty=penalty,
                penalty_weight=Config.penalty_weight if penalty == "none" else weight,
                generator_learning_rate=rate,
                discriminator_learning_rate=rate,
                beta1=beta1,
                steps=settings.steps,
                seed=i,
                evaluate_n=settings.fakes,
                log_every=100,
            )
            runs.append(({"gan": gan, "rate": rate, "beta1": beta1, "weight": weight}, config))
    return runs


def distances(rows: list[Row], gan: str) -> np.ndarray:
    """Return the FIDs of one GAN, the best first; infinity for a run that diverged."""
    return np.sort(np.nan_to_num(study.values(select(rows, gan=gan), "fid"), nan=np.inf))


def expected_best(fids: np.ndarray, budget: int, draws: int = 2000) -> float:
    """Return the mean of the best of `budget` settings, by resampling (Lucic 2018, section 6.2)."""
    return float(np.random.default_rng(0).choice(fids, (draws, budget)).min(axis=1).mean())


def summary(rows: list[Row]) -> str:
    """Return the best and the median FID of each GAN."""
    fids = {gan: distances(rows, gan) for gan in levels(rows, "gan")}
    return "\n".join(
        f"{gan:<24}best {each[0]:.4g}, median {np.median(each):.4g}" for gan, each in fids.items()
    )


def draw(rows: list[Row], figure: Figure) -> None:
    """Draw the FIDs of all settings, and the best FID that a budget of settings buys."""
    boxes, budgets = figure.subplots(1, 2)
    fids = {gan: distances(rows, gan) for gan in levels(rows, "gan")}
    boxes.boxplot([each[np.isfinite(each)] for each in fids.values()], tick_labels=list(fids))
    for label in boxes.get_xticklabels():
        label.set(rotation=40, ha="right")
    boxes.set(yscale="log", ylabel="FID-mnist-cnn", title="all random settings")
    for gan, each in fids.items():
        counts = np.arange(1, len(each) + 1)
        finite = np.where(np.isfinite(each), each, 1e4)
        budgets.plot(counts, [expected_best(finite, count) for count in counts.tolist()], label=gan)
    budgets.set(yscale="log", xlabel="budget, settings tried", ylabel="best FID-mnist-cnn, expected")
    budgets.legend(fontsize=8)
    for axes in (boxes, budgets):
        axes.grid(alpha=0.3)


def main(args: Sequence[str] | None = None) -> None:
    """Search and draw, or draw again."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        if settings.members < 1 or settings.steps < 1 or settings.fakes < 200:
            raise UserError("`members` and `steps` must be at least 1, `fakes` at least 200")
        question = study.Study(
            "created_equal",
            "created_equal.py",
            lambda folder: study.sweep(folder, cells(settings)),
            summary,
            draw,
            (12, 4.8),
            sweeps=True,
        )
        study.run(question, settings)


if __name__ == "__main__":
    main()
