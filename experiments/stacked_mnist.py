"""Stacked MNIST: three digits in red, green and blue make 1,000 modes. How many does a generator find?

    jaxgan data prepare mnist                  # once; --from FOLDER takes the official files from there
    python experiments/stacked_mnist.py --recipe dcgan --workdir runs/stacked_dcgan
    python experiments/stacked_mnist.py --recipe r3gan --workdir runs/stacked_r3gan
    python experiments/stacked_mnist.py --recipe mlp --workdir runs/stacked_mlp

"dcgan" is the non-saturating loss with batch normalisation. "r3gan" is relativistic pairing with R1 and R2
and residual networks without any normalisation, with a falling learning rate; "mlp" is that loss between
multilayer perceptrons, for a CPU.
26,000 samples of the average generator go through mnist-cnn, one channel at a time: a mode counts when one
sample is of it, and KL is from uniform. The score is taken `--scores` times on the way; the same command goes
on with a run that was stopped. On two cores "dcgan" wants --width 32, and "r3gan" wants --width 32
--batch-size 16 --learning-rate 3e-4 --penalty-every 4.

References:
    Metz et al. 2017, Unrolled GANs, section 3.3.1; Lin et al. 2018, PacGAN, section 4.2
    Huang et al. 2024, The GAN is dead; long live the GAN!, https://arxiv.org/abs/2501.05441
"""

import dataclasses
import json
import math
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from jaxgan import config, data, features, images, metrics, penalties, sampling, train
from jaxgan.layers.convolution import Conv, ConvDownsample, UpsampleConv
from jaxgan.networks import dcgan, mlp
from jaxgan.run.checksums import NotFiniteError
from jaxgan.system import compilation
from jaxgan.system.errors import UserError, exits
from jaxgan.system.files import write_json

SAMPLES, STACKED = 26_000, 60_000
BLOCKS = 3  # in either network
_plain = nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")  # after no activation
_inner = nn.initializers.variance_scaling(2 / 1.04 * BLOCKS**-0.5, "fan_in", "truncated_normal")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of a run."""

    recipe: str = "r3gan"  # dcgan, r3gan or mlp
    steps: int = 25_000  # generator updates
    batch_size: int = 64  # images per update
    width: int = 64  # channels next to the image; of an MLP's layer next to it, a sixteenth
    learning_rate: float = 2e-4  # of both players (r3gan: at the start; it falls to 0 at --steps)
    penalty_weight: float = 1.0  # gamma of R1 and R2 (r3gan, mlp)
    penalty_every: int = 1  # steps between R1 and R2, each that many times as heavy (r3gan, mlp)
    scores: int = 5  # how often modes are counted, at equal distances
    seed: int = 0  # of weights, latents, stacks and data order
    data_dir: str | None = None  # where TFDS's mnist is; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    workdir: str = "runs/stacked_mnist"  # run folder


class Block(nn.Module):
    """Two 3x3 convolutions around a skip connection; it begins as the identity.

    A plainer one than Huang 2024 has (1x1, grouped 3x3, 1x1), with the initial scales of the paper's code.
    """

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Return features of the same shape."""
        channels = inputs.shape[-1]
        inner = Conv(channels, (3, 3), kernel_init=_inner)(jax.nn.leaky_relu(inputs, 0.2))
        last = Conv(channels, (3, 3), use_bias=False, kernel_init=nn.initializers.zeros)
        return inputs + last(jax.nn.leaky_relu(inner, 0.2))


class Generator(nn.Module):
    """7x7, 14x14, 28x28, each with residual blocks and without normalisation.

    Nothing bounds its images, and no activation comes before the last convolution (as Huang 2024 has it):
    features whose mean is not zero would move all images alike before they moved apart.

    Attributes:
        width: channels next to the image.
    """

    width: int = 64

    @nn.compact
    def __call__(self, latents: jax.Array, labels: Any = None, *, train: bool) -> jax.Array:
        """Return images ``[B, 28, 28, 3]``, about in [-1, 1]."""
        wide = 4 * self.width
        outputs = nn.Dense(7 * 7 * wide, kernel_init=_plain)(latents).reshape(-1, 7, 7, wide)
        for channels in (2 * self.width, self.width):
            outputs = UpsampleConv(channels, (3, 3), kernel_init=_plain)(Block()(outputs))
        return Conv(3, (3, 3), kernel_init=_plain)(Block()(outputs))


class Discriminator(nn.Module):
    """The generator's mirror image.

    Attributes:
        width: channels next to the image.
    """

    width: int = 64

    @nn.compact
    def __call__(self, pictures: jax.Array, labels: Any = None, *, train: bool) -> jax.Array:
        """Return logits ``[B]``."""
        outputs = Block()(Conv(self.width, (3, 3), kernel_init=_plain)(pictures))
        for channels in (2 * self.width, 4 * self.width):
            outputs = Block()(ConvDownsample(channels, (3, 3), kernel_init=_plain)(outputs))
        logits = nn.Dense(1, kernel_init=_plain)(outputs.reshape(len(outputs), -1))
        return logits[:, 0]


def stacks(mnist: data.Dataset, count: int, seed: int) -> data.Dataset:
    """Return `count` random triples of digits as colour images, with their modes as labels."""
    rows = np.random.default_rng(seed).integers(0, len(mnist.images), (count, 3))
    if mnist.labels is None:
        raise UserError(f"{mnist.name} has no labels")
    stacked = np.stack([mnist.images[row, :, :, 0] for row in rows.T], axis=-1)
    return data.from_arrays(stacked, mnist.labels[rows] @ np.array([100, 10, 1]), name="stacked-mnist")


def settings_of(chosen: Settings) -> config.Config:
    """Return the run's config."""
    common = config.Config(
        data="mnist",
        data_dir=chosen.data_dir,
        network="dcgan",
        width=chosen.width,
        generator_learning_rate=chosen.learning_rate,
        discriminator_learning_rate=chosen.learning_rate,
        batch_size=chosen.batch_size,
        steps=chosen.steps,
        seed=chosen.seed,
        workdir=chosen.workdir,
        log_every=100,
    )
    if chosen.recipe == "dcgan":
        return common
    relativistic = common.replace(
        loss="relativistic",
        penalty="r1_r2",
        penalty_weight=chosen.penalty_weight,
        beta1=0.0,
        beta2=0.99,
    )
    if chosen.recipe == "mlp":
        return relativistic.replace(network="mlp")
    return relativistic.replace(latent_dim=64, learning_rate_schedule="cosine", decay_steps=chosen.steps)


def lazy_penalty(chosen: Settings) -> penalties.Penalty | None:
    """Return R1 and R2 at every so many steps, in place of the config's; None where these stay."""
    if chosen.recipe == "dcgan" or chosen.penalty_every == 1:
        return None
    return penalties.lazy(penalties.r1_r2(gamma=chosen.penalty_weight), every=chosen.penalty_every)


def count_modes(generate: Any, classifier: features.Extractor, latent_dim: int) -> metrics.ClassCoverage:
    """Return modes and KL of 26,000 samples.

    Args:
        generate: ``latents -> images [B, 28, 28, 3]`` in [-1, 1].
        classifier: of single digits.
        latent_dim: length of a latent vector.
    """
    latents = np.asarray(sampling.draw_latents(jax.random.key(1), SAMPLES, latent_dim))
    made = jax.jit(lambda latents: images.to_uint8(generate(latents)))
    fakes = np.concatenate([np.asarray(made(part)) for part in np.split(latents, 26)])
    return classify(fakes, classifier)


def classify(stacked: np.ndarray, classifier: features.Extractor) -> metrics.ClassCoverage:
    """Return modes and KL of stacked images, uint8 ``[N, 28, 28, 3]``."""
    modes = np.zeros(len(stacked), np.int64)
    for channel in range(3):
        logits = classifier.outputs(stacked[..., channel : channel + 1]).logits
        if logits is None:
            raise UserError(f"{classifier.name} does not classify")
        modes = 10 * modes + logits.argmax(axis=1)
    return metrics.class_coverage(modes, n_modes=1000, extractor_name=classifier.name)


def modules(chosen: Settings) -> tuple[nn.Module, nn.Module]:
    """Return the recipe's generator and discriminator."""
    if chosen.recipe == "dcgan":
        return dcgan.Generator((28, 28, 3), chosen.width), dcgan.Discriminator(chosen.width)
    if chosen.recipe == "mlp":
        near, middle, far = (times * chosen.width for times in (16, 8, 4))
        return mlp.Generator((28, 28, 3), (far, middle, near)), mlp.Discriminator((near, middle))
    return Generator(chosen.width), Discriminator(chosen.width)


def counted(file: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what earlier calls counted, and print it.

    Raises:
        UserError: if they were of another run.
    """
    if not file.exists():
        return []
    found = json.loads(file.read_text())
    free = {"scores"} if settings["recipe"] == "r3gan" else {"steps", "scores"}
    for name in set(settings) - free:
        if found["settings"].get(name) != settings[name]:
            raise UserError(
                f"{file} is of a run with another --{name.replace('_', '-')}: choose another --workdir"
            )
    for row in found["rows"]:
        print(f"step {row['step']:,}: modes {row['modes']}, kl {row['kl']} (counted before)")
    return found["rows"]


def main() -> None:
    """Train, and count modes on the way."""
    with exits(OSError, NotFiniteError):
        chosen = config.parse(Settings(), description=__doc__ or "")
        recipe = config.choose("recipe", chosen.recipe, ("dcgan", "r3gan", "mlp"))
        chosen = dataclasses.replace(chosen, recipe=recipe)
        if not 1 <= chosen.scores <= chosen.steps:
            raise UserError("--scores is at least 1 and at most --steps")
        if chosen.penalty_every < 1:
            raise UserError(f"--penalty-every must be at least 1, got {chosen.penalty_every}")
        if not 0 < chosen.learning_rate < math.inf:
            raise UserError(f"--learning-rate must be a positive number, got {chosen.learning_rate}")
        settings_of(chosen).check()
        compilation.keep_programs()
        dataset = stacks(data.load("mnist", data_dir=chosen.data_dir), STACKED, chosen.seed)
        classifier = features.get("mnist-cnn", data_dir=chosen.data_dir)
        print(f"real: {classify(dataset.images[:SAMPLES], classifier)}")
        file = Path(chosen.workdir) / "modes.json"
        settings = {**dataclasses.asdict(chosen), "data_dir": None, "workdir": None}
        rows = counted(file, settings)
        generator, discriminator = modules(chosen)
        own = {"generator": generator, "discriminator": discriminator, "penalty": lazy_penalty(chosen)}
        start = time.monotonic()
        for part in range(1, chosen.scores + 1):
            wanted = settings_of(chosen).replace(steps=chosen.steps * part // chosen.scores)
            if any(row["step"] >= wanted.steps for row in rows):
                continue  # by an earlier call
            result = train.run(wanted, dataset=dataset, **own)
            if result.status != "done":
                sys.exit(train.EXIT_CODES[result.status])
            generate = partial(generator.apply, result.state.ema, train=False)
            found = count_modes(generate, classifier, wanted.latent_dim)
            row = {"step": int(result.state.step), "modes": found.modes, "kl": round(found.kl, 4)}
            rows.append({**row, "seconds": round(time.monotonic() - start)})
            print(f"step {row['step']:,}: {found}")
            write_json(file, {"settings": settings, "device": jax.devices()[0].device_kind, "rows": rows})


if __name__ == "__main__":
    main()
