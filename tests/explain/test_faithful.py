"""Fidelity, deletion gap and sensitivity against NumPy; random weights against their moments."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.explain import deletion_gap, fidelity, grid, randomised, sensitivity, shapley

SHAPE = 4, 6, 1
DRAW = np.random.default_rng(0)
PICTURE, OTHER, WEIGHTS = (DRAW.uniform(-1, 1, SHAPE).astype(np.float32) for _ in range(3))
REGIONS = grid(SHAPE, 2, 3)
KEY = jax.random.key(5)


def curved(images):
    return jnp.tanh((images * WEIGHTS[None]).sum((1, 2, 3))) + images[:, 0, 0, 0] * images[:, -1, -1, 0]


def value(masks):
    """Return what the critic says of coalitions."""
    shown = np.asarray(masks)[:, REGIONS][..., None]
    return np.asarray(curved(jnp.asarray(np.where(shown, PICTURE, OTHER))))


def test_fidelity_is_the_squared_correlation_on_random_coalitions():
    values = DRAW.normal(size=6)
    found = fidelity(curved, PICTURE, OTHER, REGIONS, values, key=KEY, samples=40)
    masks = np.asarray(jax.random.bernoulli(KEY, 0.5, (40, 6)))
    assert float(found) == pytest.approx(np.corrcoef(masks @ values, value(masks))[0, 1] ** 2, abs=1e-5)


def test_the_deletion_gap_is_the_area_between_two_curves():
    values = DRAW.normal(size=6)
    found = deletion_gap(curved, PICTURE, OTHER, REGIONS, values, key=KEY, samples=40)
    areas = []
    for order in (np.argsort(values), np.argsort(-values)):  # smallest first, largest first
        masks = np.ones((7, 6), bool)
        for i, region in enumerate(order):
            masks[i + 1 :, region] = False
        areas.append(np.trapezoid(value(masks), dx=1 / 6))
    spread = value(jax.random.bernoulli(KEY, 0.5, (40, 6))).std()
    assert float(found) == pytest.approx((areas[0] - areas[1]) / spread, abs=1e-5)


def test_shapley_values_do_better_than_their_opposite_and_than_chance():
    good = shapley(curved, PICTURE, OTHER, REGIONS).values
    measured = [
        deletion_gap(curved, PICTURE, OTHER, REGIONS, sign * good, key=KEY).item() for sign in (1, -1)
    ]
    assert measured[0] > 0.5
    assert measured[1] == pytest.approx(-measured[0], abs=1e-5)
    assert fidelity(curved, PICTURE, OTHER, REGIONS, good, key=KEY) > 0.7


def test_a_critic_that_does_not_vary_gives_nan():
    flat = lambda images: jnp.zeros(len(images))
    assert np.isnan(fidelity(flat, PICTURE, OTHER, REGIONS, np.arange(6.0), key=KEY))
    assert np.isnan(deletion_gap(flat, PICTURE, OTHER, REGIONS, np.arange(6.0), key=KEY))


def test_sensitivity_is_the_largest_relative_change():
    explain = lambda image: image**2
    found = sensitivity(explain, PICTURE, key=KEY, radius=0.1, samples=5)
    changes = np.asarray(jax.random.uniform(KEY, (5, *SHAPE), minval=-0.1, maxval=0.1))
    moved = np.linalg.norm(((PICTURE + changes) ** 2 - PICTURE**2).reshape(5, -1), axis=1)
    assert float(found) == pytest.approx(moved.max() / np.linalg.norm(PICTURE**2), rel=1e-5)
    assert sensitivity(lambda image: jnp.ones(3), PICTURE, key=KEY) == 0


class Norm(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.BatchNorm(use_running_average=True)(nn.Dense(300)(x))


def test_random_weights_are_new_and_as_large():
    variables = Norm().init(jax.random.key(0), jnp.ones((1, 200)))
    found = randomised(Norm(), variables, jax.random.key(1))
    old, new = (each["params"]["Dense_0"]["kernel"] for each in (variables, found))
    assert abs(np.corrcoef(np.ravel(old), np.ravel(new))[0, 1]) < 0.02
    assert new.std() == pytest.approx(float(old.std()), rel=0.02)
    jax.tree.map(np.testing.assert_array_equal, found["batch_stats"], variables["batch_stats"])
    assert jax.tree.structure(found) == jax.tree.structure(variables)
    again = randomised(Norm(), variables, jax.random.key(1))
    np.testing.assert_array_equal(again["params"]["Dense_0"]["kernel"], new)
    kernels = variables["params"]["Dense_0"]["kernel"]
    np.testing.assert_array_equal(kernels, old)  # the given variables stay


def test_mistakes_are_refused():
    for function in (fidelity, deletion_gap):
        with pytest.raises(ValueError, match=r"6 regions have values \[6\], got \[5\]"):
            function(curved, PICTURE, OTHER, REGIONS, np.ones(5), key=KEY)
        with pytest.raises(ValueError, match="samples must be at least 2"):
            function(curved, PICTURE, OTHER, REGIONS, np.ones(6), key=KEY, samples=1)
    with pytest.raises(ValueError, match="radius is above 0"):
        sensitivity(lambda image: image, PICTURE, key=KEY, radius=0)
    with pytest.raises(ValueError, match="Norm has no parameters"):
        randomised(Norm(), {"params": {}}, KEY)
