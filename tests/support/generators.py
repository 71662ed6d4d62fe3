"""A small generator of each family with random weights, as it is read from an export."""

from functools import cache

import jax
import jax.numpy as jnp
import pytest

import small_networks
from drawn_weights import drawing_of
from jaxgan.export import Network
from jaxgan.names import FAMILIES
from jaxgan.networks import dcgan, mlp, stylegan2

SHAPE, LATENT, CLASSES = (8, 8, 1), 5, 3
NAMES = tuple(FAMILIES)
SLOWLY = [  # every family; those that compile for long among the slow tests
    pytest.param(name, marks=[] if name in ("mlp", "dcgan") else [pytest.mark.slow]) for name in NAMES
]


def module(name, num_classes=None):
    """Return the small generator of a family."""
    if name == "mlp":
        return mlp.Generator(SHAPE, (6, 7), num_classes=num_classes)
    if name == "dcgan":
        return dcgan.Generator(SHAPE, 4, num_classes=num_classes, hidden=(6,))
    if name == "stylegan2":
        return stylegan2.Generator(SHAPE, channel_base=32, mapping_layers=2, w_dim=6, num_classes=num_classes)
    return small_networks.pair(name, num_classes)[0]


def network(module, latent_dim=LATENT, num_classes=None, *, variables=None, image_shape=SHAPE, prior=None):
    """Return a generator as `export.read_generator` does, with random weights if none are given."""
    labels = None if num_classes is None else jnp.zeros(1, jnp.int32)
    if variables is None:
        variables = jax.jit(lambda key: module.init(key, jnp.zeros((1, latent_dim)), labels, train=False))(
            jax.random.key(0)
        )
    description = {
        "image_shape": list(image_shape),
        "latent_dim": latent_dim,
        "num_classes": num_classes,
        "step": 7,
    }
    if prior is not None:
        description["inputs"] = {"prior": prior}
    return Network(module, variables, description)


@cache
def of_family(name, num_classes=None):
    """Return the small generator of a family with random weights, none of which are zeros."""
    own = module(name, num_classes)
    labels = None if num_classes is None else jnp.zeros(1, jnp.int32)
    variables = drawing_of(name)(own, jnp.zeros((1, LATENT)), labels)
    return network(own, num_classes=num_classes, variables=variables)


def labels_of(network, n):
    """Return labels for n images of a generator, or None."""
    return None if network.num_classes is None else jnp.arange(n) % network.num_classes
