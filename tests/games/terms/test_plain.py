from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import init_game, losses, make_train_step, penalties
from jaxgan.games import Verdict
from jaxgan.games.terms import Centering, Context, Orthogonal
from jaxgan.networks import mlp

KEY = jax.random.key(3)


def test_pairs_of_logits_are_centered():
    sides = [Verdict(jnp.array(logits)) for logits in ([1.0, -2.0, 0.5], [-1.0, 3.0, 0.5])]
    context = Context(None, None, None, *sides, {}, {}, None, None, 4, 0, {})
    added = Centering(weight=2.0).discriminator(context)
    np.testing.assert_allclose(added.losses["centering"], [0.0, 2.0, 2.0])
    with pytest.raises(ValueError, match="`weight` must be at least 0, got -1"):
        Centering(-1.0)


def test_a_step_goes_down_the_gradient_of_the_kernels():
    """The gradient is 4 beta W (W^T W with a zero diagonal), of each kernel."""
    beta, rate, after = 0.01, 0.5, []
    for terms in ((), (Orthogonal(partial(penalties.orthogonal, weight=beta)),)):
        networks = mlp.Generator((2, 2, 1), (5,)), mlp.Discriminator((3,))
        step = make_train_step(*networks, losses.hinge, terms=terms)
        batch = {"image": jnp.zeros((4, 2, 2, 1))}
        state = init_game(KEY, step.game, batch, g_tx=optax.sgd(rate), d_tx=optax.set_to_zero(), latent_dim=3)
        before = state.generator.params
        state, metrics = jax.jit(step)(state, batch, KEY)
        after.append(state.generator.params)
    total = 0.0
    for start, plain, orthogonal in zip(*map(jax.tree.leaves, (before, *after)), strict=True):
        moved = np.zeros(start.shape)
        if start.ndim == 2:
            gram = np.asarray(start).T @ np.asarray(start)
            gram -= np.diag(np.diag(gram))
            moved, total = -rate * 4 * beta * np.asarray(start) @ gram, total + beta * (gram**2).sum()
        np.testing.assert_allclose(orthogonal - plain, moved, atol=1e-6)
    np.testing.assert_allclose(metrics["orthogonal"], total, rtol=1e-5)
