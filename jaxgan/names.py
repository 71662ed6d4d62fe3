"""Names in a config -> losses, penalties, networks, updates, optimizers. A new one is one line here."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import optax

from jaxgan import augment, losses, penalties, updates
from jaxgan.config import Config
from jaxgan.networks import dcgan, mlp

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

AUGMENTATIONS: dict[str, Callable[[Config], Any]] = {
    "none": lambda config: augment.compose(),
    "color": lambda config: augment.diff_augment(policy="color"),
    "translation": lambda config: augment.diff_augment(policy="translation"),
    "cutout": lambda config: augment.diff_augment(policy="cutout"),
    "ada": lambda config: augment.ada_pipeline(p=config.augment_p),
}

NETWORKS: dict[str, Callable[[Config, tuple[int, ...], int | None], tuple[nn.Module, nn.Module]]] = {
    "mlp": lambda config, image_shape, num_classes: (
        mlp.Generator(image_shape, num_classes=num_classes),
        mlp.Discriminator(num_classes=num_classes),
    ),
    "dcgan": lambda config, image_shape, num_classes: (
        dcgan.Generator(image_shape, config.width, num_classes),
        dcgan.Discriminator(config.width, config.discriminator_norm, num_classes),
    ),
}

GENERATORS: dict[str, Any] = {"mlp": mlp.Generator, "dcgan": dcgan.Generator}

UPDATES: dict[str, Callable[[Config], updates.Update]] = {
    "alternating": lambda config: updates.alternating,
    "simultaneous": lambda config: updates.simultaneous,
    "extragradient": lambda config: updates.extragradient,
    "consensus": lambda config: updates.consensus(weight=config.update_weight),
    "symplectic": lambda config: updates.symplectic(weight=config.update_weight),
    "unrolled": lambda config: updates.unrolled(
        steps=config.unrolled_steps, learning_rate=config.update_weight
    ),
}

OPTIMIZERS: dict[str, Callable[[Config, optax.Schedule], optax.GradientTransformation]] = {
    "adam": lambda config, rate: optax.adam(rate, b1=config.beta1, b2=config.beta2),
    "sgd": lambda config, rate: optax.sgd(rate, momentum=config.beta1 or None),
    "rmsprop": lambda config, rate: optax.rmsprop(rate, decay=config.beta2),
}

SCHEDULES: dict[str, Callable[[Any, int], optax.Schedule]] = {
    "constant": lambda rate, steps: optax.constant_schedule(rate),
    "linear": lambda rate, steps: optax.linear_schedule(rate, 0.0, steps),
    "cosine": lambda rate, steps: optax.cosine_decay_schedule(rate, steps),
}

PRECISIONS = {"float32": None, "bfloat16": jnp.bfloat16}

NAMES = {
    "network": NETWORKS,
    "discriminator_norm": ("batch", "spectral", "none"),
    "loss": LOSSES,
    "penalty": PENALTIES,
    "update": UPDATES,
    "precision": PRECISIONS,
    "optimizer": OPTIMIZERS,
    "learning_rate_schedule": SCHEDULES,
    "on_nan": ("stop", "rollback"),
    "parallel": ("auto", "pmap"),
}

HELP = "Names for " + "; ".join(
    f"{name.replace('_', '-')}: {', '.join(known)}" for name, known in NAMES.items()
)
