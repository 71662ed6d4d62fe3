import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import small_networks
from jaxgan import export
from jaxgan.export.safetensors import Network
from jaxgan.layers import BatchNorm
from jaxgan.networks import dcgan, mlp
from jaxgan.prior import draw_rows, normal
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key


def network_of(module, latent_dim, num_classes=None):
    labels = None if num_classes is None else jnp.zeros(1, jnp.int32)
    variables = jax.jit(
        lambda: module.init(jax.random.key(0), jnp.zeros((1, latent_dim)), labels, train=False)
    )()
    description = {"network": "biggan", "latent_dim": latent_dim, "num_classes": num_classes}
    return Network(module, variables, description)


class Scaled(nn.Module):
    """Three times the latents, normalized."""

    momentum: float
    axis_name: str | None = None

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        return BatchNorm(use_running_average=not train, momentum=self.momentum)(3 * latents + 1)


@pytest.mark.parametrize("momentum", [0.9, 0.99, 0.0])
def test_they_are_the_means_of_the_batches_statistics_for_any_decay(momentum):
    network = network_of(Scaled(momentum), 5)
    standing = export.with_standing_statistics(network, 3).variables["batch_stats"]["BatchNorm_0"]
    batches = []
    for batch in range(3):
        key = jax.random.split(jax.random.fold_in(seed_key(0), batch), 3)[0]
        batches.append(3 * np.asarray(draw_rows(normal(5), key, 64), np.float64) + 1)
    np.testing.assert_allclose(standing["mean"], np.mean([x.mean(0) for x in batches], axis=0), rtol=1e-4)
    np.testing.assert_allclose(standing["var"], np.mean([x.var(0) for x in batches], axis=0), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "num_classes"),
    [
        (dcgan.Generator((8, 8, 1), 2), None),
        (small_networks.pair("biggan", 3)[0], 3),
        pytest.param(small_networks.pair("biggan_deep")[0], None, marks=pytest.mark.long),
    ],
)
def test_with_them_images_of_a_batch_are_nearly_those_of_training(module, num_classes):
    """A batch normalized by itself has other statistics than many batches, by its size's noise only."""
    network = network_of(module, 6, num_classes)
    standing = export.with_standing_statistics(network, 4)
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), network.variables, standing.variables)
    assert not any(jax.tree.leaves(changed["params"]))
    latents = jax.random.normal(jax.random.key(1), (256, 6))
    labels = None if num_classes is None else jnp.arange(256) % 3

    def images(variables, *, train):
        made = module.apply(variables, latents, labels, train=train, mutable=["batch_stats"])[0]
        return np.asarray(made)

    target = images(network.variables, train=True)
    before, after = (
        np.abs(images(each.variables, train=False) - target).mean() for each in (network, standing)
    )
    assert after < 0.3 * before


def test_what_they_need_is_said_in_a_sentence():
    network = network_of(mlp.Generator((2,), (4,)), 3)
    with pytest.raises(
        UserError, match="`standing_statistics` 16 has no effect on a biggan generator, which"
    ):
        export.with_standing_statistics(network, 16)
    with pytest.raises(UserError, match="`standing_statistics` must be at least 1, got 0"):
        export.with_standing_statistics(network_of(Scaled(0.9), 3), 0)
