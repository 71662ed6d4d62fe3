"""A variational autoencoder with the DCGAN generator as its decoder, measured as the GANs are.

    jaxgan data prepare mnist                # once; --from FOLDER takes the official files from there
    python experiments/mnist_vae.py
    jaxgan evaluate runs/mnist_vae --metrics fid --n 10000

The encoder takes the discriminator's place and says which latents an image may have come from; encoder and
decoder maximise one bound on the likelihood together, and nobody judges what is drawn from the prior. The
decoder, batch size, steps, order of the data and exported moving average are those of mnist_dcgan.py.

References:
    Kingma and Welling 2014, Auto-Encoding Variational Bayes, https://arxiv.org/abs/1312.6114
"""

import dataclasses
import json
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxgan import build, config, data, parallel, sampling
from jaxgan.export.safetensors import load_generator, save_generator
from jaxgan.images import to_float
from jaxgan.layers.batch_norm import BatchNorm
from jaxgan.layers.convolution import Conv
from jaxgan.networks.dcgan import Generator, stages_of
from jaxgan.run.checksums import NotFiniteError
from jaxgan.system import compilation
from jaxgan.system.errors import UserError, exits
from jaxgan.system.files import write_json

TINY = 1e-6  # keeps the logarithm of a pixel that is wholly black or white finite


@dataclasses.dataclass(frozen=True)
class VAEConfig:
    """Settings of the experiment."""

    data: str = "mnist"  # digits; a TFDS name; a folder of pictures of one size; an .npz file
    data_dir: str | None = None  # where TFDS data sets are; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    width: int = 32  # channels next to the image, of both networks
    latent_dim: int = 100  # length of a latent vector
    steps: int = 6000  # updates
    batch_size: int = 64  # images per update
    learning_rate: float = 1e-3  # Adam
    ema_decay: float = 0.999  # of the decoder that is exported
    seed: int = 0  # of weights, noise and data order
    workdir: str = "runs/mnist_vae"  # gets the export, a picture, and the bound along the way
    log_every: int = 500  # steps

    def check(self) -> None:
        """Refuse values out of range.

        Raises:
            UserError: naming the option, the range and the value.
        """
        for name in ("width", "latent_dim", "steps", "batch_size", "log_every"):
            if getattr(self, name) < 1:
                raise UserError(f"{config.option(name)} must be at least 1, got {getattr(self, name)}")
        if not (self.learning_rate > 0 and 0 <= self.ema_decay < 1 and 0 <= self.seed < 2**32):
            raise UserError("--learning-rate is positive, --ema-decay in [0, 1), --seed in [0, 2**32)")


class Encoder(nn.Module):
    """Images to a Gaussian over latents, by the DCGAN discriminator's convolutions."""

    latent_dim: int
    width: int

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channel"], *, train: bool
    ) -> tuple[Float[Array, "batch latent"], Float[Array, "batch latent"]]:
        """Return mean and logarithm of the variance (Kingma and Welling 2014, appendix C.2)."""
        stages = stages_of(*images.shape[1:3])
        features = images
        for stage in range(stages.count):
            first = stage == 0
            strides = stages.stride, stages.stride
            features = Conv(self.width * 2**stage, (4, 4), strides, use_bias=first)(features)
            if not first:
                features = BatchNorm(use_running_average=not train, momentum=0.9)(features)
            features = nn.leaky_relu(features, 0.2)
        both = nn.Dense(2 * self.latent_dim)(features.reshape(len(features), -1))
        return both[:, : self.latent_dim], both[:, self.latent_dim :]


def divergence(
    mean: Float[Array, "batch latent"], log_variance: Float[Array, "batch latent"]
) -> Float[Array, " batch"]:
    """Return the KL divergence from the standard normal prior, in nats (Kingma and Welling, appendix B)."""
    return 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).sum(axis=-1)


def log_likelihood(images: Float[Array, "batch *image"], decoded: Float[Array, "batch *image"]) -> jax.Array:
    """Return log p(image | latent) ``[B]`` of Bernoulli pixels, from values in [-1, 1] (eq. 11)."""
    pixels, shares = (images + 1) / 2, (decoded + 1) / 2
    each = pixels * jnp.log(shares + TINY) + (1 - pixels) * jnp.log(1 - shares + TINY)
    return each.reshape(len(images), -1).sum(axis=-1)


class VAEState(flax.struct.PyTreeNode):
    """Everything that training changes.

    Attributes:
        step: updates so far.
        params: of "encoder" and "decoder".
        statistics: of their batch normalisations.
        moments: the optimizer's state.
        ema: the decoder's average variables.
    """

    step: jax.Array
    params: Any
    statistics: Any
    moments: optax.OptState
    ema: Any


def make_vae(
    settings: VAEConfig, image_shape: tuple[int, ...]
) -> tuple[Generator, Callable[[jax.Array], VAEState], Callable[..., tuple[VAEState, dict[str, jax.Array]]]]:
    """Return the decoder, ``init(key) -> state``, and ``step(state, batch, key) -> (state, metrics)``."""
    encoder = Encoder(settings.latent_dim, settings.width)
    decoder = Generator(image_shape, width=settings.width)
    tx = optax.adam(settings.learning_rate)
    decay = build.ema_schedule(settings.ema_decay)

    def init(key: jax.Array) -> VAEState:
        keys = jax.random.split(key)
        variables = {
            "encoder": encoder.init(keys[0], jnp.zeros((1, *image_shape)), train=False),
            "decoder": decoder.init(keys[1], jnp.zeros((1, settings.latent_dim)), train=False),
        }
        params = {name: each["params"] for name, each in variables.items()}
        statistics = {name: each.get("batch_stats", {}) for name, each in variables.items()}
        ema = jax.tree.map(jnp.copy, variables["decoder"])
        return VAEState(jnp.zeros((), jnp.int32), params, statistics, tx.init(params), ema)

    def negative_bound(params, statistics, images, key):
        def apply(network: nn.Module, name: str, inputs: jax.Array):
            variables = {"params": params[name], "batch_stats": statistics[name]}
            made, changed = network.apply(variables, inputs, train=True, mutable=["batch_stats"])
            return made, changed.get("batch_stats", {})

        (mean, log_variance), of_encoder = apply(encoder, "encoder", images)
        noise = jax.random.normal(key, mean.shape)
        latents = mean + jnp.exp(log_variance / 2) * noise
        decoded, of_decoder = apply(decoder, "decoder", latents)
        likelihood, kl = log_likelihood(images, decoded).mean(), divergence(mean, log_variance).mean()
        changed = {"encoder": of_encoder, "decoder": of_decoder}
        return kl - likelihood, (changed, {"bound": likelihood - kl, "likelihood": likelihood, "kl": kl})

    def step(
        state: VAEState, batch: dict[str, jax.Array], key: jax.Array
    ) -> tuple[VAEState, dict[str, jax.Array]]:
        """Ascend the bound by one noise draw per image (Kingma and Welling, eq. 10 with L = 1)."""
        gradients, (statistics, metrics) = jax.grad(negative_bound, has_aux=True)(
            state.params, state.statistics, to_float(batch["image"]), jax.random.fold_in(key, state.step)
        )
        updates, moments = tx.update(gradients, state.moments, state.params)
        params: Any = optax.apply_updates(state.params, updates)
        now = {"params": params["decoder"], "batch_stats": statistics["decoder"]}
        ema = optax.incremental_update(now, state.ema, 1 - decay(state.step))
        return VAEState(state.step + 1, params, statistics, moments, ema), metrics

    return decoder, init, step


def train(settings: VAEConfig, folder: Path) -> None:
    """Train; at every look write ``export/`` and a row of ``metrics.jsonl``, at the end ``samples.png``."""
    dataset = data.load(settings.data, data_dir=settings.data_dir)
    if dataset.images.ndim != 4:
        raise UserError(f"images have shape [N, H, W, C], got {list(dataset.images.shape)}")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", dataclasses.asdict(settings))
    shape = dataset.images.shape[1:]
    decoder, init, step = make_vae(settings, shape)
    key, init_key = jax.random.split(jax.random.key(settings.seed))
    state = jax.jit(init)(init_key)
    batch_at: Any = partial(data.batch_at, seed=settings.seed, batch_size=settings.batch_size)
    untyped: Any = step  # the adapter is written for a GAN's state, and asks nothing of it but its step
    run = parallel.scan(untyped, batch_at)
    images = {"image": jax.device_put(dataset.images)}
    log = folder / "metrics.jsonl"
    log.unlink(missing_ok=True)  # of a training that was killed
    done, began = 0, time.monotonic()
    while done < settings.steps:
        count = min(settings.log_every, settings.steps - done)
        state, metrics = run(state, images, key, count)
        done += count
        row: dict[str, float] = {name: float(value) for name, value in metrics.items()}
        if not math.isfinite(row["bound"]):
            raise NotFiniteError(["bound"], done)
        with log.open("a") as file:
            file.write(json.dumps({"step": done, **row}) + "\n")
        about = {"image_shape": shape, "latent_dim": settings.latent_dim, "num_classes": None, "step": done}
        save_generator(folder / "export", decoder, jax.device_get(state.ema), **about)
        bound, likelihood, kl = (f"{row[name]:.1f}" for name in ("bound", "likelihood", "kl"))
        speed = done / (time.monotonic() - began)
        print(
            f"step {done:,}: bound {bound} = likelihood {likelihood} - KL {kl}  {speed:.1f} it/s", flush=True
        )
    latents = sampling.draw_latents(jax.random.key(settings.seed), 80, settings.latent_dim)
    fakes = sampling.sample(load_generator(folder), latents)
    sampling.grid(fakes, columns=10).save(folder / "samples.png")


def main() -> None:
    """Run the experiment as a command."""
    with exits(OSError, NotFiniteError):
        settings = config.parse(VAEConfig(), description=__doc__ or "")
        settings.check()
        folder = Path(settings.workdir)
        if folder.exists() and any(folder.iterdir()):
            raise UserError(f"{folder} is not empty: choose another --workdir, or remove it")
        compilation.keep_programs()
        train(settings, folder)
        print(f"done: see {folder}, and: jaxgan evaluate {folder} --metrics fid")


if __name__ == "__main__":
    main()
