import jax
import jax.numpy as jnp
import numpy as np
import pytest

from choosing import slow_but
from counting import pair_counts, parameter_count, shapes
from golden_networks import assert_golden
from jaxgan.networks import resnet
from jaxgan.state import named_leaves
from jaxgan.system.errors import UserError


@pytest.mark.parametrize(
    ("name", "num_classes", "expected"),
    [  # of Miyato 2018 and Zhang 2019, by their layer tables
        ("sngan32", None, (4_276_739, 1_053_825)),
        ("sngan32", 10, (4_304_387, 1_055_105)),
        ("sngan64", None, (12_220_675, 10_141_441)),
        ("sngan128", None, (32_150_787, 29_017_857)),
        ("sagan128", 1000, (42_078_852, 39_463_618)),
    ],
)
def test_presets_have_the_papers_numbers_of_parameters(name, num_classes, expected):
    assert pair_counts(*resnet.preset(name, num_classes=num_classes), 128) == expected


def test_the_networks_for_stl_have_the_papers_channels():
    """Miyato 2018, table 5: a base of 6x6, and a last block that does not halve."""
    generator, discriminator = resnet.preset("SNGAN-48")
    assert generator.widths == (512, 256, 128, 64)
    assert (discriminator.widths, discriminator.down) == ((64, 128, 256, 512, 1024), 4)
    _, variables = shapes(generator, jnp.zeros((2, 128)))
    assert variables["params"]["Dense_0"]["kernel"].shape == (128, 6 * 6 * 512)


def test_a_narrow_middle_makes_the_smaller_sagan():
    _, discriminator = resnet.preset("sagan128", num_classes=1000)
    _, variables = shapes(
        discriminator.clone(hidden="in"), jnp.zeros((2, 128, 128, 3)), jnp.zeros(2, jnp.int32)
    )
    assert parameter_count(variables) == 30_062_338


def test_every_layer_of_sagan_but_the_batch_norms_is_normalized():
    generator, discriminator = resnet.preset("sagan128", num_classes=5)
    labels = jnp.zeros(2, jnp.int32)
    for module, inputs in ((generator, jnp.zeros((2, 128))), (discriminator, jnp.zeros((2, 128, 128, 3)))):
        _, variables = shapes(module, inputs, labels)
        kernels = [name for name in named_leaves(variables["params"]) if name.endswith("/kernel")]
        vectors = [name for name in named_leaves(variables["batch_stats"]) if name.endswith("/u")]
        assert len(vectors) == len(kernels) > 20


@pytest.mark.parametrize(
    "size",
    slow_but(
        [(8, 8), (28, 28), (36, 36)], [(8, 8), (28, 28), (36, 36), (48, 64), (96, 96), (256, 256), (218, 178)]
    ),
)
def test_a_pair_for_any_images_that_can_be_halved(size):
    generator, discriminator = resnet.for_images((*size, 2), 4, num_classes=3)
    assert min(generator.widths) == (8 if min(size) <= 32 else 4)
    assert min(discriminator.widths) == 4
    pair_counts(generator, discriminator, 5)
    generator, discriminator = resnet.for_images((*size, 2), 8, num_classes=3, attentive=True)
    pair_counts(generator, discriminator, 5)
    assert generator.attention == discriminator.attention
    halved_once = size in ((8, 8), (218, 178))  # there are no maps between base and image
    assert (generator.attention == ()) == halved_once
    for height in generator.attention:
        assert height <= size[0] / 2
        assert height**2 * size[1] / size[0] <= 32 * 32


def test_the_family_s_widths_grow_into_the_presets():
    for name, width in (("sngan32", 128), ("sngan48", 64), ("sngan64", 64), ("sngan128", 64)):
        generator, discriminator = resnet.preset(name)
        assert resnet.for_images(generator.image_shape, width) == (generator, discriminator)


@pytest.mark.slow
def test_initial_kernels_have_the_variance_of_glorot():
    """Uniform with gain 1; 3x3 kernels of blocks have twice this variance, but not the generator's last one."""
    generator, discriminator = resnet.for_images((16, 16, 3), 64)
    for module, inputs in ((generator, jnp.zeros((2, 64))), (discriminator, jnp.zeros((2, 16, 16, 3)))):
        variables = jax.jit(lambda key, module=module, inputs=inputs: module.init(key, inputs, train=False))(
            jax.random.key(0)
        )
        for name, leaf in named_leaves(variables["params"]).items():
            if name.endswith("kernel"):
                size = np.prod(leaf.shape[:-2])
                gain = 2 if "ResidualBlock" in name and "shortcut" not in name else 1
                variance = gain * 2 / (size * (leaf.shape[-2] + leaf.shape[-1]))
                np.testing.assert_allclose(leaf.std(), variance**0.5, rtol=0.15, err_msg=name)
            elif name.endswith("bias"):
                assert not leaf.any()


def test_attention_comes_once_after_maps_of_its_height():
    generator = resnet.Generator((16, 16, 1), (8, 8, 8), attention=(8,))
    _, variables = shapes(generator, jnp.zeros((2, 5)))
    assert [name for name in variables["params"] if "Attention" in name] == ["SelfAttention_0"]
    discriminator = resnet.Discriminator((8, 8, 8, 8), attention=(4,))
    _, variables = shapes(discriminator, jnp.zeros((2, 16, 16, 1)))
    assert [name for name in variables["params"] if "Attention" in name] == ["SelfAttention_0"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: resnet.Generator((16, 16, 1), (8, 8, 8), attention=(5,)),
            "attention at 5 needs maps of this height, and there are 8, 16",
        ),
        (
            lambda: shapes(resnet.Discriminator((8, 8, 8), attention=(16,)), jnp.zeros((2, 16, 16, 1))),
            "attention at 16 needs maps of this height, and there are 8, 4",
        ),
        (lambda: resnet.Generator((20, 18, 1), (8, 8, 8)), "2 times .* multiples of 4, got 20x18"),
        (lambda: shapes(resnet.Discriminator((8, 8), 2), jnp.zeros((2, 8, 6, 1))), "multiples of 4, got 8x6"),
        (lambda: resnet.Generator((2,), (8, 8)), r"a shape \(height, width, channels\), got \(2,\)"),
        (lambda: resnet.Generator((8, 8, 1), ()), r"widths are one or more .*, got \(\)"),
        (lambda: resnet.Discriminator((8, 0)), r"widths are one or more .*, got \(8, 0\)"),
        (lambda: resnet.Discriminator((8, 8), 3), "3 of 2 blocks cannot halve"),
        (lambda: resnet.Discriminator((8, 8), 1, "middle"), "hidden is 'in' or 'out', got 'middle'"),
    ],
)
def test_fields_that_do_not_fit_are_refused_in_a_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: resnet.preset("sngan23"), "`preset` sngan23 is unknown: did you mean sngan32"),
        (
            lambda: resnet.for_images((9, 9, 1), 4),
            "a ResNet halves .* 9x9 .*: the nearest size is `image_size` 8x8$",
        ),
        (lambda: resnet.for_images((2,), 4), r"a ResNet takes images \[height, width, channels\], got \[2\]"),
    ],
)
def test_what_a_user_asks_of_the_family_is_answered_in_a_sentence(call, message):
    with pytest.raises(UserError, match=message):
        call()


SHAPE = (16, 8, 3)
GOLDEN = {  # of tests/golden/make_networks.py
    "sngan generator": resnet.Generator(SHAPE, (12, 8, 6)),
    "sngan generator, bilinear": resnet.Generator((8, 4, 3), (12, 8), 3, upsampling="bilinear"),
    "sagan generator": resnet.Generator(SHAPE, (8, 16, 8), 3, attention=(8,), spectral=True),
    "sngan discriminator": resnet.Discriminator((6, 8, 8)),
    "sagan discriminator": resnet.Discriminator((8, 16, 16), 2, "out", 3, (4,)),
}


@pytest.mark.parametrize("name", slow_but(["sagan generator", "sngan discriminator"], GOLDEN))
def test_outputs_and_gradients_are_those_of_pytorch(name):
    assert_golden(name, GOLDEN[name])
