"""What ring.py and grid.py share: GANs of points in the plane, many seeds in one program.

A mixture of Gaussians shows what images hide: which modes a generator has found, how much of what it makes
lies between them, and the discriminator's whole field.
"""

import dataclasses
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from jaxgan import build, config, init_state, make_train_step, metrics, parallel, sampling
from jaxgan.names import LOSSES, PENALTIES
from jaxgan.networks import mlp
from jaxgan.state import GANState
from jaxgan.step import Step
from jaxgan.system.errors import UserError, exits

SAMPLES = 2500  # the protocol: a mode counts when one of so many samples is within 3 sigma of it
FRAMES = 40  # of the animation
FAR = 1e6  # from every mode


class Mixture(NamedTuple):
    """Gaussians of one width and equal weights.

    Attributes:
        centres: ``[modes, 2]``.
        sigma: standard deviation of each.
    """

    centres: np.ndarray
    sigma: float

    @property
    def extent(self) -> float:
        """The largest coordinate of a centre; the networks see points divided by it, as images in [-1, 1]."""
        return float(np.abs(self.centres).max())

    def batch_at(self, step: jax.Array, seed: jax.Array, *, count: int) -> dict[str, jax.Array]:
        """Return fresh points, a function of seed and step alone."""
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), 0x6D6978), step)
        mode_key, noise_key = jax.random.split(key)
        modes = jax.random.randint(mode_key, (count,), 0, len(self.centres))
        noise = self.sigma * jax.random.normal(noise_key, (count, 2))
        return {"image": (jnp.asarray(self.centres, jnp.float32)[modes] + noise) / self.extent}

    def score(self, points: np.ndarray) -> metrics.ModeCoverage:
        """Return how many modes the points reach, and the share of points within 3 sigma of one."""
        return metrics.mode_coverage(points, self.centres, sigma=self.sigma)


@dataclasses.dataclass(frozen=True)
class MixtureConfig:
    """Settings of a mixture experiment."""

    loss: str = "relativistic"  # adversarial loss
    penalty: str = "r1_r2"  # penalty on the discriminator
    penalty_weight: float = 0.002  # its weight, for points in [-1, 1]
    steps: int = 8000  # updates of each player
    seeds: int = 10  # members, trained side by side
    seed: int = 0  # of the first member
    batch_size: int = 256  # points per update
    width: int = 128  # of the hidden layers of both networks
    depth: int = 4  # hidden layers of both networks
    latent_dim: int = 2  # length of a latent vector
    learning_rate: float = 4e-3  # of both players, falls to zero along a cosine
    beta1: float = 0.0  # Adam
    beta2: float = 0.9  # Adam
    ema_decay: float = 0.999  # of the generator that is scored
    workdir: str = "runs/mixture"  # pictures and scores

    def checked(self) -> "MixtureConfig":
        """Return the config with its names spelled as in the tables.

        Raises:
            UserError: for an unknown name or a value out of range.
        """
        for name in ("steps", "seeds", "batch_size", "width", "depth", "latent_dim"):
            if getattr(self, name) < 1:
                raise UserError(f"{config.option(name)} must be at least 1, got {getattr(self, name)}")
        if not (0 < self.learning_rate < math.inf and 0 <= self.penalty_weight < math.inf):
            raise UserError("--learning-rate must be positive, --penalty-weight 0 or more, both finite")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1 and 0 <= self.ema_decay < 1):
            raise UserError("--beta1, --beta2 and --ema-decay must be at least 0 and below 1")
        return dataclasses.replace(
            self,
            loss=config.choose("loss", self.loss, LOSSES),
            penalty=config.choose("penalty", self.penalty, PENALTIES),
        )


class Trained(NamedTuple):
    """A population after training: the modules, and the states with a leading axis of members."""

    mixture: Mixture
    generator: nn.Module
    discriminator: nn.Module
    state: GANState

    def points(self, count: int = SAMPLES) -> np.ndarray:
        """Return what each member's average generator makes of the same latents, ``[members, count, 2]``.

        What is no number lies far away, where it is of no mode.
        """
        latents = sampling.draw_latents(jax.random.key(0), count, self.state.latent_dim)
        generate = jax.vmap(lambda variables: self.generator.apply(variables, latents, train=False))
        return np.nan_to_num(
            self.mixture.extent * np.asarray(generate(self.state.ema)), nan=FAR, posinf=FAR, neginf=-FAR
        )


def pieces(settings: MixtureConfig) -> tuple[nn.Module, nn.Module, Callable[[jax.Array], GANState], Step]:
    """Return generator, discriminator, ``init(key) -> state`` and the train step."""
    hidden = (settings.width,) * settings.depth
    generator = mlp.Generator((2,), hidden, squash=False)
    discriminator = mlp.Discriminator(hidden)
    schedule = optax.cosine_decay_schedule(settings.learning_rate, settings.steps)
    tx = optax.adam(schedule, b1=settings.beta1, b2=settings.beta2)
    step = make_train_step(
        generator,
        discriminator,
        LOSSES[settings.loss],
        penalty=PENALTIES[settings.penalty](settings.penalty_weight),
        ema_decay=build.ema_schedule(settings.ema_decay),
    )

    def init(key: jax.Array) -> GANState:
        return init_state(
            key, generator, discriminator, image_shape=(2,), latent_dim=settings.latent_dim, g_tx=tx, d_tx=tx
        )

    return generator, discriminator, init, step


def train(
    settings: MixtureConfig, mixture: Mixture, watch: Callable[[Trained], None] | None = None
) -> Trained:
    """Train all members in one compiled program.

    Args:
        settings: checked.
        mixture: what to learn.
        watch: called `FRAMES` times on the way, if given.
    """
    generator, discriminator, init, step = pieces(settings)

    def batch_at(data: Any, step: jax.Array, seed: jax.Array) -> dict[str, jax.Array]:
        return mixture.batch_at(step, seed, count=settings.batch_size)

    seeds = settings.seed + jnp.arange(settings.seeds)
    run = parallel.population(lambda hyper: step, batch_at)
    state = parallel.init_population(init, seeds)
    if watch is None:
        state, _ = run(None, state, None, seeds, settings.steps)
    else:
        stops = np.linspace(0, settings.steps, FRAMES + 1, dtype=int)
        for n in np.diff(stops[stops > 0], prepend=0):
            state, _ = run(None, state, None, seeds, int(n))
            watch(Trained(mixture, generator, discriminator, state))
    return Trained(mixture, generator, discriminator, jax.block_until_ready(state))


def draw(trained: Trained, *, member: int = 0) -> Image.Image:
    """Draw one member's samples over the true modes, with the discriminator's field behind."""
    mixture = trained.mixture
    extent = 1.35 * mixture.extent
    line = np.linspace(-extent, extent, 160)
    plane = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    variables = jax.tree.map(lambda leaf: leaf[member], trained.state.discriminator.variables)
    inputs = jnp.asarray(plane / mixture.extent, jnp.float32)
    logits = np.asarray(trained.discriminator.apply(variables, inputs, train=False))
    low, middle, high = np.percentile(np.nan_to_num(logits), [2, 50, 98])
    points = trained.points()[member]
    score = mixture.score(points)
    figure = Figure(figsize=(4.5, 4.8), dpi=96, layout="constrained")
    axes = figure.subplots()
    field = np.clip(logits, low, high).reshape(160, 160) - middle
    axes.imshow(field, origin="lower", extent=(-extent, extent, -extent, extent), cmap="RdBu_r", alpha=0.45)
    axes.scatter(*points.T, s=2, color="black", linewidths=0, alpha=0.6)
    axes.scatter(*mixture.centres.T, s=60, facecolors="none", edgecolors="tab:green", linewidths=1)
    axes.set(
        title=f"step {int(trained.state.step):,}: {score.modes} modes, {score.high_quality:.1%} high quality",
        xlim=(-extent, extent),
        ylim=(-extent, extent),
        xticks=[],
        yticks=[],
    )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def main(default: MixtureConfig, mixture: Mixture, description: str | None) -> None:
    """Train, print the score of each seed, and write the pictures."""
    with exits(OSError):
        settings = config.parse(default, description=description or "").checked()
        folder = Path(settings.workdir)
        folder.mkdir(parents=True, exist_ok=True)
        frames: list[Image.Image] = []
        start = time.monotonic()
        trained = train(settings, mixture, lambda trained: frames.append(draw(trained)))
        seconds = time.monotonic() - start
        scores = [mixture.score(points) for points in trained.points()]
        for i, score in enumerate(scores):
            print(f"seed {settings.seed + i}: {score}")
        shares = [score.high_quality for score in scores]
        complete = sum(score.modes == score.n_modes for score in scores)
        print(
            f"all modes in {complete} of {len(scores)} seeds; high quality {np.mean(shares):.1%} on average, "
            f"{min(shares):.1%} in the worst seed; {seconds:.0f} s"
        )
        frames[-1].save(folder / "samples.png")
        sampling.animate(frames, folder / "training.gif")
        result = {
            "settings": dataclasses.asdict(settings),
            "modes": [score.modes for score in scores],
            "high_quality": shares,
        }
        (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n")
        print(f"pictures: {folder}/samples.png, training.gif")
