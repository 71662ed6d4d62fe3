"""Translators: the papers' parameter counts, any size, and how far a pixel of the image looks."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from choosing import slow_pairs_but
from drawn_weights import drawn
from jaxgan.networks.translators import TRANSLATORS, ResNetTranslator, RRDBNet, SRResNet, UNet
from jaxgan.networks.translators.srresnet import factors

KEY = jax.random.key(0)
SMALL = {
    "unet": UNet(3, 4, 2),
    "resnet": ResNetTranslator(3, 2, 1),
    "srresnet": SRResNet(3, 2, 4, 1),
    "rrdb": RRDBNet(3, 2, 4, 1),
}


def parameters(module, shape=(1, 256, 256, 3)):
    shapes = jax.eval_shape(lambda: module.init(KEY, jnp.zeros(shape), train=False))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes["params"]))


def test_the_papers_networks_have_their_numbers_of_parameters():
    """54.414, 11.378 and 7.838 million are printed by the authors' code (pytorch-CycleGAN-and-pix2pix)."""
    assert parameters(UNet(3, norm="batch")) == 54_413_955
    assert parameters(ResNetTranslator(3)) == 11_378_179
    assert parameters(ResNetTranslator(3, blocks=6)) == 11_378_179 - 3 * 2 * (9 * 256 * 256 + 256)
    outer = 81 * 3 * 64 + 64, 81 * 64 * 3 + 3  # figure 4 of the SRGAN paper; a parametric ReLU has one number
    middle = 16 * (2 * (9 * 64 * 64 + 2 * 64) + 1) + 9 * 64 * 64 + 2 * 64
    upsampling = 2 * (9 * 64 * 256 + 256 + 1)
    assert parameters(SRResNet(3, norm="batch"), (1, 24, 24, 3)) == sum(outer) + 1 + middle + upsampling


@pytest.mark.slow
def test_esrgans_network_has_the_parameters_of_its_authors_code():
    """16,697,987 are those of ``RRDBNet(3, 3, 64, 23, gc=32)`` in RRDBNet_arch.py, counted by its layers."""
    dense = sum(9 * (64 + 32 * i) * 32 + 32 for i in range(4)) + 9 * (64 + 4 * 32) * 64 + 64
    wide, image = 9 * 64 * 64 + 64, 9 * 3 * 64 + 64
    expected = image + 23 * 3 * dense + wide + 2 * wide + wide + 9 * 64 * 3 + 3
    assert expected == 16_697_987
    assert parameters(RRDBNet(3), (1, 24, 24, 3)) == expected


def test_an_rrdb_of_a_dense_block_is_written_out():
    """Of the authors' code: each block adds a fifth of what it makes, which holds its input already."""
    module = RRDBNet(1, 2, 2, 1)
    sources = jax.random.uniform(KEY, (1, 4, 5, 1), minval=-1)
    rng, shapes = np.random.default_rng(0), jax.eval_shape(lambda: module.init(KEY, sources, train=False))
    variables = jax.tree.map(lambda x: rng.normal(0, 0.3, x.shape).astype(np.float32), shapes)
    layers = iter([variables["params"][f"Conv_{i}"] for i in range(len(variables["params"]))])

    def convolution(maps):
        layer, padded = next(layers), np.pad(maps, [(1, 1), (1, 1), (0, 0)])
        height, width, _ = maps.shape
        taps = [
            padded[i : i + height, j : j + width] @ layer["kernel"][i, j] for i in range(3) for j in range(3)
        ]
        return np.asarray(sum(taps) + layer["bias"])

    def bend(maps):
        return np.where(maps > 0, maps, 0.2 * maps)

    def dense_block(maps):
        seen = maps
        for _ in range(4):
            seen = np.concatenate([seen, bend(convolution(seen))], axis=-1)
        return 0.2 * convolution(seen) + maps

    def twice(maps):
        return maps.repeat(2, axis=0).repeat(2, axis=1)

    source = np.asarray(sources[0])
    first = convolution(source)
    block = dense_block(dense_block(dense_block(first)))
    maps = first + convolution(0.2 * block + first)
    maps = bend(convolution(twice(maps)))
    expected = twice(source) + convolution(bend(convolution(maps)))
    assert next(layers, None) is None
    made = jax.jit(lambda x: module.apply(variables, x, train=True))(sources)[0]
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "size"),
    slow_pairs_but(
        [("unet", (7, 13)), ("resnet", (8, 8)), ("srresnet", (7, 13))], TRANSLATORS, [(8, 8), (7, 13)]
    ),
)
def test_any_size_is_translated(name, size):
    module = SMALL[name]
    sources = jax.random.uniform(KEY, (2, *size, 1), minval=-1)
    images, variables = jax.jit(partial(module.init_with_output, train=False))(KEY, sources)
    scale = module.scale
    assert images.shape == (2, scale * size[0], scale * size[1], 3)
    assert np.abs(images).max() <= 1
    assert set(variables) == {"params"}  # no running averages
    again = jax.jit(partial(module.apply, train=False))(variables, sources[1:])
    np.testing.assert_allclose(again, images[1:], atol=1e-5)  # an image does not depend on the others


@pytest.mark.parametrize("name", ["unet", "resnet"])
def test_padding_repeats_the_edge_and_is_cropped_again(name):
    module = SMALL[name]
    sources = jax.random.uniform(KEY, (1, 6, 7, 1), minval=-1)
    whole = jnp.pad(sources, [(0, 0), (0, 2), (0, 1), (0, 0)], mode="edge")
    images, variables = module.init_with_output(KEY, whole, train=False)
    np.testing.assert_allclose(module.apply(variables, sources, train=False), images[:, :6, :7], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        SRResNet(1, 1, 3, 2),
        pytest.param(SRResNet(1, 6, 3, 1), marks=pytest.mark.long),
        SRResNet(1, 4, 3, 0),
        pytest.param(RRDBNet(1, 4, 2, 0), marks=pytest.mark.long),
        RRDBNet(1, 1, 2, 1),
    ],
)
def test_a_pixel_looks_no_farther_than_its_reach(module):
    size = 2 * module.reach + 3
    sources = 0.1 * jax.random.normal(KEY, (1, size, size, 1))
    variables = drawn(module, sources)  # the last layer begins with zeros
    middle = size // 2 * module.scale

    def pixels(sources):
        images = module.apply(variables, sources, train=True)
        return images[:, middle : middle + module.scale, middle : middle + module.scale].sum()

    seen = np.abs(np.asarray(jax.jit(jax.grad(pixels))(sources)))[0, :, :, 0] > 0
    reached = np.abs(np.argwhere(seen) - size // 2).max()
    assert module.reach - 1 <= reached <= module.reach


def test_an_srresnet_begins_as_its_source_and_is_clipped_where_it_draws():
    module = SRResNet(3, 2, 2, 0)
    sources = jax.random.uniform(KEY, (1, 2, 3, 1), minval=-1)
    images, variables = module.init_with_output(KEY, sources, train=False)
    large = np.kron(np.asarray(sources)[0, :, :, 0], np.ones((2, 2)))
    np.testing.assert_allclose(images[0], np.repeat(large[..., None], 3, axis=2), atol=1e-7)
    shifted = jax.tree.map(lambda x: x + 1, variables)
    assert np.abs(module.apply(shifted, sources, train=True)).max() > 2
    assert np.abs(module.apply(shifted, sources, train=False)).max() <= 1


@pytest.mark.slow
def test_dropout_is_noise_of_training_alone():
    module = UNet(1, 2, 5, dropout=0.5)
    sources = jax.random.normal(KEY, (1, 32, 32, 1))
    variables = module.init(KEY, sources, train=False)
    first, second = (
        module.apply(variables, sources, train=True, rngs={"dropout": jax.random.key(i)}) for i in (1, 2)
    )
    assert np.abs(first - second).max() > 1e-6
    still = [module.apply(variables, sources, train=False) for _ in range(2)]
    np.testing.assert_array_equal(*still)


def test_batch_normalization_keeps_running_averages_over_the_axis():
    for module in (
        UNet(1, 2, 3, norm="batch"),
        ResNetTranslator(1, 2, 1, "batch"),
        SRResNet(1, norm="batch"),
    ):
        assert hasattr(module, "axis_name")
        variables = jax.eval_shape(lambda: module.init(KEY, jnp.zeros((1, 8, 8, 1)), train=False))
        assert set(variables) == {"params", "batch_stats"}


def test_the_factors_of_a_scale_are_twos_and_threes():
    assert [factors(scale) for scale in (1, 2, 3, 4, 6, 12)] == [[], [2], [3], [2, 2], [2, 3], [2, 2, 3]]


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda: SRResNet(3, 5), "`scale` is a product of twos and threes of at most 16, or 1, got 5"),
        (lambda: SRResNet(3, 0), "`scale` is a product"),
        (lambda: SRResNet(3, 32), "of at most 16"),
        (lambda: UNet(3, norm="layer"), "norm is instance, batch, none, got 'layer'"),
        (lambda: UNet(3, dropout=1.0), "a dropout in"),
        (lambda: UNet(0), "at least 1"),
        (lambda: ResNetTranslator(3, blocks=-1), "and -1 blocks"),
        (lambda: RRDBNet(3, width=1), "a width of at least 2, got 3 and 1"),
        (lambda: RRDBNet(3, 5), "`scale` is a product"),
        (
            lambda: SMALL["unet"].init(KEY, jnp.zeros((1, 8, 8, 1)), jnp.zeros(1, jnp.int32), train=False),
            "takes no labels",
        ),
    ],
)
def test_what_makes_no_network_is_refused(mistake, sentence):
    with pytest.raises(ValueError, match=sentence):
        mistake()
