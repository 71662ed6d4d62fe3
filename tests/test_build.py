import re
from itertools import product

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from PIL import Image

from choosing import each_once, shares
from jaxgan import build, data, losses
from jaxgan.build import Pieces
from jaxgan.config import Config
from jaxgan.names import FAMILIES, LOSSES, OPTIMIZERS
from jaxgan.networks import mlp
from jaxgan.rules import ACGAN
from jaxgan.state import named_leaves
from jaxgan.system.errors import UserError

DIGITS = data.digits()


@pytest.mark.parametrize(
    ("network", "conditional"),
    shares(
        product(FAMILIES, (False, True)),
        fast=[("mlp", False), ("dcgan", True), ("r3gan", False)],
        slow=each_once(FAMILIES, [False, True]),
    ),
)
def test_every_network_fits_the_digits(network, conditional):
    experiment = build.experiment(Config(network=network, conditional=conditional), DIGITS)
    assert experiment.num_classes == (10 if conditional else None)
    assert set(experiment.arrays) == ({"image", "label"} if conditional else {"image"})
    assert jax.eval_shape(experiment.init, jax.random.key(0)) == experiment.shapes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "optimizer"),
    [
        *((loss, "adam") for loss in LOSSES),
        *(("hinge", optimizer) for optimizer in OPTIMIZERS),
    ],
)
def test_every_loss_and_optimizer_moves_both_players(loss, optimizer):
    config = Config(loss=loss, optimizer=optimizer, batch_size=4, gradient_clip=1.0)
    generator, discriminator = mlp.Generator((8, 8, 1), (4,)), mlp.Discriminator((4,))
    experiment = build.experiment(config, DIGITS, Pieces(generator=generator, discriminator=discriminator))
    before = experiment.init(jax.random.key(0))
    after, _ = jax.jit(experiment.step)(before, {"image": jnp.asarray(DIGITS.images[:4])}, jax.random.key(1))
    for player in ("generator", "discriminator"):
        old, new = (named_leaves(getattr(state, player).params) for state in (before, after))
        for name in old:
            if "kernel" in name:  # a Wasserstein critic's last bias has no gradient
                assert (new[name] != old[name]).any(), f"{player} {name}"


@pytest.mark.parametrize("d_steps", [1, 3])
def test_both_players_schedules_follow_the_generator_updates(d_steps):
    config = Config(
        optimizer="sgd",
        learning_rate_schedule="linear",
        decay_steps=4,
        generator_learning_rate=1.0,
        discriminator_learning_rate=1.0,
        d_steps=d_steps,
        batch_size=2,
    )
    for player, updates in (("generator", 1), ("discriminator", d_steps)):
        tx = build.optimizer(config, 1.0, updates_per_step=updates)
        params = jnp.zeros(())
        state = tx.init(params)
        rates = []
        for _ in range(5 * updates):
            update, state = tx.update(jnp.ones(()), state, params)
            rates.append(-float(update))
        expected = np.repeat([1.0, 0.75, 0.5, 0.25, 0.0], updates)
        np.testing.assert_allclose(rates, expected, atol=1e-6, err_msg=player)


SHARES = {  # of the way that is left, at the steps 0, N/2, N and 2N
    "linear": [1.0, 0.5, 0.0, 0.0],
    "cosine": [1.0, 0.5, 0.0, 0.0],
    "half_cosine_burn_in": [1.0, 0.5, 0.0, 0.0],
}
QUARTER = {"linear": 0.75, "cosine": (1 + 0.5**0.5) / 2, "half_cosine_burn_in": (1 + 0.5**0.5) / 2}


@pytest.mark.parametrize("schedule", SHARES)
@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("beta2", 0.9, 0.99),
        ("penalty_weight", 2.0, 0.0),
        ("augment_p", 0.0, 0.55),
        ("penalty_weight", 0.1, 3.0),
    ],
)
def test_a_value_goes_to_its_final_one_in_decay_steps_and_stays_there(schedule, name, first, last):
    config = Config(learning_rate_schedule=schedule, decay_steps=8, **{name: first, f"final_{name}": last})
    value = build.scheduled(config, name)
    got = [value(jnp.int32(step)) for step in (0, 2, 4, 8, 16)]
    left = np.insert(SHARES[schedule], 1, QUARTER[schedule])
    np.testing.assert_allclose(got, last + (first - last) * left, rtol=1e-6, atol=1e-7)


def test_a_value_without_a_final_one_is_the_number_itself():
    config = Config(learning_rate_schedule="cosine", decay_steps=8, penalty_weight=3.0)
    assert build.scheduled(config, "penalty_weight") == 3.0


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_rates_without_a_final_share_are_optaxs_to_the_last_bits(schedule):
    config = Config(learning_rate_schedule=schedule, decay_steps=7, optimizer="sgd")
    theirs = {
        "constant": optax.constant_schedule(3e-4),
        "linear": optax.linear_schedule(3e-4, 0.0, 7),
        "cosine": optax.cosine_decay_schedule(3e-4, 7),
    }[schedule]
    ours, theirs = build.optimizer(config, 3e-4), optax.sgd(theirs)
    states = ours.init(jnp.ones(())), theirs.init(jnp.ones(()))
    for _ in range(9):
        (a, first), (b, second) = (
            jax.jit(tx.update)(jnp.ones(()), state) for tx, state in zip((ours, theirs), states, strict=True)
        )
        states = first, second
        assert float(a) == pytest.approx(float(b), rel=1e-6, abs=1e-9)  # versions of JAX round otherwise


@pytest.mark.parametrize("d_steps", [1, 3])
def test_rates_and_beta2_of_both_players_go_to_their_final_values(d_steps):
    """Adam by hand, as PyTorch computes it: the bias correction has the present beta2."""
    config = Config(
        learning_rate_schedule="half_cosine_burn_in",
        decay_steps=2,
        final_learning_rate_share=0.25,
        beta1=0.0,
        beta2=0.9,
        final_beta2=0.99,
        d_steps=d_steps,
    )
    for player, updates in (("generator", 1), ("discriminator", d_steps)):
        tx = build.optimizer(config, 0.1, updates_per_step=updates)
        state, second = tx.init(jnp.zeros(2)), np.zeros(2)
        for count in range(4 * updates):
            gradient = np.array([1.0, -3.0]) * (1 + count)
            left = (1.0, 0.5, 0.0, 0.0)[count // updates]
            beta2, rate = 0.99 - 0.09 * left, 0.1 * (0.25 + 0.75 * left)
            second = beta2 * second + (1 - beta2) * gradient**2
            expected = -rate * gradient / np.sqrt(second / (1 - beta2 ** (count + 1)))
            update, state = tx.update(jnp.asarray(gradient), state)
            np.testing.assert_allclose(update, expected, rtol=1e-5, err_msg=f"{player} {count}")


def test_a_penalty_and_an_augmentation_follow_the_step():
    config = Config(
        penalty="r1",
        penalty_weight=1.0,
        final_penalty_weight=0.1,
        augment="bgc",
        augment_p=0.0,
        final_augment_p=1.0,
        learning_rate_schedule="linear",
        decay_steps=10,
        hidden=(4,),
    ).check()
    penalty = build.experiment(config, DIGITS).step.game.penalty
    images = jnp.ones((2, 2))
    values = [penalty(lambda x: x.sum(1), images, images, step=step)[0] for step in (0, 5, 10, 20)]
    np.testing.assert_allclose(values, [1.0, 0.55, 0.1, 0.1], rtol=1e-6)  # gamma / 2 * |(1, 1)|^2
    keys = jax.random.split(jax.random.key(0), 4)
    images = jnp.asarray(DIGITS.images[:4], jnp.float32) / 8 - 1
    augment = jax.jit(build.augmentation(config))
    assert (augment(images, keys=keys, step=0) == images).all()
    assert (augment(images, keys=keys, step=10) != images).any((1, 2, 3)).all()


def test_a_penalty_of_every_third_step_is_three_times_as_heavy():
    config = Config(penalty="r1", penalty_weight=2.0, penalty_every=3, hidden=(4,)).check()
    penalty = build.experiment(config, DIGITS).step.game.penalty
    images = jnp.ones((2, 2))
    values = [float(penalty(lambda x: x.sum(1), images, images, step=step)[0]) for step in range(6)]
    assert values == [0, 0, 6, 0, 0, 6]  # 3 gamma / 2 * |(1, 1)|^2
    with pytest.raises(UserError, match="`penalty_every` 3 has no effect with `penalty` none"):
        config.replace(penalty="none", penalty_weight=1.0).check()


def test_gradients_are_clipped_before_the_optimizer():
    tx = build.optimizer(Config(optimizer="sgd", gradient_clip=0.5), 1.0)
    gradients = {"a": jnp.array([3.0, 4.0])}
    update, _ = tx.update(gradients, tx.init(gradients))
    np.testing.assert_allclose(update["a"], [-0.3, -0.4], rtol=1e-6)


def test_adam_is_optax_with_the_betas_of_the_config():
    ours, theirs = build.optimizer(Config(beta1=0.3, beta2=0.7), 0.01), optax.adam(0.01, b1=0.3, b2=0.7)
    params = jnp.array([1.0, -2.0])
    states = ours.init(params), theirs.init(params)
    for gradient in (jnp.array([0.5, 3.0]), jnp.array([-1.0, 2.0])):
        (a, first), (b, second) = ours.update(gradient, states[0]), theirs.update(gradient, states[1])
        states = first, second
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_the_average_is_short_at_the_start():
    decay = build.ema_schedule(0.9)
    np.testing.assert_allclose([decay(jnp.int32(t)) for t in (0, 1, 1000)], [0.1, 2 / 11, 0.9], rtol=1e-6)


def test_a_half_life_is_that_of_the_authors_code():
    """``ema_nimg = min(ema_kimg * 1000, nimg * rampup)``, ``beta = 0.5 ** (batch / max(ema_nimg, 1e-8))``."""

    def beta(step, half_life, rampup):
        images = half_life if rampup is None else min(half_life, step * 32 * rampup)
        return 0.5 ** (32 / max(images, 1e-8))

    for half_life, ramp in ((500.0, 0.05), (500.0, None), (1e5, 0.3)):
        decay = build.ema_half_life_schedule(half_life, batch_size=32, ramp=ramp)
        for step in (0, 1, 20, 400, 10**6):
            np.testing.assert_allclose(decay(jnp.int32(step)), beta(step, half_life, ramp), rtol=1e-5)


def test_a_half_life_takes_the_place_of_the_decay_and_may_grow():
    growing = {"learning_rate_schedule": "linear", "decay_steps": 4, "final_ema_half_life": 800.0}
    config = Config(ema_half_life=0.0, ema_ramp=None, batch_size=8, hidden=(4,), **growing).check()
    decay = build.experiment(config, DIGITS).step.ema_decay
    expected = [0.0, 0.5 ** (8 / 400), 0.5 ** (8 / 800), 0.5 ** (8 / 800)]
    np.testing.assert_allclose([decay(jnp.int32(t)) for t in (0, 2, 4, 9)], expected, rtol=1e-6)


def test_a_run_takes_the_images_that_its_generator_asks_for_besides():
    for fresh, times, images in ((False, 3, 8), (True, 1, 12), (True, 3, 20)):
        config = Config(
            batch_size=4, d_steps=2, fresh_reals=fresh, generator_batch=times, hidden=(4,)
        ).check()
        assert config.images_per_step == images == 4 * build.experiment(config, DIGITS).step.batches


@pytest.mark.slow
def test_terms_are_made_with_their_settings():
    config = Config(
        terms="lecam,icr,top_k",
        lecam_weight=0.2,
        lecam_start=7,
        zcr_noise=0.5,
        top_k_least=0.25,
        batch_size=64,
        d_steps=2,
        hidden=(4,),
    ).check()
    lecam, bcr, zcr, top_k = build.experiment(config, DIGITS).step.game.terms
    assert (lecam.weight, lecam.decay, lecam.start_step) == (0.2, 0.99, 7)
    assert (zcr.weight, zcr.generator_weight, zcr.noise) == (20.0, 0.5, 0.5)
    assert (top_k.decay, top_k.least, top_k.epoch_steps) == (0.99, 0.25, 1797 // 128)
    images = jnp.asarray(DIGITS.images[:64], jnp.float32) / 8 - 1
    keys = jax.random.split(jax.random.key(0), 64)
    column = lambda images: images[:, :, 2, 0].sum(1)
    value = bcr.penalty(column, images, 0 * images, keys=keys, step=0)
    assert ((value > 0).mean()) > 0.5, "images are moved"
    whole = bcr.penalty(lambda images: images.shape[0] * jnp.ones(64), images, images, keys=keys, step=0)
    assert (whole == 0).all()


@pytest.mark.slow
def test_an_adaptive_probability_is_that_of_stylegan2_ada():
    """``adjust = sign(mean - target) * batch * interval / (ada_kimg * 1000)``, with interval 4."""
    config = Config(augment="color,bgc", augment_target=0.4, augment_speed=2.0, batch_size=10, hidden=(4,))
    experiment = build.experiment(config.replace(d_steps=3).check(), DIGITS)
    adaptive = experiment.step.game.augment
    assert set(experiment.shapes.terms) == {"augment"}
    assert adaptive.every == 4
    np.testing.assert_allclose(adaptive.update(jnp.float32(0.5), 0.41), 0.5 + 10 * 3 * 4 / 2000, rtol=1e-6)
    np.testing.assert_allclose(adaptive.update(jnp.float32(0.5), 0.39), 0.5 - 10 * 3 * 4 / 2000, rtol=1e-6)
    images, keys = jnp.asarray(DIGITS.images[:4], jnp.float32) / 8 - 1, jax.random.split(jax.random.key(0), 4)
    fixed = build.augmentation(config.replace(augment_target=None, augment_p=0.7))
    adapted = adaptive.augmentation(jnp.float32(0.7))
    np.testing.assert_allclose(adapted(images, keys=keys), fixed(images, keys=keys), atol=1e-6)


NINE = data.from_arrays(np.zeros((300, 9, 9, 1), np.uint8), name="nine")
RING = data.Dataset("ring", np.zeros((300, 2), np.float32))


def test_what_does_not_fit_is_said_in_one_sentence():
    cubes = data.Dataset("cubes", np.zeros((300, 2, 2, 2, 1), np.float32))
    unlabelled = data.from_arrays(np.zeros((300, 8, 8, 1), np.uint8), name="mine")
    for config, dataset, what in (
        (Config(batch_size=1798), DIGITS, "`batch_size` 1798 is more than the 1,?797 images of digits"),
        (Config(), cubes, r"\[N, H, W, C\] or points \[N, D\], and cubes has \(300, 2, 2, 2, 1\)"),
        (Config(conditional=True), unlabelled, "`conditional` needs labels, and mine has none"),
        (
            Config(network="dcgan", penalty="r1", width=8),
            DIGITS_TWICE,
            "needs `discriminator_norm` none or spectral",
        ),
        (Config(terms="path_length"), DIGITS, "needs a generator with styles"),
        (Config(terms="bcr"), RING, "`terms` bcr flips and moves images, and ring holds points"),
        (Config(mirror=True), RING, "`mirror` flips images, and ring holds points"),
        (Config(network="r3gan", width=20), DIGITS, "`width` of an R3GAN is a multiple of 8"),
        (Config(network="resnet"), NINE, "9x9 does not allow it: the nearest size is `image_size` 8x8$"),
        (Config(network="dcgan"), RING, r"a DCGAN takes images of shape .*, got \(2,\)"),
        (Config(network="r3gan"), RING, r"an R3GAN takes images .*, got \[2\]"),
    ):
        with pytest.raises(UserError, match=what) as caught:
            build.experiment(config, dataset)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"\(4, 4, 1\), not \(8, 8, 1\)"):
        build.experiment(Config(), DIGITS, Pieces(generator=mlp.Generator((4, 4, 1))))


@pytest.mark.parametrize("kinds", ["color,translation,cutout", "none", "translation, bgc"])
def test_augmentations_are_listed_by_name(kinds):
    probability = {"augment_p": 1.0} if "bgc" in kinds else {}
    config = Config(augment=tuple(kinds.replace(" ", "").split(",")), **probability).check()
    assert ",".join(config.augment) == kinds.replace(" ", "").replace("none", "")
    build.experiment(config, DIGITS)
    augment = build.augmentation(config)
    if kinds == "none":
        assert augment is None
    else:
        keys = jax.random.split(jax.random.key(0), 4)
        images = jnp.asarray(DIGITS.images[:4], jnp.float32) / 8 - 1
        assert (jax.jit(augment)(images, keys=keys) != images).any((1, 2, 3)).all()


@pytest.mark.parametrize("kinds", ["bgcc", "color,bgcc", "color,bgcc,cutout"])
def test_an_unknown_augmentation_is_said_in_one_sentence(kinds):
    message = "^`augment` bgcc is unknown: did you mean bgc. there are color, translation, cutout, bgc$"
    with pytest.raises(UserError, match=message):
        Config(augment=tuple(kinds.split(","))).check()


def test_colours_that_are_neither_grey_nor_three_are_refused():
    four = data.from_arrays(np.zeros((300, 8, 8, 4), np.uint8), name="mine")
    build.experiment(Config(augment=("translation",)), four)
    with pytest.raises(UserError, match=r"3 .*, got 4"):
        build.experiment(Config(augment=("color",)), four)


NOISE = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)


@pytest.mark.parametrize(
    ("picture", "note"),
    [
        (
            lambda noise: noise % 2,
            "are nearly black: their values go from 0 to 1 of 255 (255 * images makes them bright)",
        ),
        (
            lambda noise: noise.astype(np.uint16) << 4,
            "are nearly black: their values go from 0 to 16 of 255 (15 * images",
        ),
        (lambda noise: 0 * noise, "have the value 0: look at how they were made"),
        (lambda noise: NOISE[0], "are the same image: look at how they were made"),
        (lambda noise: noise, None),
    ],
    ids=["0 and 1", "12 bits in 16", "black", "alike", "sound"],
)
def test_what_is_odd_about_a_folder_is_noted(tmp_path, picture, note):
    for i, noise in enumerate(NOISE):
        Image.fromarray(picture(noise)).save(tmp_path / f"{i}.png")
    for _ in range(2):  # decoded, and from the cache
        notes = build.dataset(Config(data=str(tmp_path))).notes
        assert [note in each for each in notes] == ([] if note is None else [True])


DIGITS_TWICE = data.from_arrays(DIGITS.images.repeat(2, 1).repeat(2, 2))  # 16x16: a second, normalised rung


def test_a_generator_that_cannot_draw_is_refused_before_the_first_step():
    class Noisy(nn.Module):
        @nn.compact
        def __call__(self, latents, labels=None, *, train):
            pixels = nn.Dense(64)(latents)
            return (pixels + jax.random.normal(self.make_rng("noise"), pixels.shape)).reshape(-1, 8, 8, 1)

    with pytest.raises(UserError, match=r"must draw with train=False and no random keys: .*noise"):
        build.experiment(Config().check(), data.digits(), Pieces(generator=Noisy()))


class Wrapped(nn.Module):
    """A module whose call is a function of one's own."""

    call: object

    @nn.compact
    def __call__(self, inputs, labels=None, *, train):
        return self.call(inputs)


class OfNNX(nnx.Module):
    """Has another way to be called."""


def fails(inputs):
    raise KeyError("abc")


def images(latents):
    return nn.Dense(64)(latents).reshape(-1, 8, 8, 1)


def logits(inputs):
    return nn.Dense(1)(inputs.reshape(len(inputs), -1))[:, 0]


@pytest.mark.parametrize(
    ("piece", "sentence"),
    [
        (
            {"generator": Wrapped(lambda z: (images(z), z))},
            "generator returns images [B, H, W, C] alone, got a tuple",
        ),
        ({"generator": Wrapped(lambda z: {"image": images(z)})}, "images [B, H, W, C] alone, got a dict"),
        ({"generator": Wrapped(lambda z: None)}, "images [B, H, W, C] alone, got None"),
        ({"generator": Wrapped(fails)}, "a piece of your own fails, with KeyError: 'abc'"),
        ({"generator": OfNNX()}, "the generator is a flax.linen module, got a OfNNX of Flax NNX"),
        ({"generator": images}, "the generator is a flax.linen module, got the function images"),
        (
            {"generator": mlp.Generator},
            "a flax.linen module, got the class Generator, and not one made by it",
        ),
        (
            {"discriminator": Wrapped(lambda x: (logits(x), x))},
            "discriminator returns logits [B] alone, got a tuple",
        ),
        ({"discriminator": Wrapped(lambda x: logits(x)[:, None])}, "squeeze the last axis, logits[:, 0]"),
        ({"discriminator": logits}, "the discriminator is a flax.linen module, got the function logits"),
        ({"loss": "hinge"}, "`loss` is a pair of functions, e.g. losses.hinge; got the text 'hinge'"),
        ({"loss": losses.hinge.generator}, "`loss` is a pair of functions"),
        (
            {"loss": losses.Loss(lambda r, f: (r, f), lambda r, f: f)},
            "number for each example, got a tuple of 2",
        ),
        ({"loss": losses.Loss(lambda r, f: r[:2], lambda r, f: f)}, "got shape [2] for 4 examples"),
        (
            {"penalty": "r1"},
            "`penalty` is a function (critic, real, fake, *, keys, step) -> [B], e.g. penalties.r1",
        ),
        ({"penalty": 10.0}, "got the number 10.0"),
        ({"penalty": lambda critic, real, fake, *, keys, step: jnp.zeros(3)}, "got shape [3] for 4 examples"),
        ({"penalty": lambda critic, real: 0.0}, "fails, with TypeError"),
        ({"augment": "color"}, "`augment` is a function (images, *, keys, step) -> images"),
        ({"augment": lambda x, *, keys, step: x[:, :4]}, "returns images (4, 8, 8, 1), got (4, 4, 8, 1)"),
        ({"update": "extragradient"}, "`update` is a function"),
        (
            {"generator_optimizer": 1e-3},
            "the generator's optimizer is one of Optax, e.g. optax.adam(2e-4, b1=0.5)",
        ),
        ({"discriminator_optimizer": optax.adam}, "the discriminator's optimizer is one of Optax"),
    ],
)
def test_a_piece_of_another_kind_is_one_sentence(piece, sentence):
    config = Config(batch_size=4, hidden=4)
    with pytest.raises(UserError, match=re.escape(sentence)):
        build.experiment(config, DIGITS, Pieces(**piece))


def test_own_pieces_take_the_place_of_the_configs():
    names = named_leaves(
        build.experiment(
            Config(), DIGITS, Pieces(discriminator=mlp.Discriminator((3,)))
        ).shapes.discriminator.params
    )
    assert names["Dense_0/kernel"].shape == (64, 3)


def test_a_penalty_with_batch_normalization_names_the_cure():
    config = Config(network="dcgan", penalty="r1", batch_size=4, width=4)
    with pytest.raises(UserError, match="`penalty` r1 needs `discriminator_norm` none or spectral"):
        build.experiment(config, DIGITS)
    build.experiment(config.replace(discriminator_norm="none"), DIGITS)


def test_a_size_that_does_not_suit_the_family_is_noted():
    dataset = data.from_arrays(np.random.default_rng(0).integers(0, 256, (4, 70, 70, 1), np.uint8))
    config = Config(network="dcgan", batch_size=4, width=1, latent_dim=2)
    (note,) = build.experiment(config, dataset).notes
    assert "with `image_size` 72x72 they begin at 9x9" in note
    assert build.experiment(config.replace(network="mlp"), dataset).notes == ()


@pytest.mark.parametrize(
    ("game", "heads", "right"), [(ACGAN(), 5, 10), (ACGAN(), 11, 10), (ACGAN(discriminative=True), 10, 20)]
)
def test_own_heads_read_as_many_numbers_as_there_are_classes(game, heads, right):
    config = Config(batch_size=4, hidden=4, conditional=True, game=game).check()
    own = Pieces(discriminator=mlp.Discriminator((4,), heads=(heads,)))
    sentence = rf"the heads read {right} numbers, and the discriminator reads \[{heads}\]"
    with pytest.raises(UserError, match=sentence):
        build.experiment(config, data.digits(), own)
