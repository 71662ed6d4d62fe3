"""The step against closed forms, and against the mistakes of other GAN code."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import losses, parallel, penalties, updates
from jaxgan.networks import dcgan, mlp
from jaxgan.state import init_state
from jaxgan.step import make_train_step

KEY = jax.random.key(3)


class DiracGenerator(nn.Module):
    """Mescheder et al. 2018, definition 2.1: every fake is the number theta."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        theta = self.param("theta", nn.initializers.constant(0.8), ())
        return jnp.full((latents.shape[0], 1), theta)


class DiracDiscriminator(nn.Module):
    """The same: D(x) = psi x."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        psi = self.param("psi", nn.initializers.constant(0.5), ())
        return psi * images[:, 0]


class Witness(nn.Module):
    """A discriminator that keeps the last ten batches it was shown in training."""

    depth: int = 10

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        flat = images.reshape(images.shape[0], -1)
        classes = jnp.zeros(images.shape[0], jnp.int32) if labels is None else labels
        seen = self.variable("seen", "images", lambda: jnp.zeros((self.depth, 4, flat.shape[1])))
        worn = self.variable("seen", "labels", lambda: jnp.zeros((self.depth, 4), jnp.int32))
        if train:
            seen.value = jnp.concatenate([flat[None], seen.value[:-1]])
            worn.value = jnp.concatenate([classes[None], worn.value[:-1]])
        return nn.Dense(1)(flat)[:, 0]


class PassLatents(nn.Module):
    """A generator whose images are its latents."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        return latents * self.param("scale", nn.initializers.ones, ())


class WithoutState(nn.Module):
    """A discriminator that takes labels and ignores them."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return nn.Dense(1)(images.reshape(len(images), -1))[:, 0]


class DiracSum(nn.Module):
    """D(x) is the sum of x."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return self.param("psi", nn.initializers.ones, ()) * images.sum(1)


class Faint(nn.Module):
    """A generator of zeros."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        return self.param("scale", nn.initializers.zeros, ()) * jnp.ones((len(latents), 2, 4, 1))


class Shows(nn.Module):
    """A discriminator that keeps the last batch with anything in it."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        seen = self.variable("seen", "images", lambda: jnp.zeros((200, *images.shape[1:])))
        if train:
            seen.value = jnp.where(images.any(), images, seen.value)
        return self.param("psi", nn.initializers.ones, ()) * images.sum((1, 2, 3))


def make_state(generator, discriminator, *, image_shape, latent_dim=3, tx=None, **options):
    tx = optax.sgd(0.1) if tx is None else tx
    return init_state(
        jax.random.key(0),
        generator,
        discriminator,
        image_shape=image_shape,
        latent_dim=latent_dim,
        g_tx=tx,
        d_tx=tx,
        **options,
    )


def digits(count, channels=1, seed=0):
    image = jax.random.randint(jax.random.key(seed), (count, 8, 8, channels), 0, 256).astype(jnp.uint8)
    return {"image": image}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("d_steps", "gamma", "update"),
    [(1, 0.0, "alternating"), (3, 2.0, "alternating"), (1, 2.0, "simultaneous"), (3, 0.0, "simultaneous")],
)
def test_the_dirac_gan_moves_as_on_paper(d_steps, gamma, update):
    """SGD by hand, real data at 0.3: psi moves d_steps times, then theta against the last psi or the one before."""
    generator, discriminator = DiracGenerator(), DiracDiscriminator()
    state = make_state(generator, discriminator, image_shape=(1,))
    step = jax.jit(
        make_train_step(
            generator,
            discriminator,
            losses.non_saturating,
            penalty=penalties.r1(gamma=gamma) if gamma else None,
            d_steps=d_steps,
            update=getattr(updates, update),
        )
    )
    theta, psi, rate, x = 0.8, 0.5, 0.1, 0.3
    for _ in range(4):
        state, metrics = step(state, {"image": jnp.full((2 * d_steps, 1), x)}, KEY)
        norms = []
        for _ in range(d_steps):
            before = psi
            gradient = -x * sigmoid(-psi * x) + theta * sigmoid(psi * theta) + gamma * psi
            psi -= rate * gradient
            norms.append(abs(gradient))
        met = psi if update == "alternating" else before
        gradient = -met * sigmoid(-met * theta)
        theta -= rate * gradient
        np.testing.assert_allclose(state.discriminator.params["psi"], psi, rtol=1e-5)
        np.testing.assert_allclose(state.generator.params["theta"], theta, rtol=1e-5)
        np.testing.assert_allclose(metrics["generator_gradient_norm"], abs(gradient), rtol=1e-5)
        np.testing.assert_allclose(metrics["discriminator_gradient_norm"], np.mean(norms), rtol=1e-5)


def test_metrics_are_what_their_names_say():
    generator, discriminator = DiracGenerator(), DiracDiscriminator()
    state = make_state(generator, discriminator, image_shape=(1,), tx=optax.set_to_zero())
    step = jax.jit(make_train_step(generator, discriminator, losses.hinge, penalty=penalties.r1(gamma=4.0)))
    _, metrics = step(state, {"image": jnp.array([[3.0], [-1.0]])}, KEY)
    expected = {
        "real_logit": 0.5,  # mean of 1.5 and -0.5
        "fake_logit": 0.4,
        "discriminator_loss": (0 + 1.5) / 2 + 1.4,  # without the penalty
        "penalty": 2 * 0.5**2,
        "generator_loss": -0.4,
        "pair_accuracy": 0.5,  # 1.5 is above a fake's 0.4, -0.5 is not
    }
    for name, value in expected.items():
        assert metrics[name].shape == ()
        np.testing.assert_allclose(metrics[name], value, rtol=1e-6, err_msg=name)


def test_each_critic_update_sees_fresh_images_and_fresh_latents():
    generator, discriminator = PassLatents(), Witness()
    state = make_state(generator, discriminator, image_shape=(3,))
    step = jax.jit(make_train_step(generator, discriminator, losses.hinge, d_steps=3))
    real = jax.random.normal(jax.random.key(9), (12, 3))
    label = jnp.arange(12, dtype=jnp.int32)
    state = state.replace(generator=state.generator.replace(params={"scale": jnp.ones(())}))
    state, _ = step(state, {"image": real, "label": label}, KEY)
    seen = state.discriminator.collections["seen"]["images"]
    worn = state.discriminator.collections["seen"]["labels"]
    reals, fakes = seen[:6][::-1][0::2], seen[:6][::-1][1::2]  # real, fake, real, fake, ...
    np.testing.assert_array_equal(reals, real.reshape(4, 3, 3).swapaxes(0, 1))
    assert len(np.unique(fakes.reshape(12, 3), axis=0)) == 12
    np.testing.assert_array_equal(worn[:6][::-1][0::2], label.reshape(4, 3).T)
    np.testing.assert_array_equal(worn[:6][::-1][1::2], label.reshape(4, 3).T)  # fakes wear the same
    assert (seen[6:] == 0).all()  # the generator's update leaves the discriminator's state alone

    again, _ = step(state, {"image": real, "label": label}, KEY)  # the same key and batch, one step on
    later = again.discriminator.collections["seen"]["images"][:6][::-1][1::2]
    assert len(np.unique(np.concatenate([fakes, later]).reshape(24, 3), axis=0)) == 24


def test_simultaneous_players_meet_the_same_fakes_and_alternating_ones_do_not():
    generator, discriminator = PassLatents(), Witness()
    seen = {}
    for update in (updates.alternating, updates.simultaneous):
        state = make_state(generator, discriminator, image_shape=(3,), tx=optax.set_to_zero())
        shown = []

        def critic(images, *, keys, step):
            jax.debug.callback(lambda images: shown.append(np.asarray(images)), images)
            return images

        step = make_train_step(generator, discriminator, losses.wasserstein, augment=critic, update=update)
        jax.block_until_ready(jax.jit(step)(state, {"image": jnp.zeros((4, 3))}, KEY))
        jax.effects_barrier()
        fakes = [images for images in shown if images.any()]
        assert len(fakes) == 2
        seen[update] = np.array_equal(*fakes)
    assert seen == {updates.alternating: False, updates.simultaneous: True}


def test_latents_do_not_depend_on_the_size_of_the_batch():
    generator, discriminator = PassLatents(), Witness()
    seen = {}
    for count in (2, 4):
        witness = discriminator.clone(depth=10)
        state = make_state(generator, witness, image_shape=(3,))
        collections = {
            "seen": {"images": jnp.zeros((10, count, 3)), "labels": jnp.zeros((10, count), jnp.int32)}
        }
        state = state.replace(discriminator=state.discriminator.replace(collections=collections))
        step = jax.jit(make_train_step(generator, witness, losses.hinge))
        state, _ = step(state, {"image": jnp.zeros((count, 3))}, KEY)
        seen[count] = state.discriminator.collections["seen"]["images"][0]
    np.testing.assert_array_equal(seen[2], seen[4][:2])


def test_one_trace_however_many_steps_and_the_state_is_donated():
    generator, discriminator = dcgan.Generator((8, 8, 1), 4), dcgan.Discriminator(4, "spectral")
    state = make_state(generator, discriminator, image_shape=(8, 8, 1), tx=optax.adam(1e-3))
    r1, traces = penalties.r1(gamma=1.0), []

    def penalty(*arguments, **options):
        traces.append(1)
        return r1(*arguments, **options)

    run = parallel.jit(make_train_step(generator, discriminator, losses.hinge, penalty=penalty))
    for seed in range(3):
        before, (state, _) = state, run(state, digits(6, seed=seed), KEY)
        assert all(leaf.is_deleted() for leaf in jax.tree.leaves(before.generator.params))
    assert len(traces) == 1
    assert state.step == 3


@pytest.mark.parametrize("decay", [-0.1, 1.5, float("nan")])
def test_an_average_needs_a_decay_between_0_and_1(decay):
    with pytest.raises(ValueError, match=r"`ema_decay` must be in \[0, 1\], got"):
        make_train_step(DiracGenerator(), DiracDiscriminator(), losses.hinge, ema_decay=decay)


@pytest.mark.parametrize(
    "decay", [pytest.param(0.9, marks=pytest.mark.slow), lambda step: jnp.where(step == 0, 0.9, 0.0)]
)
def test_the_average_covers_parameters_and_batch_statistics(decay):
    generator, discriminator = dcgan.Generator((8, 8, 1), 4), dcgan.Discriminator(4)
    state = make_state(generator, discriminator, image_shape=(8, 8, 1))
    step = jax.jit(make_train_step(generator, discriminator, losses.hinge, ema_decay=decay))
    after, _ = step(state, digits(6), KEY)
    assert set(after.ema) == {"params", "batch_stats"}
    jax.tree.map(
        lambda average, old, new: np.testing.assert_allclose(average, 0.9 * old + 0.1 * new, atol=1e-7),
        after.ema,
        state.ema,
        after.generator.variables,
    )
    if callable(decay):
        last, _ = step(after, digits(6), KEY)
        jax.tree.map(np.testing.assert_array_equal, last.ema, last.generator.variables)


class Buffered(nn.Module):
    """A generator of one parameter with a buffer that counts the images that it has made in training."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        theta = self.param("theta", nn.initializers.ones, ())
        count = self.variable("buffers", "count", jnp.zeros, ())
        if train:
            count.value = count.value + len(latents)
        return theta * latents


def test_the_average_copies_buffers():
    generator = Buffered()
    state = make_state(generator, DiracDiscriminator(), image_shape=(1,), latent_dim=1)
    step = jax.jit(
        make_train_step(generator, DiracDiscriminator(), losses.hinge, ema_decay=0.5), donate_argnums=0
    )
    theta = float(state.ema["params"]["theta"])
    for count in (8, 16):  # two updates of four images each; the second call would refuse a shared buffer
        state, _ = step(state, {"image": jnp.ones((4, 1))}, KEY)
        assert state.ema["buffers"]["count"] == state.generator.collections["buffers"]["count"] == count
        theta = 0.5 * theta + 0.5 * state.generator.params["theta"]
        np.testing.assert_allclose(state.ema["params"]["theta"], theta, rtol=1e-6)


def test_augmentation_is_seen_by_all_that_is_judged():
    """Real and fake images are blanked: the logits are the bias alone, the generator learns nothing."""

    def blank(images, *, keys, step):
        assert keys.shape == images.shape[:1]
        return 0 * images

    generator, discriminator = mlp.Generator((8, 8, 1), (4,)), mlp.Discriminator((4,))
    state = make_state(generator, discriminator, image_shape=(8, 8, 1))
    step = jax.jit(make_train_step(generator, discriminator, losses.hinge, augment=blank))
    after, metrics = step(state, digits(6), KEY)
    assert metrics["real_logit"] == metrics["fake_logit"] == 0
    assert metrics["generator_gradient_norm"] == 0
    jax.tree.map(np.testing.assert_array_equal, after.generator.params, state.generator.params)


def test_real_and_fake_are_augmented_by_independent_draws():
    def noise(images, *, keys, step):
        return images + jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)

    class Zeros(nn.Module):
        @nn.compact
        def __call__(self, latents, labels=None, *, train):
            return jnp.zeros((latents.shape[0], 3)) + self.param("theta", nn.initializers.zeros, ())

    witness = Witness()
    state = make_state(Zeros(), witness, image_shape=(3,))
    step = jax.jit(make_train_step(Zeros(), witness, losses.hinge, augment=noise, d_steps=2))
    state, _ = step(state, {"image": jnp.zeros((8, 3))}, KEY)
    drawn = state.discriminator.collections["seen"]["images"][:4].reshape(16, 3)
    assert len(np.unique(drawn, axis=0)) == 16


def stretch(images, *, keys, step=0):
    """Return ``a x + 1`` with a factor a drawn for each example."""
    return 1 + images * jax.vmap(lambda key: jax.random.uniform(key, (1,), minval=1, maxval=3))(keys)


def dirac_step(penalty, augment, *, images=((0.3,),), **options):
    """Return the metrics of a step in which nothing moves and only the penalty has a gradient."""
    generator, discriminator = DiracGenerator(), DiracDiscriminator()
    state = make_state(generator, discriminator, image_shape=(1,), tx=optax.set_to_zero())
    loss = losses.Loss(lambda real, fake: 0 * real, lambda real, fake: 0 * fake)
    step = make_train_step(generator, discriminator, loss, penalty=penalty, augment=augment, **options)
    return jax.jit(step)(state, {"image": jnp.array(images)}, KEY)[1]


def test_r1_is_by_the_raw_image_so_that_a_blank_augmentation_leaves_nothing_of_it():
    """The gradient of D itself is psi everywhere, also at 0: taken there, R1 would be gamma / 2 psi^2."""
    r1 = penalties.r1(gamma=4.0)
    np.testing.assert_allclose(dirac_step(r1, None)["penalty"], 2 * 0.5**2, rtol=1e-6)
    blank = dirac_step(r1, lambda images, *, keys, step: 0 * images)
    assert blank["penalty"] == blank["discriminator_gradient_norm"] == 0
    known = dirac_step(r1, lambda images, *, keys, step: 3 * images - 1)
    np.testing.assert_allclose(known["penalty"], 2 * (3 * 0.5) ** 2, rtol=1e-6)


@pytest.mark.parametrize("name", ["r1", "r2", "r1_r2", "zero_centered_gradient_penalty", "dragan", "lazy"])
def test_a_penalty_goes_through_the_draws_of_the_discriminators_own_pass(name):
    """The draw a of the only real image, and that of the only fake, can be read off the logits psi (a x + 1)."""
    gamma, psi, x, theta = 3.0, 0.5, 0.3, 0.8
    make = {
        "zero_centered_gradient_penalty": lambda: penalties.zero_centered_gradient_penalty(weight=gamma),
        "dragan": lambda: penalties.dragan(weight=gamma),
        "lazy": lambda: penalties.lazy(penalties.r2(gamma=gamma), every=1),
    }.get(name, lambda: getattr(penalties, name)(gamma=gamma))
    metrics = dirac_step(make(), stretch)
    real, fake = (metrics["real_logit"] / psi - 1) / x, (metrics["fake_logit"] / psi - 1) / theta
    assert min(real, fake) > 1
    assert abs(real - fake) > 0.1
    expected = {  # and its slope by psi
        "r1": (gamma / 2 * (psi * real) ** 2, gamma * psi * real**2),
        "r2": (gamma / 2 * (psi * fake) ** 2, gamma * psi * fake**2),
        "r1_r2": (gamma / 2 * psi**2 * (real**2 + fake**2), gamma * psi * (real**2 + fake**2)),
        "zero_centered_gradient_penalty": (gamma * (psi * real) ** 2, 2 * gamma * psi * real**2),
        "dragan": (gamma * (psi * real - 1) ** 2, 2 * gamma * real * abs(psi * real - 1)),
        "lazy": (gamma / 2 * (psi * fake) ** 2, gamma * psi * fake**2),
    }[name]
    np.testing.assert_allclose(metrics["penalty"], expected[0], rtol=1e-5)
    np.testing.assert_allclose(metrics["discriminator_gradient_norm"], expected[1], rtol=1e-4)


@pytest.mark.parametrize(
    "update",
    [
        pytest.param(updates.simultaneous, id="simultaneous"),
        pytest.param(updates.extragradient, id="extragradient"),
        pytest.param(updates.consensus(weight=0.1), id="consensus"),
        pytest.param(updates.symplectic(weight=0.1), id="symplectic"),
        pytest.param(updates.unrolled(steps=1, learning_rate=0.1), id="unrolled"),
    ],
)
def test_under_all_update_rules_a_penalty_goes_through_the_augmentation(update):
    metrics = dirac_step(penalties.r1_r2(gamma=3.0), stretch, update=update)
    real, fake = (metrics["real_logit"] / 0.5 - 1) / 0.3, (metrics["fake_logit"] / 0.5 - 1) / 0.8
    np.testing.assert_allclose(metrics["penalty"], 1.5 * 0.5**2 * (real**2 + fake**2), rtol=1e-5)


@pytest.mark.parametrize("option", [{"dtype": jnp.bfloat16}, {"accumulate": 2}])
def test_in_bfloat16_and_in_parts_the_penalty_through_the_augmentation_is_the_same(option):
    images = np.random.default_rng(0).normal(size=(4, 1)).astype(np.float32)
    full = dirac_step(penalties.r1(gamma=3.0), stretch, images=images)["penalty"]
    other = dirac_step(penalties.r1(gamma=3.0), stretch, images=images, **option)["penalty"]
    np.testing.assert_allclose(other, full, rtol=1e-6)


def test_the_compiler_shares_the_augmentation_of_a_penalty_with_the_discriminators_own():
    """The sines of both are the same; the penalty adds their derivatives, which are cosines."""

    def wave(images, *, keys, step):
        return jnp.sin(images + 0.1)

    generator, discriminator = mlp.Generator((8, 8, 1), (4,)), mlp.Discriminator((4,))
    state = make_state(generator, discriminator, image_shape=(8, 8, 1))
    sines = {}
    for penalty in (None, penalties.r1_r2(gamma=1.0)):
        step = make_train_step(generator, discriminator, losses.hinge, penalty=penalty, augment=wave)
        text = jax.jit(step).lower(state, digits(6), KEY).compile().as_text()
        sines[penalty] = text.count(" sine(")
    assert len(set(sines.values())) == 1, sines
    assert min(sines.values()) > 0


def test_a_relativistic_loss_gets_the_last_real_images():
    """Its generator depends on the real logits, which come from the last critic sub-batch."""
    relativistic = losses.Loss(
        lambda real, fake: jax.nn.softplus(fake - real), lambda real, fake: jax.nn.softplus(real - fake)
    )
    generator, discriminator = DiracGenerator(), DiracDiscriminator()
    state = make_state(generator, discriminator, image_shape=(1,), tx=optax.set_to_zero())
    step = jax.jit(make_train_step(generator, discriminator, relativistic, d_steps=2))
    _, metrics = step(state, {"image": jnp.array([[9.0], [1.0], [9.0], [2.0]])}, KEY)
    expected = np.log1p(np.exp(0.5 * np.array([1.0, 2.0]) - 0.4)).mean()
    np.testing.assert_allclose(metrics["generator_loss"], expected, rtol=1e-6)


def test_the_generators_update_takes_reals_labels_and_latents_of_its_own():
    """Of [B, 2 + 3] images, the first two columns are the discriminator's, the others the generator's."""
    generator = PassLatents()
    real, label = jax.random.normal(jax.random.key(9), (20, 3)), jnp.arange(20, dtype=jnp.int32)
    for fresh, columns in ((True, [2, 3, 4]), (False, [1, 1, 1])):
        seen = []

        def watching(players, state, d_turns, g_turn):
            seen[:] = [*d_turns, g_turn]
            return updates.alternating(players, state, d_turns, g_turn)

        options = {"d_steps": 2, "fresh_reals": fresh, "generator_batch": 3, "update": watching}
        step = make_train_step(generator, WithoutState(), losses.hinge, **options)
        assert step.batches == (5 if fresh else 2)
        plain = make_state(generator, WithoutState(), image_shape=(3,))
        count = 4 * step.batches
        step(plain, {"image": real[:count], "label": label[:count]}, KEY)
        table = np.asarray(label[:count]).reshape(4, -1)
        for turn, wanted in zip(seen, [table[:, 0], table[:, 1], table[:, columns].ravel()], strict=True):
            np.testing.assert_array_equal(turn.labels, wanted)
            np.testing.assert_array_equal(turn.real, real[wanted])
        latents = step.game.inputs(seen[-1], 3)
        assert len(np.unique(latents, axis=0)) == 12


def test_a_generators_batch_is_the_mean_over_all_of_its_fakes():
    """With constant logits of reals, the loss is the mean over twice as many fakes; SGD on theta by hand."""
    generator, discriminator = PassLatents(), DiracSum()
    state = make_state(generator, discriminator, image_shape=(3,), tx=optax.set_to_zero())
    step = make_train_step(generator, discriminator, losses.wasserstein, generator_batch=2)
    _, metrics = jax.jit(step)(state, {"image": jnp.zeros((4, 3))}, KEY)
    _, (_, latent_key) = jax.random.split(jax.random.fold_in(KEY, 0), (2, 2))
    draw = lambda i: jax.random.normal(jax.random.fold_in(latent_key, i), (3,))
    latents = jax.vmap(draw)(jnp.arange(8))
    np.testing.assert_allclose(metrics["generator_loss"], -latents.sum(1).mean(), rtol=1e-5)


def test_images_are_mirrored_by_a_coin_of_each_image_in_each_step():
    state = make_state(Faint(), Shows(), image_shape=(2, 4, 1), tx=optax.set_to_zero())
    step = jax.jit(make_train_step(Faint(), Shows(), losses.wasserstein, mirror=True))
    images = jax.random.normal(jax.random.key(1), (200, 2, 4, 1))
    seen = []
    for _ in range(2):
        state, _ = step(state, {"image": images}, KEY)
        shown = np.asarray(state.discriminator.collections["seen"]["images"])
        straight = (shown == images).all((1, 2, 3))
        flipped = (shown == images[:, :, ::-1]).all((1, 2, 3))
        assert (straight != flipped).all()
        seen.append(flipped)
    assert 70 < seen[0].sum() < 130
    assert 60 < (seen[0] != seen[1]).sum() < 140  # other coins in the next step


def test_points_are_not_mirrored_and_counts_are_at_least_one():
    state = make_state(DiracGenerator(), DiracDiscriminator(), image_shape=(1,))
    step = make_train_step(DiracGenerator(), DiracDiscriminator(), losses.hinge, mirror=True)
    with pytest.raises(ValueError, match=r"`mirror` flips images .B, H, W, C., got shape .4, 1."):
        step(state, {"image": jnp.zeros((4, 1))}, KEY)
    with pytest.raises(ValueError, match="`generator_batch` must be at least 1, got 0"):
        make_train_step(DiracGenerator(), DiracDiscriminator(), losses.hinge, generator_batch=0)
    step = make_train_step(DiracGenerator(), DiracDiscriminator(), losses.hinge, fresh_reals=True)
    with pytest.raises(ValueError, match="batch of 5 does not divide into the 2 batches of a step"):
        step(state, {"image": jnp.zeros((5, 1))}, KEY)


def test_dropout_works():
    class Dropping(nn.Module):
        @nn.compact
        def __call__(self, images, labels=None, *, train):
            kept = nn.Dropout(0.5, deterministic=not train)(images.reshape(images.shape[0], -1))
            return nn.Dense(1)(kept)[:, 0]

    generator = mlp.Generator((8, 8, 1), (4,))
    state = make_state(generator, Dropping(), image_shape=(8, 8, 1))
    step = jax.jit(make_train_step(generator, Dropping(), losses.hinge))
    assert (
        step(state, digits(6), KEY)[1]["real_logit"]
        != step(state, digits(6), jax.random.key(4))[1]["real_logit"]
    )


def test_labels_are_never_dropped():
    generator, discriminator = mlp.Generator((8, 8, 1), (4,)), mlp.Discriminator((4,))
    state = make_state(generator, discriminator, image_shape=(8, 8, 1))
    step = make_train_step(generator, discriminator, losses.hinge)
    with pytest.raises(ValueError, match="unconditional"):
        step(state, {**digits(6), "label": jnp.zeros(6, jnp.int32)}, KEY)


@pytest.mark.parametrize(
    ("discriminator", "refused"),
    [
        (dcgan.Discriminator(4), True),
        (dcgan.Discriminator(4, "spectral"), False),
        (mlp.Discriminator(), False),
    ],
)
def test_a_penalty_and_batch_norm_do_not_go_together(discriminator, refused):
    generator = mlp.Generator((16, 16, 1), (4,))
    state = make_state(generator, discriminator, image_shape=(16, 16, 1))
    step = make_train_step(generator, discriminator, losses.hinge, penalty=penalties.r1(gamma=1.0))
    batch = {"image": jnp.zeros((4, 16, 16, 1))}
    if refused:
        with pytest.raises(ValueError, match="batch normalization"):
            jax.eval_shape(step, state, batch, KEY)
    else:
        jax.eval_shape(step, state, batch, KEY)


def test_what_does_not_fit_is_said_at_trace_time():
    generator, discriminator = mlp.Generator((8, 8, 1), (4,)), mlp.Discriminator((4,))
    state = make_state(generator, discriminator, image_shape=(8, 8, 1))
    with pytest.raises(ValueError, match="d_steps"):
        make_train_step(generator, discriminator, losses.hinge, d_steps=0)
    step = make_train_step(generator, discriminator, losses.hinge, d_steps=4)
    with pytest.raises(ValueError, match=r"6 does not divide.*4"):
        jax.eval_shape(step, state, digits(6), KEY)
    step = make_train_step(generator, discriminator, losses.hinge)
    with pytest.raises(ValueError, match="int32"):
        jax.eval_shape(step, state, {"image": jnp.zeros((6, 8, 8, 1), jnp.int32)}, KEY)
    with pytest.raises(ValueError, match=r"\(6, 8, 8, 1\), the batch holds \(6, 4, 4, 1\)"):
        jax.eval_shape(step, state, {"image": jnp.zeros((6, 4, 4, 1))}, KEY)

    class Column(DiracDiscriminator):
        def __call__(self, images, labels=None, *, train):
            return jnp.zeros((images.shape[0], 1))

    step = make_train_step(generator, Column(), losses.Loss(lambda r, f: r + f, lambda r, f: f))
    with pytest.raises(ValueError, match=r"\(6,\), got \(6, 1\): squeeze the last axis, logits\[:, 0\]"):
        jax.eval_shape(step, state, digits(6), KEY)


def test_a_batch_has_images_by_their_name():
    generator, discriminator = mlp.Generator((4, 4, 1), (8,)), mlp.Discriminator((8,))
    step, adam = make_train_step(generator, discriminator, losses.hinge), optax.adam(1e-3)
    sizes = {"image_shape": (4, 4, 1), "latent_dim": 2}
    state = init_state(jax.random.key(0), generator, discriminator, **sizes, g_tx=adam, d_tx=adam)
    with pytest.raises(ValueError, match=r"a batch is \{\"image\": \[B, H, W, C\], ...\}, got \['images'\]"):
        step(state, {"images": jnp.zeros((2, 4, 4, 1))}, jax.random.key(0))
