import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.explain.directions import jacobian, metric, motion, pca, random_vectors, sefa, traverse

DRAWS = np.random.default_rng(0)
A = DRAWS.normal(size=(5, 12)).astype(np.float32)
LATENTS = DRAWS.normal(size=(37, 5)).astype(np.float32)  # no multiple of a batch


def linear(latents, labels=None):
    return (latents @ A).reshape(-1, 3, 4, 1)


def bent(latents, labels=None):
    """Bends with the label: tanh(s z A) with s = 1 + label."""
    scale = 1.0 if labels is None else (1.0 + labels.astype(jnp.float32))[:, None]
    return jnp.tanh(0.3 * scale * (latents @ A)).reshape(-1, 3, 4, 1)


def known():
    """Eigenvalues and eigenvectors of A A^T, the largest first."""
    left, values, _ = np.linalg.svd(A)
    return values**2, left.T


def same_up_to_sign(vectors, expected, **tolerance):
    signs = np.sign((vectors * expected).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(vectors * signs, expected, **tolerance)


def test_the_metric_of_a_linear_generator_is_a_a_transposed():
    np.testing.assert_allclose(metric(linear, LATENTS), A @ A.T, rtol=1e-5, atol=1e-5)


def test_the_metric_of_a_bent_generator_is_the_mean_of_its_jacobians():
    labels = np.arange(len(LATENTS)) % 2
    found = metric(bent, LATENTS, labels=labels)
    each = jax.vmap(jax.jacobian(lambda z, y: bent(z[None], y[None]).ravel()))(LATENTS, labels)
    expected = jnp.einsum("npi,npj->ij", each, each) / len(LATENTS)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_jacobian_and_sefa_find_the_eigenvectors_of_a_linear_generator():
    values, vectors = known()
    for found in (jacobian(linear, LATENTS, 3), sefa(A, 3)):
        same_up_to_sign(found.vectors, vectors[:3], atol=1e-4)
        np.testing.assert_allclose(found.spectrum, values, rtol=1e-4)
        assert (np.take_along_axis(found.vectors, np.abs(found.vectors).argmax(1)[:, None], 1) > 0).all()


def test_pca_of_a_linear_layer_finds_them_too():
    latents = np.random.default_rng(1).normal(size=(40_000, 5))
    values, vectors = known()
    found = pca(latents @ A, latents, 3)
    same_up_to_sign(found.vectors, vectors[:3], atol=0.05)  # a regression on 40,000 draws
    np.testing.assert_allclose(found.spectrum, values, rtol=0.03)
    wide = pca(np.repeat(latents[:50] @ A, 9, axis=1), latents[:50], 3)  # more features than images
    slim = pca(3 * (latents[:50] @ A), latents[:50], 3)
    np.testing.assert_allclose(wide.vectors, slim.vectors, atol=1e-5)
    np.testing.assert_allclose(wide.spectrum, slim.spectrum, rtol=1e-6)
    own = pca(latents, latents, 2)  # of the latents themselves: their principal components
    leading = np.linalg.eigh(np.cov(latents, rowvar=False))[1][:, ::-1].T[:2]
    same_up_to_sign(own.vectors, leading, atol=1e-4)


def test_there_are_no_more_directions_than_components():
    rank_one = np.outer(LATENTS[:, 0], np.ones(4))
    assert len(pca(rank_one, LATENTS, 3).vectors) == 1


def test_coordinates_of_scale_0_are_kept_and_steps_are_in_units_of_the_scale():
    scale = np.array([1, 0, 0.5, 2, 1])
    expected = np.linalg.eigvalsh(scale[:, None] * (A @ A.T) * scale[None])[::-1]
    for found in (jacobian(linear, LATENTS, 9, scale=scale), sefa(A, 9, scale=scale)):
        np.testing.assert_allclose(found.spectrum, expected[:4], rtol=1e-4)
        assert found.vectors.shape == (4, 5)
        steps = found.vectors[:, scale > 0] / scale[scale > 0]
        np.testing.assert_allclose(np.linalg.norm(steps, axis=1), 1, rtol=1e-5)
        assert not found.vectors[:, 1].any()
        np.testing.assert_allclose(12 * motion(linear, LATENTS, found.vectors) ** 2, expected[:4], rtol=1e-3)
    random = random_vectors(jax.random.key(0), 50, scale)
    assert not random[:, 1].any()
    np.testing.assert_allclose(np.linalg.norm(random[:, scale > 0] / scale[scale > 0], axis=1), 1, rtol=1e-5)
    moved = pca(LATENTS @ A, LATENTS, 2, scale=scale).vectors
    assert not moved[:, 1].any()


def test_motion_is_the_root_mean_square_of_both_ways_and_sees_the_labels():
    vectors = np.eye(5, dtype=np.float32)[:2]
    labels = np.arange(len(LATENTS)) % 2
    squares = [
        [np.square(bent(LATENTS + sign * v, labels) - bent(LATENTS, labels)).mean() for sign in (1, -1)]
        for v in vectors
    ]
    found = motion(bent, LATENTS, vectors, labels=labels)
    np.testing.assert_allclose(found, np.sqrt(np.mean(squares, axis=1)), rtol=1e-4)


def test_a_way_passes_its_beginning_and_is_straight():
    images = traverse(linear, LATENTS[:3], np.eye(5)[2], (-2, 0, 1))
    assert images.shape == (3, 3, 3, 4, 1)
    np.testing.assert_allclose(images[:, 1], linear(LATENTS[:3]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(images[:, 1] - images[:, 0], 2 * (images[:, 2] - images[:, 1]), atol=1e-5)
    np.testing.assert_allclose((images[:, 2] - images[:, 1]).reshape(3, -1), A[[2, 2, 2]], atol=1e-5)


@pytest.mark.parametrize("count", [1, 16, 17])
def test_the_metric_does_not_depend_on_how_latents_are_batched(count):
    expected = np.mean([metric(bent, LATENTS[i : i + 1]) for i in range(count)], axis=0)
    np.testing.assert_allclose(metric(bent, LATENTS[:count]), expected, rtol=1e-4, atol=1e-6)
