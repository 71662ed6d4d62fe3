"""Shapley values against closed forms, the formula over all orders, and shap's own values."""

import math
from itertools import permutations
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from golden_game import GRIDS, IMAGE, REFERENCES, critic, regions_of
from jaxgan.explain import grid, shapley
from jaxgan.explain.regions import pooled

SHAPE = 6, 8, 2
DRAW = np.random.default_rng(0)
PICTURE, OTHERS = (DRAW.uniform(-1, 1, shape).astype(np.float32) for shape in (SHAPE, (3, *SHAPE)))
WEIGHTS = DRAW.normal(size=SHAPE).astype(np.float32)
GOLDEN = np.load(Path(__file__).parents[1] / "golden/explain.npz")


def linear(images):
    return (images * WEIGHTS[None]).sum((1, 2, 3))


def curved(images):
    return jnp.tanh(linear(images) / 3) + images[:, 0, 0, 0] * images[:, -1, -1, -1]


@pytest.mark.parametrize("blocks", [(2, 3), (4, 4)])
def test_of_a_linear_critic_they_are_the_sums_of_weight_times_difference(blocks):
    regions = grid(SHAPE, *blocks)
    found = shapley(linear, PICTURE, OTHERS, regions, key=jax.random.key(1), permutations=2)
    expected = pooled((WEIGHTS * (PICTURE - OTHERS.mean(axis=0)))[None], regions)[0]
    np.testing.assert_allclose(found.values, expected, atol=2e-6)
    np.testing.assert_allclose(found.standard_error, 0, atol=2e-6)
    assert found.total == pytest.approx(linear(PICTURE[None])[0], abs=1e-5)
    assert found.base == pytest.approx(linear(OTHERS).mean(), abs=1e-5)


def test_they_are_what_regions_add_over_all_orders():
    regions = grid(SHAPE, 2, 2)

    def value(members):
        shown = np.isin(regions, members)[..., None]
        return float(curved(jnp.where(shown[None], PICTURE[None], OTHERS[:1]))[0])

    expected = np.zeros(4)
    for order in permutations(range(4)):
        for i, region in enumerate(order):
            expected[region] += value(order[: i + 1]) - value(order[:i])
    found = shapley(curved, PICTURE, OTHERS[0], regions)
    np.testing.assert_allclose(found.values, expected / math.factorial(4), atol=1e-6)
    assert found.evaluations == 16
    np.testing.assert_array_equal(found.standard_error, 0)


@pytest.mark.parametrize("blocks", [(3, 4), (4, 4)])
def test_they_add_up_to_the_difference(blocks):
    regions = grid(SHAPE, *blocks)
    explain = jax.jit(
        lambda *images: shapley(curved, *images, regions, key=jax.random.key(0), permutations=3)
    )
    found = explain(PICTURE, OTHERS)
    assert float(found.residual) == pytest.approx(0, abs=2e-6)
    assert abs(float(found.total - found.base)) > 0.01


def test_a_product_is_halved_and_what_has_no_effect_gets_nothing():
    regions = grid(SHAPE, 2, 2)

    def product(images):
        return images[:, 0, 0, 0] * images[:, -1, -1, 0]  # of regions 0 and 3

    found = shapley(product, np.full(SHAPE, 0.5, np.float32), np.zeros(SHAPE, np.float32), regions)
    np.testing.assert_allclose(found.values, [0.125, 0, 0, 0.125], atol=1e-7)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize(("which", "references"), [("one", REFERENCES[0]), ("three", REFERENCES)])
def test_they_equal_those_of_shap(name, which, references):
    golden = GOLDEN[f"{name}/{which} reference{'s' * (which == 'three')}"]
    images = IMAGE.astype(np.float32), references.astype(np.float32)
    regions = regions_of(*GRIDS[name])
    explain = jax.jit(lambda *images: shapley(lambda x: critic(x, jnp), *images, regions, permutations=None))
    found = explain(*images)
    assert np.abs(golden).max() > 0.1
    np.testing.assert_allclose(found.values, golden, atol=1e-6)


@pytest.mark.long
def test_the_standard_errors_are_those_of_drawn_permutations():
    regions = grid(SHAPE, 4, 4)
    truth = shapley(curved, PICTURE, OTHERS[0], regions, permutations=None)
    explain = jax.jit(lambda key: shapley(curved, PICTURE, OTHERS[0], regions, key=key, permutations=16))
    drawn = [explain(key) for key in jax.random.split(jax.random.key(3), 30)]
    scores = np.array([(each.values - truth.values) / each.standard_error for each in drawn])
    assert 0.8 < np.sqrt(np.median(scores**2)) / 0.674 < 1.3  # .674 is the quartile of a normal distribution
    errors = np.abs([each.values - truth.values for each in drawn]).max(axis=1)
    assert errors.mean() < 0.2 * np.abs(truth.values).max()


def test_uint8_images_are_the_same_as_floats():
    pixels = DRAW.integers(0, 256, (2, *SHAPE)).astype(np.uint8)
    regions = grid(SHAPE, 2, 2)
    floats = pixels.astype(np.float32) / 127.5 - 1
    found, expected = (shapley(curved, each[0], each[1], regions) for each in (pixels, floats))
    np.testing.assert_allclose(found.values, expected.values, atol=1e-6)


def test_many_references_are_seen_in_batches_of_bounded_size():
    seen = []

    def watching(images):
        seen.append(len(images))
        return linear(images)

    found = shapley(watching, PICTURE, DRAW.uniform(-1, 1, (300, *SHAPE)), grid(SHAPE, 1, 2))
    assert max(seen) <= 64
    assert found.evaluations == 1200


def test_mistakes_are_refused():
    regions = grid(SHAPE, 4, 4)
    good = {"key": jax.random.key(0)}
    for arguments, options, message in (
        ((linear, PICTURE[..., 0], OTHERS, regions), good, r"an image is \[H, W, C\]"),
        ((linear, PICTURE, OTHERS[:0], regions), good, "no reference"),
        ((linear, PICTURE, OTHERS[:, :4], regions), good, "references are"),
        ((linear, PICTURE, OTHERS, regions[:4]), good, r"regions are \[6, 8\]"),
        ((linear, PICTURE, OTHERS, regions + 1), good, "without a gap"),
        ((linear, PICTURE, OTHERS, regions / 2), good, "regions are integers"),
        ((linear, PICTURE, OTHERS, regions), {}, "16 regions need a key"),
        ((linear, PICTURE, OTHERS, regions), {**good, "permutations": 1}, "permutations must be at least 2"),
        ((lambda x: linear(x)[:, None], PICTURE, OTHERS, regions), good, "one value for each image"),
        ((linear, PICTURE, OTHERS, grid(SHAPE, 6, 8)), {"permutations": None}, "up to 20 regions, got 48"),
        ((linear, PICTURE.astype(int), OTHERS, regions), good, "images are uint8, or float"),
    ):
        with pytest.raises(ValueError, match=message):
            shapley(*arguments, **options)
    with pytest.raises(ValueError, match="close over them"):
        jax.jit(lambda regions: shapley(linear, PICTURE, OTHERS, regions).values)(grid(SHAPE, 2, 2))
