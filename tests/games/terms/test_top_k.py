import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.games.terms import TopK


def test_k_is_that_of_the_paper():
    """k = max(gamma^epoch B, nu B), rounded down as the authors of PyTorch-StudioGAN do."""
    for decay, least, size in (
        (0.99, 0.5, 64),
        (0.9, 0.75, 10),
        (0.7, 0.1, 10),
        (1.0, 0.0, 7),
        (0.0, 0.0, 5),
    ):
        term = TopK(decay, least, epoch_steps=20)
        for step in (0, 19, 20, 59, 200, 10**5):
            wanted = max(1, int(max(decay ** (step // 20) * size, least * size) + 1e-4))
            assert int(term.count(size, jnp.int32(step))) == wanted


def test_the_loss_is_the_mean_over_the_best_fakes():
    logits = jnp.array([0.3, -2.0, 5.0, 0.1, 0.2, -7.0])
    term = TopK(0.5, 0.0, epoch_steps=1)  # k: 6, 3, 1, 1
    values = jax.nn.softplus(-logits)
    for step, best in ((0, [0, 1, 2, 3, 4, 5]), (1, [2, 0, 4]), (2, [2]), (9, [2])):
        weighed = term.weigh(values, logits, jnp.int32(step))
        np.testing.assert_allclose(weighed.mean(), values[np.array(best)].mean(), rtol=1e-6)
        gradient = jax.grad(lambda x: term.weigh(jax.nn.softplus(-x), x, step).mean())(logits)
        assert set(np.flatnonzero(gradient)) == set(best)


def test_of_equal_logits_exactly_k_count():
    weighed = TopK(0.5, 0.0, epoch_steps=1).weigh(jnp.ones(8), jnp.zeros(8), 1)
    assert (weighed > 0).sum() == 4
    np.testing.assert_allclose(weighed.mean(), 1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"a loss for each of 3 logits, got \[\]"):
        TopK().weigh(jnp.zeros(()), jnp.zeros(3), 0)
    for name, value in (("decay", 1.5), ("least", -0.1), ("epoch_steps", 0)):
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            TopK(**{name: value})
