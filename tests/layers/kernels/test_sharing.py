"""Grouped convolutions on accelerators: a batch that several devices share, and groups that a TPU joins."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from jaxgan import layers
from jaxgan.layers.kernels import lowerings
from jaxgan.layers.kernels.lowerings import Window
from jaxgan.parallel import batch_mesh

WINDOW = Window(image=(5, 6), taps=(3, 3), strides=(1, 2), padding=((1, 1), (1, 1)))
GROUPS, BATCH = 2, 4
DRAW = np.random.default_rng(0)
IMAGES, FEATURES, KERNELS = (
    DRAW.normal(size=shape).astype(np.float32)
    for shape in ((GROUPS, BATCH, 5, 6, 3), (GROUPS, BATCH, 5, 3, 4), (GROUPS, 3, 3, 3, 4))
)
FIRST = {"conv": IMAGES, "conv_input_grad": FEATURES}


@pytest.mark.parametrize("name", FIRST)
def test_a_device_has_its_own_images_and_gathers_none(name):
    mesh, first = batch_mesh(jax.devices()[:2]), FIRST[name]
    alone, shared = (getattr(lowerings, f"{way}_{name}") for way in ("lax", "shared"))
    places = tuple(NamedSharding(mesh, each) for each in (PartitionSpec(None, "batch"), PartitionSpec()))
    of_whole = jax.jit(lambda *arrays: alone(*arrays, WINDOW))(first, KERNELS)
    run = jax.jit(lambda a, b: 2 * shared(a / 2, b, WINDOW), in_shardings=places).lower(first, KERNELS)
    program = run.compile()
    assert not re.search("all-gather|all-reduce|all-to-all|permute", program.as_text())
    found = program(*(jax.device_put(x, place) for x, place in zip((first, KERNELS), places, strict=True)))
    assert found.sharding.is_equivalent_to(places[0], 5)
    np.testing.assert_allclose(found, of_whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("devices", [1, 2])
def test_the_layer_asks_for_it_on_several_gpus(devices):
    """JAX has no `custom_partitioning` on TPUs: https://github.com/jax-ml/jax/issues/38196."""
    mesh = batch_mesh(jax.devices()[:devices])
    layer = layers.Conv(6, (3, 3), feature_group_count=2)
    images = jnp.zeros((4, 5, 5, 4))
    variables = layer.init(jax.random.key(0), images)
    places = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("batch"))

    def loss(variables, images):
        return (layer.apply(variables, images) ** 2).sum()

    traced = jax.jit(jax.grad(loss), in_shardings=places).trace(variables, images)
    for platform, expected in (("cuda", devices > 1), ("tpu", False), ("cpu", False)):
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        assert ("CustomSPMDPartitioning" in text) == expected, platform


SIZES = {
    "two at once": (6, 3, 4, 8),
    "three, since six have no four": (6, 3, 4, 16),
    "each alone": (2, 3, 4, 2),
}


@pytest.mark.parametrize("operation", ["conv", "conv_input_grad", "conv_kernel_grad"])
@pytest.mark.parametrize(("groups", "channels", "features", "lanes"), SIZES.values(), ids=SIZES)
def test_blocks_of_groups_give_their_sums(monkeypatch, operation, groups, channels, features, lanes):
    monkeypatch.setattr(lowerings, "LANES", lanes)
    images, results, kernels = (
        DRAW.normal(size=(2 * groups, *shape)).astype(np.float32)
        for shape in ((4, 5, 6, channels), (4, 5, 3, features), (3, 3, channels, features))
    )
    images[groups:] = results[groups:] = np.nan  # the second GAN of a population has diverged
    images, results, kernels = map(jnp.asarray, (images, results, kernels))
    of = {
        "conv": (images, kernels),
        "conv_input_grad": (results, kernels),
        "conv_kernel_grad": (images, results),
    }
    window = WINDOW._replace(groups=groups)
    alone, blocks = (getattr(lowerings, f"{way}_{operation}") for way in ("lax", "block"))
    found, expected = (each(*of[operation], window)[:groups] for each in (blocks, alone))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert np.isfinite(found).all() or operation == "conv_kernel_grad"  # XLA itself spreads NaN there


def test_a_tpu_computes_128_channels_of_small_groups_at_once():
    layer = layers.Conv(512, (3, 3), feature_group_count=32)
    images = jnp.zeros((4, 5, 5, 512))
    variables = layer.init(jax.random.key(0), images)
    traced = jax.jit(jax.grad(lambda v: (layer.apply(v, images) ** 2).sum())).trace(variables)
    for platform, taps in (("cuda", "3x3x16x512"), ("tpu", "3x3x128x")):
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        assert f"tensor<{taps}" in text, platform
