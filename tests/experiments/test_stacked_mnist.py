"""A thousand modes: the recipes, the networks, and the classifier that counts modes."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import data
from jaxgan.evaluate import METRICS
from jaxgan.evaluate.scores import Evidence
from jaxgan.features import Extractor
from jaxgan.names import SCHEDULES
from jaxgan.networks import r3gan


@pytest.fixture
def stacked_mnist(experiments):
    import stacked_mnist

    return stacked_mnist


def test_the_recipes(stacked_mnist):
    settings = stacked_mnist.Settings(steps=40, learning_rate=3e-4, penalty_every=4)
    config = stacked_mnist.config_of(settings).check()
    assert config.evaluate_every == 8
    schedule = SCHEDULES[config.learning_rate_schedule]
    rate = schedule(config.generator_learning_rate, config.decay_steps)
    np.testing.assert_allclose([rate(0), rate(20), rate(40)], [3e-4, 1.5e-4, 0], atol=1e-10)
    assert (config.penalty, config.penalty_weight, config.penalty_every) == ("r1_r2", 1.0, 4)
    for recipe in ("dcgan", "mlp"):
        other = stacked_mnist.config_of(dataclasses.replace(settings, recipe=recipe, width=8)).check()
        assert other.learning_rate_schedule == "constant"
    blocks = dataclasses.replace(settings, recipe="r3gan_blocks", width=64)
    assert stacked_mnist.config_of(blocks) == config
    assert stacked_mnist.modules(blocks) == r3gan.for_images((28, 28, 3), 64)


@pytest.mark.slow
@pytest.mark.parametrize("width", [4, pytest.param(8, marks=pytest.mark.slow)])
def test_the_networks_start_near_the_data(stacked_mnist, width):
    """At the start pixels have about unit variance, whatever the width, and are centered for each image."""
    latents = jax.random.normal(jax.random.key(1), (64, 64))
    generator, discriminator = stacked_mnist.modules(stacked_mnist.Settings(width=width))
    images, _ = jax.jit(partial(generator.init_with_output, train=False))(jax.random.key(0), latents)
    assert images.shape == (64, 28, 28, 3)
    assert 0.5 < float(images.std()) < 1.5
    assert float(jnp.abs(images.mean(axis=0)).max()) < 0.6  # apart from each other, not moved alike
    logits, _ = jax.jit(partial(discriminator.init_with_output, train=False))(jax.random.key(2), images)
    assert logits.shape == (64,)
    assert 0.1 < float(logits.std()) < 3


def test_modes_are_triples_of_digits(stacked_mnist):
    """Digits of one gray value each, and a classifier that reads it: all modes of the stacks are recognized."""
    labels = np.tile(np.arange(10), 10)
    images = np.broadcast_to(np.uint8(20 * labels)[:, None, None, None], (100, 4, 4, 1))
    dataset = stacked_mnist.stacks(data.from_arrays(images, labels), 300, seed=0)
    assert dataset.images.shape == (300, 4, 4, 3)
    np.testing.assert_array_equal(dataset.images[:, 0, 0, :] // 20 @ [100, 10, 1], dataset.labels)

    def apply(variables, images):
        gray = images[:, 0, 0, :].astype(jnp.float32)
        return gray, -jnp.abs(gray - 20 * jnp.arange(10)[None])

    extractor = stacked_mnist.stacked(Extractor("gray", apply, classes="gray"))
    outputs = extractor.outputs(dataset.images)
    assert outputs.features.shape == (300, 3)
    np.testing.assert_array_equal(outputs.logits.argmax(axis=1), dataset.labels)
    (coverage,) = METRICS["modes"](Evidence(outputs, outputs, extractor))
    assert (coverage.modes, coverage.n_modes) == (len(np.unique(dataset.labels)), 1000)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--recipe=r3gun", "--recipe r3gun is unknown: did you mean r3gan?"),
        ("--scores=0", "--scores is at least 1 and at most --steps"),
        ("--penalty-every=0", "--penalty-every must be at least 1, got 0"),
        ("--learning-rate=0", "--generator-learning-rate must be a positive number, got 0.0"),
    ],
)
def test_mistakes_are_one_sentence(stacked_mnist, command, option, message):
    code, printed = command(stacked_mnist, option)
    assert code == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1
