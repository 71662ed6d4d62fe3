import math
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import generators
from choosing import each_once, shares
from jaxgan.explain.space import in_batches, rows_that_fit, space_of, spaces_of
from jaxgan.networks import mlp
from jaxgan.system.errors import UserError

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("name", "num_classes"),
    shares(
        product(generators.NAMES, (None, 3)),
        fast=[("mlp", None), ("dcgan", 3)],
        slow=each_once(generators.NAMES, [None, 3]),
    ),
)
def test_the_images_of_a_space_are_those_of_the_generator(name, num_classes):
    network = generators.of_family(name, num_classes)
    labels = generators.labels_of(network, 5)
    spaces = spaces_of(network)
    assert [space.name for space in spaces] == (["w", "z"] if name == "stylegan2" else ["z"])
    latents = jax.random.normal(KEY, (5, generators.LATENT))
    expected = network.module.apply(network.variables, latents, labels, train=False)
    for space in spaces:
        moved = latents
        if space.name == "w":
            moved = network.module.apply(network.variables, latents, labels, train=False, method="map")[:, 0]
        np.testing.assert_allclose(space.generate(moved, labels), expected, rtol=1e-3, atol=1e-4)
        drawn = space.draw(KEY, labels, 5)
        assert drawn.shape == (5, space.size)
        if space.name == "w" or name != "stylegan2":  # z reaches its first layer divided by its length
            assert np.abs(space.kernel).sum(axis=1).all()


def test_the_kernel_is_the_rows_of_the_latents_alone():
    for name, layer in (("mlp", "Dense_0"), ("dcgan", "Dense_0"), ("r3gan", "scales")):
        network = generators.of_family(name, 3)
        kernel = network.variables["params"][layer]["kernel"]
        assert kernel.shape[0] > generators.LATENT  # further rows are those of labels
        np.testing.assert_array_equal(space_of(network).kernel, kernel[: generators.LATENT])
    style = generators.of_family("stylegan2")
    kernels = space_of(style).kernel
    first = style.variables["params"]["synthesis"]["block0_conv1"]["conv"]["affine"]["kernel"]
    np.testing.assert_array_equal(kernels[:, : first.shape[1]], first)
    assert kernels.shape[1] == 8 * 3 + 4 * 2  # channels that the five convolutions take in


def test_categories_are_kept_and_steps_are_deviations():
    prior = [["normal", 2], ["one_hot", 3], ["uniform", 1]]
    network = generators.network(mlp.Generator(generators.SHAPE, (4,)), 6, prior=prior)
    space = space_of(network)
    np.testing.assert_allclose(space.scale, [1, 1, 0, 0, 0, 1 / math.sqrt(3)], rtol=1e-6)
    drawn = np.asarray(space.draw(KEY, None, 4000))
    np.testing.assert_allclose(drawn.std(axis=0)[[0, 1, 5]], space.scale[[0, 1, 5]], rtol=0.05)
    np.testing.assert_array_equal(drawn[:, 2:5].sum(axis=1), 1)


@pytest.mark.slow
def test_w_has_the_spread_of_what_the_mapping_makes():
    network = generators.of_family("stylegan2", 3)
    space = space_of(network)
    drawn = np.asarray(space.draw(jax.random.key(5), np.arange(3000) % 3, 3000))
    np.testing.assert_allclose(space.scale, np.sqrt(drawn.var(axis=0).mean()), rtol=0.1)


def test_images_are_made_in_batches_and_large_ones_a_few_at_a_time():
    latents = jax.random.normal(KEY, (130, 2))
    made = in_batches(lambda z, y: z * y[:, None], latents, jnp.arange(130))
    np.testing.assert_allclose(made, latents * np.arange(130)[:, None], rtol=1e-6)
    assert rows_that_fit((32, 32, 3), 256) == 256
    assert rows_that_fit((256, 256, 3), 256) == 4
    assert rows_that_fit((2048, 2048, 3), 256) == 1


def test_points_and_broken_weights_are_refused():
    points = generators.network(mlp.Generator((2,), (4,)), 3, image_shape=(2,))
    with pytest.raises(UserError, match="makes no images"):
        space_of(points)
    network = generators.of_family("mlp")
    broken = network._replace(variables=jax.tree.map(lambda leaf: leaf * jnp.nan, network.variables))
    with pytest.raises(UserError, match="not finite"):
        space_of(broken)
