"""A variational autoencoder of a table, with the generator of the table game as its decoder.

    python experiments/table_vae.py --data breast_cancer       # 1 min on two CPU cores
    jaxgan evaluate runs/table_vae/rows.csv --against breast_cancer

It is the TVAE that stands beside CTGAN in the same paper. The columns become numbers as for the table game.
The decoder says the mean of each number and the chances of each category, and each column of numbers has a
deviation of its own, which is learned. `rows.csv` has rows that were decoded from random latents and drawn
with these chances and deviations. experiments/studies/table_baselines.py compares it with GAN and copula.

References:
    Xu et al. 2019, Modeling Tabular data using Conditional GAN, https://arxiv.org/abs/1907.00503, section 4.5
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import mnist_vae
from jaxgan import data
from jaxgan.data.tables import Table, read, write
from jaxgan.data.tables.encoding import Encoding, fitted
from jaxgan.layers import Dense
from jaxgan.networks.tables import Generator
from jaxgan.run.nan import NotFiniteError
from jaxgan.system import compilation, output
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, exits
from jaxgan.system.files import expanded
from jaxgan.system.limits import require_devices
from jaxgan.system.progress import write as say
from jaxgan.system.random import pinned, seed_key

LIKELIHOOD_WEIGHT = 2.0  # of the likelihood beside the divergence, as in the authors' code
DEVIATIONS = (0.01, 1.0)  # a column's smallest and largest deviation, as there
BATCH = 2_000  # rows that are drawn at once


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    data: str = "breast_cancer"  # a CSV, an .npz of columns, breast_cancer, wine or diabetes
    rows: int | None = None  # rows to draw; None: as many as the table has
    hidden: tuple[int, ...] = (256, 256)  # widths of both networks
    latent_dim: int = 128  # length of a latent vector
    steps: int = 3000  # updates
    batch_size: int = 100  # rows per update
    seed: int = 0  # seed of weights, noise and data order
    workdir: str = "runs/table_vae"  # folder of rows.csv


class Encoder(nn.Module):
    """Rows to a Gaussian over latents.

    Attributes:
        latent_dim: length of a latent vector.
        hidden: widths of the hidden layers.
    """

    latent_dim: int
    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, rows: Float[Array, "batch row"], *, train: bool) -> mnist_vae.Gaussian:
        """Return mean and logarithm of the variance."""
        features = rows
        for width in self.hidden:
            features = nn.relu(Dense(width)(features))
        both = Dense(2 * self.latent_dim)(features)
        return both[:, : self.latent_dim], both[:, self.latent_dim :]


class Decoder(nn.Module):
    """Latents to what a row may be.

    Attributes:
        generator: the network.
    """

    generator: Generator

    @nn.compact
    def __call__(self, latents: Float[Array, "batch latent"], *, train: bool) -> tuple[jax.Array, ...]:
        """Return the means of the places, their deviations ``[places]``, and log chances of the blocks."""
        network = self.generator
        logits = network.logits(jnp.pad(latents, ((0, 0), (0, sum(network.blocks)))), train=train)
        logs = self.param("log_deviation", nn.initializers.constant(math.log(0.1)), (network.places,))
        low, high = map(math.log, DEVIATIONS)
        means, chances = jnp.tanh(logits[:, : network.places]), network.log_chances(logits)
        return means, jnp.exp(jnp.clip(logs, low, high)), chances


def log_likelihood(rows: Float[Array, "batch row"], decoded: tuple[jax.Array, ...]) -> Float[Array, " batch"]:
    """Return log p(row | latent), less a constant and times its weight (Xu et al. 2019, section 4.5)."""
    means, deviations, chances = decoded
    places, one_hot = jnp.split(rows, [means.shape[1]], axis=1)
    numbers = -0.5 * ((places - means) / deviations[None]) ** 2 - jnp.log(deviations)[None]
    return LIKELIHOOD_WEIGHT * (numbers.sum(axis=1) + (one_hot * chances).sum(axis=1))


@pinned()
def fit(table: Table, settings: Settings) -> Callable[..., Table]:
    """Train on a table; return ``(n, seed) -> rows``."""
    encoding, rows = fitted(table)
    generator = Generator(encoding.places, encoding.sizes, settings.latent_dim, settings.hidden)
    encoder, decoder = Encoder(settings.latent_dim, settings.hidden), Decoder(generator)
    sizes = {"example_shape": (encoding.width,), "latent_dim": settings.latent_dim}
    batch_size = min(settings.batch_size, len(rows))
    order: dict[str, Any] = {"seed": settings.seed, "batch_size": batch_size}

    def batch_at(arrays: dict[str, jax.Array], step: jax.Array) -> dict[str, jax.Array]:
        return {"image": encoding.widen(data.batch_at(arrays, step, **order)["image"])}

    variables: Any = None
    for done, state, row in mnist_vae.learn(
        mnist_vae.make(encoder, decoder, log_likelihood, **sizes),
        {"image": rows},
        batch_at,
        steps=settings.steps,
        seed=settings.seed,
        log_every=1000,
    ):
        variables = jax.device_get(state.ema)
        say(f"step {done:,}: " + ", ".join(f"{name} {value:.1f}" for name, value in row.items()))
    return partial(draw, decoder, variables, encoding, latent_dim=settings.latent_dim)


def draw(
    decoder: Decoder, variables: Any, encoding: Encoding, n: int, seed: int, *, latent_dim: int
) -> Table:
    """Return rows that are drawn from the decoder."""

    @jax.jit
    def batch(key: jax.Array) -> jax.Array:
        latent_key, place_key, block_key = jax.random.split(key, 3)
        latents = jax.random.normal(latent_key, (BATCH, latent_dim))
        decoded: Any = decoder.apply(variables, latents, train=False)
        means, deviations, chances = decoded
        places = means + deviations[None] * jax.random.normal(place_key, means.shape)
        gumbel = jax.random.gumbel(block_key, chances.shape)  # the largest of a block is a draw from it
        return jnp.concatenate([jnp.clip(places, -1, 1), chances + gumbel], axis=1)

    keys = jax.random.split(seed_key(seed), -(-n // BATCH))
    return encoding.decode(np.concatenate([np.asarray(batch(key)) for key in keys])[:n])


def main(args: list[str] | None = None) -> None:
    """Run the experiment as a command."""
    with exits(OSError, NotFiniteError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        for name in ("latent_dim", "steps", "batch_size"):
            if getattr(settings, name) < 1:
                raise UserError(f"`{name}` must be at least 1, got {getattr(settings, name)}")
        if not 0 <= settings.seed < 2**32:
            raise UserError(f"`seed` must be in [0, 2**32), got {settings.seed}")
        if settings.rows is not None and settings.rows < 1:
            raise UserError(f"`rows` must be at least 1, got {settings.rows}")
        table = read(settings.data)
        folder = expanded(settings.workdir)
        folder.mkdir(parents=True, exist_ok=True)
        require_devices()
        compilation.keep_programs()
        rows = fit(table, settings)(settings.rows or len(table), settings.seed)
        write(rows, folder / "rows.csv")
        output.write(str(folder / "rows.csv"))


if __name__ == "__main__":
    main()
