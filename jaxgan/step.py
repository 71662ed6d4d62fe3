"""The adversarial update: one pure function ``(state, batch, key) -> (state, metrics)``.

The discriminator takes `d_steps` updates, each on fresh real images and fresh latents, then the generator
takes one (Goodfellow et al. 2014, algorithm 1). All random numbers are functions of the run's key and the
step, so a run can stop and go on at any step.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan import updates
from jaxgan.games.base import Game
from jaxgan.games.gradients import Players, players
from jaxgan.games.terms import Adaptive, Term
from jaxgan.games.turn import Augmentation, Penalty, Turn
from jaxgan.images import mirrored, to_float
from jaxgan.state import GANState, Variables
from jaxgan.system.pieces import check_function, check_module, kind_of
from jaxgan.system.settings import converted

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]
_AVERAGED = ("params", "batch_stats")  # the collections of which the moving average is one
_MIRROR = 2**31  # folded into a step's key for its flips: far from the numbers of its updates
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
        mirror: whether each real image is flipped left to right with probability 1/2.
        fresh_reals: whether the generator's update takes real images of its own.
        generator_batch: number of batches of fakes that the generator's update takes.
    """

    game: Game
    update: updates.Update = updates.alternating
    d_steps: int = 1
    accumulate: int = 1
    ema_decay: Decay = 0.999
    mirror: bool = False
    fresh_reals: bool = False
    generator_batch: int = 1

    @property
    def axis_name(self) -> str | None:
        """The mapped axis that the step was made for, or None."""
        return self.game.axis_name

    @property
    def parts(self) -> int:
        """The number of parts into which each device cuts its share of a batch."""
        return self.batches * self.accumulate

    @property
    def batches(self) -> int:
        """The number of batches of real images that a call takes."""
        return self.d_steps + self.fresh_reals * self.generator_batch

    @cached_property
    def players(self) -> Players:
        """The gradients of both players."""
        return players(self.game, self.accumulate)

    def __call__(self, state: GANState, batch: Batch, key: jax.Array) -> tuple[GANState, Metrics]:
        """Return the next state and the metrics of this step; see `make_step`."""
        if not isinstance(batch, Mapping) or "image" not in batch:
            got = sorted(batch) if isinstance(batch, Mapping) else f"a {type(batch).__name__}"
            raise ValueError(f'a batch is {{"image": [B, H, W, C], ...}}, got {got}')
        self.game.check(state)
        self.game.check_batch(batch)
        batch = {name: _as_input(name, values) for name, values in batch.items() if values is not None}
        step_key = jax.random.fold_in(key, state.step)
        if self.mirror:
            whole = Turn(batch, step_key, step_key)
            flips = self.game.example_keys(jax.random.fold_in(step_key, _MIRROR), whole)
            batch |= {name: mirrored(batch[name], flips) for name in ("image", "source") if name in batch}
        keys = jax.random.split(step_key, (self.d_steps + 1, 2))
        turns = []
        for i, (update_key, latent_key) in enumerate(keys):
            sub_batch = partial(_sub_batch, columns=self._columns(i), count=self.batches)
            turns.append(Turn(jax.tree.map(sub_batch, batch), update_key, latent_key))
        trained, d_metrics, g_metrics = self.update(self.players, state, turns[:-1], turns[-1])
        decay = self.ema_decay(state.step) if callable(self.ema_decay) else self.ema_decay
        ema = _moving_average(state.ema, trained.generator.variables, decay)
        d_means = jax.tree.map(lambda *values: sum(values) / self.d_steps, *d_metrics)
        metrics = self.game.mean({**d_means, **g_metrics})
        terms, metrics = self.game.next_terms(state.terms, metrics, state.step)
        return trained.replace(step=state.step + 1, ema=ema, terms=terms), metrics

    def _columns(self, turn: int) -> tuple[int, ...]:
        """Return the batches of a turn, by their numbers: the generator's turn is the last.

        Without batches of its own, it takes that of the last discriminator update, as often as it needs.
        """
        if turn < self.d_steps:
            return (turn,)
        if self.fresh_reals:
            return tuple(range(self.d_steps, self.batches))
        return (self.d_steps - 1,) * self.generator_batch


def make_train_step(
    generator: nn.Module,
    discriminator: nn.Module,
    loss: Any,
    *,
    penalty: Penalty | None = None,
    augment: Augmentation | Adaptive | None = None,
    terms: Sequence[Term] = (),
    d_steps: int = 1,
    accumulate: int = 1,
    update: updates.Update = updates.alternating,
    ema_decay: Decay = 0.999,
    mirror: bool = False,
    fresh_reals: bool = False,
    generator_batch: int = 1,
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
            sees, with independent random numbers for real and fake images. A `jaxgan.games.terms.Adaptive`
            adapts its probability.
        terms: further losses of either player (`jaxgan.games.terms`), each of another kind. The state of a
            step with terms that remember something is made by `jaxgan.init_game`.
        d_steps: number of discriminator updates per generator update, >= 1; they are unrolled, so compiling
            takes longer with each.
        accumulate: number of parts of a batch whose gradients are computed one after the other, >= 1, in less
            memory; `jaxgan.games.accumulate` says which results differ then.
        update: update rule (`jaxgan.updates`).
        ema_decay: decay of the generator's moving average, in [0, 1]; a number or a schedule of the step. A
            constant keeps its share ``decay ** steps`` of the random start, which spoils short runs;
            ``min(decay, (1 + step) / (10 + step))`` forgets it (`jaxgan.train` does so).
        mirror: whether each real image is flipped left to right with probability 1/2, by a key of its own.
        fresh_reals: whether the generator's update takes `generator_batch` batches of real images, and their
            labels, of its own (R3GAN); without, it takes those of the last discriminator update.
        generator_batch: number of batches of fakes that the generator's update takes, >= 1 (SNGAN: 2).
        axis_name: mapped axis to average over (for pmap and shard_map), or None.
        dtype: dtype of the networks' arithmetic, e.g. ``jnp.bfloat16``; parameters, their updates, running
            statistics, losses and penalties keep theirs (Micikevicius et al. 2018, section 3.1).

    Returns:
        ``step(state, batch, key) -> (state, metrics)``. The batch holds ``"image"``, uint8 or float in
        [-1, 1], ``[B * step.batches, ...]``, and optionally ``"label"``, int32 ``[B * step.batches]``; there
        are `d_steps` batches, and with `fresh_reals` those of the generator. The key is the run's, the same
        at every step. The metrics are scalars: ``discriminator_loss`` (without the penalty), ``penalty``,
        ``real_logit``, ``fake_logit``, ``pair_accuracy`` (the share of pairs of a real and a fake in which
        the real has the larger logit) and ``discriminator_gradient_norm``, means over the discriminator
        updates; ``generator_loss`` and ``generator_gradient_norm``.

    Raises:
        ValueError: in this call if a number is out of range; at trace time if shapes do not fit, if a penalty
            meets a discriminator with batch normalization, or if a module with batch normalization and no
            ``axis_name`` field meets an `axis_name`.
    """
    check_module("generator", generator)
    check_module("discriminator", discriminator)
    check_rules(loss, penalty, None if isinstance(augment, Adaptive) else augment, update)
    game = Game(generator, discriminator, loss, penalty, augment, dtype=dtype, terms=tuple(terms))
    return make_step(
        game,
        d_steps=d_steps,
        accumulate=accumulate,
        update=update,
        ema_decay=ema_decay,
        mirror=mirror,
        fresh_reals=fresh_reals,
        generator_batch=generator_batch,
        axis_name=axis_name,
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
    mirror: bool = False,
    fresh_reals: bool = False,
    generator_batch: int = 1,
    axis_name: str | None = None,
) -> Step:
    """Make the step that plays a game; the arguments are those of `make_train_step`.

    Args:
        game: the game.
        d_steps: number of discriminator updates per generator update, >= 1.
        accumulate: number of parts of a batch whose gradients are computed one after the other, >= 1.
        update: update rule (`jaxgan.updates`).
        ema_decay: decay of the generator's moving average, in [0, 1]; a number or a schedule of the step.
        mirror: whether each real image is flipped left to right with probability 1/2.
        fresh_reals: whether the generator's update takes real images of its own.
        generator_batch: number of batches of fakes that the generator's update takes, >= 1.
        axis_name: mapped axis to average over (for pmap and shard_map), or None.

    Raises:
        ValueError: if a number is out of range.
    """
    d_steps, accumulate = converted("d_steps", d_steps, int), converted("accumulate", accumulate, int)
    generator_batch = converted("generator_batch", generator_batch, int)
    mirror, fresh_reals = converted("mirror", mirror, bool), converted("fresh_reals", fresh_reals, bool)
    if min(d_steps, accumulate) < 1:
        raise ValueError(f"`d_steps` and `accumulate` must be at least 1, got {d_steps} and {accumulate}")
    if generator_batch < 1:
        raise ValueError(f"`generator_batch` must be at least 1, got {generator_batch}")
    if not callable(ema_decay) and not isinstance(ema_decay, jax.Array) and not 0 <= ema_decay <= 1:
        raise ValueError(f"`ema_decay` must be in [0, 1], got {ema_decay}")
    return Step(
        game.on_axis(axis_name),
        update,
        d_steps,
        accumulate,
        ema_decay,
        mirror=mirror,
        fresh_reals=fresh_reals,
        generator_batch=generator_batch,
    )


def _as_input(name: str, values: jax.Array) -> jax.Array:
    """Return an array of a batch as the networks take it: labels stay, all else is float."""
    return values if name == "label" else to_float(values)


def _sub_batch(values: jax.Array, *, columns: tuple[int, ...], count: int) -> jax.Array:
    """Return columns of ``[B * count, ...]`` seen as ``[B, count, ...]``: a shard keeps its own.

    Args:
        values: what all turns of a step take together.
        columns: the numbers of the columns; of more than one, an example's are neighbors.
        count: number of columns in all.
    """
    if values.shape[0] % count:
        raise ValueError(
            f"a batch of {values.shape[0]} does not divide into the {count} batches of a step: "
            "`d_steps` and, with `fresh_reals`, `generator_batch` more"
        )
    table = values.reshape(-1, count, *values.shape[1:])
    if len(columns) == 1:
        return table[:, columns[0]]
    return jnp.stack([table[:, i] for i in columns], axis=1).reshape(-1, *values.shape[1:])


def _moving_average(ema: Variables, variables: Variables, decay: float | jax.Array) -> Variables:
    """Return the average of parameters and batch statistics; other collections are buffers and are copied."""
    averaged = {name: tree for name, tree in variables.items() if name in _AVERAGED}
    before = {name: tree for name, tree in ema.items() if name in _AVERAGED}
    return {**variables, **jax.tree.map(partial(_average, decay=decay), before, averaged)}


def _average(average: jax.Array, value: jax.Array, *, decay: float | jax.Array) -> jax.Array:
    if not jnp.issubdtype(value.dtype, jnp.inexact):
        return value  # a counter among the statistics
    return (decay * average + (1 - decay) * value).astype(average.dtype)
