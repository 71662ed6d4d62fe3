import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.layers import SelfAttention


def normal(seed, shape):
    return jax.random.normal(jax.random.key(seed), shape)


def softmax(x):
    weights = np.exp(x - x.max())
    return weights / weights.sum()


@pytest.mark.parametrize("size", [(4, 6), (5, 3)])
def test_attention_pixel_by_pixel(size):
    """Zhang 2019, eqs. 1 to 3, with keys and values that are maxima of 2x2 blocks, as loops in float64."""
    features, layer = normal(0, (2, *size, 16)), SelfAttention()
    variables = layer.init(jax.random.key(1), features, train=False)
    params = {name: normal(i, jnp.shape(leaf)) for i, (name, leaf) in enumerate(kernels(variables).items())}
    output = layer.apply({"params": tree(params)}, features, train=False)

    w = {
        name: np.asarray(leaf, np.float64).reshape(-1, leaf.shape[-1])
        for name, leaf in params.items()
        if leaf.ndim
    }
    assert {name: leaf.shape for name, leaf in w.items()} == {
        "query": (16, 2), "key": (16, 2), "value": (16, 8), "output": (8, 16)
    }  # fmt: skip
    for x, y in zip(np.asarray(features, np.float64), output, strict=True):
        blocks = [
            x[i : i + 2, j : j + 2].reshape(4, 16)
            for i in range(0, size[0] - 1, 2)
            for j in range(0, size[1] - 1, 2)
        ]
        keys, values = (
            np.array([(block @ w[name]).max(axis=0) for block in blocks]) for name in ("key", "value")
        )
        for i in range(size[0]):
            for j in range(size[1]):
                weights = softmax(keys @ (x[i, j] @ w["query"]))
                expected = x[i, j] + float(params["scale"]) * (weights @ values @ w["output"])
                np.testing.assert_allclose(y[i, j], expected, atol=1e-4)


def kernels(variables):
    return {
        name: leaf["kernel"] if isinstance(leaf, dict) else leaf for name, leaf in variables["params"].items()
    }


def tree(params):
    return {name: {"kernel": leaf} if leaf.ndim else leaf for name, leaf in params.items()}


@pytest.mark.parametrize("spectral", [False, True])
def test_it_begins_as_the_identity_and_its_kernels_may_be_normalized(spectral):
    features, layer = normal(0, (2, 4, 4, 16)), SelfAttention(spectral)
    output, variables = layer.init_with_output(jax.random.key(1), features, train=True)
    np.testing.assert_array_equal(output, features)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == 1.25 * 16**2 + 1
    names = [
        name for norm in variables.get("batch_stats", {}).values() for name in norm if name.endswith("/u")
    ]
    expected = ["key/kernel/u", "output/kernel/u", "query/kernel/u", "value/kernel/u"]
    assert sorted(names) == (expected if spectral else [])


def test_maps_without_a_block_are_refused():
    with pytest.raises(ValueError, match="maps of at least 2x2 pixels, got 1x4"):
        SelfAttention().init(jax.random.key(0), jnp.zeros((1, 1, 4, 8)), train=False)
