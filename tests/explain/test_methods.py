import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import generators
from jaxgan.explain.directions import sefa
from jaxgan.explain.methods import METHODS, directions_of
from jaxgan.explain.space import space_of, spaces_of
from jaxgan.networks import mlp
from jaxgan.system.errors import UserError

KEY = jax.random.key(0)


class NoDense(nn.Module):
    """A user's generator whose first layer is a convolution, and its only one."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        return nn.Conv(1, (3, 3))(latents.reshape(-1, 4, 4, 1))


@pytest.mark.parametrize(
    ("name", "num_classes"),
    [*(pytest.param(*case.values, None, marks=case.marks) for case in generators.SLOWLY), ("mlp", 3)],
)
def test_each_family_has_directions_by_every_method(name, num_classes):
    network = generators.of_family(name, num_classes)
    space = space_of(network)
    for method in METHODS:
        found = directions_of(network, space, method, 2, key=KEY)
        assert found.vectors.shape == (2, space.size)
        np.testing.assert_allclose(
            np.linalg.norm(found.vectors, axis=1), space.scale.max(), rtol=1e-4
        )  # the scale is the same for all
        assert abs(found.vectors[0] @ found.vectors[1]) < 0.99 * space.scale.max() ** 2


@pytest.mark.slow
def test_ganspace_of_w_is_its_principal_components():
    network = generators.of_family("stylegan2")
    space = space_of(network)
    found = directions_of(network, space, "ganspace", 2, key=KEY).vectors / space.scale[None]
    drawn = np.asarray(space.draw(jax.random.key(1), None, 20_000))
    expected = np.linalg.eigh(np.cov(drawn, rowvar=False))[1][:, ::-1].T[:2]
    assert (np.abs((found * expected).sum(axis=1)) > 0.98).all()


def test_ganspace_of_z_leaves_out_what_the_classes_differ_in():
    """Unit 0 of the hidden layer is the class, far louder than unit 1, which is the second latent."""
    module = mlp.Generator((2, 2, 1), (2,), num_classes=2)
    plain = generators.network(module, 2, 2, image_shape=(2, 2, 1))
    first = {"kernel": jnp.array([[0.0, 0.0], [0.0, 1.0], [0.0, 5.0], [50.0, 5.0]]), "bias": jnp.zeros(2)}
    network = plain._replace(variables={"params": {**plain.variables["params"], "Dense_0": first}})
    found = directions_of(network, space_of(network), "ganspace", 1, key=KEY).vectors
    np.testing.assert_allclose(found, [[0, 1]], atol=0.1)


def test_categories_stay_and_sefa_is_that_of_the_first_kernel():
    network = generators.network(
        mlp.Generator(generators.SHAPE, (8,)), 6, prior=[["normal", 3], ["one_hot", 3]]
    )
    space = space_of(network)
    for method in METHODS:
        assert not directions_of(network, space, method, 3, key=KEY).vectors[:, 3:].any()
    kernel = network.variables["params"]["Dense_0"]["kernel"]
    found, expected = directions_of(network, space, "sefa", 3, key=KEY), sefa(kernel[:3], 3)
    np.testing.assert_allclose(found.vectors[:, :3], expected.vectors, atol=1e-5)


@pytest.mark.slow
def test_what_a_generator_has_no_place_for_is_one_sentence():
    network = generators.network(NoDense(), 16, image_shape=(4, 4, 1))
    space = space_of(network)
    assert directions_of(network, space, "jacobian", 2, key=KEY).vectors.shape == (2, 16)
    with pytest.raises(UserError, match="`method` sefa needs a dense layer that takes in the latents"):
        directions_of(network, space, "sefa", 2, key=KEY)
    with pytest.raises(UserError, match="`method` pca is unknown: there are jacobian, ganspace, sefa"):
        directions_of(network, space, "pca", 2, key=KEY)
    single = generators.network(mlp.Generator((2, 2, 1), ()), 3, image_shape=(2, 2, 1))
    with pytest.raises(UserError, match="`method` ganspace needs a hidden layer"):
        directions_of(single, space_of(single), "ganspace", 2, key=KEY)
    style = generators.of_family("stylegan2")
    with pytest.raises(UserError, match="`method` sefa needs"):
        directions_of(style, spaces_of(style)[1], "sefa", 2, key=KEY)
