"""Stacked MNIST: three digits in red, green and blue make 1,000 modes. How many does a generator find?

    jaxgan data prepare mnist                  # once; --from FOLDER takes the official files from there
    python experiments/stacked_mnist.py --recipe dcgan --workdir runs/stacked_dcgan
    python experiments/stacked_mnist.py --recipe r3gan --workdir runs/stacked_r3gan
    python experiments/stacked_mnist.py --recipe r3gan_blocks --workdir runs/stacked_r3gan_blocks
    python experiments/stacked_mnist.py --recipe mlp --workdir runs/stacked_mlp

The recipe "dcgan" is the non-saturating loss with batch normalization. "r3gan" is relativistic pairing with
R1 and R2, residual networks without any normalization, and a falling learning rate. "r3gan_blocks" is the
same with the blocks of the paper (`jaxgan.networks.r3gan`), which learn more slowly at --width 32. "mlp" is
the same loss with multilayer perceptrons, for a CPU. On two cores use --width 32 for "dcgan"; for "r3gan" use
--width 32 --batch-size 16 --learning-rate 3e-4 --penalty-every 4 (--steps 21000 take 107 minutes).

Modes are counted --scores times: mnist-cnn classifies each channel of 26,000 images of the average generator.
A mode counts if one image shows it, and KL is the divergence from uniform. The run folder's evaluations.jsonl
has the counts, and docs/guides/stability.md has the results: 1,000 modes with "r3gan" and with "mlp".

References:
    Metz et al. 2017, Unrolled GANs, section 3.3.1; Lin et al. 2018, PacGAN, section 4.2
    Huang et al. 2024, The GAN is dead; long live the GAN!, https://arxiv.org/abs/2501.05441
"""

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import data, features, train
from jaxgan.config import Config
from jaxgan.features import Extractor
from jaxgan.layers.convolution import Conv, ConvDownsample, UpsampleConv
from jaxgan.networks import dcgan, mlp, r3gan
from jaxgan.run.nan import NotFiniteError
from jaxgan.system import compilation
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, choose, exits

SAMPLES, STACKED = 26_000, 60_000
BLOCKS = 3  # in either network
_plain = nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")  # after no activation
_inner = nn.initializers.variance_scaling(2 / 1.04 * BLOCKS**-0.5, "fan_in", "truncated_normal")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a run."""

    recipe: str = "r3gan"  # dcgan, r3gan, r3gan_blocks or mlp
    steps: int = 25_000  # generator updates
    batch_size: int = 64  # images per update
    width: int = 64  # channels next to the image; a sixteenth of the MLP's layer next to it
    learning_rate: float = 2e-4  # of both players (r3gan: at the start; it falls to 0 at --steps)
    penalty_weight: float = 1.0  # gamma of R1 and R2 (r3gan, mlp)
    penalty_every: int = 1  # steps between penalties, each that many times as heavy (r3gan, mlp)
    scores: int = 5  # how often modes are counted, at equal distances
    seed: int = 0  # seed of weights, latents, stacks and data order
    data_dir: str | None = None  # folder of TFDS data sets; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    workdir: str = "runs/stacked_mnist"  # run folder


class Block(nn.Module):
    """Two 3x3 convolutions around a skip connection; it begins as the identity.

    It is simpler than the block of Huang 2024 (1x1, grouped 3x3, 1x1), and has the initial scales of the
    paper's code.
    """

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Return features of the same shape."""
        channels = inputs.shape[-1]
        inner = Conv(channels, (3, 3), kernel_init=_inner)(jax.nn.leaky_relu(inputs, 0.2))
        last = Conv(channels, (3, 3), use_bias=False, kernel_init=nn.initializers.zeros)
        return inputs + last(jax.nn.leaky_relu(inner, 0.2))


class Generator(nn.Module):
    """Stages of 7x7, 14x14 and 28x28 pixels, each with a residual block and without normalization.

    Nothing bounds the images. As in Huang 2024, no activation comes before the last convolution: features
    whose mean is not zero would move all images alike before they move them apart.

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
    """The generator's stages in reverse.

    Attributes:
        width: channels next to the image.
    """

    width: int = 64

    @nn.compact
    def __call__(self, images: jax.Array, labels: Any = None, *, train: bool) -> jax.Array:
        """Return logits ``[B]``."""
        outputs = Block()(Conv(self.width, (3, 3), kernel_init=_plain)(images))
        for channels in (2 * self.width, 4 * self.width):
            outputs = Block()(ConvDownsample(channels, (3, 3), kernel_init=_plain)(outputs))
        logits = nn.Dense(1, kernel_init=_plain)(outputs.reshape(len(outputs), -1))
        return logits[:, 0]


def stacks(mnist: data.Dataset, count: int, seed: int) -> data.Dataset:
    """Return `count` random triples of digits as color images, with their modes as labels."""
    rows = np.random.default_rng(seed).integers(0, len(mnist.images), (count, 3))
    if mnist.labels is None:
        raise UserError(f"{mnist.name} has no labels")
    stacked = np.stack([mnist.images[row, :, :, 0] for row in rows.T], axis=-1)
    return data.from_arrays(stacked, mnist.labels[rows] @ np.array([100, 10, 1]), name="stacked-mnist")


def stacked(classifier: Extractor) -> Extractor:
    """Return a classifier of the 1,000 modes: one of single digits, applied to each channel."""

    def apply(variables: Any, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        channels = [classifier.apply(variables, images[..., i : i + 1]) for i in range(3)]
        red, green, blue = (jnp.asarray(logits) for _, logits in channels)
        logits = red[:, :, None, None] + green[:, None, :, None] + blue[:, None, None, :]
        return jnp.concatenate([each for each, _ in channels], axis=1), logits.reshape(len(images), -1)

    name = f"stacked-{classifier.name}"
    return Extractor(name, apply, classifier.variables, classes="stacked-mnist", details=classifier.details)


def config_of(settings: Settings) -> Config:
    """Return the run's config."""
    common = Config(
        data="mnist",
        data_dir=settings.data_dir,
        network="dcgan",
        width=settings.width,
        generator_learning_rate=settings.learning_rate,
        discriminator_learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
        steps=settings.steps,
        seed=settings.seed,
        evaluate_every=max(1, settings.steps // settings.scores),
        evaluate_n=SAMPLES,
        metrics=("modes",),
        workdir=settings.workdir,
        log_every=100,
    )
    if settings.recipe == "dcgan":
        return common
    relativistic = common.replace(
        loss="relativistic",
        penalty="r1_r2",
        penalty_weight=settings.penalty_weight,
        penalty_every=settings.penalty_every,
        beta1=0.0,
        beta2=0.99,
    )
    if settings.recipe == "mlp":
        return relativistic.replace(network="mlp", width=Config.width)
    return relativistic.replace(latent_dim=64, learning_rate_schedule="cosine", decay_steps=settings.steps)


def modules(settings: Settings) -> tuple[nn.Module, nn.Module]:
    """Return the recipe's generator and discriminator."""
    if settings.recipe == "dcgan":
        return dcgan.Generator((28, 28, 3), settings.width), dcgan.Discriminator(settings.width)
    if settings.recipe == "mlp":
        near, middle, far = (times * settings.width for times in (16, 8, 4))
        return mlp.Generator((28, 28, 3), (far, middle, near)), mlp.Discriminator((near, middle))
    if settings.recipe == "r3gan_blocks":
        return r3gan.for_images((28, 28, 3), settings.width)
    return Generator(settings.width), Discriminator(settings.width)


def main(args: Sequence[str] | None = None) -> None:
    """Train, and count modes on the way."""
    with exits(OSError, NotFiniteError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        recipe = choose("recipe", settings.recipe, ("dcgan", "r3gan", "r3gan_blocks", "mlp"))
        settings = dataclasses.replace(settings, recipe=recipe)
        if not 1 <= settings.scores <= settings.steps:
            raise UserError("`scores` is at least 1 and at most `steps`")
        config = config_of(settings).check()
        compilation.keep_programs()
        dataset = stacks(data.load("mnist", data_dir=settings.data_dir), STACKED, settings.seed)
        generator, discriminator = modules(settings)
        result = train.run(
            config,
            dataset=dataset,
            generator=generator,
            discriminator=discriminator,
            extractor=stacked(features.get("mnist-cnn", data_dir=settings.data_dir)),
        )
        sys.exit(train.EXIT_CODES[result.status])


if __name__ == "__main__":
    main()
