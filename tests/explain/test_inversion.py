import jax
import jax.numpy as jnp
import numpy as np
import pytest

import generators
from jaxgan.explain import invert
from jaxgan.networks import dcgan, mlp

A = np.random.default_rng(0).normal(size=(3, 12)).astype(np.float32) / 4
KEY = jax.random.key(0)


def linear(latents, labels=None):
    return (latents @ A).reshape(-1, 2, 6, 1)


def test_a_linear_generator_gives_the_least_squares_solution():
    images = np.random.default_rng(1).uniform(-1, 1, (5, 2, 6, 1)).astype(np.float32)
    found = invert(linear, images, key=KEY, latent_dim=3, restarts=2)
    expected, _, _, _ = np.linalg.lstsq(A.T, images.reshape(5, 12).T, rcond=None)
    np.testing.assert_allclose(found.latents, expected.T, atol=2e-3)
    errors = np.square(linear(expected.T.astype(np.float32)) - images).mean((1, 2, 3))
    np.testing.assert_allclose(found.errors, errors, rtol=1e-3)
    np.testing.assert_allclose(found.psnr, 10 * np.log10(2**2 / found.errors))


def test_pictures_of_eight_bits_are_those_of_floats():
    images = np.random.default_rng(1).integers(0, 256, (3, 2, 6, 1), np.uint8)
    options = {"key": KEY, "latent_dim": 3, "steps": 5, "restarts": 1}
    whole, floats = (
        invert(linear, images, **options),
        invert(linear, images / np.float32(127.5) - 1, **options),
    )
    np.testing.assert_allclose(whole.latents, floats.latents, atol=1e-5)


@pytest.mark.parametrize("module", [mlp.Generator((8, 8, 1), (32, 32)), dcgan.Generator((8, 8, 1), 16)])
def test_own_fakes_come_back(module):
    network = generators.network(module, 8)

    @jax.jit
    def generate(latents, labels=None):
        return 20 * module.apply(network.variables, latents, train=False)  # new weights make faint images

    fakes = generate(jax.random.normal(jax.random.key(9), (8, 8)))
    found = invert(generate, fakes, key=KEY, latent_dim=8, steps=300)
    assert np.median(found.psnr) > 34
    np.testing.assert_allclose(
        np.square(generate(jnp.array(found.latents)) - fakes).mean((1, 2, 3)),
        found.errors,
        rtol=1e-2,
        atol=1e-6,
    )


@pytest.mark.slow
def test_labels_features_and_kept_coordinates_count():
    def generate(latents, labels):
        return linear(latents) + labels[:, None, None, None].astype(jnp.float32)

    labels = np.array([0, 1, 2, 0, 1])
    latents = jax.random.normal(jax.random.key(3), (5, 3))
    images = jnp.clip(generate(latents, jnp.array(labels)), -9, 9)
    kept = jnp.array([1.0, 0.0, 2.0])

    def draw(key, given, count):
        assert len(given) == count
        return jax.random.normal(key, (count, 3)).at[:, 1].set(0.25)

    found = invert(generate, images, key=KEY, latent_dim=3, labels=labels, draw=draw, scale=kept, restarts=1)
    assert (found.latents[:, 1] == 0.25).all()
    free = invert(generate, images, key=KEY, latent_dim=3, labels=labels)
    np.testing.assert_allclose(free.latents, latents, atol=2e-3)
    # Features that see the second half alone: the first half of a torn image is not looked at.
    torn = jnp.concatenate([images[..., :3, :] + 0.5, images[..., 3:, :]], axis=2)
    half = lambda images: images[..., 3:, :]
    by_pixels = invert(generate, torn, key=KEY, latent_dim=3, labels=labels)
    by_features = invert(generate, torn, key=KEY, latent_dim=3, labels=labels, features=half)
    away = [np.linalg.norm(each.latents - latents) for each in (by_features, by_pixels)]
    assert away[0] < away[1]


def test_numbers_below_1_are_refused():
    for name in ("steps", "restarts"):
        with pytest.raises(ValueError, match="steps and restarts are at least 1"):
            invert(linear, np.zeros((1, 2, 6, 1)), key=KEY, latent_dim=3, **{name: 0})
