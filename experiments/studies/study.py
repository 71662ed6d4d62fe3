"""What the studies of stability.py share: a population that is trained in one of the arenas, and measured."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from arenas import Arena, ring_arena
from jaxgan import build, diagnostics, init_state, losses, make_train_step, names, parallel, sampling
from jaxgan.names import PENALTIES
from results import Row

Pieces = Callable[[Any], tuple[Any, Any]]  # one member's hyperparameters -> (loss, penalty)


class Members(NamedTuple):
    """Hyperparameters of a population, each ``[members]``; what a study does not vary has one value.

    Attributes:
        seed: of weights, latents and data.
        g_rate: learning rate of the generator.
        d_rate: learning rate of the discriminator.
        beta1: of Adam; the momentum of other optimizers.
        loss: index into `LOSSES`.
        r1: weight of R1.
        r2: weight of R2.
        gradient_penalty: weight of WGAN-GP's.
    """

    seed: np.ndarray
    g_rate: np.ndarray
    d_rate: np.ndarray
    beta1: np.ndarray
    loss: np.ndarray
    r1: np.ndarray
    r2: np.ndarray
    gradient_penalty: np.ndarray


LOSSES = ("minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic")
DEFAULTS: Row = {"g_rate": 1e-3, "d_rate": 1e-3, "beta1": 0.5, "loss": "non_saturating"}


def members(rows: list[Row]) -> Members:
    """Return the population of some rows; what a row does not say is as in `DEFAULTS`, or 0."""
    rows = [{**DEFAULTS, **row} for row in rows]
    loss = np.array([LOSSES.index(row["loss"]) for row in rows], np.int32)
    others = {
        name: np.array([row.get(name, 0) for row in rows], np.float32)
        for name in Members._fields
        if name not in ("loss", "seed")
    }
    return Members(loss=loss, seed=np.array([row["seed"] for row in rows], np.int32), **others)


OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "adam": lambda learning_rate, beta1: optax.adam(learning_rate, b1=beta1),
    "sgd": lambda learning_rate, beta1: optax.sgd(learning_rate, momentum=beta1),
    "rmsprop": lambda learning_rate, beta1: optax.rmsprop(learning_rate, decay=0.99, momentum=beta1),
    "optimistic adam": lambda learning_rate, beta1: optax.optimistic_adam_v2(learning_rate, b1=beta1),
}


def non_saturating(member: Members) -> tuple[Any, Any]:
    """Every member: the non-saturating loss without a penalty."""
    return losses.non_saturating, None


def any_loss(member: Members) -> tuple[Any, Any]:
    """Each member its own loss, the penalty none."""

    def choose(side: str) -> Callable[[jax.Array, jax.Array], jax.Array]:
        sides = [getattr(names.LOSSES[name], side) for name in LOSSES]
        return lambda real, fake: jnp.stack([each(real, fake) for each in sides])[member.loss]

    return losses.Loss(choose("discriminator"), choose("generator")), None


def any_loss_r1(member: Members) -> tuple[Any, Any]:
    """Each member its own loss and its own weight of R1."""
    weight: Any = member.r1
    return any_loss(member)[0], PENALTIES["r1"](weight)


def any_penalty(member: Members) -> tuple[Any, Any]:
    """Each member its own loss and its own weights of three penalties."""
    weights: dict[str, Any] = {"r1": member.r1, "r2": member.r2, "gradient_penalty": member.gradient_penalty}
    terms = [PENALTIES[name](weight) for name, weight in weights.items()]

    def penalty(*inputs: Any, **options: Any) -> Any:
        return sum(term(*inputs, **options) for term in terms)

    return any_loss(member)[0], penalty


class Game(NamedTuple):
    """A population ready to train: what `start` returns.

    Attributes:
        step: makes the step of one member.
        run: ``(state, n) -> (state, metrics)``.
        state: of all members.
        generate: ``state -> fakes [members, n, ...]`` of the average generators.
    """

    step: Any
    run: Callable[[Any, int], tuple[Any, Row]]
    state: Any
    generate: Callable[[Any], np.ndarray]


def start(
    arena: Arena,
    population: Members,
    *,
    pieces: Pieces = non_saturating,
    optimizer: str = "adam",
    d_steps: int = 1,
) -> Game:
    """Return a population at step 0.

    Args:
        arena: where.
        population: who.
        pieces: loss and penalty of a member.
        optimizer: a name of `OPTIMIZERS`.
        d_steps: discriminator updates per generator update.
    """
    generator, discriminator = arena.modules
    tx = optax.inject_hyperparams(OPTIMIZERS[optimizer])(learning_rate=1.0, beta1=0.0)
    options = {"image_shape": arena.image_shape, "latent_dim": arena.latent_dim, "g_tx": tx, "d_tx": tx}

    def make_step(member: Members) -> Any:
        loss, penalty = pieces(member)
        ema_decay = build.ema_schedule(0.999)
        return make_train_step(
            generator, discriminator, loss, penalty=penalty, d_steps=d_steps, ema_decay=ema_decay
        )

    def batch_at(arrays: Any, step: jax.Array, seed: jax.Array) -> Any:
        return arena.batch_at(arrays, step, seed, arena.batch_size * d_steps)

    seeds = jnp.asarray(population.seed)
    init = partial(init_state, generator=generator, discriminator=discriminator, **options)
    state = parallel.init_population(init, seeds)
    for name, rates in (("generator", population.g_rate), ("discriminator", population.d_rate)):
        state = _set(state, name, learning_rate=rates, beta1=population.beta1)
    run = parallel.population(make_step, batch_at)
    hyper = jax.tree.map(jnp.asarray, population)
    latents = sampling.draw_latents(jax.random.key(0), arena.fakes, arena.latent_dim)
    make = jax.jit(
        jax.vmap(lambda variables, latents: generator.apply(variables, latents, train=False), (0, None))
    )
    return Game(
        step=make_step,
        run=lambda state, n: run(hyper, state, arena.arrays, seeds, n),
        state=state,
        generate=lambda state: np.asarray(make(state.ema, latents)),
    )


def train(arena: Arena, population: Members, *, stops: list[int], **options: Any) -> list[list[Row]]:
    """Train all members in one compiled program; return their scores at each stop.

    Args:
        arena: where.
        population: who.
        stops: steps, increasing, at which to measure.
        options: those of `start`.
    """
    game = start(arena, population, **options)
    state, scores = game.state, []
    for n in np.diff(stops, prepend=0):
        state, _ = game.run(state, int(n))
        scores.append([arena.measure(fakes) for fakes in game.generate(state)])
    return scores


def looked_at(rows: list[Row], *, steps: int, every: int) -> list[Row]:
    """Train runs on the ring, each with a loss and a weight of R1, and look at them on the way.

    Args:
        rows: hyperparameters.
        steps: of each run.
        every: steps between looks.

    Returns:
        The rows with their scores and "looks": what `jaxgan.diagnostics` found, a list for each name.
    """
    arena, population = ring_arena(), members(rows)
    game = start(arena, population, pieces=any_loss_r1)
    hyper = jax.tree.map(jnp.asarray, population)
    reals = arena.batch_at(None, jnp.array(0), jnp.array(2**31 - 1), 2 * arena.batch_size)["image"]

    def look(member: Members, state: Any, key: jax.Array) -> Row:
        return diagnostics.make_probe(game.step(member).players, *arena.modules)(state, reals, None, key)

    axes = jax.tree.map(lambda _: 0, game.state).replace(step=None)
    probe = jax.jit(jax.vmap(look, in_axes=(0, axes, None)))
    state = game.state
    looks: list[list[Row]] = [[] for _ in rows]
    histories: list[tuple[list[float], list[float]]] = [([], []) for _ in rows]
    between = max(1, every // 4)  # losses come closer than looks
    for step in range(between, steps + 1, between):
        state, metrics_ = game.run(state, between)
        losses_ = (np.asarray(metrics_[name]) for name in ("discriminator_loss", "generator_loss"))
        for history, *values in zip(histories, *losses_, strict=True):
            for series, value in zip(history, values, strict=True):
                series.append(float(value))
        if step % (4 * between):
            continue
        found = jax.device_get(probe(hyper, state, jax.random.key(step)))
        for i, history in enumerate(histories):
            row = {"step": step, **{name: float(f"{value[i]:.3g}") for name, value in found.items()}}
            row["oscillation"] = round(max(diagnostics.oscillation_index(s[-64:]) for s in history), 3)
            looks[i].append(row)
    scores = [arena.measure(fakes) for fakes in game.generate(state)]
    columns = [{name: [look[name] for look in seen] for name in seen[0]} for seen in looks]
    return [{**row, **score, "looks": seen} for row, score, seen in zip(rows, scores, columns, strict=True)]


def _set(state: Any, player: str, **values: np.ndarray) -> Any:
    """Return the state with hyperparameters of the members' own in a player's optimizer."""
    network = getattr(state, player)
    hyperparams = {name: jnp.array(value, jnp.float32) for name, value in values.items()}
    memory = network.opt_state._replace(hyperparams=hyperparams)
    return state.replace(**{player: network.replace(opt_state=memory)})
