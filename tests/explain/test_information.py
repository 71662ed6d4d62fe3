import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from jaxgan.explain import bits, effective_dimension, unit_information

DRAWS = np.random.default_rng(0)


def test_bits_are_those_of_parallel_gaussian_channels():
    a = DRAWS.normal(size=(6, 9))
    expected = 0.5 * np.linalg.slogdet(np.eye(6) + a @ a.T / 0.3**2)[1] / np.log(2)
    found = bits(a @ a.T, 0.3)
    assert found.sum() == pytest.approx(expected)
    assert (np.diff(found) <= 0).all()
    np.testing.assert_allclose(bits(np.diag([3.0, 0.0]), 1.0), [1.0, 0.0])  # .5 log2(1 + 3)


def test_the_effective_dimension_counts_directions():
    assert effective_dimension(np.ones(7)) == pytest.approx(7)
    assert effective_dimension([5, 0, 0]) == pytest.approx(1)
    assert effective_dimension([2, 1]) == pytest.approx(9 / 5)
    assert effective_dimension(np.zeros(3)) == 0


def test_a_unit_that_tells_classes_apart_has_all_their_bits_and_noise_has_its_bias():
    labels = np.arange(4000) % 4
    activations = np.stack(
        [labels + 0.1 * DRAWS.random(4000), DRAWS.normal(size=4000), np.ones(4000)], axis=1
    )
    found = unit_information(activations, labels)
    assert found.bits[0] == pytest.approx(2, abs=1e-6)
    assert found.bits[1] == pytest.approx(found.bias[1], abs=4e-3)
    assert found.bits[2] == found.bias[2] == 0


def test_the_count_is_that_of_scikit_learn_and_its_bias_is_that_of_shuffled_labels():
    values, labels = DRAWS.normal(size=600), DRAWS.integers(0, 3, 600)
    cells = np.argsort(np.argsort(values)) // 75  # eight bins of 75
    found = unit_information(values[:, None], labels)
    assert found.bits[0] == pytest.approx(mutual_info_score(labels, cells) / np.log(2), abs=5e-3)
    shuffled = [unit_information(values[:, None], DRAWS.permutation(labels)).bits[0] for _ in range(200)]
    assert np.mean(shuffled) == pytest.approx(found.bias[0], rel=0.1)


def test_maps_are_averaged_over_pixels():
    maps, labels = DRAWS.normal(size=(50, 2, 3, 4)), np.arange(50) % 2
    whole, means = unit_information(maps, labels), unit_information(maps.mean((1, 2)), labels)
    np.testing.assert_array_equal(whole.bits, means.bits)
    with pytest.raises(ValueError, match=r"labels have shape \[50\], one for each image, got \[3\]"):
        unit_information(maps, [0, 1, 0])
