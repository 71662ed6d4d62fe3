from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from counting import pair_counts, shapes
from golden_networks import assert_golden
from jaxgan.networks import r3gan
from jaxgan.state import named_leaves
from jaxgan.system.errors import UserError

WIDTHS, GROUPS = (16, 16, 8), (2, 2, 1)


def small(num_classes=None):
    generator = r3gan.Generator((16, 8, 2), WIDTHS, GROUPS, num_classes=num_classes)
    return generator, r3gan.Discriminator(WIDTHS, GROUPS, num_classes=num_classes)


def initial(module, *inputs):
    return jax.jit(lambda key: module.init(key, *inputs, train=False))(jax.random.key(0))


@pytest.mark.parametrize(
    ("name", "num_classes", "expected"),
    [  # of the paper's table 9, by its layers
        ("stacked_mnist", None, (20_732_160, 20_683_776)),
        ("cifar10", 10, (20_781_952, 21_280_512)),
        ("ffhq64", None, (22_429_824, 22_381_440)),
        ("ffhq256", None, (23_057_952, 23_009_568)),
        ("imagenet32", 1000, (82_914_304, 86_548_992)),
        ("imagenet64", 1000, (103_570_432, 107_205_120)),
    ],
)
def test_presets_have_the_papers_numbers_of_parameters(name, num_classes, expected):
    assert pair_counts(*r3gan.preset(name, num_classes=num_classes), 64) == expected


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (36, 36), (48, 64), (256, 256), (218, 178)])
def test_a_pair_for_any_images_that_can_be_halved(size):
    generator, discriminator = r3gan.for_images((*size, 2), 8, num_classes=3)
    assert generator.widths[-1] == 8
    pair_counts(generator, discriminator, 5)


def test_the_family_s_widths_grow_into_the_presets():
    for name, width in (("cifar10", 768), ("ffhq64", 384), ("ffhq256", 96)):
        generator, discriminator = r3gan.preset(name)
        assert r3gan.for_images(generator.image_shape, width) == (generator, discriminator)


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [pytest.param(None, marks=pytest.mark.slow), 3])
def test_blocks_begin_as_the_identity(num_classes):
    """Whatever their inner kernels are, the images and logits do not depend on them."""
    generator, discriminator = small(num_classes)
    labels = None if num_classes is None else jnp.array([0, 2])
    latents = jax.random.normal(jax.random.key(1), (2, 5))
    images = jax.random.normal(jax.random.key(2), (2, 16, 8, 2))
    for module, inputs in ((generator, latents), (discriminator, images)):
        variables = initial(module, inputs, labels)

        def without_blocks(path, leaf):
            return jnp.cos(leaf + 1) if "widen" in str(path) or "grouped" in str(path) else leaf

        changed = jax.tree_util.tree_map_with_path(without_blocks, variables)
        apply = jax.jit(
            lambda each, module=module, inputs=inputs: module.apply(each, inputs, labels, train=True)
        )
        outputs = [apply(each) for each in (variables, changed)]
        np.testing.assert_array_equal(*outputs)
        assert np.abs(outputs[0]).max() > 0


@pytest.mark.slow
def test_initial_gains_are_the_papers():
    """The deviation of each kernel, and the biases, which are 0; networks of six blocks and two networks of eight."""
    generator, discriminator = r3gan.preset("cifar10", num_classes=10)
    generator = generator.clone(widths=(256, 128, 128), groups=(32, 16, 16))
    discriminator = discriminator.clone(widths=(256, 128, 128), groups=(32, 16, 16))
    inner = (2 / 1.04) ** 0.5 * 6**-0.25
    labels = jnp.zeros(2, jnp.int32)
    for module, inputs in ((generator, jnp.zeros((2, 64))), (discriminator, jnp.zeros((2, 32, 32, 3)))):
        leaves = named_leaves(initial(module, inputs, labels)["params"])
        for name, leaf in leaves.items():
            if "narrow" in name or name.endswith("bias"):
                assert not leaf.any(), name
                continue
            fan = np.prod(leaf.shape[:2]) if name == "pixels" else np.prod(leaf.shape[:-1])
            if name == "basis":
                fan = 1
            gain = inner if "widen" in name or "grouped" in name else 1
            if module is discriminator and name.startswith("classes"):
                gain = leaf.shape[1] ** -0.5
            np.testing.assert_allclose(leaf.std(), gain / fan**0.5, rtol=0.12, err_msg=name)
            assert abs(leaf.mean()) < 0.2 * gain / fan**0.5
        assert sum("transition" in name for name in leaves) == 1
    assert r3gan.block_gain(8) == pytest.approx((2 / 1.04) ** 0.5 * 8**-0.25)


@pytest.mark.slow
def test_the_pixels_of_images_are_not_limited_and_labels_matter():
    generator, discriminator = small(3)
    latents, labels = 20 * jnp.ones((3, 5)), jnp.array([0, 1, 2])
    images = jax.jit(partial(generator.init_with_output, train=True))(jax.random.key(0), latents, labels)[0]
    assert jnp.abs(images).max() > 1
    assert not np.allclose(images[0], images[1])
    same = jnp.broadcast_to(images[:1], images.shape)
    logits = jax.jit(partial(discriminator.init_with_output, train=True))(jax.random.key(0), same, labels)[0]
    assert len(set(np.asarray(logits).tolist())) == 3
    for module, inputs in zip(small(3), (latents, images), strict=True):
        with pytest.raises(ValueError, match="needs labels"):
            shapes(module, inputs)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: r3gan.Discriminator((16, 16), (3, 2)), "3 groups do not divide 2 x 16 channels"),
        (lambda: r3gan.Generator((16, 16, 1), (16, 16), (2, 0)), "0 groups do not divide"),
        (
            lambda: r3gan.Generator((16, 16, 1), (16, 16), (2,)),
            r"groups are one for each of 2 widths, got \(2,\)",
        ),
        (
            lambda: r3gan.Discriminator((16,), (2,), blocks=0),
            "blocks and expansion are at least 1, got 0 and 2",
        ),
        (lambda: r3gan.Generator((16, 9, 1), (16, 16), (2, 2)), "multiples of 2, got 16x9"),
        (lambda: shapes(r3gan.Discriminator((16,) * 3, (2,) * 3), jnp.zeros((1, 6, 8, 1))), "multiples of 4"),
    ],
)
def test_fields_that_do_not_fit_are_refused_in_a_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: r3gan.preset("ffhq128"), "`preset` ffhq128 is unknown: did you mean ffhq"),
        (
            lambda: r3gan.for_images((8, 8, 1), 20),
            "`width` of an R3GAN is a multiple of 8, .* got 20: .* is 16$",
        ),
        (lambda: r3gan.for_images((8, 8, 1), 3), "got 3: the nearest is 8$"),
        (
            lambda: r3gan.for_images((8, 33, 1), 8),
            "an R3GAN halves .* 8x33 .*: the nearest size is `image_size` 8x32$",
        ),
        (lambda: r3gan.for_images((1, 1000, 1), 8), "1x1000 does not allow it$"),
    ],
)
def test_what_a_user_asks_of_the_family_is_answered_in_a_sentence(call, message):
    with pytest.raises(UserError, match=message):
        call()


def golden(num_classes=None):
    fields = {"widths": (16, 16, 8), "groups": (2, 4, 1), "num_classes": num_classes}
    return r3gan.Generator((16, 8, 3), **fields), r3gan.Discriminator(**fields)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        pytest.param("r3gan generator", golden()[0], marks=pytest.mark.slow),
        ("r3gan generator, classes", golden(3)[0]),
        pytest.param("r3gan discriminator", golden()[1], marks=pytest.mark.slow),
        ("r3gan discriminator, classes", golden(3)[1]),
    ],
)
def test_outputs_and_gradients_are_those_of_pytorch(name, module):
    """See tests/golden/make_networks.py."""
    assert_golden(name, module)
