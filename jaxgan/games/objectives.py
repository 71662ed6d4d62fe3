"""The two objectives of a game: what the discriminator and what the generator minimizes in a turn.

Each adds up the adversarial loss, the game's own terms and, for the discriminator, the penalty, all as means
over the examples. They ask the game's hooks (`jaxgan.games.base`) and know no game by name.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.games.base import Game
from jaxgan.games.turn import Augmentation, Critic, Objective, Play, Terms, Turn, UpdateKeys, View
from jaxgan.state import GANState, Variables
from jaxgan.system.pieces import check_array, mean


def discriminator_objective(game: Game, params, state: GANState, turn: Turn, play: Play) -> Objective:
    """Return the discriminator's losses plus penalty on what it is shown, one pass for each side.

    Args:
        game: the game.
        params: the discriminator's parameters, by which one differentiates.
        state: the state before the update; its other variables are used.
        turn: the turn.
        play: what the generator's player did in this turn.

    Returns:
        The value, and the discriminator's collections with the metrics.
    """
    keys, labels = turn.keys, game.judged_labels(turn)
    see_real, see_fake = _views(game, turn, keys, state.step)
    before = {"params": params, **state.discriminator.collections}
    real, after = game.judge(before, see_real(play.real), labels, keys.real)
    fake, after = game.judge({"params": params, **after}, see_fake(play.fake), labels, keys.fake)
    real_logits, fake_logits = _whole_batch(game, (real.logits.reshape(-1), fake.logits.reshape(-1)))
    losses = game.loss.discriminator(real_logits, fake_logits)
    adversarial = mean(losses, len(fake_logits), "the discriminator's loss is one number for each example")
    penalty = jnp.zeros(())
    if game.penalty is not None:
        example_keys = game.example_keys(keys.penalty, turn)
        judge = partial(_critic, game, before, labels, keys.critic)
        critic = Critic(judge, judge)
        if game.augment is not None:
            critic = Critic(lambda shown: judge(see_real(shown)), lambda shown: judge(see_fake(shown)))
        penalties = game.penalty(critic, play.real, play.fake, keys=example_keys, step=state.step)
        penalty = mean(penalties, len(turn.real), "the penalty returns one number for each example")
    terms = _means(game.discriminator_losses(real, fake, play, turn), len(turn.real))
    metrics = {
        "discriminator_loss": adversarial,
        "penalty": penalty,
        "real_logit": real_logits.mean(),
        "fake_logit": fake_logits.mean(),
        "pair_accuracy": _pair_accuracy(real_logits, fake_logits),
        **terms,
    }
    return game.mean(sum(terms.values(), adversarial + penalty)), (after, metrics)


def generator_objective(game: Game, params, state: GANState, turn: Turn) -> Objective:
    """Return the losses of the generator against the discriminator as it stands.

    Args:
        game: the game.
        params: the generator's parameters, by which one differentiates.
        state: the state before the update; its other variables are used.
        turn: the turn.

    Returns:
        The value, and the generator's collections with the metrics.
    """
    keys, labels = turn.keys, game.judged_labels(turn)
    variables, critic = {**state.generator.variables, "params": params}, state.discriminator.variables
    play, after = game.play(variables, turn, keys.generator, state.latent_dim)
    see_real, see_fake = _views(game, turn, keys, state.step)
    real, _ = game.judge(critic, see_real(play.real), labels, keys.real)
    fake, _ = game.judge(critic, see_fake(play.fake), labels, keys.fake)
    real_logits, fake_logits = _whole_batch(game, (real.logits.reshape(-1), fake.logits.reshape(-1)))
    losses = game.adversary(real_logits, fake_logits)
    value = mean(losses, len(fake_logits), "the generator's loss is one number for each example")
    terms = _means(game.generator_losses(real, fake, play, turn), len(turn.real))
    after = {name: value for name, value in after.items() if name != "params"}
    return game.mean(sum(terms.values(), value)), (after, {"generator_loss": value, **terms})


def _views(game: Game, turn: Turn, keys: UpdateKeys, step) -> tuple[View, View]:
    """Return how the discriminator sees what it is shown as real and as fake: ``shown -> shown``."""
    if game.augment is None:
        return (lambda shown: shown,) * 2
    real_keys, fake_keys = (game.example_keys(key, turn) for key in (keys.augment_real, keys.augment_fake))
    view = partial(_augmented, game.augment, step)
    return partial(game.see, partial(view, real_keys)), partial(game.see, partial(view, fake_keys))


def _whole_batch(game: Game, logits: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Return the logits of all devices, for losses that compare examples with the batch's mean."""
    if game.axis_name is None:
        return logits
    real, fake = (jax.lax.all_gather(each, game.axis_name, tiled=True) for each in logits)
    return real, fake


def _critic(game: Game, variables: Variables, labels, key, shown):
    # Bfloat16 is too coarse for a gradient's norm that is differentiated again.
    logits = game.judge(variables, shown, labels, key, full_precision=True)[0].logits
    return logits if logits.ndim == 1 else logits.mean(axis=1)


def _augmented(augment: Augmentation, step, keys, images):
    """Return augmented images, of the shape of the images."""
    seen = augment(images, keys=keys, step=step)
    check_array(seen, "the augmentation returns images")
    if seen.shape != images.shape:
        raise ValueError(f"the augmentation returns images {images.shape}, got {seen.shape}")
    return seen


def _pair_accuracy(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
    """Return the share of pairs in which the real example has the larger logit; ties count half."""
    return 0.5 * ((real_logits > fake_logits).mean() + (real_logits >= fake_logits).mean())


def _means(terms: Mapping[str, Any], count: int) -> Terms:
    """Return the mean of each term of a player."""
    return {
        name: mean(value, count, f"{name} is one number for each example") for name, value in terms.items()
    }
