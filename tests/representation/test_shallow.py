"""Classical methods against formulas and scikit-learn, on rows whose answer is known."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression

from jaxgan.representation import shallow
from jaxgan.representation.shallow import (
    STRENGTHS,
    k_means,
    linear_classifier,
    nearest_distances,
    nearest_labels,
    pca,
)

RANDOM = np.random.default_rng(3)


def test_pca_is_the_svd_of_the_centered_rows():
    rows = RANDOM.normal(size=(30, 6)).astype(np.float32) * [5, 4, 3, 2, 1, 0.5] + 7
    rows = rows.astype(np.float32)
    fitted = pca(rows, 3, seed=0)
    left, values, right = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(fitted.components @ fitted.components.T, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(np.abs(fitted.components @ right[:3].T), np.eye(3), atol=1e-4)
    expected = (left[:, :3] * values[:3]) @ right[:3] + rows.mean(axis=0)
    np.testing.assert_allclose(fitted.reconstruct(rows), expected, atol=1e-3)
    np.testing.assert_allclose(fitted.encode(rows).var(axis=0), values[:3] ** 2 / 30, rtol=1e-3)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4)])
def test_pca_has_no_more_components_than_there_are(shape):
    rows = RANDOM.normal(size=shape).astype(np.float32)
    fitted = pca(rows, 100, seed=0)
    assert len(fitted.components) == 4
    np.testing.assert_allclose(fitted.reconstruct(rows), rows, atol=1e-4)


def test_k_means_finds_groups_that_lie_apart():
    truth = np.arange(40) % 4
    rows = (10 * np.eye(4)[truth] + RANDOM.normal(size=(40, 4))).astype(np.float32)
    found = k_means(rows, 4, seed=0)
    assert len({(a, b) for a, b in zip(truth, found, strict=True)}) == 4
    np.testing.assert_array_equal(found, k_means(rows, 4, seed=0))


def test_k_means_of_fewer_different_rows_than_clusters():
    found = k_means(np.repeat(np.eye(2, dtype=np.float32), 3, axis=0), 4, seed=0)
    assert len(np.unique(found)) == 2


def test_the_nearest_row_is_not_the_row_itself():
    rows, labels = np.array([[0.0], [1.0], [3.0], [3.5]]), np.array([5, 6, 7, 8])
    np.testing.assert_array_equal(nearest_labels(rows, labels), [6, 5, 8, 7])
    np.testing.assert_array_equal(nearest_labels(rows, labels, np.array([[0.1], [3.4]])), [5, 8])


def test_the_nearest_distance_is_to_another_row():
    rows = RANDOM.normal(100, 1, (20, 300)).astype(np.float32)
    queries = np.concatenate([rows[:10], RANDOM.normal(100, 1, (5, 300))]).astype(np.float32)
    distances = cdist(queries.astype(float), rows.astype(float))
    distances[range(10), range(10)] = np.inf
    np.testing.assert_allclose(nearest_distances(rows, queries), distances.min(axis=1), rtol=1e-4)
    assert nearest_distances(rows[:1], rows[:1]) == pytest.approx(0, abs=1e-3)  # there is no other


@pytest.mark.parametrize("noise", [0.1, 3.0])
def test_a_linear_classifier_takes_the_strength_that_its_own_rows_choose(noise):
    labels = np.arange(60) % 3
    rows = (np.eye(3)[labels] + noise * RANDOM.normal(size=(60, 3))).astype(np.float32)
    validate = np.arange(60) < 15
    found = linear_classifier(rows, labels, validate=validate)
    right = {
        strength: LogisticRegression(C=strength, max_iter=1000)
        .fit(rows[~validate], labels[~validate])
        .score(rows[validate], labels[validate])
        for strength in STRENGTHS
    }
    assert right[found.strength] == max(right.values())
    assert found.strength == min(strength for strength in STRENGTHS if right[strength] == max(right.values()))
    whole = LogisticRegression(C=found.strength, max_iter=1000).fit(rows, labels)
    assert found.accuracy(rows, labels) == pytest.approx(whole.score(rows, labels), abs=1 / 60)


def test_a_strength_is_chosen_with_a_part_of_many_rows(monkeypatch):
    monkeypatch.setattr(shallow, "MOST_CHOOSING", 30)
    fitted = []
    along = shallow._along
    monkeypatch.setattr(
        shallow,
        "_along",
        lambda strengths, rows, labels: fitted.append(labels) or along(strengths, rows, labels),
    )
    labels = np.repeat(np.arange(3), 40)
    rows = (np.eye(3)[labels] + 0.1 * RANDOM.normal(size=(120, 3))).astype(np.float32)
    found = linear_classifier(rows, labels, validate=np.arange(120) % 5 == 0)
    chosen, last = fitted
    np.testing.assert_array_equal(np.bincount(chosen), [10, 10, 10])
    assert len(last) == 120
    assert found.accuracy(rows, labels) > 0.95
