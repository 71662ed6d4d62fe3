"""PatchGAN: the paper's parameter counts and patches, and the shapes of its logits."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from choosing import slow_but
from jaxgan.networks.patches import PatchDiscriminator, layers_for, patch_size, smallest

KEY = jax.random.key(0)


def test_the_papers_network_has_its_number_of_parameters():
    """2.765 million is printed by the authors' code for CycleGAN's discriminator."""
    shapes = jax.eval_shape(lambda: PatchDiscriminator().init(KEY, jnp.zeros((1, 256, 256, 3)), train=False))
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes)) == 2_764_737
    logits = jax.eval_shape(
        lambda: PatchDiscriminator().init_with_output(KEY, jnp.zeros((1, 256, 256, 3)), train=False)[0]
    )
    assert logits.shape == (1, 30 * 30)


@pytest.mark.parametrize(
    ("layers", "size"),
    [(1, 16), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((2, 34), (3, 70)))],
)
def test_a_logit_depends_on_its_patch(layers, size):
    assert patch_size(layers) == size
    module, side = PatchDiscriminator(2, layers, "none"), 2 * size + 2**layers
    images = jax.random.normal(KEY, (1, side, side, 1))
    variables = module.init(KEY, images, train=False)
    count = math.isqrt(module.apply(variables, images, train=False).shape[1])
    middle = count // 2 * count + count // 2
    gradient = jax.grad(lambda images: module.apply(variables, images, train=False)[0, middle])(images)
    places = np.argwhere(np.abs(np.asarray(gradient))[0, :, :, 0] > 0)
    assert (places.max(axis=0) - places.min(axis=0) + 1).tolist() == [size, size]


@pytest.mark.parametrize("norm", slow_but(["spectral"], ["instance", "spectral", "none"]))
def test_a_tuple_is_judged_as_channels_and_one_patch_is_one_logit(norm):
    module = PatchDiscriminator(2, 1, norm)
    image, source = jnp.ones((3, 8, 9, 2)), jnp.zeros((3, 8, 9, 1))
    logits, variables = module.init_with_output(KEY, (image, source), train=False)
    assert logits.shape == (3, 2 * 2)
    both = jnp.concatenate([image, source], axis=-1)
    np.testing.assert_array_equal(module.apply(variables, both, train=False), logits)
    activations = module.apply(variables, both, train=False, features=True)
    assert [maps.shape[-1] for maps in activations] == [2, 4]
    small = jnp.zeros((3, smallest(1), smallest(1), 3))
    assert module.apply(variables, small, train=False).shape == (3,)


def test_the_patch_that_fits_is_chosen():
    assert [layers_for(size, 999) for size in (8, 28, 33, 34, 69, 70, 500)] == [1, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda: PatchDiscriminator(layers=0), "at least 1, got 64 and 0"),
        (lambda: PatchDiscriminator(norm="batch"), "norm is instance, spectral, none, got 'batch'"),
        (
            lambda: PatchDiscriminator(2).init(KEY, jnp.zeros((1, 23, 40, 1)), train=False),
            "of 3 layers takes images of at least 24x24 pixels, got 23x40",
        ),
        (
            lambda: PatchDiscriminator(2, 1).init(KEY, jnp.zeros((1, 8, 8, 1)), jnp.zeros(1), train=False),
            "takes no labels",
        ),
    ],
)
def test_what_it_cannot_judge_is_refused(mistake, sentence):
    with pytest.raises(ValueError, match=sentence):
        mistake()
