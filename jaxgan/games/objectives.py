"""The two objectives of a game: what the discriminator and what the generator minimizes in a turn.

Each adds up the adversarial loss, the game's own terms and, for the discriminator, the penalty, all as means
over the examples. They ask the game's hooks (`jaxgan.games.base`) and know no game by name.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.games.base import Game
from jaxgan.games.terms.term import Added, Context, Term
from jaxgan.games.turn import (
    Augmentation,
    Critic,
    Objective,
    Play,
    Shown,
    Terms,
    Turn,
    UpdateKeys,
    Verdict,
    View,
)
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
    see_real, see_fake = _views(game, turn, keys, state)
    before = {"params": params, **state.discriminator.collections}
    seen = see_real(play.real)
    real, after = game.judge(before, seen, labels, keys.real)
    fake, after = game.judge({"params": params, **after}, see_fake(play.fake), labels, keys.fake)
    real_logits, fake_logits = _whole_batch(game, (real.logits.reshape(-1), fake.logits.reshape(-1)))
    losses = game.loss.discriminator(real_logits, fake_logits)
    adversarial = mean(losses, len(fake_logits), "the discriminator's loss is one number for each example")
    penalty = jnp.zeros(())
    critic = _critic(game, before, labels, keys, (see_real, see_fake))
    if game.penalty is not None:
        shown_keys = game.shown_keys(keys.penalty, turn)
        penalties = game.penalty(critic, play.real, play.fake, keys=shown_keys, step=state.step)
        penalty = mean(penalties, len(shown_keys), "the penalty returns one number for each example")
    generator = state.generator.variables
    context = _context(game, state, turn, play, (real, fake), (generator, before), (critic, seen))
    added = [term.discriminator(context(i, term)) for i, term in enumerate(game.all_terms)]
    terms = _means(game.discriminator_losses(real, fake, play, turn), len(turn.real), added)
    metrics = {
        "discriminator_loss": adversarial,
        "penalty": penalty,
        "real_logit": real_logits.mean(),
        "fake_logit": fake_logits.mean(),
        "pair_accuracy": _pair_accuracy(real_logits, fake_logits),
        **terms,
        **_metrics(added),
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
    variables, discriminator = {**state.generator.variables, "params": params}, state.discriminator.variables
    play, after = game.play(variables, turn, keys.generator, state.latent_dim)
    see_real, see_fake = _views(game, turn, keys, state)
    seen = see_real(play.real)
    real, _ = game.judge(discriminator, seen, labels, keys.real)
    fake, _ = game.judge(discriminator, see_fake(play.fake), labels, keys.fake)
    real_logits, fake_logits = _whole_batch(game, (real.logits.reshape(-1), fake.logits.reshape(-1)))
    losses = game.adversary(real_logits, fake_logits)
    for term in game.terms:
        losses = term.weigh(losses, fake_logits, state.step, state.terms.get(term.NAME, {}))
    value = mean(losses, len(fake_logits), "the generator's loss is one number for each example")
    critic = _critic(game, discriminator, labels, keys, (see_real, see_fake))
    context = _context(game, state, turn, play, (real, fake), (variables, discriminator), (critic, seen))
    added = [term.generator(context(i, term)) for i, term in enumerate(game.all_terms)]
    terms = _means(game.generator_losses(real, fake, play, turn), len(turn.real), added)
    after = {name: value for name, value in after.items() if name != "params"}
    metrics = {"generator_loss": value, **terms, **_metrics(added)}
    return game.mean(sum(terms.values(), value)), (after, metrics)


def _context(
    game: Game,
    state: GANState,
    turn: Turn,
    play: Play,
    verdicts: tuple[Verdict, Verdict],
    variables: tuple[Variables, Variables],
    judged: tuple[Critic, Shown],
) -> Callable[[int, Term], Context]:
    """Return what each of the game's terms, by its place, sees of a turn."""
    critic, seen = judged

    def of_term(place: int, term: Term) -> Context:
        key, memory = jax.random.fold_in(turn.keys.terms, place), state.terms.get(term.NAME, {})
        about = critic, key, state.latent_dim, state.step, memory, seen
        return Context(game, turn, play, *verdicts, *variables, *about)

    return of_term


def _views(game: Game, turn: Turn, keys: UpdateKeys, state: GANState) -> tuple[View, View]:
    """Return how the discriminator sees what it is shown as real and as fake: ``shown -> shown``."""
    augment = game.augmentation(state)
    if augment is None:
        return (lambda shown: shown,) * 2
    real_keys, fake_keys = (game.example_keys(key, turn) for key in (keys.augment_real, keys.augment_fake))
    view = partial(_augmented, augment, state.step)
    return partial(game.see, partial(view, real_keys)), partial(game.see, partial(view, fake_keys))


def _whole_batch(game: Game, logits: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Return the logits of all devices, for losses that compare examples with the batch's mean."""
    if game.axis_name is None:
        return logits
    real, fake = (jax.lax.all_gather(each, game.axis_name, tiled=True) for each in logits)
    return real, fake


def _critic(
    game: Game, variables: Variables, labels: Any, keys: UpdateKeys, views: tuple[View, View]
) -> Critic:
    """Return the discriminator, behind the augmentation, as a function of what it is shown raw."""
    judge = partial(_logits, game, variables, labels, keys.critic)
    if game.augment is None:
        return Critic(judge, partial(judge) if game.APART else judge)
    see_real, see_fake = views
    return Critic(lambda shown: judge(see_real(shown)), lambda shown: judge(see_fake(shown)))


def _logits(game: Game, variables: Variables, labels, key, shown):
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


def _means(losses: Mapping[str, Any], count: int, added: Sequence[Added]) -> Terms:
    """Return the mean of each further loss of a player: those of the game, and those that terms add."""
    named = dict(losses)
    for each in added:
        named |= each.losses
    return {
        name: mean(value, count, f"{name} is one number for each example") for name, value in named.items()
    }


def _metrics(added: Sequence[Added]) -> dict[str, jax.Array]:
    """Return the metrics that terms add."""
    return {name: value for each in added for name, value in each.metrics.items()}
