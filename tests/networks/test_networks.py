import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from choosing import each_once, slow_pairs_but
from counting import parameter_count, shapes
from jaxgan.networks import dcgan, mlp, stylegan2
from jaxgan.state import named_leaves

SIZES = [(28, 28, 1), (32, 32, 3), (64, 64, 3), (8, 8, 1), (24, 40, 4), (27, 31, 2), (4, 4, 1), (1, 1, 1)]


def test_the_mlps_have_the_sizes_of_the_first_tutorials():
    images, variables = shapes(mlp.Generator((28, 28, 1)), jnp.zeros((5, 100)))
    assert images.shape == (5, 28, 28, 1)
    assert parameter_count(variables) == 1_175_072
    widths = [leaf.shape for name, leaf in named_leaves(variables).items() if name.endswith("kernel")]
    assert widths == [(100, 256), (256, 512), (512, 784), (784, 784)]

    logits, variables = shapes(mlp.Discriminator(), jnp.zeros((5, 28, 28, 1)))
    assert logits.shape == (5,)
    assert parameter_count(variables) == 533_505


@pytest.mark.parametrize("family", [mlp, dcgan, stylegan2])
@pytest.mark.parametrize(
    ("image_shape", "num_classes"), slow_pairs_but(each_once(SIZES, [None, 3]), SIZES, [None, 3])
)
def test_every_image_size(family, image_shape, num_classes):
    labels = None if num_classes is None else jnp.zeros(2, jnp.int32)
    images, _ = shapes(family.Generator(image_shape, num_classes=num_classes), jnp.zeros((2, 7)), labels)
    assert images.shape == (2, *image_shape)
    logits, _ = shapes(family.Discriminator(num_classes=num_classes), jnp.zeros(images.shape), labels)
    assert logits.shape == (2,)


@settings(deadline=None, max_examples=30)
@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_the_stages_lead_back_to_the_image(height, width):
    count, stride, base_height, base_width = dcgan.stages_of(height, width)
    assert count >= 1
    assert (base_height * stride**count, base_width * stride**count) == (height, width)
    assert base_height % 2 or base_width % 2 or min(base_height, base_width) <= 4


@pytest.mark.parametrize(
    ("size", "base"), [(28, (7, 7, 128)), (32, (4, 4, 256)), (64, (4, 4, 512)), (8, (4, 4, 64))]
)
def test_dcgan_stands_on_the_base_of_the_paper(size, base):
    _, variables = shapes(dcgan.Generator((size, size, 3), width=64), jnp.zeros((2, 100)))
    assert variables["params"]["Dense_0"]["kernel"].shape == (100, math.prod(base))
    _, variables = shapes(dcgan.Discriminator(64), jnp.zeros((2, size, size, 3)))
    assert variables["params"]["Dense_0"]["kernel"].shape == (math.prod(base), 1)


def test_dcgan_biases_and_batch_norms_are_where_the_paper_has_them():
    _, generator = shapes(dcgan.Generator((32, 32, 3)), jnp.zeros((2, 100)))
    params = generator["params"]
    assert sorted(name for name in params if "Norm" in name) == [f"BatchNorm_{i}" for i in range(3)]
    assert [name for name in params if "bias" in params[name] and "Norm" not in name] == ["ConvTranspose_2"]
    _, discriminator = shapes(dcgan.Discriminator(), jnp.zeros((2, 32, 32, 3)))
    params = discriminator["params"]
    assert sorted(name for name in params if "Norm" in name) == ["BatchNorm_0", "BatchNorm_1"]
    assert "bias" in params["Conv_0"]
    assert "bias" not in params["Conv_1"]


def test_dcgan_with_a_dense_layer_has_the_layers_of_infogan():
    _, variables = shapes(dcgan.Generator((28, 28, 1), hidden=(1024,)), jnp.zeros((2, 74)))
    dense, base, convolutions = (
        74 * 1024 + 2 * 1024,
        1024 * 6272 + 2 * 128,
        16 * 128 * 64 + 2 * 64 + 16 * 64 + 1,
    )
    assert parameter_count(variables) == dense + base + convolutions
    discriminator = dcgan.Discriminator(heads=(128, 12), hidden=(1024,))
    (logits, read), variables = shapes(discriminator, jnp.zeros((2, 28, 28, 1)))
    assert (logits.shape, read.shape) == ((2,), (2, 12))
    convolutions, dense = 16 * 64 + 64 + 16 * 64 * 128 + 2 * 128, 6272 * 1024 + 2 * 1024
    assert parameter_count(variables) == convolutions + dense + 1025 + 1025 * 128 + 129 * 12


@pytest.mark.slow
def test_dcgan_weights_are_normal_with_deviation_a_fiftieth():
    variables = dcgan.Generator((32, 32, 3)).init(jax.random.key(0), jnp.zeros((1, 100)), train=False)
    for name, leaf in named_leaves(variables["params"]).items():
        if name.endswith("kernel"):
            np.testing.assert_allclose(leaf.std(), 0.02, rtol=0.05)
            assert abs(leaf.mean()) < 1e-3


@pytest.mark.slow
def test_images_are_squashed_and_points_are_not():
    latents = 100 * jax.random.normal(jax.random.key(0), (50, 4))
    for module in (mlp.Generator((4, 4, 1)), dcgan.Generator((8, 8, 1), 8)):
        images, _ = module.init_with_output(jax.random.key(1), latents, train=True)
        assert (jnp.abs(images) <= 1).all()
    points, _ = mlp.Generator((2,), squash=False).init_with_output(jax.random.key(1), latents, train=True)
    assert points.shape == (50, 2)
    assert jnp.abs(points).max() > 1


@pytest.mark.parametrize("family", [mlp, dcgan])
def test_labels_matter_and_are_never_dropped(family):
    latents, images = jnp.ones((3, 5)), jnp.ones((3, 8, 8, 1))
    labels = jnp.array([0, 1, 2])
    outputs, _ = family.Generator((8, 8, 1), num_classes=3).init_with_output(
        jax.random.key(0), latents, labels, train=False
    )
    assert not np.allclose(outputs[0], outputs[1])
    logits, _ = family.Discriminator(num_classes=3).init_with_output(
        jax.random.key(0), images, labels, train=False
    )
    assert len(set(np.asarray(logits).tolist())) == 3
    for module, inputs in ((family.Generator((8, 8, 1)), latents), (family.Discriminator(), images)):
        with pytest.raises(ValueError, match="unconditional"):
            shapes(module, inputs, labels)
        with pytest.raises(ValueError, match="needs labels"):
            shapes(module.clone(num_classes=3), inputs)


@pytest.mark.slow
def test_spectral_normalization_bounds_every_layer():
    module = dcgan.Discriminator(8, norm="spectral")
    images = jax.random.normal(jax.random.key(1), (4, 16, 16, 3))
    variables = module.init(jax.random.key(0), images, train=False)
    iterate = jax.jit(
        lambda variables: module.apply(variables, images, train=True, mutable=["batch_stats"])[1]
    )
    for _ in range(200):  # power iterations
        variables = {**variables, **iterate(variables)}
    sigmas = {name: leaf for name, leaf in named_leaves(variables["batch_stats"]).items() if "sigma" in name}
    assert len(sigmas) == 3
    for layer in ("Conv_0", "Conv_1", "Dense_0"):
        kernel = variables["params"][layer]["kernel"]
        exact = np.linalg.svd(np.reshape(kernel, (-1, kernel.shape[-1])), compute_uv=False)[0]
        estimates = [sigma for name, sigma in sigmas.items() if layer in name]
        np.testing.assert_allclose(estimates, [exact], rtol=1e-3)


def test_a_dcgan_refuses_wrong_arguments_where_it_is_made():
    with pytest.raises(ValueError, match=r"height, width, channels.*\(2,\)"):
        dcgan.Generator((2,))
    with pytest.raises(ValueError, match="'layer'"):
        dcgan.Discriminator(norm="layer")
    with pytest.raises(ValueError, match="'hat'"):
        dcgan.Generator((8, 8, 1)).clone(conditioning="hat")
    with pytest.raises(ValueError, match=r"height, width, channels.*\(8, 0, 1\)"):
        shapes(dcgan.Discriminator(), jnp.zeros((2, 8, 0, 1)))


@pytest.mark.parametrize(
    ("size", "advice"),
    [
        ((418, 418), "begin at 209x209: with `image_size` 416x416 they begin at 13x13"),
        ((1000, 1000), "begin at 125x125: with `image_size` 1024x1024 they begin at 4x4"),
        ((218, 178), "begin at 109x89: with `image_size` 224x176 they begin at 14x11"),
        ((33, 33), "begin at 33x33: with `image_size` 32x32 they begin at 4x4"),
        ((416, 416), None),
        ((28, 28), None),
        ((48, 64), None),
        ((1, 1001), None),
        ((1, 10**6), None),
    ],
)
def test_a_dcgan_s_note_names_the_nearest_good_size(size, advice):
    note = dcgan.note_on(*size)
    assert note is None if advice is None else note.endswith(advice)
