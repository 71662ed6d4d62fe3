"""Does training circle or converge? The game's eigenvalues along the training of two small GANs on the ring.

    python experiments/studies/landscape.py    # about two minutes on two CPU cores

One GAN has R1, the other no penalty. At each stop the study computes the eigenvalues of largest real part and
of largest modulus of the Jacobian of the game's vector field, on one large batch. At the end it computes the
angle between the field and the line from the second last stop to the last one (Berard et al. 2020).
docs/guides/stability.md has the results.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import study
from jaxgan import build, train
from jaxgan.diagnostics import dynamics
from jaxgan.games.turn import Turn
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, exits
from jaxgan.system.progress import write
from jaxgan.system.random import seed_key
from study import RING, Row, levels, select

GANS = {  # settings of each GAN
    "without a penalty": {},
    "R1": {"penalty": "r1", "penalty_weight": 0.02},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of the study."""

    stops: tuple[int, ...] = (50, 200, 800, 2000, 4000)  # steps at which to compute eigenvalues
    batch: int = 1024  # real points, and fakes, that the field is computed on


def measure(settings: Settings, folder: Path) -> list[Row]:
    """Train both GANs; return eigenvalues at each stop, and the path between the last two stops."""
    return [
        row
        for name, changes in GANS.items()
        for row in _measure(
            settings, name, RING.replace(workdir=str(folder / name.replace(" ", "_")), **changes)
        )
    ]


def _measure(settings: Settings, name: str, config: study.Config) -> list[Row]:
    last = settings.stops[-1]
    config = config.replace(
        hidden=(32,) * 3, diagnose_every=None, sample_every=last, save_every=last, quiet=True
    )
    config = config.check()
    dataset = build.dataset(config)
    players = build.experiment(config, dataset).players
    real = jnp.asarray(dataset.images[-settings.batch :])
    turn = Turn({"image": real}, seed_key(1), seed_key(2))
    rows: list[Row] = []
    fields, places = [], []
    for stop in settings.stops:
        result = train.run(config.replace(steps=stop, evaluate_every=last))  # goes on from the stop before
        field, params = dynamics.game_field(players, result.state, turn)
        fields.append(field)
        places.append(params)
        values = dynamics.eigenvalues(field, params, count=8, steps=300)
        write(f"{name}, step {stop:,}: {dynamics.verdict(values)}")
        pairs = [[float(f"{z.real:.4g}"), float(f"{z.imag:.4g}")] for z in values]
        rows.append({"gan": name, "step": stop, "eigenvalues": pairs})
    path = dynamics.path_angle(fields[-1], *places[-2:])
    angle, norm = ([float(f"{value:.4g}") for value in each] for each in (path.angle, path.norm))
    evaluations = (Path(config.workdir) / "evaluations.jsonl").read_text(encoding="utf-8").splitlines()
    scores = study.scores(config.data, json.loads(evaluations[-1]))
    return [
        *rows,
        {"gan": name, "path": path.alphas.round(4).tolist(), "angle": angle, "norm": norm, **scores},
    ]


def summary(rows: list[Row]) -> str:
    """Return the largest real part and modulus at each stop."""
    lines = []
    for row in rows:
        if "eigenvalues" in row:
            values = np.array(row["eigenvalues"]) @ [1, 1j]
            largest = f"largest real part {values.real.max():.3g}, modulus {abs(values).max():.3g}"
            lines.append(f"{row['gan']:<20}step {row['step']:>5,}: {largest}")
    return "\n".join(lines)


def draw(rows: list[Row], figure: Figure) -> None:
    """Draw the eigenvalues at each stop, and the angle along the path, for each GAN."""
    gans = levels(rows, "gan")
    for panels, name in zip(figure.subplots(len(gans), 2, sharex="col"), gans, strict=True):
        *looks, path = select(rows, gan=name)
        for i, row in enumerate(looks):
            values = np.array(row["eigenvalues"])
            panels[0].plot(*values.T, "o", color=f"C{i}", markersize=4, label=f"step {row['step']:,}")
        panels[0].set(
            xscale="symlog", yscale="symlog", xlabel="real part", ylabel="imaginary part", title=name
        )
        panels[0].axvline(0, color="black", linewidth=0.6)
        panels[1].plot(path["path"], path["angle"], label="cosine of the angle")
        panels[1].plot(path["path"], np.array(path["norm"]) / max(path["norm"]), label="length of the field")
        panels[1].axvline(1, color="black", linewidth=0.6)
        way = f"from step {looks[-2]['step']:,} to {looks[-1]['step']:,}"
        panels[1].set(
            xlabel=f"share of the way {way}",
            ylabel="cosine; length over its largest",
            title=f"{name}: path {way}",
        )
        for axes in panels:
            axes.legend(fontsize=8)
            axes.grid(alpha=0.3)


def main(args: Sequence[str] | None = None) -> None:
    """Train both GANs and compute their landscapes, or draw them again."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        if (
            len(settings.stops) < 2
            or list(settings.stops) != sorted(set(settings.stops))
            or settings.stops[0] < 1
        ):
            raise UserError("`stops` are at least two steps, in increasing order")
        question = study.Study(
            "landscape", "landscape.py", lambda folder: measure(settings, folder), summary, draw, (11, 7)
        )
        study.run(question, settings)


if __name__ == "__main__":
    main()
