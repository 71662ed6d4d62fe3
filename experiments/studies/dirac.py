"""Every update rule on the smallest games: who diverges, who circles, who converges.

    python experiments/dirac.py

Two numbers play: the generator's theta, which makes each fake, and the discriminator's psi, D(x) = psi x;
the data are one point at 0 (Mescheder et al. 2018, definition 2.1). With the Wasserstein loss that is the
bilinear game. Writes docs/images/dirac.png and prints, for each rule and game, the factor by which the
distance from the equilibrium shrinks in a step: measured at the tail, and as the eigenvalues of a step say.
"""

import dataclasses
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

from jaxgan import config, init_state, losses, make_train_step, penalties, updates
from jaxgan.diagnostics import dynamics
from jaxgan.system.errors import UserError, exits

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


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of the figure."""

    out: str = str(Path(__file__).parent.parent / "docs/images/dirac.png")  # the figure


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
    """Return the way of (theta, psi), ``[steps + 1, 2]``, and a step's eigenvalues at the equilibrium."""
    (update, tx), (loss, penalty) = RULES[rule], GAMES[game]
    modules, key = (Generator(), Discriminator()), jax.random.key(0)
    state = init_state(key, *modules, image_shape=(1,), latent_dim=1, g_tx=tx, d_tx=tx)
    state = jax.tree.map(lambda leaf: leaf.astype(float) if leaf.dtype == np.float32 else leaf, state)
    step = make_train_step(*modules, loss, penalty=penalty, update=update, ema_decay=0.0)
    batch = {"image": jnp.zeros((1, 1))}

    def body(state: Any, _: None) -> Any:
        return step(state, batch, key)[0], (
            state.generator.params["theta"],
            state.discriminator.params["psi"],
        )

    state, way = jax.jit(lambda state: jax.lax.scan(body, state, None, steps + 1))(state)
    leaves, structure = jax.tree.flatten(state)

    def once(
        values: list[jax.Array],
    ) -> list[jax.Array]:  # all numbers that change: the optimizers' memory too
        rest = iter(values)
        moved = [next(rest) if leaf.dtype == float else leaf for leaf in leaves]
        return numbers(step(jax.tree.unflatten(structure, moved), batch, key)[0])

    return np.stack(way, axis=1), dynamics.eigenvalues(
        once, [jnp.zeros_like(leaf) for leaf in numbers(state)]
    )


def numbers(tree: Any) -> list[jax.Array]:
    """Return the floating-point leaves."""
    return [leaf for leaf in jax.tree.leaves(tree) if leaf.dtype == float]


def main() -> None:
    """Play all games by all rules; print the table and draw the figure."""
    with exits(OSError):
        picture = Path(config.parse(Settings(), description=__doc__ or "").out)
        if picture.suffix not in (".png", ".pdf", ".svg"):
            raise UserError(f"--out must end in .png, .pdf or .svg, got {picture}")
        picture.parent.mkdir(parents=True, exist_ok=True)
        play_all(picture)


def play_all(picture: Path) -> None:
    """Print the table, and draw the figure."""
    jax.config.update("jax_enable_x64", True)
    figure = Figure(figsize=(2.3 * len(RULES), 2.6 * len(GAMES)), layout="constrained")
    panels = figure.subplots(len(GAMES), len(RULES), sharex=True, sharey=True)
    for row, game in zip(panels, GAMES, strict=True):
        for axes, rule in zip(row, RULES, strict=True):
            way, values = play(rule, game)
            lengths = np.linalg.norm(way, axis=1)
            measured = (lengths[-1] / lengths[-101]) ** 0.01
            exact = np.abs(values).max()
            print(f"{game:<24}{rule:<16}measured {measured:.5f}  eigenvalues {exact:.5f}")
            axes.plot(*way.T, linewidth=0.8, color="C0")
            axes.plot(*way[0], "o", color="C0", markersize=4)
            axes.plot(0, 0, "+", color="black")
            axes.set(
                title=f"{rule}\nfactor {exact:.4f}", xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), xticks=[], yticks=[]
            )
        row[0].set_ylabel(f"{game}\n" + r"$\psi$")
    for axes in panels[-1]:
        axes.set_xlabel(r"$\theta$")
    figure.savefig(picture, dpi=80)
    print(picture)


if __name__ == "__main__":
    main()
