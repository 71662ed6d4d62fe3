"""The probability of an augmentation against the controller of the authors, written anew."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan import augment, init_game, losses, make_train_step
from jaxgan.games.terms import Adaptive

KEY = jax.random.key(0)


class Still(nn.Module):
    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        return self.param("scale", nn.initializers.zeros, ()) * latents


class First(nn.Module):
    """D(x) is the first number of x."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return self.param("psi", nn.initializers.ones, ()) * images[:, 0]


def step_of(target, images_per_unit, batch, every=4, d_steps=1, seen=None):
    def fainter(p):
        def shrink(images, *, keys, step):
            if seen is not None:
                jax.debug.callback(lambda p: seen.append(float(p)), p)
            return images * (1 - p / 2)  # keeps the signs

        return shrink

    update = partial(augment.ada_update, images=every * batch * d_steps, target=target, ramp=images_per_unit)
    adaptive = Adaptive(fainter, augment.sign_statistic, update, every)
    return make_train_step(Still(), First(), losses.wasserstein, augment=adaptive, d_steps=d_steps)


def test_p_follows_the_mean_sign_of_the_real_logits():
    rng = np.random.default_rng(3)
    batch, target, ramp, every, d_steps = 8, 0.25, 400, 4, 2
    step = step_of(target, ramp, batch, every, d_steps)
    still = optax.set_to_zero()
    like = {"image": jnp.zeros((2, 2))}
    state = init_game(KEY, step.game, like, g_tx=still, d_tx=still, latent_dim=2)
    assert state.terms == {"augment": {"p": 0.0, "sum": 0.0}}
    run, p, signs, values = jax.jit(step), 0.0, [], []
    for t in range(40):
        image = rng.normal(0.8 if t < 20 else -0.8, 1, (batch * d_steps, 2)).astype(np.float32)
        signs.append(np.sign(image[:, 0]))
        if (t + 1) % every == 0:
            adjust = np.sign(np.mean(signs) - target) * (batch * d_steps * every) / ramp
            p, signs = min(max(p + adjust, 0), 1), []
        state, metrics = run(state, {"image": image}, KEY)
        values.append(p)
        np.testing.assert_allclose(metrics["augment_p"], p, atol=1e-5)
        np.testing.assert_allclose(metrics["real_sign"], np.sign(image[:, 0]).mean(), atol=1e-6)
    assert max(values) > 0.5 > values[-1]


def test_images_are_augmented_by_the_present_probability():
    seen = []
    step = step_of(-1.0, 100, 10, every=1, seen=seen)  # every sign is larger: p rises by 0.1 a step
    still = optax.set_to_zero()
    state = init_game(KEY, step.game, {"image": jnp.zeros((2, 2))}, g_tx=still, d_tx=still, latent_dim=2)
    run = jax.jit(step)
    for t in range(3):
        state, metrics = run(state, {"image": jnp.ones((10, 2))}, KEY)
        jax.block_until_ready(metrics)
        jax.effects_barrier()
        np.testing.assert_allclose(sorted(set(seen)), [0.1 * t], atol=1e-6)
        seen.clear()
        np.testing.assert_allclose(metrics["real_logit"], 1 - 0.05 * t, rtol=1e-5)
    assert "augmentation" in step.game.panels
