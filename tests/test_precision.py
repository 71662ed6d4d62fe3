"""bfloat16 arithmetic in the networks: what stays float32, and how far the gradients go astray."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.extend.core import jaxprs_in_params

import small_networks
from choosing import slow_but
from jaxgan import losses, penalties
from jaxgan.networks import dcgan, mlp, stylegan2
from jaxgan.state import init_state
from jaxgan.step import make_train_step

SHAPE = (8, 8, 1)
NETWORKS = {
    "mlp": (mlp.Generator(SHAPE), mlp.Discriminator()),
    "dcgan": (dcgan.Generator(SHAPE, width=16), dcgan.Discriminator(width=16)),
    "spectral": (dcgan.Generator(SHAPE, width=16), dcgan.Discriminator(width=16, norm="spectral")),
    **{name: small_networks.pair(name) for name in small_networks.NAMES},
    "stylegan2": (
        stylegan2.Generator(SHAPE, 64, mapping_layers=2, w_dim=16),
        stylegan2.Discriminator(64, group_size=4),
    ),
}


@cache
def trained(name, *, dtype=None, penalty=None):
    """The state before and after a step of SGD, and the metrics."""
    generator, discriminator = NETWORKS[name]
    tx = optax.sgd(
        0.1 if name == "biggan_deep" else 1.0
    )  # a large step of its deep critic saturates the loss
    state = init_state(
        jax.random.key(0), generator, discriminator, image_shape=SHAPE, latent_dim=16, g_tx=tx, d_tx=tx
    )
    step = make_train_step(generator, discriminator, losses.non_saturating, penalty=penalty, dtype=dtype)
    images = jax.random.randint(jax.random.key(1), (32, *SHAPE), 0, 256).astype(jnp.uint8)
    return state, *jax.jit(step)(state, {"image": images}, jax.random.key(2))


def change(before, after):
    leaves = jax.tree.map(lambda a, b: np.ravel(b - a), before, after)
    return np.concatenate(jax.tree.leaves(leaves))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] * (name in ("biggan", "biggan_deep", "fastgan")))
        for name in NETWORKS
    ],
)
def test_gradients_point_the_same_way(name):
    before, full, _ = trained(name)
    _, half, metrics = trained(name, dtype=jnp.bfloat16)
    for player in ("discriminator", "generator"):
        params = getattr(before, player).params
        one, other = (change(params, getattr(state, player).params) for state in (full, half))
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        least = 0.95 if name == "biggan_deep" else 0.98  # four times as many layers
        assert least < cosine < 1 - 1e-7, player  # equal to rounding: it was not computed in bfloat16
    for was, now in zip(jax.tree.leaves(before), jax.tree.leaves(half), strict=True):
        assert now.dtype == was.dtype
    assert all(value.dtype == jnp.float32 for value in metrics.values())


@pytest.mark.slow
def test_running_statistics_are_those_of_float32():
    _, full, _ = trained("dcgan")
    _, half, _ = trained("dcgan", dtype=jnp.bfloat16)
    one, other = (state.generator.collections["batch_stats"] for state in (full, half))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=0.02, atol=0.01 * np.abs(a).max())


@pytest.mark.long
def test_a_penalty_has_full_precision():
    def difference_of_fakes(critic, real, fake, **_):
        return critic(real) * (real.dtype == jnp.float32)

    for penalty in (penalties.r1(gamma=1.0), difference_of_fakes):
        values = [
            trained("spectral", dtype=dtype, penalty=penalty)[2]["penalty"] for dtype in (None, jnp.bfloat16)
        ]
        np.testing.assert_allclose(values[1], values[0], rtol=1e-6)
        assert values[0] != 0


PRODUCTS = ("dot_general", "conv_general_dilated", "conv", "conv_input_grad", "conv_kernel_grad")
CONDITIONAL = {
    "mlp": (mlp.Generator(SHAPE, num_classes=3), mlp.Discriminator(num_classes=3)),
    "spectral": (dcgan.Generator(SHAPE, 4, 3), dcgan.Discriminator(4, "spectral", 3)),
    **{name: small_networks.pair(name, 3) for name in small_networks.NAMES},
    "projection": (dcgan.Generator(SHAPE, 4, 3, "batch_norm"), dcgan.Discriminator(4, "none", 3)),
    "stylegan2": (
        stylegan2.Generator(SHAPE, 32, mapping_layers=1, w_dim=4, num_classes=3),
        stylegan2.Discriminator(32, num_classes=3),
    ),
}


def factors(jaxpr):
    """The types of what is multiplied and convolved; vectors (of power iterations) do not count."""
    for equation in jaxpr.eqns:
        types = [each.aval for each in equation.invars]
        if equation.primitive.name in PRODUCTS and min(each.ndim for each in types) > 1:
            yield from (str(each.dtype) for each in types)
        for inner in jaxprs_in_params(equation.params):
            yield from factors(inner)


@pytest.mark.parametrize("name", slow_but(["mlp", "projection", "r3gan", "stylegan2"], CONDITIONAL))
def test_conditional_networks_compute_in_bfloat16(name):
    networks, tx = CONDITIONAL[name], optax.sgd(1.0)
    pieces = {"image_shape": SHAPE, "latent_dim": 16, "g_tx": tx, "d_tx": tx, "num_classes": 3}
    state = jax.eval_shape(lambda key: init_state(key, *networks, **pieces), jax.random.key(0))
    step = make_train_step(*networks, losses.non_saturating, dtype=jnp.bfloat16)
    batch = {"image": jnp.zeros((4, *SHAPE)), "label": jnp.zeros(4, int)}
    found = list(factors(jax.make_jaxpr(step)(state, batch, jax.random.key(0)).jaxpr))
    assert len(found) > 20
    assert set(found) == {"bfloat16"}
