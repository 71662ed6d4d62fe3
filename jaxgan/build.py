"""Names in a config -> networks, losses, penalties, augmentations, optimizers. A new one is one line here."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from jaxgan import augment, data, losses, penalties, updates
from jaxgan.config import Config, choose, parse_size
from jaxgan.errors import UserError
from jaxgan.limits import nbytes, require_memory
from jaxgan.networks import dcgan, mlp
from jaxgan.state import GANState, init_state
from jaxgan.step import Step, make_train_step

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
    "ada": lambda config: augment.ada(p=config.augment_p),
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

UPDATES = {"alternating": updates.alternating, "simultaneous": updates.simultaneous}

OPTIMIZERS: dict[str, Callable[[Config, optax.Schedule], optax.GradientTransformation]] = {
    "adam": lambda config, rate: optax.adam(rate, b1=config.beta1, b2=config.beta2),
    "sgd": lambda config, rate: optax.sgd(rate, momentum=config.beta1 or None),
    "rmsprop": lambda config, rate: optax.rmsprop(rate, decay=config.beta2),
}

SCHEDULES: dict[str, Callable[[float, int], optax.Schedule]] = {
    "constant": lambda rate, steps: optax.constant_schedule(rate),
    "linear": lambda rate, steps: optax.linear_schedule(rate, 0.0, steps),
    "cosine": lambda rate, steps: optax.cosine_decay_schedule(rate, steps),
}

NAMES = {
    "network": NETWORKS,
    "discriminator_norm": ("batch", "spectral", "none"),
    "loss": LOSSES,
    "penalty": PENALTIES,
    "update": UPDATES,
    "optimizer": OPTIMIZERS,
    "learning_rate_schedule": SCHEDULES,
    "on_nan": ("stop", "rollback"),
    "parallel": ("auto", "pmap"),
}

HELP = "Names for " + "; ".join(
    f"{name.replace('_', '-')}: {', '.join(known)}" for name, known in NAMES.items()
)


class Experiment(NamedTuple):
    """What a config stands for.

    Attributes:
        generator: the module.
        discriminator: the module.
        step: the pure train step.
        make_step: makes it for a mapped axis.
        init: ``key -> GANState`` at step 0.
        shapes: the state's shapes and dtypes.
        arrays: the data as the step takes them: ``"image"`` and, where conditional, ``"label"``.
        num_classes: None where unconditional.
        mesh: of the devices that share the batches; None for one (`jaxgan.devices`).
    """

    generator: nn.Module
    discriminator: nn.Module
    step: Step
    make_step: Callable[[str], Step]
    init: Callable[[jax.Array], GANState]
    shapes: GANState
    arrays: dict[str, Any]
    num_classes: int | None
    mesh: Mesh | None = None


def check(config: Config) -> Config:
    """Return the config with its names spelled as in the tables.

    Raises:
        UserError: for an unknown name or a value out of range.
    """
    names = {field: choose(field, getattr(config, field), known) for field, known in NAMES.items()}
    kinds = [choose("augment", kind.strip(), AUGMENTATIONS) for kind in config.augment.split(",")]
    config = config.replace(**names, augment=",".join(kinds))
    config.check()
    return config


def dataset(config: Config) -> data.Dataset:
    """Load what ``config.data`` names; see `jaxgan.data.load`."""
    return data.load(
        config.data,
        image_size=parse_size(config.image_size),
        channels=config.channels,
        conditional=config.conditional,
        strict=config.strict,
        data_dir=config.data_dir,
    )


def optimizer(
    config: Config, learning_rate: float, *, updates_per_step: int = 1
) -> optax.GradientTransformation:
    """Make a player's optimizer; its schedule counts generator updates, whatever the player's own count."""
    schedule = SCHEDULES[config.learning_rate_schedule](learning_rate, config.decay_steps or 1)

    def per_step(count: Any) -> Any:
        return schedule(count // updates_per_step)

    transformation = OPTIMIZERS[config.optimizer](config, per_step)
    if config.gradient_clip is None:
        return transformation
    return optax.chain(optax.clip_by_global_norm(config.gradient_clip), transformation)


def augmentation(config: Config) -> Any:
    """Make what ``config.augment`` lists, one after the other; None for none."""
    kinds = config.augment.split(",")
    return None if kinds == ["none"] else augment.compose(*(AUGMENTATIONS[kind](config) for kind in kinds))


def ema_schedule(decay: float) -> Callable[[jax.Array], jax.Array]:
    """Return ``min(decay, (1 + t) / (10 + t))``: an average that forgets its random start quickly."""
    return lambda step: jnp.minimum(decay, (1 + step) / (10 + step))


def experiment(
    config: Config,
    dataset: data.Dataset,
    *,
    generator: nn.Module | None = None,
    discriminator: nn.Module | None = None,
    loss: Any = None,
    penalty: Any = None,
) -> Experiment:
    """Put the pieces together, and try their shapes without computing anything.

    Args:
        config: checked (`check`).
        dataset: what to learn.
        generator: a module of your own in place of the config's.
        discriminator: the same.
        loss: a loss pair of your own.
        penalty: a penalty of your own.

    Raises:
        UserError: if the pieces do not fit each other or the data.
    """
    if dataset.images.ndim != 4:
        raise UserError(f"a run draws pictures: images have shape [N, H, W, C], got {dataset.images.shape}")
    size, image_shape = len(dataset.images), dataset.images.shape[1:]
    if config.batch_size > size:
        raise UserError(f"--batch-size {config.batch_size} is more than the {size} images of {dataset.name}")
    if config.conditional and dataset.labels is None:
        raise UserError(f"--conditional needs labels, and {dataset.name} has none")
    num_classes = dataset.num_classes if config.conditional else None
    ours = NETWORKS[config.network](config, image_shape, num_classes)
    generator, discriminator = generator or ours[0], discriminator or ours[1]

    def make_step(axis_name: str | None) -> Step:
        return make_train_step(
            generator,
            discriminator,
            losses.on_axis(loss or LOSSES[config.loss], axis_name),
            penalty=penalty or PENALTIES[config.penalty](config.penalty_weight),
            augment=augmentation(config),
            d_steps=config.d_steps,
            accumulate=config.accumulate,
            update=UPDATES[config.update],
            ema_decay=ema_schedule(config.ema_decay),
            axis_name=axis_name,
        )

    step = make_step(None)
    g_tx = optimizer(config, config.generator_learning_rate)
    d_tx = optimizer(config, config.discriminator_learning_rate, updates_per_step=config.d_steps)

    def init(key: jax.Array) -> GANState:
        return init_state(
            key,
            generator,
            discriminator,
            image_shape=image_shape,
            latent_dim=config.latent_dim,
            g_tx=g_tx,
            d_tx=d_tx,
            num_classes=num_classes,
        )

    arrays = {"image": dataset.images}
    if config.conditional and dataset.labels is not None:
        arrays["label"] = dataset.labels
    taken = config.batch_size * config.d_steps
    batch = {
        name: jax.ShapeDtypeStruct((taken, *array.shape[1:]), array.dtype) for name, array in arrays.items()
    }
    key = jax.eval_shape(lambda: jax.random.key(0))
    try:
        shapes = jax.eval_shape(init, key)
        jax.eval_shape(step, shapes, batch, key)
    except (ValueError, TypeError, OverflowError) as error:  # the pieces say what does not fit
        raise UserError(str(error)) from error
    players = shapes.generator.params, shapes.discriminator.params
    pixels = 4 * taken * math.prod(image_shape)
    needed = nbytes(shapes) + max(map(nbytes, players)) + 2 * pixels  # gradients; real and fake images
    require_memory(needed, f"a step of {config.network} with batch size {config.batch_size:,}")
    return Experiment(generator, discriminator, step, make_step, init, shapes, arrays, num_classes)
