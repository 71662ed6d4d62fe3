"""Other pieces of one's own are other settings: a run refuses to go on with them."""

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pytest

from jaxgan import augment, losses, penalties, train, updates
from jaxgan.config import Config
from jaxgan.networks import mlp
from jaxgan.run.labels import LONGEST, describe, labels_of
from jaxgan.run.workdir import OtherRunError
from jaxgan.system.errors import UserError
from pictures import forty_pictures


def scaled(factor):
    def penalty(critic, real, fake, *, keys=None, step=0):
        return factor * jnp.zeros(len(real))

    return penalty


def weighted(weight):
    def penalty(critic, real, fake, *, keys=None, step=0, weight=weight):
        return weight * jnp.zeros(len(real))

    return penalty


class Own(nn.Module):
    activation: Callable = nn.relu
    inner: nn.Module | None = None


PAIRS = {
    "numbers that a function closes over": (penalties.r1(gamma=1.0), penalties.r1(gamma=100.0)),
    "the function itself": (penalties.r1(gamma=1.0), penalties.r2(gamma=1.0)),
    "a function around another": (
        penalties.lazy(penalties.r1(gamma=1.0), every=4),
        penalties.lazy(penalties.r1(gamma=2.0), every=4),
    ),
    "arguments of a partial": (partial(max, 1), partial(max, 2)),
    "fields of a module": (mlp.Discriminator((3,)), mlp.Discriminator((4,))),
    "a loss": (losses.hinge, losses.wasserstein),
    "a pair of functions": (
        losses.Loss(losses.hinge.discriminator, losses.hinge.generator),
        losses.Loss(losses.hinge.discriminator, losses.wasserstein.generator),
    ),
    "an update rule": (updates.consensus(weight=0.1), updates.consensus(weight=0.2)),
    "optimizers": (optax.adam(1e-3), optax.adam(1e-4)),
    "schedules": (
        optax.adam(optax.cosine_decay_schedule(1e-3, 5)),
        optax.adam(optax.cosine_decay_schedule(1e-3, 6)),
    ),
    "augmentations": (augment.ada(p=0.1), augment.ada(p=0.2)),
    "lambdas": (lambda x: x + 1, lambda x: x + 2),
    "arrays": (partial(max, jnp.zeros(2)), partial(max, jnp.ones(2))),
    "functions in a module": (Own(nn.relu), Own(jnp.tanh)),
    "a module in a module": (Own(inner=mlp.Discriminator((3,))), Own(inner=mlp.Discriminator((4,)))),
    "defaults": (weighted(1.0), weighted(2.0)),
    "lambdas in lambdas": (lambda: lambda x: x + 1, lambda: lambda x: x + 2),
    "a jitted function": (jax.jit(scaled(1.0)), jax.jit(scaled(2.0))),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_what_was_made_differently_has_another_label(kind):
    one, other = PAIRS[kind]
    assert describe(one) == describe(one)
    assert describe(one) != describe(other)


def test_labels_are_readable():
    assert "jaxgan.penalties.gradient.r1(gamma=1.0, step=0)" in describe(
        penalties.r1(gamma=1.0)
    )  # checks around it
    assert describe(scaled(0.5)).endswith("scaled(factor=0.5, step=0)")
    for one, _ in PAIRS.values():
        assert "0x" not in describe(one)


@pytest.mark.slow
def test_labels_are_the_same_in_another_process(run_program, tmp_path):
    program = tmp_path / "labels.py"
    program.write_text(
        "import flax.linen as nn, jax, optax\nfrom jaxgan import penalties\nfrom jaxgan.run.labels import describe\n"
        "for x in (nn.Conv(4, (3, 3)), penalties.lazy(penalties.r1_r2(gamma=0.5), every=3), optax.adamw(1e-3),\n"
        "          lambda c, r, f: [y for y in r], nn.Sequential([nn.Dense(3), nn.relu])):\n    print(describe(x))\n"
    )
    first, second = (run_program(program, cwd=tmp_path).stdout for _ in range(2))
    assert first == second
    assert first.count("\n") == 5


def test_functions_that_refer_to_each_other_have_an_end():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    assert "even" in describe(odd)


def test_a_label_of_ones_own_wins_and_a_long_one_is_cut():
    labels = labels_of({"penalty": scaled(1.0), "loss": None}, {"penalty": "mine"})
    assert labels == {"penalty": "mine"}
    long = labels_of({"penalty": scaled(jnp.zeros(1)), "loss": tuple(range(500))}, {})
    assert len(long["loss"]) <= LONGEST + 12
    with pytest.raises(UserError, match="`labels` names update, and no such piece"):
        labels_of({"penalty": scaled(1.0)}, {"update": "mine"})


@pytest.mark.slow
def test_a_run_goes_on_with_its_own_pieces_only(tmp_path):
    config = Config(
        workdir=str(tmp_path / "run"), steps=1, batch_size=8, hidden=(4,), quiet=True, diagnose_every=None
    )
    pictures = forty_pictures(4, 4, 1)
    train.run(config, dataset=pictures, penalty=penalties.r1(gamma=1.0))
    train.run(config.replace(steps=2), dataset=pictures, penalty=penalties.r1(gamma=1.0))
    with pytest.raises(
        OtherRunError, match=r"your own penalty was .*r1\(gamma=1.0, .*, is now .*r1\(gamma=100.0, "
    ):
        train.run(config.replace(steps=4), dataset=pictures, penalty=penalties.r1(gamma=100.0))
    with pytest.raises(OtherRunError):
        train.run(config.replace(steps=4), dataset=pictures)


@pytest.mark.slow
def test_a_run_takes_every_piece_of_ones_own(tmp_path):
    config = Config(workdir=str(tmp_path / "run"), steps=3, batch_size=8, quiet=True)
    seen = []

    def watched(gradients, state, d_turns, g_turn):
        seen.append("update")
        return updates.simultaneous(gradients, state, d_turns, g_turn)

    def brighter(images, *, keys, step=0):
        seen.append("augment")
        return images + 0.1

    def penalty(critic, real, fake, *, keys=None, step=0):
        seen.append("penalty")
        return 0 * critic(real)

    state = train.run(
        config,
        dataset=forty_pictures(4, 4, 1),
        generator=mlp.Generator((4, 4, 1), (8,)),
        discriminator=mlp.Discriminator((8,)),
        loss=losses.hinge,
        penalty=penalty,
        augment=brighter,
        update=watched,
        generator_optimizer=optax.sgd(1e-3, momentum=0.5),
        discriminator_optimizer=optax.adamw(1e-3),
    ).state
    assert {"update", "augment", "penalty"} <= set(seen)
    assert state.generator.params["Dense_0"]["kernel"].shape == (100, 8)
    assert "TraceState" in str(jax.tree.structure(state.generator.opt_state))
    assert "ScaleByAdamState" in str(jax.tree.structure(state.discriminator.opt_state))
