"""The paper's configurations: exact parameter counts, as the reference implementation's layer tables give them."""

import math

import jax
import jax.numpy as jnp
import pytest

from jaxgan.networks import stylegan2

COUNTS = [
    ("cifar10", None, 19_947_539, 20_720_641),
    ("cifar10", 10, 20_215_315, 23_089_664),
    ("auto64", None, 22_243_608, 23_407_361),
    ("auto128", None, 22_949_277, 23_882_369),
    ("auto256", None, 23_191_522, 24_001_089),
    ("paper256", None, 24_767_458, 24_001_089),
    ("stylegan2_1024", None, 30_370_060, 29_012_513),
]


def count(module, *inputs):
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs, train=False))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes["params"]))


@pytest.mark.parametrize(("name", "num_classes", "of_generator", "of_discriminator"), COUNTS)
def test_a_preset_has_the_parameters_of_the_reference(name, num_classes, of_generator, of_discriminator):
    generator, discriminator = stylegan2.preset(name, num_classes=num_classes)
    labels = None if num_classes is None else jnp.zeros(1, jnp.int32)
    assert count(generator, jnp.zeros((1, 512)), labels) == of_generator
    assert count(discriminator, jnp.zeros((1, *generator.image_shape)), labels) == of_discriminator


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"cifar10, auto64.*'cifar'"):
        stylegan2.preset("cifar")
