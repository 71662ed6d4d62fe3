"""Gradients of first and second order are finite at zeros, at constants and where examples are alike.

`jnp.where` computes both branches, and the gradient multiplies that of the other branch by zero: NaN stays NaN.
"""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import pytest

from choosing import each_once, slow_pairs_but
from jaxgan import augment, images, layers, losses, penalties

KEYS = jax.random.split(jax.random.key(0), 4)
FLAT = (1, 2, 2, 1)  # shape of a critic's weights
PLACES = {"zeros": 0.0, "constant": 0.3}


def layer(module, *arguments, scale=1.0, **options):
    """Return ``(params, inputs) -> outputs`` in training, and the parameters."""

    def function(params, inputs):
        return module.apply(
            {"params": params, **state}, inputs, *arguments, **options, mutable=["batch_stats"]
        )[0]

    inputs = jnp.ones((4, 2, 2, 3))
    state = dict(jax.jit(partial(module.init, **options))(jax.random.key(1), inputs, *arguments))
    return function, jax.tree.map(lambda leaf: scale * leaf, state.pop("params", {}))


NORMALIZED = layers.BatchNorm(use_running_average=False)
SPECTRAL = layers.SpectralNorm(layers.Dense(5))
LAYERS = {
    "MinibatchStddev": lambda: layer(layers.MinibatchStddev(2)),
    "MinibatchStddev of one": lambda: layer(layers.MinibatchStddev(1)),
    "BatchNorm": lambda: layer(NORMALIZED),
    "ConditionalBatchNorm": lambda: layer(
        layers.ConditionalBatchNorm(3), jnp.array([0, 1, 2, 0]), train=True
    ),
    "SpectralNorm": lambda: layer(SPECTRAL, train=True),
    "SpectralNorm, zero kernel": lambda: layer(SPECTRAL, train=True, scale=0.0),
    "SpectralNorm, tiny kernel": lambda: layer(SPECTRAL, train=True, scale=1e-13),
    "Conv": lambda: layer(layers.Conv(2, (3, 3))),
    "Dense": lambda: layer(layers.Dense(2)),
}
AUGMENTATIONS = {
    "diff_augment": augment.diff_augment(),
    "instance_noise": augment.instance_noise(sigma=0.1),
    "ada_pipeline": augment.ada_pipeline(p=0.9),
}
NORMS = {
    "gradient_penalty": penalties.gradient_penalty(),
    "one-sided": penalties.gradient_penalty(one_sided=True),
    "dragan": penalties.dragan(),
    "r1_r2": penalties.r1_r2(),
    "zero-centered": penalties.zero_centered_gradient_penalty(),
    "finite_difference_r1": penalties.finite_difference_r1(),
}
PLAYERS = ["discriminator", "generator"]
LOSSES = {
    name: getattr(losses, name)
    for name in ("minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic")
} | {
    "relativistic_average": losses.relativistic_average(),
    "kl": losses.f_divergence("kl"),
    "pearson": losses.f_divergence("pearson"),
    "jensen_shannon": losses.f_divergence("jensen_shannon"),
    "total_variation": losses.f_divergence("total_variation"),
}


def assert_finite_twice(function, *arguments):
    """Compare values, gradients, and the gradients of the gradients' lengths with finiteness."""

    def total(*arguments):
        outputs = function(*arguments)
        return (outputs * jnp.linspace(0.3, 1.7, outputs.size).reshape(outputs.shape)).sum()

    every = tuple(range(len(arguments)))
    gradients = jax.grad(total, every)

    def lengths(*arguments):
        return sum((leaf**2).sum() + leaf.sum() for leaf in jax.tree.leaves(gradients(*arguments)))

    both = jax.jit(lambda *arguments: (gradients(*arguments), jax.grad(lengths, every)(*arguments)))
    chex.assert_tree_all_finite((jax.jit(function)(*arguments), both(*arguments)))


@pytest.mark.parametrize(("name", "place"), slow_pairs_but(each_once(LAYERS, [*PLACES]), LAYERS, PLACES))
def test_layers_on_examples_that_are_alike(name, place):
    function, params = LAYERS[name]()
    assert_finite_twice(function, params, jnp.full((4, 2, 2, 3), PLACES[place]))


def test_batch_norm_of_one_value():
    function, params = layer(NORMALIZED)
    assert_finite_twice(function, params, jnp.zeros((1, 1, 1, 3)))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(
    "name",
    ["diff_augment", "instance_noise", pytest.param("ada_pipeline", marks=pytest.mark.slow)],
)
def test_augmentations_of_constant_images(name, place):
    assert_finite_twice(partial(AUGMENTATIONS[name], keys=KEYS), jnp.full((4, 8, 8, 3), place))


@pytest.mark.parametrize(
    ("name", "slope"), slow_pairs_but(each_once(NORMS, [0.0, 1e-18]), NORMS, [0.0, 1e-18])
)
def test_penalties_of_flat_critics(name, slope):
    def value(weights, real):
        return NORMS[name](lambda x: (weights * x).sum((1, 2, 3)), real, real, keys=KEYS)

    assert_finite_twice(value, jnp.full(FLAT, slope), jnp.zeros((4, 2, 2, 1)))


@pytest.mark.parametrize(("name", "player"), slow_pairs_but(each_once(LOSSES, PLAYERS), LOSSES, PLAYERS))
def test_losses_of_large_logits(name, player):
    size = 40.0 if name == "kl" else 1e4  # an exponential has no other value: see `f_divergence`
    logits = jnp.array([0.0, size, -size, 1.0])
    assert_finite_twice(getattr(LOSSES[name], player), logits, logits[::-1])
    assert_finite_twice(getattr(LOSSES[name], player), logits, logits)


def test_floats_of_pixels():
    assert_finite_twice(images.to_float, jnp.zeros((4, 2, 2, 1)))
