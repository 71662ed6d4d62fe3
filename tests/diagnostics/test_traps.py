"""What the end of a network can return, and the notes that follow; jaxgan's own pieces have none."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import build, data, losses, penalties
from jaxgan.build import Pieces
from jaxgan.config import Config
from jaxgan.diagnostics import traps
from jaxgan.names import LOSSES, PENALTIES
from jaxgan.networks import dcgan, mlp
from tiny_runs import tiny, train_tiny

INF = math.inf
VECTOR = jax.ShapeDtypeStruct((2, 6), jnp.float32)
DIGITS = data.digits()


@jax.custom_vjp
def clipped_in_the_gradient(x):
    return nn.sigmoid(x)


clipped_in_the_gradient.defvjp(lambda x: (x, None), lambda _, gradient: (jnp.clip(gradient, -1, 1),))

ENDS = {  # a function of what the last layer with weights returns, and its bounds
    "nothing": (lambda x: x, (-INF, INF)),
    "sigmoid": (nn.sigmoid, (0, 1)),
    "sigmoid as a formula": (lambda x: 1 / (1 + jnp.exp(-x)), (0, 1)),
    "sigmoid of tanh": (lambda x: (jnp.tanh(x) + 1) / 2, (0, 1)),
    "hard sigmoid": (nn.hard_sigmoid, (0, 1)),
    "jitted sigmoid": (jax.jit(lambda x: nn.sigmoid(x).reshape(-1)), (0, 1)),
    "sigmoid in bfloat16": (lambda x: nn.sigmoid(x.astype(jnp.bfloat16)).astype(jnp.float32), (0, 1)),
    "custom derivative": (clipped_in_the_gradient, (0, 1)),
    "checkpointed": (jax.checkpoint(nn.sigmoid), (0, 1)),
    "softmax": (lambda x: nn.softmax(x)[:, 0], (0, INF)),
    "relu": (nn.relu, (0, INF)),
    "relu by where": (lambda x: jnp.maximum(x, 0), (0, INF)),
    "abs": (jnp.abs, (0, INF)),
    "square": (lambda x: x * x, (0, INF)),
    "power": (lambda x: x**4, (0, INF)),
    "cube": (lambda x: x**3, (-INF, INF)),
    "norm": (lambda x: jnp.sqrt((x**2).sum(axis=1)), (0, INF)),
    "mean of sigmoids": (lambda x: nn.sigmoid(x).mean(axis=1), (0, 1)),
    "softplus": (nn.softplus, (0, INF)),
    "log sigmoid": (nn.log_sigmoid, (-INF, 0)),
    "minus relu": (lambda x: -nn.relu(x), (-INF, 0)),
    "tanh": (jnp.tanh, (-1, 1)),
    "tanh of sigmoid": (lambda x: 2 * nn.sigmoid(x) - 1, (-1, 1)),
    "hard tanh": (nn.hard_tanh, (-1, 1)),
    "clip": (lambda x: jnp.clip(x, -1, 1), (-1, 1)),
    "sine": (jnp.sin, (-1, 1)),
    "twice tanh": (lambda x: 2 * jnp.tanh(x), (-2, 2)),
    "leaky relu": (nn.leaky_relu, (-INF, INF)),
    "gelu": (nn.gelu, (-INF, INF)),
    "logit of a sigmoid": (lambda x: jnp.log(nn.sigmoid(x)) - jnp.log(1 - nn.sigmoid(x)), (-INF, INF)),
    "parts": (lambda x: jnp.concatenate([jnp.tanh(x), nn.sigmoid(x)]), (-1, 1)),
    "inverse": (lambda x: 1 / x, (-INF, INF)),
    "inverse square": (lambda x: x**-2, (0, INF)),
    "constant": (lambda x: jnp.zeros(2), (0, 0)),
}


@pytest.mark.parametrize("end", ENDS)
def test_bounds_are_those_of_the_end(end):
    function, bounds = ENDS[end]
    assert traps.bounds_of(function, VECTOR) == pytest.approx(bounds)
    values = function(jnp.linspace(-9, 9, 12).reshape(2, 6))
    assert bounds[0] <= values.min()
    assert values.max() <= bounds[1]


def test_loops_and_what_cannot_be_traced_are_unknown():
    loop = lambda x: jax.lax.scan(lambda carry, _: (carry * 2, None), x, None, 3)[0]
    assert traps.bounds_of(loop, VECTOR) is None
    assert traps.bounds_of(lambda x: loop(x) + 1, VECTOR) is None
    assert traps.bounds_of(lambda x: jnp.tanh(loop(x)), VECTOR) == (-1, 1)
    total = lambda x: jax.lax.reduce(nn.sigmoid(x), 0.0, lambda a, b: a + b * 1, (1,))
    assert traps.bounds_of(total, VECTOR) is None
    assert traps.bounds_of(lambda x: jax.lax.cond(x[0, 0] > 0, jnp.tanh, jnp.cos, x), VECTOR) is None
    assert traps.bounds_of(lambda x: x + "a", VECTOR) is None
    assert traps.bounds_of(lambda x: (x, x), VECTOR) is None
    for of in (traps.of_generator, traps.of_discriminator):
        assert of(loop, VECTOR) == of(lambda x: 1 / 0, VECTOR) == ()


@pytest.mark.parametrize(
    ("end", "what"),
    [
        ("nothing", ""),
        ("leaky relu", ""),
        ("twice tanh", ""),
        ("cube", ""),
        ("sigmoid", "lie in [0, 1], but losses take logits: end it without a sigmoid or softmax"),
        ("sigmoid as a formula", "lie in [0, 1], but losses take logits: end it without a sigmoid"),
        ("softmax", "are never negative, but losses take logits: end it without a ReLU, abs or softmax"),
        ("relu", "are never negative"),
        ("abs", "are never negative"),
        ("softplus", "are never negative"),
        ("log sigmoid", "are never positive"),
        ("tanh", "lie in [-1, 1], but losses take logits: end it without a tanh"),
    ],
)
def test_a_discriminators_end(end, what):
    notes = traps.of_discriminator(ENDS[end][0], VECTOR)
    assert len(notes) == bool(what)
    assert all(f"the discriminator's outputs {what}" in note for note in notes)


@pytest.mark.parametrize(
    ("end", "what"),
    [
        ("tanh", ""),
        ("hard tanh", ""),
        ("clip", ""),
        ("tanh of sigmoid", ""),
        ("sine", ""),
        ("sigmoid", "lie in [0, 1], and black is -1: end it with tanh"),
        ("sigmoid of tanh", "lie in [0, 1], and black is -1"),
        ("relu", "are never negative, and black is -1: end it with tanh"),
        ("minus relu", "are never positive, and white is 1: end it with tanh"),
        ("nothing", "have no bounds: what is outside [-1, 1] is clipped, and tanh bounds them"),
        ("leaky relu", "have no bounds"),
        ("twice tanh", "lie in [-2, 2]: what is outside [-1, 1] is clipped"),
    ],
)
def test_a_generators_end(end, what):
    notes = traps.of_generator(ENDS[end][0], VECTOR)
    assert len(notes) == bool(what)
    assert all(f"the generator's images {what}" in note for note in notes)


def test_only_a_linear_loss_has_no_bottom():
    own = losses.Loss(lambda real, fake: (fake - real.mean()) / 2 - 0.5 * real, lambda real, fake: -fake)
    for name, loss in {**LOSSES, "own": own}.items():
        notes = traps.of_loss(loss, constrained=False)
        assert len(notes) == (name in ("wasserstein", "own")), name
        assert traps.of_loss(loss, constrained=True) == ()
    assert traps.of_loss(losses.Loss(lambda: 0, lambda: 0), constrained=False) == ()


class Own(nn.Module):
    """A discriminator of one's own with any end."""

    end: str = "nothing"
    norm: bool = False

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        dense = nn.Dense(1)
        features = images.reshape(len(images), -1)
        if self.norm:
            return nn.SpectralNorm(dense)(features, update_stats=train)[:, 0]
        return ENDS[self.end][0](dense(features))[:, 0]


def notes_of(config, **pieces):
    return build.experiment(config, DIGITS, Pieces(**pieces)).notes


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.slow
def test_the_librarys_own_networks_have_no_traps(conditional):
    classes = 10 if conditional else None
    for own in (
        {"generator": mlp.Generator((8, 8, 1), (4,), num_classes=classes)},
        {
            "generator": dcgan.Generator((8, 8, 1), 4, classes),
            "discriminator": dcgan.Discriminator(4, "none", classes),
        },
        {"discriminator": mlp.Discriminator((4,), classes)},
        {"discriminator": dcgan.Discriminator(4, "spectral", classes)},
        {},
    ):
        assert notes_of(Config(conditional=conditional), **own) == ()


@pytest.mark.slow
def test_a_wasserstein_loss_wants_a_constraint():
    wasserstein = Config(loss="wasserstein")
    (note,) = notes_of(wasserstein)
    assert "nothing keeps the discriminator Lipschitz: set `penalty` gradient_penalty" in note
    (note,) = notes_of(Config(), loss=losses.Loss(lambda real, fake: fake - real, lambda real, fake: -fake))
    assert "Lipschitz" in note
    for name in PENALTIES:
        assert bool(notes_of(wasserstein.replace(penalty=name))) == (name == "none")
    for own in (
        {"penalty": penalties.r1(gamma=1.0)},
        {"discriminator_optimizer": optax.chain(optax.sgd(1e-3), penalties.clip_parameters(0.01))},
        {"discriminator": dcgan.Discriminator(4, "spectral")},
        {"discriminator": Own(norm=True)},
    ):
        assert notes_of(wasserstein, **own) == ()


@pytest.mark.slow
def test_a_run_says_its_traps_once(tmp_path):
    class Sigmoid(mlp.Generator):
        @nn.compact
        def __call__(self, latents, labels=None, *, train):
            return nn.sigmoid(nn.Dense(16)(latents)).reshape(-1, 4, 4, 1)

    train_tiny(tiny(tmp_path, quiet=True), generator=Sigmoid((4, 4, 1)), discriminator=Own("sigmoid"))
    log = (tmp_path / "log.txt").read_text()
    assert log.count("note: the generator's images lie in [0, 1], and black is -1: end it with tanh") == 1
    assert log.count("note: the discriminator's outputs lie in [0, 1], but losses take logits") == 1


def test_points_have_no_range(tmp_path):
    points = data.from_arrays(np.random.default_rng(0).normal(size=(40, 2)))
    own = {"generator": mlp.Generator((2,), (4,), squash=False), "discriminator": mlp.Discriminator((4,))}
    assert build.experiment(Config(batch_size=8), points, Pieces(**own)).notes == ()
    assert "have no bounds" in notes_of(Config(), generator=mlp.Generator((8, 8, 1), (4,), squash=False))[0]
