import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.games import Verdict
from jaxgan.games.terms import Context, LeCam


def loss_of(term, memory, real, fake, step):
    sides = [Verdict(jnp.asarray(logits)) for logits in (real, fake)]
    context = Context(None, None, None, *sides, {}, {}, None, None, 4, jnp.int32(step), memory)
    return np.asarray(term.discriminator(context).losses["lecam"])


def test_it_is_the_formula_with_the_means_of_the_steps_before():
    """Three steps, written out: the mean of the first step, then a running one."""
    rng = np.random.default_rng(0)
    term, memory = LeCam(weight=0.7, decay=0.8, start_step=1), LeCam().start()
    means = None
    for step in range(4):
        real, fake = rng.normal(0.5, 2, 6).astype(np.float32), rng.normal(-0.5, 2, 6).astype(np.float32)
        value = loss_of(term, memory, real, fake, step)
        if means is None:
            np.testing.assert_array_equal(value, 0)
            means = real.mean(), fake.mean()
        else:
            squares = np.maximum(real - means[1], 0) ** 2 + np.maximum(means[0] - fake, 0) ** 2
            np.testing.assert_allclose(value, 0.7 * squares, rtol=1e-5)
            means = 0.8 * means[0] + 0.2 * real.mean(), 0.8 * means[1] + 0.2 * fake.mean()
        metrics = {"real_logit": jnp.asarray(real.mean()), "fake_logit": jnp.asarray(fake.mean())}
        memory = term.remember(memory, metrics, jnp.int32(step))
        np.testing.assert_allclose([memory["real"], memory["fake"]], means, rtol=1e-5)
        assert term.report(memory) == {"lecam_real": memory["real"], "lecam_fake": memory["fake"]}


def test_before_its_start_it_counts_nothing_and_keeps_the_last_step():
    term, memory = LeCam(start_step=3), {"real": jnp.float32(9.0), "fake": jnp.float32(-9.0)}
    assert (loss_of(term, memory, [1.0, 2.0], [0.0, 0.5], 2) == 0).all()
    assert (loss_of(term, memory, [1.0, 2.0], [0.0, 0.5], 3) > 0).all()
    metrics = {"real_logit": jnp.float32(1.5), "fake_logit": jnp.float32(0.25)}
    memory = term.remember(memory, metrics, jnp.int32(2))
    assert (memory["real"], memory["fake"]) == (1.5, 0.25)


def test_of_several_judges_it_takes_the_mean():
    memory = {"real": jnp.float32(1.0), "fake": jnp.float32(-1.0)}
    logits = np.array([[0.0, 4.0], [-3.0, 1.0]], np.float32)
    several = loss_of(LeCam(start_step=0), memory, logits, logits - 1, 5)
    one = loss_of(LeCam(start_step=0), memory, logits.mean(1), logits.mean(1) - 1, 5)
    np.testing.assert_allclose(several, one)


@pytest.mark.parametrize("wrong", [{"weight": -0.1}, {"decay": 1.1}, {"start_step": -1}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be"):
        LeCam(**wrong)
