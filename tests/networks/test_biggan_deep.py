import jax.numpy as jnp
import pytest

from choosing import slow_but
from counting import pair_counts, shapes
from golden_networks import assert_golden
from jaxgan import export
from jaxgan.networks import biggan_deep
from jaxgan.state import named_leaves
from jaxgan.system.errors import UserError


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [  # 128: compare_gan, which lists its numbers; 256 and 512: sums over the tables of the paper
        ("128", (50_244_484, 34_590_210)),
        ("256", (55_736_708, 38_247_426)),
        ("512", (56_019_780, 38_301_122)),
    ],
)
def test_presets_have_the_published_numbers_of_parameters(name, expected):
    assert pair_counts(*biggan_deep.preset(name, num_classes=1000), 128) == expected


@pytest.mark.parametrize("size", [(8, 8), (48, 64), (218, 178)])
def test_a_pair_for_any_images_that_can_be_halved(size):
    pair = biggan_deep.for_images((*size, 2), 2, num_classes=3)
    pair_counts(*pair, 11)


@pytest.mark.slow
def test_every_layer_but_the_embedding_is_normalized():
    labels = jnp.zeros(2, jnp.int32)
    generator, discriminator = biggan_deep.for_images((64, 64, 3), 4, num_classes=5)
    for module, inputs in ((generator, jnp.zeros((2, 9))), (discriminator, jnp.zeros((2, 64, 64, 3)))):
        _, variables = shapes(module, inputs, labels)
        kernels = {name for name in named_leaves(variables["params"]) if name.endswith("/kernel")}
        normalized = {
            "/".join(part for part in name.split("/")[:-1] if "SpectralNorm" not in part)
            for name in named_leaves(variables["batch_stats"])
            if name.endswith("/u")
        }
        assert kernels - normalized == ({"classes/kernel"} if module is generator else set())


def test_all_latents_and_the_embedding_go_into_each_normalization():
    generator = biggan_deep.Generator((16, 16, 1), 4, (4, 2, 1), 3, shared=7)
    _, variables = shapes(generator, jnp.zeros((2, 5)), jnp.zeros(2, jnp.int32))
    norms = [leaf for name, leaf in named_leaves(variables["params"]).items() if "VectorBatchNorm" in name]
    assert len(norms) == 2 * 2 * 4 * 2
    assert {leaf.shape[0] for leaf in norms} == {7 + 5}
    assert variables["params"]["Dense_0"]["kernel"].shape == (12, 4 * 4 * 16)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: biggan_deep.Generator((16, 16, 1), 2, (1, 1, 1), attention=(5,)),
            "attention at 5 needs maps of this height, and there are 8, 16",
        ),
        (
            lambda: shapes(biggan_deep.Discriminator(2, attention=(16,)), jnp.zeros((2, 16, 16, 1))),
            "attention at 16 needs maps of this height, and there are 8, 4",
        ),
        (lambda: biggan_deep.Generator((20, 18, 1), 2, (1, 1, 1)), "2 times .* multiples of 4, got 20x18"),
        (lambda: biggan_deep.Generator((8, 8, 1), 0), r"at least 1, got 0 and \(4, 4, 4, 4\)"),
        (lambda: biggan_deep.Generator((8, 8, 1), 2, (1, 1), shared=0), "an embedding, at least 1, got 0"),
        (lambda: biggan_deep.Discriminator(2, (1, 1), 2), "2 of 1 blocks cannot halve"),
        (lambda: biggan_deep.Discriminator(2, ()), r"at least 1, got 2 and \(\)"),
    ],
)
def test_fields_that_do_not_fit_are_refused_in_a_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: biggan_deep.preset("64"), "`preset` 64 is unknown: there are 128, 256, 512"),
        (
            lambda: biggan_deep.for_images((9, 9, 1), 4),
            "a BigGAN-deep halves .* 9x9 .*: the nearest size is `image_size` 8x8$",
        ),
        (lambda: biggan_deep.for_images((8, 8, 1), 0), "`width` of a BigGAN-deep is at least 1, got 0"),
        (
            lambda: export.check_truncation(
                0.5,
                {
                    "network": "biggan_deep",
                    "latent_dim": 6,
                    "inputs": {"prior": [["normal", 4], ["one_hot", 2]]},
                },
            ),
            "`truncation` 0.5 of a BigGAN takes normal latents, and this generator has normal 4, one_hot 2",
        ),
    ],
)
def test_what_a_user_asks_of_the_family_is_answered_in_a_sentence(call, message):
    with pytest.raises(UserError, match=message):
        call()


GOLDEN = {  # of tests/golden/make_biggan_deep.py
    "generator": biggan_deep.Generator((16, 8, 3), 8, (2, 2, 1), 3, 7, (8,)),
    "generator, unconditional": biggan_deep.Generator((16, 8, 3), 8, (2, 1)),
    "discriminator": biggan_deep.Discriminator(8, (1, 2, 2), 2, 3, (4,)),
    "discriminator, unconditional": biggan_deep.Discriminator(4, (1, 2, 3), 1),
}


@pytest.mark.parametrize("name", slow_but(["discriminator"], GOLDEN))
def test_outputs_and_gradients_are_those_of_pytorch(name):
    assert_golden(name, GOLDEN[name], "biggan_deep.npz")
