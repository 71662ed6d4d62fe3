"""A discriminator with random parameters, whose statistics are those of images."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.export import Network
from jaxgan.networks import dcgan
from jaxgan.representation.untrained import untrained_features

IMAGES = np.random.default_rng(0).integers(0, 255, (30, 8, 8, 1)).astype(np.uint8)


def network(module, images):
    """Return a trained discriminator, whose variables have no part in anything here."""
    shape = list(images.shape[1:])
    return Network(module, {}, {"takes": ["image"], "image_shape": shape, "num_classes": None})


def test_batch_norm_has_the_statistics_of_the_images():
    module, images = dcgan.Discriminator(width=4), np.repeat(np.repeat(IMAGES, 2, 1), 2, 2)
    shown = jnp.asarray(images, jnp.float32) / 127.5 - 1
    variables = module.init(jax.random.key(0), shown[:2], train=False)
    by_batch, _ = module.apply(variables, shown, train=True, features=True, mutable=["batch_stats"])
    layers = untrained_features(network(module, images), images, seed=0)(images).values()
    for found, expected in zip(layers, by_batch, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    assert np.abs(by_batch[1]).max() > 1


def test_features_are_those_of_the_module_with_fresh_parameters():
    module = dcgan.Discriminator(width=4, norm="none")
    features = untrained_features(network(module, IMAGES), IMAGES, seed=3)
    shown = jnp.asarray(IMAGES, jnp.float32) / 127.5 - 1
    variables = module.init(jax.random.key(3), shown[:2], train=False)
    (expected,) = module.apply(variables, shown, train=False, features=True)
    (found,) = features(np.concatenate([IMAGES, IMAGES])[:40]).values()  # more than a batch
    np.testing.assert_allclose(found[:30], expected, atol=1e-6)
    np.testing.assert_allclose(found[30:], expected[:10], atol=1e-6)
