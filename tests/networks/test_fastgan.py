import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from choosing import slow_but
from counting import pair_counts, parameter_count, shapes
from golden_networks import assert_golden
from jaxgan import build, data
from jaxgan.config import Config
from jaxgan.names import FAMILIES
from jaxgan.networks import fastgan
from jaxgan.state import named_leaves
from jaxgan.system.errors import UserError


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [  # sums over the layer tables of the paper's code, generator and discriminator without decoders
        ("256", (29_127_846, 8_386_672)),
        ("512", (29_174_392, 8_387_008)),
        ("1024", (29_176_512, 8_388_704)),
    ],
)
def test_presets_have_the_numbers_of_parameters_of_the_papers_code(name, expected):
    generator, discriminator = fastgan.preset(name)
    assert pair_counts(generator, discriminator, 256) == expected
    _, logits = None, shapes(discriminator.clone(patches=True), jnp.zeros((2, *generator.image_shape)))[0]
    assert logits.shape == (2, 50)  # 5x5 patches of the images, and 5x5 of the small ones


@pytest.mark.parametrize(("size", "side"), [(64, 32), (256, 128), (1024, 128)])
def test_decoders_have_the_layers_of_the_papers_code(size, side):
    """Half of an image of 256x256, and 128x128 of a larger one."""
    _, discriminator = fastgan.for_images((size, size, 3), 64)
    discriminator = discriminator.clone(decoders=True)
    images, quarters = jnp.zeros((2, size, size, 3)), jnp.zeros(2, jnp.int32)
    _, variables = shapes(discriminator, images)

    def rebuild(variables):
        return discriminator.apply(variables, images, quarters=quarters, train=False)

    pairs = jax.eval_shape(rebuild, variables)
    assert {image.shape for pair in pairs for image in pair} == {(2, side, side, 3)}
    assert len(pairs) == (3 if size >= 256 else 2)
    if size == 256:
        assert parameter_count(variables) == 8_386_672 + 3_139_488


@pytest.mark.parametrize(
    "size", [(8, 8), (28, 28), (32, 32), (48, 80), (64, 64), (128, 256), (218, 178), (2048, 2048)]
)
def test_a_pair_for_any_images_that_can_be_halved(size):
    generator, discriminator = fastgan.for_images((*size, 2), 2, num_classes=3)
    pair_counts(generator, discriminator, 11)
    assert discriminator.small == (min(size) >= 256)


def test_the_family_s_widths_grow_into_the_presets():
    for name in ("256", "512", "1024"):
        generator, discriminator = fastgan.preset(name, num_classes=7)
        size = int(name)
        assert fastgan.for_images((size, size, 3), 64, num_classes=7) == (
            generator.clone(squash=False),
            discriminator,
        )
        assert generator.squash == (name == "1024")


SHAPE = (32, 32, 1)
GOLDEN = {  # of tests/golden/make_fastgan.py
    "generator": fastgan.Generator((32, 16, 1), 2, 4, 3, squash=True, noise=False),
    "discriminator": fastgan.Discriminator(4, 3, small=False, num_classes=3, patches=True),
    "discriminator, two judges": fastgan.Discriminator(4, 2, 1, patches=True),
    "discriminator, no batch norm": fastgan.Discriminator(4, 1, 2, False, "none", patches=True),
}


class Rebuilt(fastgan.Discriminator):
    def __call__(self, images, labels=None, *, train):
        pairs = super().__call__(images, labels, train=train, quarters=jnp.array([3, 0, 1, 2]))
        maps = [jnp.moveaxis(rebuilt, -1, 1).reshape(len(images), -1) for rebuilt, _ in pairs]
        return jnp.concatenate(maps, axis=1)


class SmallImages(fastgan.Generator):
    def __call__(self, latents, labels=None, *, train):
        return super().__call__(latents, labels, train=train, small=True)[1]


@pytest.mark.parametrize("name", slow_but(["generator", "discriminator, two judges"], GOLDEN))
def test_outputs_and_gradients_are_those_of_pytorch(name):
    assert_golden(name, GOLDEN[name], "fastgan.npz", images=SHAPE)


@pytest.mark.slow
def test_rebuilt_images_are_those_of_pytorch():
    module = Rebuilt(4, 2, 1, decoders=True)
    assert_golden("discriminator, decoders", module, "fastgan.npz", images=SHAPE, modes=("train",))


@pytest.mark.slow
def test_small_images_are_those_of_pytorch():
    module = SmallImages((64, 64, 1), 1, 6, noise=False)
    assert_golden("generator, small images", module, "fastgan.npz", modes=("train",))


def test_images_with_the_fixed_noise_are_those_of_pytorch():
    module = fastgan.Generator((12, 20, 1), 2, 2)
    assert_golden("generator, noise", module, "fastgan.npz", modes=("draw",))


@pytest.mark.parametrize("shape", [(8, 12), (6, 10), (3, 5), (7, 4), (1, 2)])
def test_a_pooled_pixel_is_the_mean_of_the_pixels_that_it_covers(shape):
    maps = np.random.default_rng(0).standard_normal((2, *shape, 3), np.float32)
    pooled = fastgan.adaptive_mean_pool(jnp.asarray(maps), 4)
    fine = ndimage.zoom(maps, (1, 4, 4, 1), order=0, grid_mode=True, mode="nearest")  # each pixel 4x4 times
    if all(side % 4 == 0 for side in shape):
        expected = fine.reshape(2, 4, shape[0], 4, shape[1], 3).mean(axis=(2, 4))
        np.testing.assert_allclose(pooled, expected, atol=1e-6)
    for i, j in ((0, 0), (1, 2), (3, 3)):
        rows, columns = (
            [p for p in range(side) if 4 * p < (k + 1) * side and 4 * (p + 1) > k * side]
            for k, side in zip((i, j), shape, strict=True)
        )
        expected = maps[:, rows][:, :, columns].mean(axis=(1, 2))
        np.testing.assert_allclose(pooled[:, i, j], expected, atol=1e-6)


@pytest.mark.slow
def test_kernels_begin_narrow_and_scales_about_one():
    generator, discriminator = fastgan.for_images((16, 16, 3), 16, num_classes=3)
    labels = jnp.zeros(2, jnp.int32)
    for module, inputs in ((generator, jnp.zeros((2, 40))), (discriminator, jnp.zeros((2, 16, 16, 3)))):
        init = jax.jit(lambda key, module=module, x=inputs: module.init(key, x, labels, train=False))
        for name, leaf in named_leaves(init(jax.random.key(0))["params"]).items():
            if name.endswith("kernel") and leaf.size > 1000:
                np.testing.assert_allclose(leaf.std(), 0.02, rtol=0.15, err_msg=name)
            elif name.endswith("scale") and leaf.size > 60:
                np.testing.assert_allclose([leaf.mean(), leaf.std()], [1, 0.02], atol=0.01, err_msg=name)
            assert name.rpartition("/")[2] in ("kernel", "scale", "bias", "strength"), name


@pytest.mark.slow
def test_an_image_s_logit_is_the_mean_of_its_patches_and_the_second_judge_sees_means_of_pixels():
    discriminator = fastgan.Discriminator(2, 2, norm="none")
    images = jax.random.normal(jax.random.key(0), (3, 32, 16, 1))
    variables = jax.jit(lambda: discriminator.init(jax.random.key(1), images, train=False))()

    def apply(module, **options):
        return module.apply(variables, images, train=False, **options)

    patches = apply(discriminator.clone(patches=True))
    assert patches.shape == (3, 5 * 1 + 5 * 1)
    np.testing.assert_allclose(apply(discriminator), patches.mean(axis=1), atol=1e-6)
    means = np.asarray(images).reshape(3, 16, 2, 8, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(
        apply(discriminator.clone(patches=True), small=jnp.asarray(means)), patches, atol=1e-5
    )
    assert not np.allclose(apply(discriminator.clone(patches=True), small=jnp.zeros_like(means)), patches)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fastgan.Generator((20, 18, 1), 2, 2), "2 times .* multiples of 4, got 20x18"),
        (lambda: fastgan.Generator((16, 16, 1), 0, 1), "width is at least 1, got 0"),
        (lambda: fastgan.Generator((16, 16, 1), 2, 0), "doublings are at least 1, got 0"),
        (lambda: fastgan.Discriminator(2, norm="layer"), "norm is 'batch' or 'none', got 'layer'"),
        (lambda: fastgan.Discriminator(2, 1), "at least 1, or 2 with small images"),
        (
            lambda: shapes(fastgan.Discriminator(2, 3, small=False), jnp.zeros((2, 16, 32, 1))),
            "3 halvings leave less than 4 pixels of 16x32",
        ),
        (
            lambda: fastgan.Generator((16, 16, 1), 2, 2).apply(
                {}, jnp.zeros((2, 3)), train=False, small=True
            ),
            "small images are made after 5 doublings, and there are 2",
        ),
    ],
)
def test_a_network_that_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_family_s_mistakes_are_a_sentence():
    config = Config(network="fastgan", width=2, batch_size=2, penalty="r1")
    images = data.from_arrays(np.zeros((4, 16, 16, 1), np.uint8))
    with pytest.raises(
        UserError, match="`penalty` r1 needs `discriminator_norm` none or spectral: with batch"
    ):
        build.experiment(config.check(), images)
    assert build.experiment(config.replace(discriminator_norm="none").check(), images).discriminator == (
        fastgan.Discriminator(2, 1, small=False, norm="none")
    )
    with pytest.raises(UserError, match="`width` of a FastGAN is at least 1, got 0"):
        fastgan.for_images((16, 16, 1), 0)
    with pytest.raises(
        UserError, match=r"a FastGAN halves its images .* the nearest size is `image_size` 32x32"
    ):
        FAMILIES["fastgan"].make(Config(network="fastgan"), (33, 33, 3), None)
    with pytest.raises(UserError, match="preset"):
        fastgan.preset("128")
