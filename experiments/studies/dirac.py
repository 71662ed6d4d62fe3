"""Every update rule on the smallest games: which diverge, which circle, which converge?

    python experiments/studies/dirac.py    # 20 s on two CPU cores

Two numbers play: the generator's theta makes each fake, and the discriminator's psi gives D(x) = psi x. The
data are one point at 0 (Mescheder et al. 2018, definition 2.1). The Wasserstein loss makes this the bilinear
game. For each rule and game the study prints the factor by which the distance from the equilibrium shrinks in
a step: once measured over the last 100 steps, once as the largest eigenvalue of a step at the equilibrium.
docs/guides/stability.md has the figure.
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

import study
from jaxgan import init_state, losses, make_train_step, penalties, updates
from jaxgan.diagnostics import dynamics
from jaxgan.system.command_line import parse
from jaxgan.system.errors import exits
from jaxgan.system.random import seed_key
from study import Row, levels, select

RATE, STEPS = 0.2, 400
RULES: dict[str, tuple[Any, Any]] = {  # rule, optimizer
    "simultaneous": (updates.simultaneous, optax.sgd(RATE)),
    "alternating": (updates.alternating, optax.sgd(RATE)),
    "extragradient": (updates.extragradient, optax.sgd(RATE)),
    "consensus": (updates.consensus(weight=0.5), optax.sgd(RATE)),
    "symplectic": (updates.symplectic(weight=0.5), optax.sgd(RATE)),
    "unrolled": (updates.unrolled(steps=5, learning_rate=RATE), optax.sgd(RATE)),
    "optimistic": (updates.simultaneous, optax.optimistic_gradient_descent(RATE)),
}
GAMES: dict[str, tuple[Any, Any]] = {
    "bilinear (Wasserstein)": (losses.wasserstein, None),
    "non-saturating": (losses.non_saturating, None),
    "non-saturating, R1": (losses.non_saturating, penalties.r1(gamma=0.5)),
}


class Generator(nn.Module):
    """Every fake is theta."""

    @nn.compact
    def __call__(self, latents: jax.Array, labels: Any = None, *, train: bool) -> jax.Array:
        """Return ``[B, 1]``."""
        return jnp.full((latents.shape[0], 1), self.param("theta", nn.initializers.constant(1.0), ()))


class Discriminator(nn.Module):
    """The line through zero of slope psi."""

    @nn.compact
    def __call__(self, images: jax.Array, labels: Any = None, *, train: bool) -> jax.Array:
        """Return ``[B]``."""
        return self.param("psi", nn.initializers.constant(0.5), ()) * images[:, 0]


def play(rule: str, game: str, steps: int = STEPS) -> tuple[np.ndarray, np.ndarray]:
    """Return the path of (theta, psi), ``[steps + 1, 2]``, and a step's eigenvalues at the equilibrium."""
    (update, tx), (loss, penalty) = RULES[rule], GAMES[game]
    modules, key = (Generator(), Discriminator()), seed_key(0)
    state = init_state(key, *modules, image_shape=(1,), latent_dim=1, g_tx=tx, d_tx=tx)
    state = jax.tree.map(lambda leaf: leaf.astype(float) if leaf.dtype == np.float32 else leaf, state)
    step = make_train_step(*modules, loss, penalty=penalty, update=update, ema_decay=0.0)
    batch = {"image": jnp.zeros((1, 1))}

    def body(state: Any, _: None) -> Any:
        place = state.generator.params["theta"], state.discriminator.params["psi"]
        return step(state, batch, key)[0], place

    state, path = jax.jit(lambda state: jax.lax.scan(body, state, None, steps + 1))(state)
    leaves, structure = jax.tree.flatten(state)

    def once(values: list[jax.Array]) -> list[jax.Array]:
        """Return all numbers that a step changes, the optimizers' memory too."""
        rest = iter(values)
        moved = [next(rest) if leaf.dtype == float else leaf for leaf in leaves]
        return numbers(step(jax.tree.unflatten(structure, moved), batch, key)[0])

    values = dynamics.eigenvalues(once, [jnp.zeros_like(leaf) for leaf in numbers(state)])
    return np.stack(path, axis=1), values


def numbers(tree: Any) -> list[jax.Array]:
    """Return the floating-point leaves."""
    return [leaf for leaf in jax.tree.leaves(tree) if leaf.dtype == float]


def measure(steps: int = STEPS) -> list[Row]:
    """Play all games by all rules, in 64 bits."""
    rows = []
    with jax.enable_x64(True):
        for game in GAMES:
            for rule in RULES:
                path, values = play(rule, game, steps)
                lengths = np.linalg.norm(path, axis=1)
                measured = float((lengths[-1] / lengths[-101]) ** 0.01)
                row = {
                    "game": game,
                    "rule": rule,
                    "measured": measured,
                    "factor": float(np.abs(values).max()),
                }
                rows.append(row | {"path": [[float(f"{x:.3g}") for x in place] for place in path]})
    return rows


def summary(rows: list[Row]) -> str:
    """Return the two factors of each game and rule."""
    return "\n".join(
        f"{row['game']:<24}{row['rule']:<16}measured {row['measured']:.5f}  eigenvalues {row['factor']:.5f}"
        for row in rows
    )


def draw(rows: list[Row], figure: Figure) -> None:
    """Draw the path of theta and psi for each game and rule."""
    games, rules = levels(rows, "game"), levels(rows, "rule")
    panels = figure.subplots(len(games), len(rules), sharex=True, sharey=True)
    for line, game in zip(panels, games, strict=True):
        for axes, rule in zip(line, rules, strict=True):
            (row,) = select(rows, game=game, rule=rule)
            path, title = np.array(row["path"]), f"{rule}\nfactor {row['factor']:.4f}"
            axes.plot(*path.T, linewidth=0.8, color="C0")
            axes.plot(*path[0], "o", color="C0", markersize=4)
            axes.plot(0, 0, "+", color="black")
            axes.set(title=title, xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), xticks=[], yticks=[])
        line[0].set_ylabel(f"{game}\n" + r"$\psi$")
    for axes in panels[-1]:
        axes.set_xlabel(r"$\theta$")


def main(args: Sequence[str] | None = None) -> None:
    """Play all games by all rules; print the factors and draw the paths."""
    with exits(OSError):
        options = parse(study.Options(), description=__doc__ or "", args=args)
        size = 2.3 * len(RULES), 2.6 * len(GAMES)
        study.run(study.Study("dirac", "dirac.py", lambda folder: measure(), summary, draw, size), options)


if __name__ == "__main__":
    main()
