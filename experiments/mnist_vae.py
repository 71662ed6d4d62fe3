"""A variational autoencoder with the DCGAN generator as its decoder, measured as the GANs are.

    jaxgan data prepare mnist                # once; --from FOLDER takes the official files from there
    python experiments/mnist_vae.py          # 7 min on two CPU cores
    jaxgan evaluate runs/mnist_vae --metrics fid --n 10000

An encoder takes the discriminator's place: it says which latents an image may have come from. Encoder and
decoder together maximize a lower bound of the images' likelihood, and nobody judges what is drawn from the
prior. Decoder, batch size, steps, order of the data and exported moving average are those of mnist_dcgan.py.
docs/guides/evaluate.md compares the two.

References:
    Kingma and Welling 2014, Auto-Encoding Variational Bayes, https://arxiv.org/abs/1312.6114
"""

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxgan import build, data, sampling
from jaxgan.export import load_generator, save_generator
from jaxgan.images import to_float
from jaxgan.layers.batch_norm import BatchNorm
from jaxgan.layers.convolution import Conv
from jaxgan.networks.dcgan import Generator, stages_of
from jaxgan.run.nan import NotFiniteError
from jaxgan.system import compilation
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, exits
from jaxgan.system.files import expanded, write_atomically, write_json, write_text
from jaxgan.system.limits import require_devices
from jaxgan.system.progress import write
from jaxgan.system.random import pinned, seed_key

LEARNING_RATE = 1e-3  # Adam's
EMA_DECAY = 0.999  # decay of the decoder's average weights, which are exported
TINY = 1e-6  # keeps the logarithm of a black or white pixel finite
Latents = Float[Array, "batch latent"]
Gaussian = tuple[Latents, Latents]  # mean, logarithm of the variance


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    data: str = "mnist"  # digits; a TFDS name; a folder of pictures of one size; an .npz file
    data_dir: str | None = None  # folder of TFDS data sets; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    width: int = 32  # channels next to the image, of both networks
    latent_dim: int = 100  # length of a latent vector
    steps: int = 6000  # updates
    batch_size: int = 64  # images per update
    seed: int = 0  # seed of weights, noise and data order
    workdir: str = "runs/mnist_vae"  # folder of the export, a picture, and the bound along the way
    log_every: int = 500  # steps between rows of metrics.jsonl


class Encoder(nn.Module):
    """Images to a Gaussian over latents, by the convolutions of the DCGAN discriminator.

    Attributes:
        latent_dim: length of a latent vector.
        width: channels next to the image.
    """

    latent_dim: int
    width: int

    @nn.compact
    def __call__(self, images: Float[Array, "batch height width channel"], *, train: bool) -> Gaussian:
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


class Autoencoder(nn.Module):
    """An encoder and a decoder with a draw between them.

    Attributes:
        encoder: images to a Gaussian.
        decoder: latents to images.
    """

    encoder: nn.Module
    decoder: nn.Module

    def __call__(self, images: Float[Array, "batch *image"], key: jax.Array) -> tuple[jax.Array, Gaussian]:
        """Return the decoded images and the Gaussians whose latents were decoded, one draw each."""
        mean, log_variance = self.encoder(images, train=True)
        latents = mean + jnp.exp(log_variance / 2) * jax.random.normal(key, mean.shape)
        return self.decoder(latents, train=True), (mean, log_variance)


def divergence(mean: Latents, log_variance: Latents) -> Float[Array, " batch"]:
    """Return the KL divergence from the standard normal prior, in nats (Kingma and Welling, appendix B)."""
    return 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).sum(axis=-1)


def log_likelihood(images: Float[Array, "batch *image"], decoded: Float[Array, "batch *image"]) -> jax.Array:
    """Return log p(image | latent) ``[B]`` of Bernoulli pixels, from values in [-1, 1] (eq. 11)."""
    pixels, shares = (images + 1) / 2, (decoded + 1) / 2
    each = pixels * jnp.log(shares + TINY) + (1 - pixels) * jnp.log(1 - shares + TINY)
    return each.reshape(len(images), -1).sum(axis=-1)


class State(NamedTuple):
    """Everything that training changes.

    Attributes:
        step: updates so far.
        params: parameters of "encoder" and "decoder".
        statistics: other collections of both.
        moments: the optimizer's state.
        ema: the decoder's average variables.
    """

    step: jax.Array
    params: Any
    statistics: Any
    moments: optax.OptState
    ema: Any


def make(
    encoder: nn.Module,
    decoder: nn.Module,
    log_likelihood: Callable[[jax.Array, Any], Any],
    *,
    example_shape: tuple[int, ...],
    latent_dim: int,
) -> tuple[Callable[[jax.Array], State], Callable[..., tuple[State, dict[str, jax.Array]]]]:
    """Return ``init(key) -> state``, and ``step(state, batch, key) -> (state, metrics)``.

    Args:
        encoder: ``(examples, *, train) -> Gaussian``.
        decoder: ``(latents, *, train) -> decoded``.
        log_likelihood: ``(examples, decoded) -> [B]``.
        example_shape: shape of one example, the batch's "image".
        latent_dim: length of a latent vector.
    """
    both = Autoencoder(encoder, decoder)
    tx, decay = optax.adam(LEARNING_RATE), build.ema_schedule(EMA_DECAY)

    def init(key: jax.Array) -> State:
        encoder_key, decoder_key = jax.random.split(key)
        networks = {
            "encoder": encoder.init(encoder_key, jnp.zeros((1, *example_shape)), train=False),
            "decoder": decoder.init(decoder_key, jnp.zeros((1, latent_dim)), train=False),
        }
        collections = set().union(*networks.values())  # a small encoder has no batch statistics
        variables = {
            collection: {name: tree[collection] for name, tree in networks.items() if collection in tree}
            for collection in collections
        }
        params = variables.pop("params")
        ema = jax.tree.map(jnp.copy, networks["decoder"])
        return State(jnp.zeros((), jnp.int32), params, variables, tx.init(params), ema)

    def step(state: State, batch: dict[str, jax.Array], key: jax.Array) -> tuple[State, dict[str, jax.Array]]:
        """Ascend the bound by one draw for each example (Kingma and Welling, eq. 10 with L = 1)."""
        examples, key = to_float(batch["image"]), jax.random.fold_in(key, state.step)

        def negative_bound(params: Any) -> Any:
            variables = {"params": params, **state.statistics}
            (decoded, gaussian), statistics = both.apply(
                variables, examples, key, mutable=[*state.statistics]
            )
            likelihood, kl = log_likelihood(examples, decoded).mean(), divergence(*gaussian).mean()
            metrics = {"bound": likelihood - kl, "likelihood": likelihood, "kl": kl}
            return kl - likelihood, (statistics, metrics)

        gradients, (statistics, metrics) = jax.grad(negative_bound, has_aux=True)(state.params)
        updates, moments = tx.update(gradients, state.moments, state.params)
        params: Any = optax.apply_updates(state.params, updates)
        now = {name: tree["decoder"] for name, tree in {"params": params, **statistics}.items()}
        ema = optax.incremental_update(now, state.ema, 1 - decay(state.step))
        return State(state.step + 1, params, statistics, moments, ema), metrics

    return init, step


def learn(
    parts: tuple[Callable[[jax.Array], State], Callable[..., tuple[State, dict[str, jax.Array]]]],
    arrays: Any,
    batch_at: Callable[[Any, jax.Array], dict[str, jax.Array]],
    *,
    steps: int,
    seed: int,
    log_every: int,
) -> Iterator[tuple[int, State, dict[str, float]]]:
    """Train; yield the step, the state and its metrics now and then, and at the end.

    Args:
        parts: what `make` returned.
        arrays: what batches are made of.
        batch_at: ``(arrays, step) -> batch``.
        steps: number of updates.
        seed: seed of weights and noise.
        log_every: steps from one yield to the next.

    Raises:
        NotFiniteError: if the bound is not finite.
    """
    init, step = parts
    key, init_key = jax.random.split(seed_key(seed))
    state = jax.jit(init)(init_key)
    advance = jax.jit(lambda state, arrays: step(state, batch_at(arrays, state.step), key), donate_argnums=0)
    arrays = jax.device_put(arrays)
    for done in range(1, steps + 1):
        state, metrics = advance(state, arrays)
        if done % log_every and done < steps:
            continue
        row: dict[str, float] = {name: float(value) for name, value in metrics.items()}
        if not math.isfinite(row["bound"]):
            raise NotFiniteError(["bound"], done)
        yield done, state, row


@pinned()
def train(settings: Settings, folder: Path) -> None:
    """Train; write ``export/`` and ``metrics.jsonl`` on the way, and ``samples.png`` at the end."""
    dataset = data.load(settings.data, data_dir=settings.data_dir)
    if dataset.images.ndim != 4:
        raise UserError(f"images have shape [N, H, W, C], got {list(dataset.images.shape)}")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", dataclasses.asdict(settings))
    shape = dataset.images.shape[1:]
    encoder, decoder = Encoder(settings.latent_dim, settings.width), Generator(shape, width=settings.width)
    sizes = {"example_shape": shape, "latent_dim": settings.latent_dim}
    rows = []
    for done, state, row in learn(
        make(encoder, decoder, log_likelihood, **sizes),
        dataset.arrays(False),
        partial(data.batch_at, seed=settings.seed, batch_size=settings.batch_size),
        steps=settings.steps,
        seed=settings.seed,
        log_every=settings.log_every,
    ):
        rows.append(json.dumps({"step": done, **row}) + "\n")
        write_atomically(folder / "metrics.jsonl", partial(write_text, text="".join(rows)))
        about = {"image_shape": shape, "latent_dim": settings.latent_dim, "num_classes": None, "step": done}
        save_generator(folder / "export", decoder, jax.device_get(state.ema), **about)
        line = ", ".join(f"{name} {value:.1f}" for name, value in row.items())
        write(f"step {done:,}: {line}")
    latents = sampling.draw_latents(seed_key(settings.seed), 80, settings.latent_dim)
    grid = sampling.grid(sampling.sample(load_generator(folder), latents), columns=10)
    write_atomically(folder / "samples.png", grid.save)


def main(args: list[str] | None = None) -> None:
    """Run the experiment as a command."""
    with exits(OSError, NotFiniteError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        for name in ("width", "latent_dim", "steps", "batch_size", "log_every"):
            if getattr(settings, name) < 1:
                raise UserError(f"`{name}` must be at least 1, got {getattr(settings, name)}")
        if not 0 <= settings.seed < 2**32:
            raise UserError(f"`seed` must be in [0, 2**32), got {settings.seed}")
        folder = expanded(settings.workdir)
        if folder.exists() and any(folder.iterdir()):
            raise UserError(f"{folder} is not empty: choose another `workdir`, or remove it")
        require_devices()
        compilation.keep_programs()
        train(settings, folder)
        write(f"done: see {folder}, and: jaxgan evaluate {folder} --metrics fid")


if __name__ == "__main__":
    main()
