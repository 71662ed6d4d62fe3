"""Heads, features and encoders: one convention for all families."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from choosing import slow_but
from drawn_weights import drawn
from jaxgan.networks import dcgan, encoders, mlp, r3gan, resnet

KEY = jax.random.key(0)
IMAGES = jax.random.normal(KEY, (3, 16, 16, 1))
JUDGES = {
    "mlp": lambda **options: mlp.Discriminator((8, 6), **options),
    "dcgan": lambda **options: dcgan.Discriminator(4, **options),
    "dcgan spectral": lambda **options: dcgan.Discriminator(4, "spectral", **options),
    "resnet": lambda **options: resnet.Discriminator((4, 6, 8), **options),
    "r3gan": lambda **options: r3gan.Discriminator((8, 8, 8), (1, 1, 1), blocks=1, **options),
}
ACTIVATIONS = {
    "mlp": [(8,), (6,)],
    "dcgan": [(8, 8, 4), (4, 4, 8)],
    "dcgan spectral": [(8, 8, 4), (4, 4, 8)],
    "resnet": [(8, 8, 4), (4, 4, 6), (4, 4, 8)],
    "r3gan": [(16, 16, 8), (8, 8, 8), (4, 4, 8)],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", JUDGES)
def test_heads_are_beside_the_logit_and_change_nothing_else(name):
    plain, headed = JUDGES[name](), JUDGES[name](heads=(5, 7))
    init = lambda key: [module.init(key, IMAGES, train=False) for module in (plain, headed)]
    variables, more = jax.jit(init)(KEY)
    assert set(variables["params"]) < set(more["params"])
    shared = {name: {k: more[name][k] for k in tree} for name, tree in variables.items()}
    jax.tree.map(np.testing.assert_array_equal, shared, variables)
    apply = lambda images: (
        headed.apply(more, images, train=False),
        plain.apply(variables, images, train=False),
    )
    (logits, read), alone = jax.jit(apply)(IMAGES)
    np.testing.assert_array_equal(logits, alone)
    assert read.shape == (3, 7)


@pytest.mark.parametrize("name", slow_but(["mlp", "resnet"], JUDGES))
def test_features_are_the_activations_of_each_layer(name):
    module = JUDGES[name]()
    variables = drawn(module, IMAGES)
    features = jax.jit(partial(module.apply, train=False, features=True))(variables, IMAGES)
    assert [x.shape[1:] for x in features] == ACTIVATIONS[name]
    if name in ("resnet", "r3gan"):
        return
    head = variables["params"]["Dense_2" if name == "mlp" else "Dense_0"]
    logits = features[-1].reshape(3, -1) @ head["kernel"][:, 0] + head["bias"]
    if "spectral" not in name:
        np.testing.assert_allclose(logits, module.apply(variables, IMAGES, train=False), rtol=1e-5)


def test_a_head_of_no_values_is_refused():
    with pytest.raises(ValueError, match="at least one value"):
        mlp.Discriminator(heads=(0,)).init(KEY, IMAGES, train=False)


@pytest.mark.parametrize("encoder", [encoders.DenseEncoder(5, (8,), 3), encoders.ConvEncoder(5, 4, 3)])
def test_an_encoder_returns_latents(encoder):
    labels = jnp.array([0, 1, 2])
    variables = encoder.init(KEY, IMAGES, labels, train=False)
    assert encoder.apply(variables, IMAGES, labels, train=False).shape == (3, 5)
    with pytest.raises(ValueError, match="needs labels"):
        encoder.apply(variables, IMAGES, train=False)


def test_a_player_of_two_networks_makes_and_encodes():
    player = encoders.Bidirectional(mlp.Generator((16, 16, 1), (8,)), encoders.DenseEncoder(5, (8,)))
    variables = player.init(KEY, jnp.zeros((1, 5)), train=False)
    assert set(variables["params"]) == {"generator", "encoder"}
    latents = player.apply(variables, IMAGES, train=False, method="encode")
    assert player.apply(variables, latents, train=False).shape == IMAGES.shape


@pytest.mark.parametrize("name", slow_but(["mlp"], JUDGES))
def test_a_judge_of_pairs_looks_at_both(name):
    judge = encoders.PairDiscriminator(JUDGES[name](heads=(6,)), 8)
    latents = jnp.ones((3, 5))
    variables = judge.init(KEY, (IMAGES, latents), train=False)
    logits = judge.apply(variables, (IMAGES, latents), train=False)
    assert logits.shape == (3,)
    for other in ((IMAGES, 0 * latents), (0 * IMAGES, latents)):
        assert np.abs(judge.apply(variables, other, train=False) - logits).max() > 1e-6
