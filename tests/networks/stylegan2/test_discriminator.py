"""StyleGAN2's discriminator: sizes, heads, features, groups and what it refuses; values are in test_golden."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from choosing import each_once, slow_pairs_but
from jaxgan.networks import stylegan2

SIZES = [(28, 28, 1), (12, 20, 2), (27, 31, 2), (4, 4, 1), (1, 1, 1)]
SMALL = {"channel_base": 32, "channel_max": 6}
IMAGES = jax.random.normal(jax.random.key(1), (4, 8, 8, 3))


def judged(images=IMAGES, labels=None, features=False, **options):
    module = stylegan2.Discriminator(**SMALL | options)
    variables = jax.jit(lambda: module.init(jax.random.key(0), images, labels, train=False))()
    return jax.jit(lambda: module.apply(variables, images, labels, train=False, features=features))()


def test_features_are_those_of_each_block_from_the_image_on():
    activations = judged(features=True)
    assert [each.shape for each in activations] == [(4, 4, 4, 6), (4, 4, 4, 6)]
    assert len(judged(jnp.zeros((2, 16, 16, 3)), features=True)) == 3


@pytest.mark.slow
def test_heads_read_beside_the_logits():
    logits, read = judged(heads=(5, 2))
    assert (logits.shape, read.shape) == ((4,), (4, 2))
    np.testing.assert_allclose(logits, judged(), rtol=1e-5)


def test_a_label_chooses_the_direction_of_the_logit():
    images = jnp.tile(IMAGES[:1], (3, 1, 1, 1))
    logits = judged(images, jnp.array([0, 1, 0]), num_classes=2)
    assert logits[0] == logits[2]
    assert abs(logits[0] - logits[1]) > 1e-4


@pytest.mark.slow
def test_in_training_a_group_must_divide_the_batch_and_in_drawing_groups_are_smaller():
    module = stylegan2.Discriminator(**SMALL, group_size=4)
    variables = jax.jit(lambda: module.init(jax.random.key(0), IMAGES, train=False))()
    assert module.apply(variables, IMAGES[:3], train=False).shape == (3,)
    with pytest.raises(ValueError, match="batch of 3 does not divide into groups of 4"):
        module.apply(variables, IMAGES[:3], train=True)


@pytest.mark.parametrize(
    ("image_shape", "architecture"),
    slow_pairs_but(each_once(SIZES, ["resnet", "orig"]), SIZES, ["resnet", "orig"]),
)
def test_every_size_has_logits(image_shape, architecture):
    module = stylegan2.Discriminator(**SMALL, architecture=architecture)
    images = jnp.zeros((2, *image_shape))
    logits, _ = jax.eval_shape(lambda: module.init_with_output(jax.random.key(0), images, train=True))
    assert logits.shape == (2,)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"architecture": "skip"}, "'resnet' or 'orig', got 'skip'"),
        ({"group_size": 0}, "`group_size`"),
    ],
)
def test_wrong_arguments_are_refused_where_the_discriminator_is_made(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        stylegan2.Discriminator(**options)


def test_labels_are_never_dropped():
    with pytest.raises(ValueError, match="unconditional"):
        judged(labels=jnp.zeros(4, jnp.int32))
    with pytest.raises(ValueError, match="needs labels"):
        judged(num_classes=2)
