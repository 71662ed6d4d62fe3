import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from choosing import slow_but
from counting import pair_counts, parameter_count, shapes
from golden_networks import assert_golden
from jaxgan import export
from jaxgan.config import Config
from jaxgan.names import FAMILIES
from jaxgan.networks import biggan
from jaxgan.state import named_leaves
from jaxgan.system.errors import UserError


@pytest.mark.parametrize(
    ("name", "num_classes", "latent_dim", "expected"),
    [  # 32 and the discriminator of 256: BigGAN-PyTorch; 128 and 512: compare_gan, which lists its numbers
        ("32", 10, 128, (4_304_387, 4_207_361)),
        ("128", 1000, 120, (70_433_988, 87_982_370)),
        ("256", 1000, 140, (82_235_844, 99_225_890)),
        ("512", 1000, 160, (82_468_068, 98_801_378)),
    ],
)
def test_presets_have_the_published_numbers_of_parameters(name, num_classes, latent_dim, expected):
    assert pair_counts(*biggan.preset(name, num_classes=num_classes), latent_dim) == expected


@pytest.mark.slow
def test_the_fields_reach_the_networks_of_other_repositories():
    """compare_gan's discriminator at 256x256; StudioGAN's networks for CIFAR-10."""
    generator, discriminator = biggan.preset("256", num_classes=1000)
    images, labels = jnp.zeros((2, 256, 256, 3)), jnp.zeros(2, jnp.int32)
    _, variables = shapes(discriminator.clone(plain_shortcuts=True), images, labels)
    assert parameter_count(variables) == 98_635_298
    _, variables = shapes(generator.clone(attention=(128,)), jnp.zeros((2, 140)), labels)
    assert parameter_count(variables) == 82_097_604
    generator = biggan.Generator((32, 32, 3), 96, num_classes=10, attention=(16,))
    discriminator = biggan.Discriminator(96, (2, 2, 2, 2), num_classes=10, attention=(16,))
    assert pair_counts(generator, discriminator, 80) == (9_416_196, 2_415_170)


def test_a_network_without_classes_has_the_chunks_alone():
    generator, discriminator = biggan.preset("64")
    pair_counts(generator, discriminator, 120)
    _, variables = shapes(generator, jnp.zeros((2, 120)))
    assert "classes" not in variables["params"]
    norm = variables["params"]["ResidualBlock_0"]["VectorBatchNorm_0"]
    assert {name: layer["kernel"].shape for name, layer in norm.items()} == {
        "scale": (24, 16 * 96),
        "bias": (24, 16 * 96),
    }
    _, variables = shapes(biggan.preset("32")[0], jnp.zeros((2, 128)))
    assert set(variables["params"]["ResidualBlock_0"]) == {
        "BatchNorm_0", "BatchNorm_1", "first", "second", "shortcut",
    }  # fmt: skip


@pytest.mark.parametrize(
    "size",
    slow_but(
        [(8, 8), (28, 28), (36, 36)],
        [(8, 8), (28, 28), (36, 36), (48, 64), (96, 96), (218, 178), (1024, 1024)],
    ),
)
def test_a_pair_for_any_images_that_can_be_halved(size):
    generator, discriminator = biggan.for_images((*size, 2), 2, num_classes=3)
    pair_counts(generator, discriminator, 11)
    for height in generator.attention:
        assert height * size[1] * height / size[0] <= 64 * 64


def test_the_family_s_widths_grow_into_the_presets():
    for name, width in (("32", 64), ("64", 96), ("128", 96), ("256", 96), ("512", 96)):
        generator, discriminator = biggan.preset(name, num_classes=7)
        assert biggan.for_images(generator.image_shape, width, num_classes=7) == (generator, discriminator)


def test_every_layer_but_the_embedding_and_the_tables_is_normalized():
    labels = jnp.zeros(2, jnp.int32)
    for name, others in (("64", {"classes"}), ("32", {f"ResidualBlock_{i}" for i in range(3)})):
        generator, discriminator = biggan.preset(name, num_classes=5)
        size = int(name)
        for module, inputs in (
            (generator, jnp.zeros((2, 120))),
            (discriminator, jnp.zeros((2, size, size, 3))),
        ):
            _, variables = shapes(module, inputs, labels)
            kernels = {leaf for leaf in named_leaves(variables["params"]) if leaf.endswith("/kernel")}
            vectors = {
                "/".join(part for part in leaf.split("/")[:-1] if "SpectralNorm" not in part)
                for leaf in named_leaves(variables["batch_stats"])
                if leaf.endswith("/u")
            }
            assert vectors < kernels if module is generator else vectors == kernels
            plain = kernels - vectors
            assert {leaf.split("/")[0] for leaf in plain} == (others if module is generator else set())
            if name == "32":
                assert all("VectorBatchNorm" in leaf for leaf in plain)


def initial(module, *inputs):
    def init(key):
        return module.init(key, *inputs, train=False)["params"]

    return named_leaves(jax.jit(init)(jax.random.key(0)))


@pytest.mark.slow
def test_initial_kernels_are_orthogonal_or_narrow():
    labels = jnp.zeros(2, jnp.int32)
    fields = {"num_classes": 3, "attention": (4,)}
    for module, inputs in (
        (biggan.Generator((8, 8, 3), 8, (2, 1, 1), shared=5, **fields), jnp.zeros((2, 6))),
        (biggan.Discriminator(8, (1, 2), 1, **fields), jnp.zeros((2, 8, 8, 3))),
    ):
        for name, leaf in initial(module, inputs, labels).items():
            if name.endswith("kernel"):
                matrix = np.reshape(leaf, (-1, leaf.shape[-1]))
                np.testing.assert_allclose(np.linalg.svd(matrix)[1], 1, atol=1e-5, err_msg=name)
            elif name.endswith("bias"):
                assert not leaf.any()
    generator = biggan.Generator((8, 8, 3), 32, (4, 4), 3, False, None, initializer="normal")
    for name, leaf in initial(generator, jnp.zeros((2, 40)), labels).items():
        if name.endswith("kernel"):
            np.testing.assert_allclose(leaf.std(), 0.02, rtol=0.15, err_msg=name)


@pytest.mark.slow
def test_each_chunk_of_the_latents_moves_its_block_alone():
    """A later chunk cannot change the maps of an earlier block."""
    generator = biggan.Generator((16, 16, 1), 4, (2, 2, 2), num_classes=2, shared=3)
    latents, labels = jax.random.normal(jax.random.key(0), (3, 8)), jnp.array([0, 1, 1])
    assert [chunk.shape[1] for chunk in biggan.chunks_of(latents, 3)] == [4, 2, 2]
    np.testing.assert_array_equal(jnp.concatenate(biggan.chunks_of(latents, 3), axis=1), latents)
    variables = jax.jit(lambda: generator.init(jax.random.key(1), latents, labels, train=False))()

    @jax.jit
    def blocks(latents):
        _, state = generator.apply(
            variables, latents, labels, train=False, capture_intermediates=True, mutable=["intermediates"]
        )
        kept = state["intermediates"]
        return [kept[f"ResidualBlock_{block}"]["__call__"][0] for block in range(2)]

    before = blocks(latents)
    for place, moved in ((0, [True, True]), (3, [True, True]), (4, [True, True]), (6, [False, True])):
        after = blocks(latents.at[:, place].add(1.0))
        assert [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)] == moved


def test_truncated_latents_are_those_that_are_drawn_again():
    latents = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    for threshold in (0.04, 0.5, 1.0, 2.0):
        values = biggan.truncated(jnp.asarray(latents), threshold)
        assert jnp.abs(values).max() <= np.float32(threshold)
        ours = stats.kstest(values, stats.truncnorm(-threshold, threshold).cdf).statistic
        normal = stats.kstest(latents, stats.norm.cdf).statistic
        np.testing.assert_allclose(ours, normal, atol=1e-4)  # the quantiles are the same
    np.testing.assert_allclose(biggan.truncated(jnp.asarray(latents), 6.0), latents, atol=2e-2)
    assert not biggan.truncated(jnp.asarray(latents), 0.0).any()
    gradient = jax.grad(lambda z: biggan.truncated(z, 0.5).sum())(jnp.array([-40.0, -1.0, 0.0, 9.0]))
    assert jnp.isfinite(gradient).all()


@pytest.mark.slow
def test_a_truncation_is_of_the_latents_in_drawing():
    generator = biggan.Generator((8, 8, 1), 4, (1, 1))
    latents = jax.random.normal(jax.random.key(0), (3, 5))
    variables = generator.init(jax.random.key(1), latents, train=False)
    images = generator.apply(variables, latents, train=False, truncation=0.3)
    expected = generator.apply(variables, biggan.truncated(latents, 0.3), train=False)
    np.testing.assert_array_equal(images, expected)
    assert not np.array_equal(images, generator.apply(variables, latents, train=False))
    with pytest.raises(ValueError, match="truncation is for drawing"):
        generator.apply(variables, latents, train=True, truncation=0.3, mutable=["batch_stats"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: biggan.Generator((16, 16, 1), 2, (1, 1, 1), attention=(5,)),
            "attention at 5 needs maps of this height, and there are 8, 16",
        ),
        (
            lambda: shapes(biggan.Discriminator(2, attention=(16,)), jnp.zeros((2, 16, 16, 1))),
            "attention at 16 needs maps of this height, and there are 8, 4",
        ),
        (lambda: biggan.Generator((20, 18, 1), 2, (1, 1, 1)), "2 times .* multiples of 4, got 20x18"),
        (lambda: biggan.Generator((8, 8, 1), 0), r"at least 1, got 0 and \(4, 4, 4, 4\)"),
        (lambda: biggan.Discriminator(4, ()), r"at least 1, got 4 and \(\)"),
        (lambda: biggan.Generator((8, 8, 1), 2, (1, 1), shared=0), "an embedding or None, got 0"),
        (lambda: biggan.Discriminator(2, (1, 1), 3), "3 of 2 blocks cannot halve"),
        (lambda: biggan.Discriminator(initializer="zeros"), "'orthogonal' or 'normal', got 'zeros'"),
        (
            lambda: shapes(biggan.Generator((8, 8, 1), 2, (1, 1)), jnp.zeros((2, 1))),
            "2 chunks take latents of at least length 2, got 1",
        ),
    ],
)
def test_fields_that_do_not_fit_are_refused_in_a_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: biggan.preset("127"), "`preset` 127 is unknown: did you mean"),
        (
            lambda: biggan.for_images((9, 9, 1), 4),
            "a BigGAN halves .* 9x9 .*: the nearest size is `image_size` 8x8$",
        ),
        (lambda: biggan.for_images((2,), 4), r"a BigGAN takes images \[height, width, channels\], got \[2\]"),
        (lambda: biggan.for_images((8, 8, 1), 0), "`width` of a BigGAN is at least 1, got 0"),
        (
            lambda: FAMILIES["biggan"].make(Config(latent_dim=4), (64, 64, 3), None),
            "`latent_dim` of a BigGAN for 64x64 images is at least 5, a number for the base .*, got 4",
        ),
        (
            lambda: export.check_truncation(
                0.5,
                {"network": "biggan", "latent_dim": 6, "inputs": {"prior": [["normal", 4], ["one_hot", 2]]}},
            ),
            "`truncation` 0.5 of a BigGAN takes normal latents, and this generator has normal 4, one_hot 2",
        ),
    ],
)
def test_what_a_user_asks_of_the_family_is_answered_in_a_sentence(call, message):
    with pytest.raises(UserError, match=message):
        call()


SHAPE = (16, 8, 3)
GOLDEN = {  # of tests/golden/make_biggan.py
    "generator": biggan.Generator(SHAPE, 8, (2, 2, 1), 3, shared=7, attention=(8,)),
    "generator, tables": biggan.Generator(SHAPE, 12, (1, 1, 1), 3, False, None),
    "generator, unconditional": biggan.Generator((8, 4, 3), 8, (1, 1)),
    "discriminator": biggan.Discriminator(8, (1, 2, 2), 2, 3, (4,)),
    "discriminator, plain shortcuts": biggan.Discriminator(8, (1, 1, 1), 2, plain_shortcuts=True),
}


@pytest.mark.parametrize("name", slow_but(["generator", "discriminator"], GOLDEN))
def test_outputs_and_gradients_are_those_of_pytorch(name):
    assert_golden(name, GOLDEN[name], "biggan.npz")
