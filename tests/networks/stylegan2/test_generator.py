"""StyleGAN2's generator: truncation, the moving average of w, style mixing, noise and what it refuses."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from choosing import each_once, slow_pairs_but
from jaxgan.networks import stylegan2
from jaxgan.networks.stylegan2.mapping import W_DECAY

SIZES = [(28, 28, 1), (12, 20, 2), (27, 31, 2), (4, 4, 1), (1, 1, 1)]
SMALL = {"channel_base": 32, "channel_max": 6, "mapping_layers": 2, "w_dim": 4}
LATENTS = jax.random.normal(jax.random.key(1), (4, 5))


def made(**options):
    """Return a small generator of 8x8 images, and its variables, noise and w average not zero."""
    module = stylegan2.Generator((8, 8, 3), **SMALL | options)
    labels = None if module.num_classes is None else jnp.zeros(4, jnp.int32)
    variables = jax.jit(partial(module.init, train=False))(jax.random.key(0), LATENTS, labels)
    params, buffers = variables["params"], variables["buffers"]
    params = jax.tree.map(lambda leaf: leaf + 0.3 if leaf.ndim == 0 else leaf, params)
    buffers["mapping"]["w_average"] = jnp.arange(4.0)
    return module, {"params": params, "buffers": buffers}


@pytest.fixture(scope="module")
def plain():
    return made()


def training(module, variables, latents, key=0, method=None, labels=None):
    return module.apply(
        variables,
        latents,
        labels,
        train=True,
        rngs={"examples": jax.random.key(key)},
        mutable=["buffers"],
        method=method,
    )


def test_w_moves_toward_its_average_as_truncation_falls(plain):
    module, variables = plain
    ws = partial(module.apply, variables, LATENTS, train=False, method="map")
    whole, average = np.asarray(ws()), np.arange(4.0)
    assert whole.shape == (4, module.num_ws, 4) == (4, 4, 4)
    np.testing.assert_allclose(ws(truncation=0.25), average + 0.25 * (whole - average), rtol=1e-5, atol=1e-6)
    cut = ws(truncation=0.25, truncation_cutoff=3)
    np.testing.assert_array_equal(cut[:, :3], ws(truncation=0.25)[:, :3])
    np.testing.assert_array_equal(cut[:, 3], whole[:, 3])


def test_truncation_of_zero_gives_one_image_and_of_one_changes_nothing(plain):
    module, variables = plain
    draw = jax.jit(partial(module.apply, variables, train=False))
    images = draw(LATENTS, truncation=0.0)
    np.testing.assert_array_equal(images, jnp.broadcast_to(images[:1], images.shape))
    np.testing.assert_allclose(draw(LATENTS, truncation=1.0), draw(LATENTS), rtol=1e-4, atol=1e-5)
    assert not np.allclose(draw(LATENTS)[0], draw(LATENTS)[1], atol=1e-3)


def test_truncation_in_training_is_refused(plain):
    module, variables = plain
    with pytest.raises(ValueError, match="train=False"):
        module.apply(variables, LATENTS, train=True, truncation=0.5, rngs={"examples": jax.random.key(0)})


@pytest.mark.slow
def test_the_average_of_w_is_that_of_the_batches_means():
    module, variables = made(mixing=0.5)
    ws = module.apply(variables, LATENTS, train=False, method="map")
    _, updated = training(module, variables, LATENTS)
    want = W_DECAY * jnp.arange(4.0) + (1 - W_DECAY) * ws[:, 0].mean(axis=0)
    np.testing.assert_allclose(updated["buffers"]["mapping"]["w_average"], want, rtol=1e-6)
    _, kept = module.apply(variables, LATENTS, train=False, mutable=["buffers"])
    np.testing.assert_array_equal(kept["buffers"]["mapping"]["w_average"], jnp.arange(4.0))


@pytest.mark.slow
def test_mixing_takes_a_second_w_from_a_layer_of_each_examples_own_on():
    module, variables = made(mixing=0.75)
    latents = jnp.tile(LATENTS[:1], (2000, 1))
    ws, _ = training(module, variables, latents, method="map")
    own = module.apply(variables, latents[:1], train=False, method="map")[0, 0]
    is_own = np.isclose(ws, own, rtol=1e-5, atol=1e-6).all(axis=2)  # [B, layer]
    assert is_own[:, 0].all()
    assert (is_own[:, 1:] <= is_own[:, :-1]).all()  # own ones first, then the others
    first = is_own.sum(axis=1)
    counts = np.bincount(first, minlength=5)[1:] / 2000
    np.testing.assert_allclose(counts, [0.25, 0.25, 0.25, 0.25], atol=0.04)  # layers 1 to 3, and no mixing
    mixed = ws[first == 1]
    np.testing.assert_array_equal(mixed[:, 1], mixed[:, 3])
    assert len(np.unique(mixed[:, 1, 0])) > 400


@pytest.mark.slow
def test_without_mixing_training_and_drawing_differ_in_noise_alone():
    module, variables = made(mixing=0.0, noise=False)
    images, _ = training(module, variables, LATENTS)
    np.testing.assert_allclose(images, module.apply(variables, LATENTS, train=False), rtol=1e-5, atol=1e-6)
    assert "noise" not in str(jax.tree.structure(variables))
    module, variables = made(mixing=0.0)
    first, second = (training(module, variables, LATENTS, key)[0] for key in (0, 1))
    assert not np.allclose(first, second, atol=1e-3)


@pytest.mark.slow
def test_two_devices_draw_and_learn_what_one_does():
    module, variables = made(num_classes=3)
    labels = jnp.array([0, 1, 2, 0])
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    spec, whole = PartitionSpec("batch"), PartitionSpec()

    def shard(latents, labels):
        return training(module.clone(axis_name="batch"), variables, latents, labels=labels)

    sharded = jax.jit(
        jax.shard_map(shard, mesh=mesh, in_specs=spec, out_specs=(spec, whole), check_vma=False)
    )
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5),
        sharded(LATENTS, labels),
        training(module, variables, LATENTS, labels=labels),
    )


@pytest.mark.parametrize(
    ("image_shape", "architecture"),
    slow_pairs_but(each_once(SIZES, ["resnet", "skip"]), SIZES, ["skip", "resnet"]),
)
def test_every_size_has_images(image_shape, architecture):
    module = stylegan2.Generator(image_shape, **SMALL, architecture=architecture)
    images = jax.eval_shape(lambda: module.init_with_output(jax.random.key(0), LATENTS, train=True))[0]
    assert images.shape == (4, *image_shape)


def test_bfloat16_stays_bfloat16(plain):
    module, variables = plain
    coarse = {
        **variables,
        "params": jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), variables["params"]),
    }
    ws = jax.eval_shape(
        partial(module.apply, train=False, method="map"), coarse, LATENTS.astype(jnp.bfloat16)
    )
    images = jax.eval_shape(partial(module.apply, train=False), coarse, LATENTS.astype(jnp.bfloat16))
    assert (ws.dtype, images.dtype) == (jnp.bfloat16, jnp.bfloat16)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"image_shape": (8, 8)}, "height, width, channels"),
        ({"architecture": "orig"}, "'skip' or 'resnet', got 'orig'"),
        ({"channel_base": 0}, "`channel_base`"),
        ({"mapping_layers": 0}, "`mapping_layers`"),
        ({"mixing": 1.5}, "`mixing` is a probability"),
    ],
)
def test_wrong_arguments_are_refused_where_the_generator_is_made(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        stylegan2.Generator(**{"image_shape": (8, 8, 3)} | options)
