"""The names in a config. A new loss, network, penalty, update rule or optimizer is one line.

Each name stands for an object, or for a function that makes one from a config (`jaxgan.config.Config`).
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan import augment, losses, penalties, updates
from jaxgan.games.terms import (
    BalancedConsistency,
    Centering,
    Decoders,
    GradientNormalization,
    LatentConsistency,
    LeCam,
    Orthogonal,
    PathLength,
    Term,
    TopK,
)
from jaxgan.images import mirrored
from jaxgan.networks import (
    biggan,
    biggan_deep,
    dcgan,
    encoders,
    fastgan,
    mlp,
    r3gan,
    resnet,
    sizes,
    stylegan2,
)
from jaxgan.rules import GAMES
from jaxgan.system.errors import UserError

__all__ = [
    "AUGMENTATIONS",
    "FAMILIES",
    "GAMES",
    "LOSSES",
    "OPTIMIZERS",
    "PENALTIES",
    "PRECISIONS",
    "SCHEDULES",
    "TERMS",
    "UPDATES",
    "Family",
    "OfData",
]

LOSSES = {
    "minimax": losses.minimax,
    "non_saturating": losses.non_saturating,
    "least_squares": losses.least_squares,
    "wasserstein": losses.wasserstein,
    "hinge": losses.hinge,
    "relativistic": losses.relativistic,
    "relativistic_average": losses.relativistic_average(),
    "relativistic_average_least_squares": losses.relativistic_average(form="least_squares"),
    "relativistic_average_hinge": losses.relativistic_average(form="hinge"),
    **{divergence: losses.f_divergence(divergence) for divergence in losses.DIVERGENCES},
}

PENALTIES: dict[str, Callable[[float], Any]] = {
    "none": lambda weight: None,
    "r1": lambda weight: penalties.r1(gamma=weight),
    "r2": lambda weight: penalties.r2(gamma=weight),
    "r1_r2": lambda weight: penalties.r1_r2(gamma=weight),
    "gradient_penalty": lambda weight: penalties.gradient_penalty(weight=weight),
    "zero_centered_gradient_penalty": lambda weight: penalties.zero_centered_gradient_penalty(weight=weight),
    "dragan": lambda weight: penalties.dragan(weight=weight),
    "finite_difference_r1": lambda weight: penalties.finite_difference_r1(gamma=weight),
}

AUGMENTATIONS: dict[str, Callable[[Any], Any]] = {
    "color": lambda config: augment.diff_augment(policy="color"),
    "translation": lambda config: augment.diff_augment(policy="translation"),
    "cutout": lambda config: augment.diff_augment(policy="cutout"),
    "bgc": lambda config: augment.ada_pipeline(p=config.augment_p),
}


class OfData(NamedTuple):
    """What a term may depend on besides the settings.

    Attributes:
        epoch_steps: number of steps in which the data are seen once, >= 1.
    """

    epoch_steps: int


TERMS: dict[str, Callable[[Any, OfData], Term]] = {
    "path_length": lambda config, of_data: PathLength(config.path_length_weight, every=4, first=3),
    "lecam": lambda config, of_data: LeCam(config.lecam_weight, config.lecam_decay, config.lecam_start),
    "bcr": lambda config, of_data: BalancedConsistency(
        penalties.consistency(
            _flipped_and_moved, real_weight=config.bcr_weight, fake_weight=config.bcr_weight
        )
    ),
    "zcr": lambda config, of_data: LatentConsistency(
        config.zcr_weight, config.zcr_generator_weight, config.zcr_noise
    ),
    "top_k": lambda config, of_data: TopK(config.top_k_decay, config.top_k_least, of_data.epoch_steps),
    "centering": lambda config, of_data: Centering(config.centering_weight),
    "decoders": lambda config, of_data: Decoders(config.decoders_weight),
    "gradient_normalization": lambda config, of_data: GradientNormalization(
        config.gradient_normalization_decay
    ),
    "orthogonal": lambda config, of_data: Orthogonal(
        partial(penalties.orthogonal, weight=config.orthogonal_weight)
    ),
}

_moved = augment.diff_augment(policy="translation")


def _flipped_and_moved(images: jax.Array, *, keys: jax.Array, step: Any = 0) -> jax.Array:
    """Return images flipped left to right with probability 1/2, and moved by up to an eighth."""
    flips, moves = jax.vmap(jax.random.split, out_axes=1)(keys)
    return _moved(mirrored(images, flips), keys=moves, step=step)


TRACKERS = ("trackio", "wandb")  # `jaxgan.run.trackers`


def _conv_encoder(config: Any, size: int, num_classes: int | None) -> nn.Module:
    return encoders.ConvEncoder(size, config.width, num_classes, most_channels=8 * config.width)


class Family(NamedTuple):
    """A network family.

    Attributes:
        generator: class of the family's generator.
        discriminator: class of the family's discriminator.
        make: ``(config, image_shape, num_classes) -> (generator, discriminator)``. A `UserError` says which
            images or settings the family does not take.
        encoder: ``(config, latent size, num_classes) -> encoder``, the inverse of a generator.
        note_on: ``(height, width) -> a line for the user`` about a size that does not suit it, or None.
        encoder_class: class of the encoder, if the family's name stands for it in a description.
    """

    generator: type[nn.Module]
    discriminator: type[nn.Module]
    make: Callable[[Any, tuple[int, ...], int | None], tuple[nn.Module, nn.Module]]
    encoder: Callable[[Any, int, int | None], nn.Module] = _conv_encoder
    note_on: Callable[[int, int], str | None] = lambda height, width: None
    encoder_class: type[nn.Module] | None = None


def _mlp(config: Any, image_shape: tuple[int, ...], num_classes: int | None) -> tuple[nn.Module, nn.Module]:
    hidden = {} if config.hidden is None else {"hidden": config.hidden}
    squash = len(image_shape) > 1  # points are not limited to [-1, 1]
    return (
        mlp.Generator(image_shape, squash=squash, num_classes=num_classes, **hidden),
        mlp.Discriminator(num_classes=num_classes, **hidden),
    )


def _dcgan(config: Any, image_shape: tuple[int, ...], num_classes: int | None) -> tuple[nn.Module, nn.Module]:
    hidden = config.hidden or ()
    return (
        dcgan.Generator(image_shape, config.width, num_classes, hidden=hidden),
        dcgan.Discriminator(config.width, config.discriminator_norm, num_classes, hidden=hidden),
    )


def _resnet(
    config: Any, image_shape: tuple[int, ...], num_classes: int | None
) -> tuple[nn.Module, nn.Module]:
    return resnet.for_images(image_shape, config.width, num_classes=num_classes)


def _sagan(config: Any, image_shape: tuple[int, ...], num_classes: int | None) -> tuple[nn.Module, nn.Module]:
    return resnet.for_images(image_shape, config.width, num_classes=num_classes, attentive=True)


def _biggan(
    config: Any, image_shape: tuple[int, ...], num_classes: int | None
) -> tuple[nn.Module, nn.Module]:
    generator, discriminator = biggan.for_images(image_shape, config.width, num_classes=num_classes)
    least = len(generator.multipliers)
    if generator.chunks and config.latent_dim < least:
        raise UserError(
            f"`latent_dim` of a BigGAN for {image_shape[0]}x{image_shape[1]} images is at least {least}, a "
            f"number for the base and one for each block, got {config.latent_dim}"
        )
    return generator, discriminator


def _biggan_deep(
    config: Any, image_shape: tuple[int, ...], num_classes: int | None
) -> tuple[nn.Module, nn.Module]:
    return biggan_deep.for_images(image_shape, config.width, num_classes=num_classes)


def _r3gan(config: Any, image_shape: tuple[int, ...], num_classes: int | None) -> tuple[nn.Module, nn.Module]:
    return r3gan.for_images(image_shape, config.width, num_classes=num_classes)


def _fastgan(
    config: Any, image_shape: tuple[int, ...], num_classes: int | None
) -> tuple[nn.Module, nn.Module]:
    norm = "batch" if config.discriminator_norm == "batch" else "none"  # all have spectral normalization
    generator, judge = fastgan.for_images(image_shape, config.width, norm=norm, num_classes=num_classes)
    return generator, judge.clone(decoders="decoders" in config.terms)


def _stylegan2(
    config: Any, image_shape: tuple[int, ...], num_classes: int | None
) -> tuple[nn.Module, nn.Module]:
    """Return the networks of StyleGAN2-ADA's automatic configuration, with `width` channels at the image."""
    if len(image_shape) != 3:
        raise UserError(f"`network` stylegan2 makes images, and these data are {image_shape}")
    channels = {"channel_base": config.width * min(image_shape[:2]), "num_classes": num_classes}
    base = stylegan2.block_sizes(*image_shape[:2], channel_base=channels["channel_base"])[0]
    group = math.gcd(4, config.batch_size // config.accumulate)  # of examples that the discriminator compares
    return (
        stylegan2.Generator(image_shape, mapping_layers=2, w_dim=base.channels, **channels),
        stylegan2.Discriminator(group_size=group, **channels),
    )


def _mlp_encoder(config: Any, size: int, num_classes: int | None) -> nn.Module:
    hidden = {} if config.hidden is None else {"hidden": config.hidden}
    return encoders.DenseEncoder(size, num_classes=num_classes, **hidden)


def _dcgan_encoder(config: Any, size: int, num_classes: int | None) -> nn.Module:
    return encoders.ConvEncoder(size, config.width, num_classes)


FAMILIES = {
    "mlp": Family(mlp.Generator, mlp.Discriminator, _mlp, _mlp_encoder, encoder_class=encoders.DenseEncoder),
    "dcgan": Family(
        dcgan.Generator, dcgan.Discriminator, _dcgan, _dcgan_encoder, dcgan.note_on, encoders.ConvEncoder
    ),
    "resnet": Family(
        resnet.Generator, resnet.Discriminator, _resnet, note_on=partial(sizes.note_on, "a ResNet")
    ),
    "sagan": Family(
        resnet.Generator, resnet.Discriminator, _sagan, note_on=partial(sizes.note_on, "a SAGAN")
    ),
    "biggan": Family(
        biggan.Generator, biggan.Discriminator, _biggan, note_on=partial(sizes.note_on, "a BigGAN")
    ),
    "biggan_deep": Family(
        biggan_deep.Generator,
        biggan_deep.Discriminator,
        _biggan_deep,
        note_on=partial(sizes.note_on, "a BigGAN-deep"),
    ),
    "fastgan": Family(
        fastgan.Generator, fastgan.Discriminator, _fastgan, note_on=partial(sizes.note_on, "a FastGAN")
    ),
    "r3gan": Family(r3gan.Generator, r3gan.Discriminator, _r3gan, note_on=partial(sizes.note_on, "an R3GAN")),
    "stylegan2": Family(stylegan2.Generator, stylegan2.Discriminator, _stylegan2, note_on=stylegan2.note_on),
}

UPDATES: dict[str, Callable[[Any], updates.Update]] = {
    "alternating": lambda config: updates.alternating,
    "simultaneous": lambda config: updates.simultaneous,
    "extragradient": lambda config: updates.extragradient,
    "consensus": lambda config: updates.consensus(weight=config.consensus_weight),
    "symplectic": lambda config: updates.symplectic(weight=config.symplectic_weight),
    "unrolled": lambda config: updates.unrolled(
        steps=config.unrolled_steps, learning_rate=config.unrolled_learning_rate
    ),
}

OPTIMIZERS: dict[str, Callable[[Any, optax.Schedule], optax.GradientTransformation]] = {
    "adam": lambda config, rate: optax.adam(rate, b1=config.beta1, b2=config.beta2),
    "optimistic_adam": lambda config, rate: optax.optimistic_adam_v2(rate, b1=config.beta1, b2=config.beta2),
    "sgd": lambda config, rate: optax.sgd(rate, momentum=config.momentum or None),
    "rmsprop": lambda config, rate: optax.rmsprop(
        rate, decay=config.rmsprop_decay, momentum=config.momentum or None
    ),
}

SCHEDULES: dict[str, Callable[[Any, int], optax.Schedule]] = {  # all but the first fall to 0 in some steps
    "constant": lambda value, steps: optax.constant_schedule(value),
    "linear": lambda value, steps: optax.linear_schedule(value, 0.0, steps),
    "cosine": optax.cosine_decay_schedule,
    "half_cosine_burn_in": optax.cosine_decay_schedule,  # R3GAN's name of the same
}

PRECISIONS = {"float32": None, "bfloat16": jnp.bfloat16}
