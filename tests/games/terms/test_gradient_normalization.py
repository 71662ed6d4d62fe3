import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import init_game, losses, make_train_step
from jaxgan.games.terms import GradientNormalization
from jaxgan.networks import mlp

KEY, SHAPE, DECAY = jax.random.key(3), (2, 3, 1), 0.8
NUMBERS = 6  # of an image
W = jnp.linspace(-1.0, 2.0, NUMBERS)


class Linear(nn.Module):
    """The discriminator ``scale <w, x>``: its gradient by an image is ``scale w``."""

    scale: float

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        self.param("unused", nn.initializers.zeros, ())
        return self.scale * images.reshape(len(images), -1) @ W


def moved(scale, terms):
    """Return the generator's parameters before and after its second step, the state, and the metrics."""
    step = make_train_step(mlp.Generator(SHAPE, (4,)), Linear(scale), losses.wasserstein, terms=terms)
    batch = {"image": jnp.zeros((8, *SHAPE))}
    optimizers = {"g_tx": optax.sgd(0.1), "d_tx": optax.set_to_zero()}
    state = init_game(KEY, step.game, batch, **optimizers, latent_dim=3)
    run = jax.jit(step)
    first, _ = run(state, batch, KEY)
    second, metrics = run(first.replace(generator=state.generator), batch, KEY)
    difference = jax.tree.map(jnp.subtract, second.generator.params, state.generator.params)
    return difference, first, metrics


def test_the_gradient_is_divided_by_the_root_of_the_mean_squared_norm():
    """Wasserstein's loss is -D(x), so g is -scale w for each image."""
    (plain, _, metrics), (ours, first, ours_metrics) = (
        moved(7.0, terms) for terms in ((), (GradientNormalization(DECAY),))
    )
    square = NUMBERS * 49 * float((W**2).sum())
    memory = first.terms["gradient_normalization"]
    np.testing.assert_allclose(memory["sum"], (1 - DECAY) * square, rtol=1e-5)
    np.testing.assert_allclose(ours_metrics["adversarial_gradient_norm"], square**0.5, rtol=1e-5)
    for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(ours), strict=True):
        np.testing.assert_allclose(b, a / square**0.5, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(ours_metrics["generator_loss"], metrics["generator_loss"], rtol=1e-5)


def test_a_mean_forgets_and_no_gradient_at_all_divides_by_nothing():
    term = GradientNormalization(DECAY)
    memory = term.start()
    losses_of = jnp.array([1.0, -2.0])
    np.testing.assert_array_equal(term.weigh(losses_of, losses_of, 0, memory), losses_of)
    for square in jnp.array([9.0, 1.0]):
        memory = term.remember(memory, {"adversarial_gradient": square}, 0)
    expected = (DECAY * 9 + 1) / (DECAY + 1)  # of weights that sum to 1
    np.testing.assert_allclose(term.report(memory)["adversarial_gradient_norm"], expected**0.5, rtol=1e-6)
    with pytest.raises(ValueError, match=r"`decay` must be in \[0, 1\], got 2"):
        dataclasses.replace(term, decay=2)
