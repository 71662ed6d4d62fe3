"""Does training circle or converge? The game's eigenvalues along training, with R1 and without.

    python experiments/landscape.py

Two small GANs on the ring, non-saturating, one of them with R1. At each stop: the eigenvalues of largest real
part and of largest modulus of the Jacobian of the game's vector field, on one large batch; at the end, the
angle of the field with the line from the stop before to the last one (Berard et al. 2020). Writes
docs/stability/landscape.json and docs/images/landscape.png.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import arenas
import laboratory
import results
from jaxgan import config
from jaxgan.diagnostics import dynamics
from jaxgan.games.adversarial import Turn
from jaxgan.system.errors import exits

GANS = {"without a penalty": 0.0, "R1": 0.02}
STOPS, BATCH = (50, 200, 800, 2000, 4000), 1024


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of the study."""

    out: str = str(Path(__file__).parent.parent / "docs")  # folder of stability/ and images/
    redraw: bool = False  # draw from the JSON that is there


def member(tree: Any, i: int) -> Any:
    """Return one member of a population's state."""
    return jax.tree.map(lambda leaf: leaf[i] if leaf.ndim else leaf, tree)


def main() -> None:
    """Train both and look at their landscapes, or only draw."""
    with exits(OSError):
        settings = config.parse(Settings(), description=__doc__ or "")
        file = Path(settings.out) / "stability/landscape.json"
        picture = Path(settings.out) / "images/landscape.png"
        for each in (file, picture):
            each.parent.mkdir(parents=True, exist_ok=True)
        if not settings.redraw:
            results.write(file, {"stops": STOPS, "batch": BATCH}, study())
        draw(results.read(file)["rows"], picture)


def study() -> list[dict[str, Any]]:
    """Train both; return eigenvalues at each stop, and the path between the last two."""
    arena = arenas.ring_arena(width=32)
    population = laboratory.members([{"seed": 0, "r1": weight} for weight in GANS.values()])
    game = laboratory.start(arena, population, pieces=laboratory.any_loss_r1)
    real = arena.batch_at(None, jnp.array(0), jnp.array(2**31 - 1), BATCH)["image"]
    turn = Turn(real, None, jax.random.key(1), jax.random.key(2))
    state, fields, places = game.state, {}, {name: [] for name in GANS}
    rows: list[dict[str, Any]] = []
    for stop, n in zip(STOPS, np.diff(STOPS, prepend=0), strict=True):
        state, _ = game.run(state, int(n))
        for i, name in enumerate(GANS):
            step = game.step(member(jax.tree.map(jnp.asarray, population), i))
            fields[name], params = dynamics.game_field(step.players, member(state, i), turn)
            places[name].append(jax.tree.map(jnp.copy, params))
            found = dynamics.eigenvalues(fields[name], params, count=8, steps=300)
            print(f"{name}, step {stop:,}: {dynamics.verdict(found)}", flush=True)
            pairs = [[float(f"{z.real:.4g}"), float(f"{z.imag:.4g}")] for z in found]
            rows.append({"gan": name, "step": stop, "eigenvalues": pairs})
    scores = [arena.measure(fakes) for fakes in game.generate(state)]
    for (name, seen), score in zip(places.items(), scores, strict=True):
        path = dynamics.path_angle(fields[name], seen[-2], seen[-1])
        angle, norm = ([float(f"{value:.4g}") for value in each] for each in (path.angle, path.norm))
        rows.append(
            {"gan": name, "path": path.alphas.round(4).tolist(), "angle": angle, "norm": norm, **score}
        )
    return rows


def draw(rows: list[dict[str, Any]], file: Path) -> None:
    """Draw eigenvalues at each stop, and the path angle, for each GAN."""
    figure = Figure(figsize=(11, 7), layout="constrained")
    for line, name in zip(figure.subplots(len(GANS), 2, sharex="col"), GANS, strict=True):
        here = [row for row in rows if row["gan"] == name]
        for i, row in enumerate(row for row in here if "eigenvalues" in row):
            values = np.array(row["eigenvalues"])
            line[0].plot(*values.T, "o", color=f"C{i}", markersize=4, label=f"step {row['step']:,}")
        line[0].set(xscale="symlog", yscale="symlog", xlabel="real part", ylabel="imaginary part", title=name)
        line[0].axvline(0, color="black", linewidth=0.6)
        (path,) = (row for row in here if "path" in row)
        line[1].plot(path["path"], path["angle"], label="cosine of the angle")
        line[1].plot(path["path"], np.array(path["norm"]) / max(path["norm"]), label="length of the field")
        line[1].axvline(1, color="black", linewidth=0.6)
        line[1].set(
            xlabel=f"share of the way from step {STOPS[-2]:,} to {STOPS[-1]:,}",
            ylabel="cosine; length over its largest",
            title=f"{name}: path from step {STOPS[-2]:,} to {STOPS[-1]:,}",
        )
        for axes in line:
            axes.legend(fontsize=8)
            axes.grid(alpha=0.3)
    figure.savefig(file, dpi=80)


if __name__ == "__main__":
    main()
