"""Clusters against classes: scikit-learn's values, all pairings by hand, and the cases that are known."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from jaxgan.metrics import clustering


@pytest.mark.parametrize("seed", range(6))
def test_scikit_learn_and_all_pairings_agree(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 200)
    clusters = np.where(rng.random(200) < 0.6, (labels * 3 + 1) % 5, rng.integers(0, 5, 200)) * 10 - 7
    result = clustering(clusters, labels)
    assert result.normalized_mutual_information == pytest.approx(
        normalized_mutual_info_score(labels, clusters), abs=1e-12
    )
    assert result.adjusted_rand == pytest.approx(adjusted_rand_score(labels, clusters), abs=1e-12)
    numbers = np.unique(clusters)
    best = max(
        sum(
            ((clusters == number) & (labels == label)).sum()
            for number, label in zip(numbers, order, strict=True)
        )
        for order in itertools.permutations([0, 1, 2, 3, -1])
    )
    assert result.accuracy == best / 200
    assert result.purity >= result.accuracy
    assert (result.clusters, result.classes, result.count) == (5, 4, 200)
    mapped = np.array([result.class_of.get(number, -1) for number in clusters])
    assert (mapped == labels).mean() == result.accuracy


def test_renamed_classes_are_perfect_and_one_cluster_is_nothing():
    labels = np.arange(30) % 3
    perfect = clustering(5 - labels, labels)
    assert perfect.accuracy == perfect.purity == perfect.adjusted_rand == 1
    assert perfect.normalized_mutual_information == pytest.approx(1, abs=1e-12)
    assert perfect.class_of == {5: 0, 4: 1, 3: 2}
    one = clustering(np.zeros(30, int), labels)
    assert one.accuracy == one.purity == pytest.approx(1 / 3)
    assert one.normalized_mutual_information == one.adjusted_rand == 0
    alone = clustering(np.arange(30), labels)
    assert (alone.accuracy, alone.purity, alone.adjusted_rand) == (0.1, 1.0, 0.0)
    same = clustering(np.zeros(4, int), np.zeros(4, int))
    assert same.adjusted_rand == same.normalized_mutual_information == same.accuracy == 1


@pytest.mark.parametrize(
    ("clusters", "labels", "sentence"),
    [
        (np.zeros(3), np.zeros(3, int), r"clusters are integers \[n\], got float64 \[3\]"),
        (np.zeros(3, int), np.zeros((3, 1), int), r"labels are integers \[n\], got int64 \[3, 1\]"),
        (np.zeros(3, int), np.zeros(4, int), "each example has a cluster and a label, got 3 and 4"),
        (np.zeros(0, int), np.zeros(0, int), "got 0 and 0"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(clusters, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        clustering(clusters, labels)
