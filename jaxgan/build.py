"""Networks, step, optimizers and data from a config; `jaxgan.names` defines the names in it."""

import math
import types
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.errors import FlaxError
from jax.sharding import Mesh

from jaxgan import augment, data, export, penalties
from jaxgan.config import Config
from jaxgan.data.dataset import checked, held_out_part, held_out_rows
from jaxgan.data.tables.load import dataset_of
from jaxgan.diagnostics import traps
from jaxgan.games import Perceptual
from jaxgan.games.gradients import Players
from jaxgan.games.heads import parts
from jaxgan.games.terms import Adaptive
from jaxgan.names import (
    AUGMENTATIONS,
    FAMILIES,
    LOSSES,
    OPTIMIZERS,
    PENALTIES,
    PRECISIONS,
    SCHEDULES,
    TERMS,
    UPDATES,
    OfData,
)
from jaxgan.rules import NO_SOURCES, Rules
from jaxgan.sampling import drawing
from jaxgan.schedules import Schedule, following, toward
from jaxgan.state import GANState, init_game
from jaxgan.step import Step, check_rules, make_step
from jaxgan.system.errors import UserError
from jaxgan.system.limits import nbytes, require_memory
from jaxgan.system.pieces import check_module, check_optimizer
from jaxgan.system.random import seed_key


class Pieces(NamedTuple):
    """The user's own pieces, each in place of the one that a config names; None for the config's.

    Attributes:
        generator: module ``(latents, labels, *, train) -> images``.
        discriminator: module ``(images, labels, *, train) -> logits [B]``.
        loss: pair with fields ``discriminator`` and ``generator``.
        penalty: ``(critic, real, fake, *, keys, step) -> [B]``.
        augment: ``(images, *, keys, step) -> images``.
        update: update rule.
        generator_optimizer: the generator's optimizer.
        discriminator_optimizer: the discriminator's optimizer.
    """

    generator: nn.Module | None = None
    discriminator: nn.Module | None = None
    loss: Any = None
    penalty: Callable[..., jax.Array] | None = None
    augment: Callable[..., jax.Array] | None = None
    update: Callable[..., Any] | None = None
    generator_optimizer: optax.GradientTransformation | None = None
    discriminator_optimizer: optax.GradientTransformation | None = None

    def check(self) -> None:
        """Raise `ValueError` if a piece is of another kind than what it stands for."""
        for role in ("generator", "discriminator"):
            if getattr(self, role) is not None:
                check_module(role, getattr(self, role))
            if getattr(self, f"{role}_optimizer") is not None:
                check_optimizer(role, getattr(self, f"{role}_optimizer"))
        check_rules(self.loss or LOSSES["hinge"], self.penalty, self.augment, self.update)


NONE = Pieces()
NOTHING: Mapping[str, Any] = types.MappingProxyType({})
ADAPT_EVERY = 4  # steps between updates of an adaptive probability (Karras et al. 2020, section 3.1)


class Experiment(NamedTuple):
    """The networks, step and data that a config describes.

    Attributes:
        generator: the generator's module.
        discriminator: the discriminator's module.
        step: the train step; under pmap, the step for the mapped axis.
        players: gradients of both players, without a mapped axis.
        generate: ``(variables, latents, labels) -> images`` of the generator in drawing mode, compiled once
            for each shape.
        init: ``key -> GANState`` at step 0.
        shapes: the state's shapes and dtypes.
        arrays: the data as batches are gathered from them (`jaxgan.data.Dataset.arrays`).
        num_classes: number of classes for conditional networks; None otherwise.
        batch: shapes of a batch by name.
        batch_at: ``(arrays, step, *, seed, batch_size) -> batch``, made on the device.
        mesh: mesh of the devices that share the batches; None for one device (`jaxgan.run.placement`).
        notes: lines for the user about known traps among the pieces (`jaxgan.diagnostics.traps`).
    """

    generator: nn.Module
    discriminator: nn.Module
    step: Step
    players: Players
    generate: Callable[..., jax.Array]
    init: Callable[[jax.Array], GANState]
    shapes: GANState
    arrays: dict[str, Any]
    num_classes: int | None
    batch: dict[str, Any]
    batch_at: Callable[..., dict[str, Any]]
    mesh: Mesh | None = None
    notes: tuple[str, ...] = ()


def load(config: Config) -> data.Dataset:
    """Load the data set that ``config.data`` names, with the sources that its game needs.

    See `jaxgan.data.load`, `load_pairs`, `load_unpaired` and `load_table` there.
    """
    if config.game.learns_tables:
        return data.load_table(config.data, **_of_tables(config))
    sources = config.game.place_of_sources
    if config.game.learns_unpaired:
        if sources is None:
            raise UserError(NO_SOURCES)
        return data.load_unpaired(
            config.data,
            sources,
            image_size=config.image_size,
            channels=config.channels,
            strict=config.strict,
            data_dir=config.data_dir,
        )
    if config.game.learns_pairs:
        return data.load_pairs(
            config.data,
            sources,
            image_size=config.image_size,
            channels=config.channels,
            strict=config.strict,
        )
    return data.load(
        config.data,
        image_size=config.image_size,
        channels=config.channels,
        conditional=config.conditional,
        strict=config.strict,
        data_dir=config.data_dir,
    )


def _of_tables(config: Config) -> dict[str, Any]:
    """Return the options of `jaxgan.data.load_table`."""
    game: Any = config.game
    names = ("target", "categorical", "numeric", "ignore", "modes")
    return {name: getattr(game, name) for name in names} | {"frequency": game.conditions}


def dataset(config: Config, whole: data.Dataset | None = None) -> data.Dataset:
    """Return the images that a run learns, checked: all but those that are held out.

    Args:
        config: all settings.
        whole: the whole data set; None loads it (`load`).

    Raises:
        UserError: if it cannot be loaded, or its arrays are no images or points.
    """
    whole = checked(load(config) if whole is None else whole, conditional=config.conditional)
    if not config.game.learns_pairs:
        whole = whole._replace(sources=None)
    if not config.game.learns_unpaired:
        whole = whole._replace(unpaired=None)
    if not config.held_out:
        return whole
    if whole.rows is not None:  # what is held out has no part in the encoding
        encoding, frequency = whole.rows.encoding, whole.rows.frequency
        unseen = held_out_rows(len(whole.images), config.held_out)
        options = {"target": encoding.target, "frequency": frequency, "modes": config.settings()["modes"]}
        learned = dataset_of(whole.rows.table.take(~unseen), **options)
    else:
        learned = held_out_part(whole, config.held_out, unseen=False)
    count, kind = len(whole.images), whole.kind
    note = f"{count - len(learned.images):,} of the {count:,} {kind} are held out (`held_out`)"
    return learned._replace(notes=(*whole.notes, note))


def optimizers(
    config: Config, pieces: Pieces = NONE, *, traced: Mapping[str, jax.Array] = NOTHING
) -> tuple[optax.GradientTransformation, optax.GradientTransformation]:
    """Make the generator's optimizer and the discriminator's.

    Args:
        config: a checked config.
        pieces: pieces of your own in place of the config's.
        traced: traced learning rates, betas and the like by the settings' names, in place of the config's.
    """
    settings = _with(config, traced)
    g_rate, d_rate = settings.generator_learning_rate, settings.discriminator_learning_rate
    return (
        pieces.generator_optimizer or optimizer(settings, g_rate),
        pieces.discriminator_optimizer or optimizer(settings, d_rate, updates_per_step=config.d_steps),
    )


def optimizer(
    settings: Any, learning_rate: float | jax.Array, *, updates_per_step: int = 1
) -> optax.GradientTransformation:
    """Make a player's optimizer; its schedule counts generator updates, whatever the player's own count."""

    def per_step(schedule: Schedule) -> Schedule:
        return lambda count: schedule(count // updates_per_step)

    share, schedule = settings.final_learning_rate_share, _decay(settings, learning_rate)
    if not isinstance(share, float) or share != 0:  # a traced share, or one that is not the plain decay's
        schedule = toward(share * learning_rate, learning_rate, partial(_decay, settings))
    rate = per_step(schedule)
    make = OPTIMIZERS[settings.optimizer]
    beta2 = scheduled(settings, "beta2")
    if callable(beta2):
        beta2 = per_step(beta2)
        transformation = following(lambda count: make(_with(settings, {"beta2": beta2(count)}), rate))
    else:
        transformation = make(settings, rate)
    if settings.gradient_clip is None:
        return transformation
    return optax.chain(optax.clip_by_global_norm(settings.gradient_clip), transformation)


def scheduled(settings: Any, name: str) -> Any:
    """Return a setting's value: a number, or a schedule of the step where it has a final value.

    Args:
        settings: a checked config, or its settings with some of them traced.
        name: name of a setting with another one, ``final_NAME``, beside it.
    """
    first, last = getattr(settings, name), getattr(settings, f"final_{name}")
    return first if last is None else toward(last, first, partial(_decay, settings))


def _decay(settings: Any, difference: Any) -> Schedule:
    """Return the schedule by which a difference falls to 0 (constant: it does not)."""
    return SCHEDULES[settings.learning_rate_schedule](difference, settings.decay_steps or 1)


def _with(settings: Any, others: Mapping[str, Any]) -> Any:
    """Return settings with others in their place, such as traced ones, which a `Config` does not take."""
    return types.SimpleNamespace(**{**vars(settings), **others})


def augmentation(config: Any) -> Any:
    """Make the composition of the augmentations in ``config.augment``; None if it lists none."""
    if config.augment_target is not None:
        return _adaptive(config)
    settings = _with(config, {"augment_p": scheduled(config, "augment_p")})
    kinds = [AUGMENTATIONS[kind](settings) for kind in config.augment]
    return augment.compose(*kinds) if kinds else None


def _adaptive(settings: Any) -> Adaptive:
    """Make the composition of the augmentations, with a probability that adapts every `ADAPT_EVERY` steps."""

    def composition(p: jax.Array) -> Any:
        present = _with(settings, {"augment_p": p})
        return augment.compose(*(AUGMENTATIONS[kind](present) for kind in settings.augment))

    update = partial(
        augment.ada_update,
        images=ADAPT_EVERY * settings.batch_size * settings.d_steps,
        target=settings.augment_target,
        ramp=1000 * settings.augment_speed,
    )
    return Adaptive(composition, augment.sign_statistic, update, ADAPT_EVERY)


def ema_schedule(decay: float | jax.Array) -> Callable[[jax.Array], jax.Array]:
    """Return ``min(decay, (1 + t) / (10 + t))``: an average that forgets its random start quickly."""
    return lambda step: jnp.minimum(decay, (1 + step) / (10 + step))


def ema_half_life_schedule(
    half_life: Any, *, batch_size: int, ramp: float | None = None
) -> Callable[[jax.Array], jax.Array]:
    """Return the decay of an average whose old weights lose half of their share in a number of images.

    Args:
        half_life: number of images, >= 0; a number or a schedule of the step. With 0, nothing old is kept.
        batch_size: images per update.
        ramp: largest half-life as a share of the images so far, > 0; None for no such limit.

    Returns:
        ``step -> decay``: ``0.5 ** (batch_size / min(half_life, ramp * step * batch_size))``. With a ramp, it
        is 0 at step 0, so the average forgets the random start.

    References:
        Karras et al. 2020, Training Generative Adversarial Networks with Limited Data,
        https://arxiv.org/abs/2006.06676; the formula is that of the authors' code (``ema_kimg`` and
        ``ema_rampup`` in training_loop.py of stylegan2-ada-pytorch)
    """

    def decay(step: jax.Array) -> jax.Array:
        images = jnp.asarray(half_life(step) if callable(half_life) else half_life, jnp.float32)
        if ramp is not None:
            images = jnp.minimum(images, ramp * batch_size * step)
        return 0.5 ** (batch_size / images)  # of no images: 0.5 ** inf is 0

    return decay


def train_step(
    config: Config,
    generator: nn.Module,
    discriminator: nn.Module,
    pieces: Pieces = NONE,
    *,
    traced: Mapping[str, jax.Array] = NOTHING,
    size: int | None = None,
) -> Step:
    """Make the config's step.

    Args:
        config: a checked config.
        generator: the generator's module.
        discriminator: the discriminator's module.
        pieces: pieces of your own in place of the config's.
        traced: traced weights, EMA decay and the like by the settings' names.
        size: number of images of the data, which make an epoch; None for one step.
    """
    settings = _with(config, traced)
    of_data = OfData(max(1, (size or 1) // config.images_per_step))
    rules = config.game.tracing(traced)
    game = rules.make(
        config.latent_dim,
        generator=generator,
        discriminator=discriminator,
        loss=pieces.loss or LOSSES[config.loss],
        penalty=pieces.penalty or _penalty(config, settings),
        augment=pieces.augment or augmentation(settings),
        terms=(*(TERMS[name](settings, of_data) for name in config.terms), *_perceptual(rules)),
        dtype=PRECISIONS[config.precision],
    )
    return make_step(
        game,
        d_steps=config.d_steps,
        accumulate=config.accumulate,
        update=pieces.update or UPDATES[config.update](settings),
        ema_decay=_ema_decay(settings),
        mirror=config.mirror,
        fresh_reals=config.fresh_reals,
        generator_batch=config.generator_batch,
    )


def _penalty(config: Config, settings: Any) -> Any:
    """Make the penalty; that of every n-th step is due in the steps n, 2 n, ..., whose rows show it."""
    penalty = PENALTIES[config.penalty](scheduled(settings, "penalty_weight"))
    if penalty is None or config.penalty_every == 1:
        return penalty
    return penalties.lazy(penalty, every=config.penalty_every, first=config.penalty_every - 1)


def _perceptual(rules: Rules) -> tuple[Perceptual, ...]:
    """Return the term of the features of a trained run's discriminator, where the game takes such."""
    if rules.perception is None:
        return ()
    run, weight = rules.perception
    network = export.read_discriminator(run)
    if export.judges_pairs(network) or export.judges_sources(network):
        raise UserError(
            f"`perceptual_features` {run}: its discriminator judges pairs, and features are made of images "
            "alone: name a run of the plain game, or one with `judge_source` False"
        )
    show = export.showing(network)

    def features(variables: Any, images: jax.Array) -> Any:
        if images.shape[1:] != network.image_shape:
            shapes = ["x".join(map(str, shape)) for shape in (network.image_shape, images.shape[1:])]
            raise UserError(
                f"`perceptual_features` {run}: it judges images of {shapes[0]}, and these are {shapes[1]}"
            )
        return show(variables, images)

    return (Perceptual(features, network.variables, weight),)


def _ema_decay(settings: Any) -> Callable[[jax.Array], jax.Array]:
    if settings.ema_half_life is None:
        return ema_schedule(settings.ema_decay)
    half_life = scheduled(settings, "ema_half_life")
    return ema_half_life_schedule(half_life, batch_size=settings.batch_size, ramp=settings.ema_ramp)


def experiment(config: Config, dataset: data.Dataset, pieces: Pieces = NONE) -> Experiment:
    """Put the pieces together, and check that their shapes fit without computing anything.

    Args:
        config: a checked config (`check`).
        dataset: the data to learn.
        pieces: pieces of your own in place of the config's.

    Raises:
        UserError: if the pieces do not fit each other or the data.
    """
    if dataset.images.ndim not in (2, 4):
        raise UserError(
            "a run learns images [N, H, W, C] or points [N, D], "
            f"and {dataset.name} has {dataset.images.shape}"
        )
    size, image_shape = len(dataset.images), dataset.image_shape
    if dataset.rows is not None and not config.game.learns_tables:
        raise UserError(f"{dataset.name} is a table, which the game table learns: `game` table")
    if config.batch_size > size:
        count = f"{size} {'rows' if dataset.rows is not None else 'images'}"
        raise UserError(f"`batch_size` {config.batch_size} is more than the {count} of {dataset.name}")
    if config.mirror and dataset.images.ndim != 4:
        raise UserError(f"`mirror` flips images, and {dataset.name} holds points")
    if "bcr" in config.terms and dataset.images.ndim != 4:
        raise UserError(f"`terms` bcr flips and moves images, and {dataset.name} holds points")
    if config.conditional and dataset.labels is None:
        raise UserError(f"`conditional` needs labels, and {dataset.name} has none")
    has_penalty = pieces.penalty is not None or config.penalty != "none"
    has_batch_norm = config.network in ("dcgan", "fastgan") and config.discriminator_norm == "batch"
    if has_penalty and has_batch_norm and pieces.discriminator is None:
        raise UserError(
            f"`penalty` {config.penalty} needs `discriminator_norm` none or spectral: "
            "with batch normalization the gradient of one example is not defined"
        )
    num_classes = dataset.num_classes if config.conditional else None
    family = FAMILIES[config.network]

    def init(key: jax.Array) -> GANState:
        size = config.latent_dim if step.game.prior is None else None
        if step.game.SOURCES:
            size = 0  # no latents
        return init_game(key, step.game, batch, g_tx=g_tx, d_tx=d_tx, latent_dim=size)

    arrays = dataset.arrays(config.conditional)
    count = config.images_per_step
    batch = dataset.batch_shapes(arrays, count)
    key = jax.eval_shape(lambda: seed_key(0))
    try:
        generator, discriminator = config.game.players(family, config, dataset, num_classes)
        generator, discriminator = pieces.generator or generator, pieces.discriminator or discriminator
        pieces.check()
        step = train_step(config, generator, discriminator, pieces, size=size)
        g_tx, d_tx = optimizers(config, pieces)
        shapes = jax.eval_shape(init, key)
        jax.eval_shape(jax.jit(step, inline=True), shapes, batch, key)  # one device trains by this trace
        _check_heads(step, shapes, image_shape, num_classes)
        if pieces.generator is not None:
            _try_to_draw(generator, shapes, _inputs(step, batch, shapes), num_classes)
    except Exception as error:  # the pieces say what does not fit; the code of one's own may raise anything
        is_own = any(piece is not None for piece in pieces)
        if isinstance(error, ValueError | OverflowError | FlaxError) or (
            isinstance(error, TypeError) and not is_own
        ):
            raise UserError(str(error)) from error
        if not is_own:
            raise
        raise UserError(f"a piece of your own fails, with {type(error).__name__}: {error}") from error
    players = shapes.generator.params, shapes.discriminator.params
    image_bytes = 4 * count * math.prod(image_shape)
    # The state, the gradients of the larger player, real and fake images.
    bytes_of_step = nbytes(shapes) + max(map(nbytes, players)) + 2 * image_bytes
    require_memory(bytes_of_step, f"a step of {config.network} with batch size {config.batch_size:,}")
    return Experiment(
        generator,
        discriminator,
        step,
        step.players,
        drawing(generator),
        init,
        shapes,
        arrays,
        num_classes,
        batch,
        dataset.batch_at,
        notes=(
            *_size_notes(config, pieces, image_shape),
            *_traps(step, pieces, shapes, batch, num_classes),
        ),
    )


def _check_heads(step: Step, shapes: GANState, image_shape: tuple[int, ...], num_classes: int | None) -> None:
    """Raise `ValueError` unless the discriminator reads as many numbers as its game and the classes need."""
    heads = step.game.heads(num_classes)
    if not heads:
        return

    def read(variables, images):
        output: Any = step.game.discriminator.apply(variables, images, None, train=False)
        return parts(heads, step.game.verdict(output, len(images)).read)

    jax.eval_shape(read, shapes.discriminator.variables, _two(image_shape))


def _size_notes(config: Config, pieces: Pieces, image_shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return a line where the network family does not suit the image size; own networks are their maker's."""
    if pieces.generator is not None or len(image_shape) != 3:
        return ()
    note = FAMILIES[config.network].note_on(*image_shape[:2])
    return () if note is None else (note,)


def _traps(
    step: Step, pieces: Pieces, shapes: GANState, batch: Mapping[str, Any], num_classes: int | None
) -> tuple[str, ...]:
    """Return the known traps among one's own networks and in the loss; the library's networks have none."""
    image_shape = batch["image"].shape[1:]
    images, labels = _two(image_shape), _two_labels(num_classes)
    notes = ()
    if pieces.generator is not None and len(image_shape) == 3:  # points have no range
        generate = partial(pieces.generator.apply, train=False)
        notes += traps.of_generator(generate, shapes.ema, _inputs(step, batch, shapes), labels)
    if pieces.discriminator is not None and not step.game.SOURCES:
        discriminate = partial(pieces.discriminator.apply, train=False)
        notes += traps.of_discriminator(discriminate, shapes.discriminator.variables, images, labels)
    constrained = (
        step.game.penalty is not None
        or traps.has_spectral_norm(shapes.discriminator.collections)
        or pieces.discriminator_optimizer is not None
        or pieces.update is not None
    )
    return notes + traps.of_loss(step.game.loss, constrained=constrained)


def _two(shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((2, *shape), jnp.float32)


def _two_labels(num_classes: int | None) -> jax.ShapeDtypeStruct | None:
    return None if num_classes is None else jax.ShapeDtypeStruct((2,), jnp.int32)


def _inputs(step: Step, batch: Mapping[str, Any], shapes: GANState) -> jax.ShapeDtypeStruct:
    """Return the shape of what the generator makes two images of: latents, or sources."""

    def inputs(key: jax.Array) -> Any:
        two = {name: jnp.zeros((2, *each.shape[1:]), each.dtype) for name, each in batch.items()}
        return step.game.inputs_of(two, key, 2, shapes.latent_dim)

    return jax.eval_shape(inputs, seed_key(0))


def _try_to_draw(
    generator: nn.Module, shapes: GANState, inputs: jax.ShapeDtypeStruct, num_classes: int | None
) -> None:
    """Refuse a generator that trains but cannot draw: a run would notice at its first grid of samples."""
    labels = _two_labels(num_classes)
    try:
        jax.eval_shape(partial(generator.apply, train=False), shapes.ema, inputs, labels)
    except FlaxError as error:
        raise UserError(f"the generator must draw with train=False and no random keys: {error}") from error
