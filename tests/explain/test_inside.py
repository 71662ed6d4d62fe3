import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import generators
from jaxgan.explain import activations, edited
from jaxgan.explain.inside import listening
from jaxgan.system.errors import UserError

LATENTS = jax.random.normal(jax.random.key(1), (4, 3))


class Shared(nn.Module):
    """A user's module: eleven layers, a keyword, and a layer that is called twice."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        features = latents
        for _ in range(11):
            features = nn.tanh(nn.Dense(3)(features))
        twice = nn.Dense(3, name="twice")
        features = nn.tanh(twice(inputs=features))
        return twice(features).reshape(-1, 1, 3, 1)


class Bare(nn.Module):
    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        return (latents * self.param("gain", nn.initializers.ones, ())).reshape(-1, 1, 3, 1)


class Scanned(nn.Module):
    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        def body(layer, features, _):
            return nn.tanh(layer(features)), None

        scan = nn.scan(body, variable_axes={"params": 0}, split_rngs={"params": True}, length=2)
        return scan(nn.Dense(3), latents, None)[0].reshape(-1, 1, 3, 1)


def variables_of(module):
    return module.init(jax.random.key(0), LATENTS, train=False)


@pytest.fixture(scope="module")
def shared():
    module = Shared()
    return module, variables_of(module)


def test_activations_are_what_layers_take_in_and_in_their_order(shared):
    module, variables = shared
    found = activations(module, variables, LATENTS)
    assert [path for path, _ in found] == [*(f"Dense_{i}" for i in range(11)), "twice", "twice:2"]
    features = np.asarray(LATENTS)
    for path, given in found:
        np.testing.assert_allclose(given, features, rtol=1e-5, atol=1e-6)
        layer = variables["params"][path.split(":")[0]]
        features = np.tanh(features @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"]))


def test_an_edit_replaces_what_a_layer_takes_in(shared):
    module, variables = shared
    plain = module.apply(variables, LATENTS, train=False)
    same = edited(module, variables, {"Dense_3": lambda features: features})
    np.testing.assert_allclose(same(LATENTS), plain, atol=1e-6)
    last = variables["params"]["twice"]
    for path in ("twice", "twice:2"):
        none = edited(module, variables, {path: jnp.zeros_like})(LATENTS).reshape(4, 3)
        expected = (
            last["bias"] if path == "twice:2" else jnp.tanh(last["bias"]) @ last["kernel"] + last["bias"]
        )
        np.testing.assert_allclose(none, np.broadcast_to(expected, (4, 3)), rtol=1e-5)


def test_a_function_of_activations_compiles_once(shared):
    module, variables = shared
    traced = []
    listen = listening(module, "Dense_2", lambda features: traced.append(1) or features[:, :1])
    for _ in range(2):
        ((path, kept),) = listen(variables, LATENTS)
        assert (path, kept.shape) == ("Dense_2", (4, 1))
    assert len(traced) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", generators.NAMES)
def test_each_family_can_be_edited_by_path(name):
    network = generators.of_family(name)
    latents = jax.random.normal(jax.random.key(2), (2, generators.LATENT))
    found = activations(network.module, network.variables, latents)
    assert len(found) >= 3
    path = found[-1][0]
    change = edited(network.module, network.variables, {path: lambda features: features + 1})
    both = lambda x: (network.module.apply(network.variables, x, train=False), change(x))
    plain, changed = jax.jit(both)(latents)
    assert changed.shape == plain.shape
    assert float(jnp.abs(changed - plain).max()) > 1e-3


def test_mistakes_are_one_sentence(shared):
    module, variables = shared
    with pytest.raises(UserError, match=r"there is no layer Dense_11: there are Dense_0, .*, twice, twice:2"):
        edited(module, variables, {"Dense_11": jnp.zeros_like})(LATENTS)
    with pytest.raises(UserError, match=r"there is no layer nowhere: there are Dense_0"):
        listening(module, "nowhere")(variables, LATENTS)
    with pytest.raises(UserError, match=r"the edit of Dense_0 returns the shape .* \[4, 3\], got \[4, 2\]"):
        edited(module, variables, {"Dense_0": lambda features: features[:, :2]})(LATENTS)
    with pytest.raises(UserError, match="no layer with a kernel"):
        activations(Bare(), variables_of(Bare()), LATENTS)
    with pytest.raises(UserError, match=r"Scanned calls layers inside of a transformation"):
        activations(Scanned(), variables_of(Scanned()), LATENTS)
