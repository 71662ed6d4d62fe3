"""The networks of tables: what their outputs are, and that a block's largest value is a draw."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.tables import Discriminator, Generator

GENERATOR = Generator(places=2, blocks=(3, 3, 5), noise=4, hidden=(6, 5))


@pytest.fixture(scope="module")
def drawn():
    """Inputs that differ in their Gumbel numbers alone, and what the generator makes of them."""
    random = np.random.default_rng(0)
    inputs = np.repeat(random.normal(size=(1, 4 + 11 + 2)), 4000, axis=0).astype(np.float32)
    inputs[:, 4:15] = random.gumbel(size=(4000, 11))
    variables = GENERATOR.init(jax.random.key(0), jnp.asarray(inputs[:1]), train=False)

    @jax.jit
    def make(inputs):
        logits = GENERATOR.apply(variables, inputs, train=False, method="logits")
        chances = GENERATOR.apply(variables, logits, method="log_chances")
        return GENERATOR.apply(variables, inputs, train=False), logits, chances

    return variables, inputs, *map(np.asarray, make(jnp.asarray(inputs)))


def test_places_are_tanh_and_blocks_are_softmax(drawn):
    _, inputs, rows, logits, _ = drawn
    np.testing.assert_allclose(rows[:, :2], np.tanh(logits[:, :2]), atol=1e-6)
    first = 2
    for size in (3, 3, 5):
        block = slice(first, first + size)
        scores = (logits[:, block] + inputs[:, first + 2 : first + 2 + size]) / 0.2
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        np.testing.assert_allclose(rows[:, block], weights / weights.sum(axis=1, keepdims=True), atol=1e-4)
        first += size


def test_the_largest_value_of_a_block_is_a_draw_of_its_chances(drawn):
    _, _, rows, _, chances = drawn
    first = 0
    for size in (3, 3, 5):
        taken = np.bincount(rows[:, 2 + first : 2 + first + size].argmax(axis=1), minlength=size) / 4000
        np.testing.assert_allclose(taken, np.exp(chances[0, first : first + size]), atol=0.03)
        first += size


def test_blocks_are_concatenated_with_their_inputs(drawn):
    variables = drawn[0]
    shapes = [variables["params"][f"Dense_{i}"]["kernel"].shape for i in range(3)]
    assert shapes == [(6, 6), (12, 5), (17, 13)]  # noise and condition, 6 + 6, 12 + 5
    assert set(variables["batch_stats"]) == {"BatchNorm_0", "BatchNorm_1"}


def test_a_generator_without_blocks_makes_places():
    generator = Generator(places=3, blocks=(), noise=2, hidden=(4,), norm=False)
    rows, variables = generator.init_with_output(jax.random.key(0), jnp.ones((2, 2)), train=False)
    assert rows.shape == (2, 3)
    assert set(variables) == {"params"}


def test_the_discriminator_drops_features_in_training_alone():
    judge = Discriminator(hidden=(8,), dropout=0.5)
    packs = jnp.ones((3, 6))
    logits, variables = judge.init_with_output(jax.random.key(0), packs, train=False)
    assert logits.shape == (3,)
    assert len(set(np.asarray(logits).tolist())) == 1
    dropped = judge.apply(variables, packs, train=True, rngs={"dropout": jax.random.key(1)})
    assert len(set(np.asarray(dropped).tolist())) == 3
