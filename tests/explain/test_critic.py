"""Discriminators of every kind as critics: what they say is what the network says of the image alone."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import small_networks
from drawn_weights import drawn
from jaxgan.explain import grid, integrated_gradients, shapley
from jaxgan.explain.critic import critic_of, logits_of
from jaxgan.export import Network
from jaxgan.layers import MinibatchStddev
from jaxgan.networks import dcgan, mlp, stylegan2
from jaxgan.networks.encoders import PairDiscriminator

SHAPE, LATENT, CLASSES = (4, 4, 1), 3, 5
DRAW = np.random.default_rng(0)
IMAGES = jnp.asarray(DRAW.uniform(-1, 1, (6, *SHAPE)), jnp.float32)
LATENTS = jnp.asarray(DRAW.normal(size=(6, LATENT)), jnp.float32)
LABELS = jnp.arange(6, dtype=jnp.int32) % CLASSES


class Patches(nn.Module):
    """Logits of four patches, and further heads."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        features = nn.BatchNorm(use_running_average=not train)(images.reshape(len(images), -1))
        return nn.Dense(4)(features), nn.Dense(2)(features)


def network(module, *, pairs=False, classes=None):
    shown = (IMAGES, LATENTS) if pairs else IMAGES
    variables = module.init(jax.random.key(0), shown, LABELS if classes else None, train=False)
    description = {"image_shape": SHAPE, "num_classes": classes, "latent_dim": LATENT}
    description["takes"] = ["image", "latents"] if pairs else ["image"]
    return Network(module, variables, description)


CASES = {
    "plain": (mlp.Discriminator((8,)), {}),
    "classes": (mlp.Discriminator((8,), num_classes=CLASSES), {"classes": CLASSES}),
    "heads and patches": (Patches(), {}),
    "pairs": (PairDiscriminator(mlp.Discriminator((8,), heads=(6,)), 7), {"pairs": True}),
}


@pytest.mark.parametrize("name", CASES)
def test_logits_are_those_of_the_network(name):
    module, options = CASES[name]
    judge = network(module, **options)
    shown = (IMAGES, LATENTS) if options.get("pairs") else IMAGES
    labels = LABELS if options.get("classes") else None
    expected = module.apply(judge.variables, shown, labels, train=False)
    if isinstance(expected, tuple):
        expected = expected[0].reshape(6, -1).mean(axis=1)
    latents = LATENTS if options.get("pairs") else None
    np.testing.assert_allclose(logits_of(judge)(IMAGES, LABELS, latents), expected, atol=1e-6)
    critic = critic_of(judge, judge.variables, LABELS[2], LATENTS[2] if options.get("pairs") else None)
    np.testing.assert_allclose(critic(IMAGES)[2], expected[2], atol=1e-6)


def test_the_label_and_the_latent_are_those_that_are_closed_over():
    judge = network(CASES["classes"][0], classes=CLASSES)
    as_one = critic_of(judge, judge.variables, 1)(IMAGES)
    expected = judge.module.apply(judge.variables, IMAGES, jnp.ones(6, jnp.int32), train=False)
    np.testing.assert_allclose(as_one, expected, atol=1e-6)
    assert np.abs(as_one - critic_of(judge, judge.variables, 3)(IMAGES)).max() > 1e-3


class Compares(nn.Module):
    """A discriminator that looks at how much the images of a batch differ."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return MinibatchStddev(len(images))(images).reshape(len(images), -1).sum(axis=1) * self.param(
            "scale", nn.initializers.ones, ()
        )


def test_a_verdict_does_not_depend_on_the_other_images_of_a_batch():
    judge = network(Compares())
    critic = critic_of(judge, judge.variables)
    together, alone = critic(IMAGES), [critic(IMAGES[i : i + 1])[0] for i in range(6)]
    np.testing.assert_allclose(together, alone, atol=1e-6)
    batch = judge.module.apply(judge.variables, IMAGES, None, train=False)
    assert np.abs(np.asarray(batch) - together).max() > 0.1


def test_uint8_images_are_judged_as_floats():
    judge = network(mlp.Discriminator((8,)))
    pixels = DRAW.integers(0, 256, (6, *SHAPE)).astype(np.uint8)
    expected = judge.module.apply(
        judge.variables, jnp.asarray(pixels / np.float32(127.5) - 1), None, train=False
    )
    np.testing.assert_allclose(logits_of(judge)(pixels), expected, atol=1e-5)


FAMILIES = {
    "dcgan": lambda: dcgan.Discriminator(width=4, norm="batch"),
    "spectral dcgan": lambda: dcgan.Discriminator(width=4, norm="spectral"),
    **{name: partial(lambda name: small_networks.pair(name)[1], name) for name in small_networks.NAMES},
    "stylegan2": lambda: stylegan2.Discriminator(channel_base=32, channel_max=4),
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_judged_and_explained_one_image_at_a_time(family):
    module = FAMILIES[family]()
    images = jnp.asarray(DRAW.uniform(-1, 1, (3, *small_networks.SHAPE)), jnp.float32)
    variables = drawn(module, images[:1])
    judge = Network(module, variables, {"num_classes": None, "takes": ["image"]})
    apply = jax.jit(lambda image: module.apply(variables, image[None], train=False)[0])
    expected = [apply(each) for each in images]
    np.testing.assert_allclose(logits_of(judge)(images), expected, rtol=1e-4, atol=1e-5)
    critic, regions = critic_of(judge, variables), grid(small_networks.SHAPE, 2, 2)
    found = shapley(critic, images[0], images[1], regions)
    assert float(found.residual) == pytest.approx(0, abs=1e-5)
    assert float(found.total) == pytest.approx(float(expected[0]), rel=1e-4, abs=1e-5)
    slopes = integrated_gradients(critic, images[0], images[1], regions=regions, steps=512)
    assert float(slopes.residual) == pytest.approx(0, abs=float(0.1 * np.abs(slopes.values).sum()))
