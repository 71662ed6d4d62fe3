"""Grouped convolutions of a batch that several devices share: nothing is gathered, and the numbers stay."""

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
