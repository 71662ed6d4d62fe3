"""What makes the training of GANs stable? Six questions, each a sweep on the ring and on digits.

    python experiments/studies/stability.py rates         learning rate of G against that of D, six by six
    python experiments/studies/stability.py optimizers    Adam, optimistic, SGD, RMSProp; momentum 0, 0.5, 0.9
    python experiments/studies/stability.py d-steps       1 to 5 discriminator updates per generator update
    python experiments/studies/stability.py losses        six losses with four penalties, on digits
    python experiments/studies/stability.py norms         normalization in a DCGAN's discriminator, on digits
    python experiments/studies/stability.py ablation      loss, R1, R2 and residual networks: R3GAN's parts
    python experiments/studies/stability.py rates --redraw    the figure from its JSON, without training

The same command goes on with a study that was stopped. A study is minutes on a GPU and up to hours on two CPU
cores (--seeds 1 --steps 500 for a trial). docs/guides/stability.md has the results.
"""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import stability_figures
import study
from jaxgan.system.command_line import Positional, parse
from jaxgan.system.errors import UserError, choose, exits
from study import DIGITS, RING, Cell, Row

ARENAS = {"ring": RING, "digits": DIGITS}
LOSSES = ("minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic")
PENALTY_WEIGHTS = {"none": 1.0, "r1": 1.0, "r1_r2": 1.0, "gradient_penalty": 10.0}
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
MOMENTA = (0.0, 0.5, 0.9)
D_STEPS = (1, 2, 3, 4, 5)
OPTIMIZERS = {  # the name of an optimizer's momentum, and the learning rates to choose from
    "adam": ("beta1", RATES[:4]),
    "optimistic_adam": ("beta1", RATES[:4]),
    "sgd": ("momentum", (1e-2, 3e-2, 1e-1, 3e-1)),
    "rmsprop": ("momentum", RATES[:4]),
}
NETWORKS = {  # of the ablation
    "dcgan": {"network": "dcgan", "discriminator_norm": "none"},
    "r3gan": {"network": "r3gan"},
}
PENALTIES = ("none", "r1", "r2", "r1_r2")
STEPS = {"losses": 2000, "ablation": 1000}  # where not RING.steps: a penalty costs as much as several runs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of a study."""

    study: Positional[str] = "rates"  # rates, optimizers, d-steps, losses, norms or ablation
    steps: int | None = (
        None  # generator updates of each run; None: 3,000, or 2,000 (losses) or 1,000 (ablation)
    )
    seeds: int = 3  # runs of each setting


def cell(arena: str, rates: tuple[float, float], seed: int, label: Row, **settings: object) -> Cell:
    """Return one run.

    Args:
        arena: "ring" or "digits".
        rates: learning rates of the generator and the discriminator.
        seed: the run's seed.
        label: what the row says besides.
        settings: further settings of the run.
    """
    config = ARENAS[arena].replace(
        generator_learning_rate=rates[0], discriminator_learning_rate=rates[1], seed=seed, **settings
    )
    return {"arena": arena, **label, "g_rate": rates[0], "d_rate": rates[1], "seed": seed}, config


def rates(steps: int, seeds: Sequence[int]) -> list[Cell]:
    """(a) Both learning rates, with Adam."""
    cells = itertools.product(ARENAS, RATES, RATES, seeds)
    return [cell(arena, (g, d), seed, {}, steps=steps) for arena, g, d, seed in cells]


def optimizers(steps: int, seeds: Sequence[int]) -> list[Cell]:
    """(b) Optimizers and momentum, each at four learning rates that both players share."""
    cells = []
    for arena, (optimizer, (name, tried)) in itertools.product(ARENAS, OPTIMIZERS.items()):
        for momentum, rate, seed in itertools.product(MOMENTA, tried, seeds):
            settings = {"optimizer": optimizer, "steps": steps, name: momentum}
            label = {"optimizer": optimizer, "beta1": momentum}
            cells.append(cell(arena, (rate, rate), seed, label, **settings))
    return cells


def d_steps(steps: int, seeds: Sequence[int]) -> list[Cell]:
    """(c) Discriminator updates, at equal generator updates and at equal work (one unit a gradient)."""
    cells = []
    for arena, count, equal in itertools.product(ARENAS, D_STEPS, ("work", "updates")):
        length = steps if equal == "updates" else max(1, 2 * steps // (count + 1))
        label = {"d_steps": count, "equal": equal}
        for rate, seed in itertools.product((3e-4, 1e-3), seeds):
            cells.append(cell(arena, (rate, rate), seed, label, d_steps=count, steps=length))
    return cells


def losses(steps: int, seeds: Sequence[int]) -> list[Cell]:
    """(d) Losses and penalties, on digits."""
    return [
        cell(
            "digits",
            (1e-3, 1e-3),
            seed,
            {"loss": loss, "penalty": penalty},
            loss=loss,
            penalty=penalty,
            penalty_weight=weight,
            steps=steps,
        )
        for loss, (penalty, weight), seed in itertools.product(LOSSES, PENALTY_WEIGHTS.items(), seeds)
    ]


def norms(steps: int, seeds: Sequence[int]) -> list[Cell]:
    """(e) Normalization in the discriminator of a DCGAN, on digits, at four learning rates.

    Digits are enlarged to 16x16 pixels: a DCGAN of 8x8 pixels has one layer, which is never normalized.
    """
    network = {"network": "dcgan", "width": 32, "hidden": None, "image_size": (16, 16), "steps": steps}
    cells = itertools.product(("batch", "none", "spectral"), RATES[:4], seeds)
    return [
        cell("digits", (rate, rate), seed, {"norm": norm}, discriminator_norm=norm, **network)
        for norm, rate, seed in cells
    ]


def ablation(steps: int, seeds: Sequence[int]) -> list[Cell]:
    """(f) What R3GAN is made of: a relativistic loss, both penalties and residual networks, on digits.

    Digits are enlarged to 16x16 pixels. Both networks are without normalization, and have 16 channels next to
    the image.
    """
    shared = {"hidden": None, "width": 16, "image_size": (16, 16), "steps": steps, "penalty_weight": 1.0}
    cells = itertools.product(NETWORKS, ("non_saturating", "relativistic"), PENALTIES, seeds)
    return [
        cell(
            "digits",
            (3e-4, 3e-4),
            seed,
            {"network": network, "loss": loss, "penalty": penalty},
            loss=loss,
            penalty=penalty,
            **NETWORKS[network],
            **shared,
        )
        for network, loss, penalty, seed in cells
    ]


STUDIES: dict[str, Callable[[int, Sequence[int]], list[Cell]]] = {
    "rates": rates,
    "optimizers": optimizers,
    "d_steps": d_steps,
    "losses": losses,
    "norms": norms,
    "ablation": ablation,
}


def measure(folder: Path, cells: Sequence[Cell]) -> list[Row]:
    """Train a study's runs, a sweep for each arena; return their rows."""
    by_arena: dict[str, list[Cell]] = {}
    for label, config in cells:
        by_arena.setdefault(label["arena"], []).append((label, config))
    return [row for arena, cells in by_arena.items() for row in study.sweep(folder / arena, cells)]


def main(args: Sequence[str] | None = None) -> None:
    """Run a study, or draw it again."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        name = choose("study", settings.study, STUDIES)
        steps = STEPS.get(name, RING.steps) if settings.steps is None else settings.steps
        if settings.seeds < 1 or steps < 2:
            raise UserError("`seeds` must be at least 1 and `steps` at least 2")
        draw, size = stability_figures.DRAWINGS[name]
        question = study.Study(
            name,
            f"stability.py {name.replace('_', '-')}",
            lambda folder: measure(folder, STUDIES[name](steps, range(settings.seeds))),
            lambda rows: stability_figures.summary(name, rows),
            draw,
            size,
            sweeps=True,
        )
        study.run(question, dataclasses.replace(settings, steps=steps))


if __name__ == "__main__":
    main()
