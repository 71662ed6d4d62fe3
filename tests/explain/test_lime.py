"""LIME against the lime package, scikit-learn, and games whose coefficients are known."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from golden_game import GRIDS, IMAGE, SAMPLES, critic, regions_of
from jaxgan.explain import grid, lime
from jaxgan.explain.coalitions import coalition_values
from jaxgan.explain.lime import fit
from jaxgan.explain.regions import pooled

SHAPE = 6, 8, 1
DRAW = np.random.default_rng(0)
PICTURE, OTHER, WEIGHTS = (DRAW.uniform(-1, 1, SHAPE).astype(np.float32) for _ in range(3))
GOLDEN = np.load(Path(__file__).parents[1] / "golden/explain.npz")


def linear(images):
    return (images * WEIGHTS[None]).sum((1, 2, 3))


@pytest.mark.parametrize("name", GRIDS)
def test_coefficients_equal_those_of_the_lime_package(name):
    regions = regions_of(*GRIDS[name])
    n = regions.max() + 1
    masks = np.unpackbits(GOLDEN[f"{name}/masks"])[: SAMPLES * n].reshape(SAMPLES, n).astype(bool)
    shown = jnp.asarray(masks)
    values = coalition_values(
        lambda x: critic(x, jnp),
        IMAGE.astype(np.float32),
        np.zeros(IMAGE.shape, np.float32),
        regions,
        lambda i: shown[i],
        SAMPLES,
    )
    found = fit(masks, values)
    assert np.abs(GOLDEN[f"{name}/lime"]).max() > 0.1
    np.testing.assert_allclose(found.coefficients, GOLDEN[f"{name}/lime"], rtol=4e-6, atol=1e-6)
    assert float(found.intercept) == pytest.approx(float(GOLDEN[f"{name}/lime intercept"]), abs=2e-6)


def test_the_fit_is_scikit_learns_ridge_and_its_errors_are_whites():
    masks, values = DRAW.random((200, 5)) < 0.5, DRAW.normal(size=200).astype(np.float32)
    masks[3] = False  # the distance of an image of which nothing is shown is 1
    distances = 1 - np.sqrt(masks.mean(axis=1))
    weights = np.exp(-(distances**2) / (2 * 0.4**2))
    model = Ridge(alpha=0.5).fit(masks, values, sample_weight=weights)
    found = fit(masks, values, width=0.4, ridge=0.5)
    np.testing.assert_allclose(found.coefficients, model.coef_, atol=1e-5)
    assert float(found.intercept) == pytest.approx(model.intercept_, abs=1e-5)
    x = masks - np.average(masks, axis=0, weights=weights)
    bread = np.linalg.inv((x.T * weights) @ x + 0.5 * np.eye(5))
    scores = x * (weights * (values - model.predict(masks)))[:, None]
    expected = np.sqrt(np.diag(bread @ scores.T @ scores @ bread))
    np.testing.assert_allclose(found.standard_error, expected, rtol=1e-4)


def test_an_additive_game_is_found_again_and_the_ridge_shrinks_it():
    regions = grid(SHAPE, 2, 2)
    expected = pooled((WEIGHTS * (PICTURE - OTHER))[None], regions)[0]
    found, shrunk = (
        lime(linear, PICTURE, OTHER, regions, key=jax.random.key(0), samples=300, ridge=ridge)
        for ridge in (1e-4, 1.0)
    )
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    assert np.abs(shrunk.values).sum() < 0.999 * np.abs(expected).sum()
    assert found.total == pytest.approx(float(linear(PICTURE[None])[0]), abs=1e-5)
    assert found.base == pytest.approx(float(linear(OTHER[None])[0]), abs=1e-5)
    assert found.evaluations == 301


def test_mistakes_are_refused():
    regions = grid(SHAPE, 2, 2)
    for options, message in (
        ({"samples": 1}, "samples must be at least 2"),
        ({"width": 0}, "above 0"),
        ({"ridge": 0}, "above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            lime(linear, PICTURE, OTHER, regions, key=jax.random.key(0), **{"samples": 10, **options})
    with pytest.raises(ValueError, match="masks are"):
        fit(np.ones((3, 2), bool), np.ones(4, np.float32))
