import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.layers import VectorBatchNorm


@pytest.mark.parametrize("shape", [(6, 4), (6, 3, 2, 4)])
@pytest.mark.parametrize("train", [True, False])
def test_vector_batch_norm_by_numpy(shape, train):
    features, vectors = (jax.random.normal(jax.random.key(i), s) for i, s in enumerate((shape, (6, 5))))
    layer = VectorBatchNorm(momentum=0.9)
    variables = layer.init(jax.random.key(2), features, vectors, train=False)
    output, updated = layer.apply(variables, features, vectors, train=train, mutable=["batch_stats"])
    x, c, axes = np.asarray(features, np.float64), np.asarray(vectors), tuple(range(len(shape) - 1))
    mean, var = (x.mean(axes), x.var(axes)) if train else (0, 1)
    scale, bias = (c @ np.asarray(variables["params"][name]["kernel"]) for name in ("scale", "bias"))
    rows = lambda values: values.reshape(6, *[1] * (len(shape) - 2), 4)
    expected = (x - mean) / np.sqrt(var + 1e-5) * (1 + rows(scale)) + rows(bias)
    np.testing.assert_allclose(output, expected, atol=1e-5)
    if train:
        np.testing.assert_allclose(
            updated["batch_stats"]["BatchNorm_0"]["mean"], 0.1 * x.mean(axes), rtol=1e-4
        )


def test_a_vector_of_zeros_leaves_the_normalized_features_and_kernels_may_be_normalized():
    features = jax.random.normal(jax.random.key(0), (8, 3))
    layer = VectorBatchNorm(spectral=True)
    output, variables = layer.init_with_output(jax.random.key(1), features, jnp.zeros((8, 2)), train=True)
    np.testing.assert_allclose(output.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(output.std(0), 1, atol=1e-4)
    assert {*variables["batch_stats"]} == {"BatchNorm_0", "SpectralNorm_0", "SpectralNorm_1"}


@pytest.mark.parametrize("shape", [(1, 2), (8,)])
def test_there_is_one_vector_for_each_example(shape):
    with pytest.raises(ValueError, match=r"takes a vector per example, \[8, D\], got"):
        jax.eval_shape(
            lambda key: VectorBatchNorm().init(key, jnp.zeros((8, 3)), jnp.zeros(shape), train=True),
            jax.random.key(0),
        )
