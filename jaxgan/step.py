"""The adversarial update: one pure function ``(state, batch, key) -> (state, metrics)``.

The discriminator takes `d_steps` updates, each on fresh real images and fresh latents, then the generator
takes one (Goodfellow et al. 2014, algorithm 1). All random numbers are functions of the run's key and the
step, so a run can stop and go on at any step.
"""

import dataclasses
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan import updates
from jaxgan.games.base import Game
from jaxgan.games.gradients import Players, players
from jaxgan.games.turn import Augmentation, Penalty, Turn
from jaxgan.images import to_float
from jaxgan.state import GANState, Variables
from jaxgan.system.pieces import check_function, check_module, kind_of
from jaxgan.system.settings import converted

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]
_AVERAGED = ("params", "batch_stats")  # the collections of which the moving average is one
Decay = float | jax.Array | Callable[[jax.Array], jax.Array]  # a number, or a schedule of the step


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """A train step: a pure function, with the properties that adapters and diagnostics need.

    Attributes:
        game: the game that is played.
        update: the update rule.
        d_steps: number of discriminator updates per generator update.
        accumulate: number of parts of a batch whose gradients are computed one after the other.
        ema_decay: decay of the generator's moving average.
    """

    game: Game
    update: updates.Update = updates.alternating
    d_steps: int = 1
    accumulate: int = 1
    ema_decay: Decay = 0.999

    @property
    def axis_name(self) -> str | None:
        """The mapped axis that the step was made for, or None."""
        return self.game.axis_name

    @property
    def parts(self) -> int:
        """The number of parts into which each device cuts its share of a batch."""
        return self.d_steps * self.accumulate

    @cached_property
    def players(self) -> Players:
        """The gradients of both players."""
        return players(self.game, self.accumulate)

    def __call__(self, state: GANState, batch: Batch, key: jax.Array) -> tuple[GANState, Metrics]:
        """Return the next state and the metrics of this step; see `make_step`."""
        self.game.check(state)
        self.game.check_batch(batch)
        batch = {name: _as_input(name, values) for name, values in batch.items() if values is not None}
        keys = jax.random.split(jax.random.fold_in(key, state.step), (self.d_steps + 1, 2))
        turns = []  # the generator's batch is that of the last discriminator update
        for i, (update_key, latent_key) in enumerate(keys):
            sub_batch = partial(_sub_batch, index=min(i, self.d_steps - 1), count=self.d_steps)
            turns.append(Turn(jax.tree.map(sub_batch, batch), update_key, latent_key))
        trained, d_metrics, g_metrics = self.update(self.players, state, turns[:-1], turns[-1])
        decay = self.ema_decay(state.step) if callable(self.ema_decay) else self.ema_decay
        ema = _moving_average(state.ema, trained.generator.variables, decay)
        d_means = jax.tree.map(lambda *values: sum(values) / self.d_steps, *d_metrics)
        return trained.replace(step=state.step + 1, ema=ema), self.game.mean({**d_means, **g_metrics})


def make_train_step(
    generator: nn.Module,
    discriminator: nn.Module,
    loss: Any,
    *,
    penalty: Penalty | None = None,
    augment: Augmentation | None = None,
    d_steps: int = 1,
    accumulate: int = 1,
    update: updates.Update = updates.alternating,
    ema_decay: Decay = 0.999,
    axis_name: str | None = None,
    dtype: Any = None,
) -> Step:
    """Make the step that trains the plain GAN.

    Args:
        generator: module ``(latents, labels, *, train) -> images``.
        discriminator: module ``(images, labels, *, train) -> logits [B]``.
        loss: pair of losses that the two players minimize, e.g. `jaxgan.losses.hinge`.
        penalty: ``(critic, real, fake, *, keys, step) -> [B]``, e.g. ``penalties.r1(gamma=1.0)``, or None.
            It gets raw images and the critic ``x -> D(T(x))``, where T is `augment` with the draws of the
            discriminator's own pass: those of the real images in ``critic(images)``, those of the fakes in
            ``critic.for_fakes(images)``. So R1's gradient is by the raw image, through the augmentation.
        augment: ``(images, *, keys, step) -> images`` or None; applied to all images that the discriminator
            sees, with independent random numbers for real and fake images.
        d_steps: number of discriminator updates per generator update, >= 1; they are unrolled, so compiling
            takes longer with each.
        accumulate: number of parts of a batch whose gradients are computed one after the other, >= 1, in less
            memory; `jaxgan.games.accumulate` says which results differ then.
        update: update rule (`jaxgan.updates`).
        ema_decay: decay of the generator's moving average, in [0, 1]; a number or a schedule of the step. A
            constant keeps its share ``decay ** steps`` of the random start, which spoils short runs;
            ``min(decay, (1 + step) / (10 + step))`` forgets it (`jaxgan.train` does so).
        axis_name: mapped axis to average over (for pmap and shard_map), or None.
        dtype: dtype of the networks' arithmetic, e.g. ``jnp.bfloat16``; parameters, their updates, running
            statistics, losses and penalties keep theirs (Micikevicius et al. 2018, section 3.1).

    Returns:
        ``step(state, batch, key) -> (state, metrics)``. The batch holds ``"image"``, uint8 or float in
        [-1, 1], ``[B * d_steps, ...]``, and optionally ``"label"``, int32 ``[B * d_steps]``. The key is the
        run's, the same at every step. The metrics are scalars: ``discriminator_loss`` (without the penalty),
        ``penalty``, ``real_logit``, ``fake_logit``, ``pair_accuracy`` (the share of pairs of a real
        and a fake in which the real has the larger logit) and ``discriminator_gradient_norm``, means over the
        discriminator updates; ``generator_loss`` and ``generator_gradient_norm``.

    Raises:
        ValueError: in this call if a number is out of range; at trace time if shapes do not fit, if a penalty
            meets a discriminator with batch normalization, or if a module with batch normalization and no
            ``axis_name`` field meets an `axis_name`.
    """
    check_module("generator", generator)
    check_module("discriminator", discriminator)
    check_rules(loss, penalty, augment, update)
    game = Game(generator, discriminator, loss, penalty, augment, dtype=dtype)
    return make_step(
        game, d_steps=d_steps, accumulate=accumulate, update=update, ema_decay=ema_decay, axis_name=axis_name
    )


def check_rules(loss: Any, penalty: Any, augment: Any, update: Any) -> None:
    """Raise `ValueError` if an argument of `make_train_step` is of another kind than it asks for."""
    if not all(callable(getattr(loss, player, None)) for player in ("discriminator", "generator")):
        raise ValueError(f"`loss` is a pair of functions, e.g. losses.hinge; got {kind_of(loss)}")
    critic = "(critic, real, fake, *, keys, step) -> [B]"
    check_function("penalty", penalty, critic, example="penalties.r1(gamma=1.0)")
    view = "(images, *, keys, step) -> images"
    check_function("augment", augment, view, example="augment.diff_augment()")
    rule = "(players, state, critic_turns, generator_turn) -> updated"
    check_function("update", update, rule, example="updates.extragradient")


def make_step(
    game: Game,
    *,
    d_steps: int = 1,
    accumulate: int = 1,
    update: updates.Update = updates.alternating,
    ema_decay: Decay = 0.999,
    axis_name: str | None = None,
) -> Step:
    """Make the step that plays a game; the arguments are those of `make_train_step`.

    Args:
        game: the game.
        d_steps: number of discriminator updates per generator update, >= 1.
        accumulate: number of parts of a batch whose gradients are computed one after the other, >= 1.
        update: update rule (`jaxgan.updates`).
        ema_decay: decay of the generator's moving average, in [0, 1]; a number or a schedule of the step.
        axis_name: mapped axis to average over (for pmap and shard_map), or None.

    Raises:
        ValueError: if a number is out of range.
    """
    d_steps, accumulate = converted("d_steps", d_steps, int), converted("accumulate", accumulate, int)
    if min(d_steps, accumulate) < 1:
        raise ValueError(f"`d_steps` and `accumulate` must be at least 1, got {d_steps} and {accumulate}")
    if not callable(ema_decay) and not isinstance(ema_decay, jax.Array) and not 0 <= ema_decay <= 1:
        raise ValueError(f"`ema_decay` must be in [0, 1], got {ema_decay}")
    return Step(game.on_axis(axis_name), update, d_steps, accumulate, ema_decay)


def _as_input(name: str, values: jax.Array) -> jax.Array:
    """Return an array of a batch as the networks take it: labels stay, all else is float."""
    return values if name == "label" else to_float(values)


def _sub_batch(values: jax.Array, *, index: int, count: int) -> jax.Array:
    """Return column `index` of ``[B * count, ...]`` seen as ``[B, count, ...]``: a shard keeps its own."""
    if values.shape[0] % count:
        raise ValueError(f"a batch of {values.shape[0]} does not divide into `d_steps` = {count} parts")
    return values.reshape(-1, count, *values.shape[1:])[:, index]


def _moving_average(ema: Variables, variables: Variables, decay: float | jax.Array) -> Variables:
    """Return the average of parameters and batch statistics; other collections are buffers and are copied."""
    averaged = {name: tree for name, tree in variables.items() if name in _AVERAGED}
    before = {name: tree for name, tree in ema.items() if name in _AVERAGED}
    return {**variables, **jax.tree.map(partial(_average, decay=decay), before, averaged)}


def _average(average: jax.Array, value: jax.Array, *, decay: float | jax.Array) -> jax.Array:
    if not jnp.issubdtype(value.dtype, jnp.inexact):
        return value  # a counter among the statistics
    return (decay * average + (1 - decay) * value).astype(average.dtype)
