import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.layers import ProjectionHead


@pytest.mark.parametrize("spectral", [False, True])
def test_the_logit_is_linear_plus_the_product_with_the_class(spectral):
    """Miyato and Koyama 2018, eq. 5, by loops; spectral normalization divides by numpy's singular values."""
    features, labels = jax.random.normal(jax.random.key(0), (4, 5)), jnp.array([2, 0, 1, 2])
    head = ProjectionHead(3, spectral)
    variables = head.init(jax.random.key(1), features, labels, train=True)
    for _ in range(100 * spectral):
        updated = head.apply(variables, features, labels, train=True, mutable=["batch_stats"])[1]
        variables = {**variables, **updated}
    logits = head.apply(variables, features, labels, train=False)
    w, v = (np.asarray(variables["params"][name]["kernel"]) for name in ("linear", "classes"))
    if spectral:
        w, v = (matrix / np.linalg.norm(matrix, 2) for matrix in (w, v))
    expected = [
        float(h @ w[:, 0] + v[label] @ h) for h, label in zip(np.asarray(features), labels, strict=True)
    ]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_labels_and_classes_belong_together():
    features = jnp.zeros((4, 5))
    with pytest.raises(ValueError, match="needs labels"):
        ProjectionHead(3).init(jax.random.key(0), features, None, train=True)
    with pytest.raises(ValueError, match="unconditional"):
        ProjectionHead().init(jax.random.key(0), features, jnp.zeros(4, jnp.int32), train=True)
