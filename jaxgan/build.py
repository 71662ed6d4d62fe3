"""A config -> networks, step, optimizers, data: what its names stand for is in `jaxgan.names`."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.errors import FlaxError
from jax.sharding import Mesh

from jaxgan import augment, data
from jaxgan.config import Config, choose, parse_size
from jaxgan.losses import Loss
from jaxgan.names import (
    AUGMENTATIONS,
    LOSSES,
    NAMES,
    NETWORKS,
    OPTIMIZERS,
    PENALTIES,
    PRECISIONS,
    SCHEDULES,
    UPDATES,
)
from jaxgan.state import GANState, init_state
from jaxgan.step import Step, make_train_step
from jaxgan.system.errors import UserError
from jaxgan.system.limits import nbytes, require_memory


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
        mesh: of the devices that share the batches; None for one (`jaxgan.run.placement`).
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
    config: Config, learning_rate: float | jax.Array, *, updates_per_step: int = 1
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


def ema_schedule(decay: float | jax.Array) -> Callable[[jax.Array], jax.Array]:
    """Return ``min(decay, (1 + t) / (10 + t))``: an average that forgets its random start quickly."""
    return lambda step: jnp.minimum(decay, (1 + step) / (10 + step))


def train_step(
    config: Config,
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    loss: Any = None,
    penalty: Any = None,
    axis_name: str | None = None,
) -> Step:
    """Make the config's step; its penalty weight and EMA decay may be traced."""
    return make_train_step(
        generator,
        discriminator,
        loss or LOSSES[config.loss],
        penalty=penalty or PENALTIES[config.penalty](config.penalty_weight),
        augment=augmentation(config),
        d_steps=config.d_steps,
        accumulate=config.accumulate,
        update=UPDATES[config.update](config),
        ema_decay=ema_schedule(config.ema_decay),
        axis_name=axis_name,
        dtype=PRECISIONS[config.precision],
    )


def optimizers(config: Config) -> tuple[optax.GradientTransformation, optax.GradientTransformation]:
    """Make the generator's optimizer and the discriminator's; learning rates and betas may be traced."""
    return (
        optimizer(config, config.generator_learning_rate),
        optimizer(config, config.discriminator_learning_rate, updates_per_step=config.d_steps),
    )


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
    if loss is not None and not all(callable(getattr(loss, side, None)) for side in Loss._fields):
        raise UserError(f"a loss of your own is a losses.Loss(discriminator, generator), got {loss!r}")
    num_classes = dataset.num_classes if config.conditional else None
    ours, own = NETWORKS[config.network](config, image_shape, num_classes), generator is not None
    generator, discriminator = generator or ours[0], discriminator or ours[1]

    def make_step(axis_name: str | None) -> Step:
        return train_step(config, generator, discriminator, loss=loss, penalty=penalty, axis_name=axis_name)

    step = make_step(None)
    g_tx, d_tx = optimizers(config)

    sizes: Any = {"image_shape": image_shape, "latent_dim": config.latent_dim, "num_classes": num_classes}

    def init(key: jax.Array) -> GANState:
        return init_state(key, generator, discriminator, g_tx=g_tx, d_tx=d_tx, **sizes)

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
        if own:
            _try_to_draw(generator, shapes, num_classes)
    except (ValueError, TypeError, OverflowError, FlaxError) as error:  # the pieces say what does not fit
        raise UserError(str(error)) from error
    players = shapes.generator.params, shapes.discriminator.params
    pixels = 4 * taken * math.prod(image_shape)
    needed = nbytes(shapes) + max(map(nbytes, players)) + 2 * pixels  # gradients; real and fake images
    require_memory(needed, f"a step of {config.network} with batch size {config.batch_size:,}")
    return Experiment(generator, discriminator, step, make_step, init, shapes, arrays, num_classes)


def _try_to_draw(generator: nn.Module, shapes: GANState, num_classes: int | None) -> None:
    """Refuse a generator that trains but cannot draw: a run would notice at its first grid of samples."""
    latents = jax.ShapeDtypeStruct((2, shapes.latent_dim), jnp.float32)
    labels = None if num_classes is None else jax.ShapeDtypeStruct((2,), jnp.int32)
    try:
        jax.eval_shape(partial(generator.apply, train=False), shapes.ema, latents, labels)
    except FlaxError as error:
        raise UserError(f"the generator must draw with train=False and no random keys: {error}") from error
