"""How well do clusters that were found without labels agree with classes?

Cluster numbers have no meaning of their own. The accuracy therefore pairs each cluster with one class, in the
way that makes it largest; each class is taken once. Purity, which some papers call accuracy, lets several
clusters take one class and is larger.

References:
    Kuhn 1955, The Hungarian method for the assignment problem, Naval Research Logistics 2
    Hubert and Arabie 1985, Comparing partitions, Journal of Classification 2
    Vinh, Epps and Bailey 2010, Information Theoretic Measures for Clusterings Comparison, JMLR 11
"""

from dataclasses import dataclass

import numpy as np

from jaxgan.metrics.inputs import Features


@dataclass(frozen=True, kw_only=True)
class Clustering:
    """The result of `clustering`.

    Attributes:
        accuracy: share of the examples whose cluster is paired with their class, in [0, 1].
        purity: share of the examples that are of the most frequent class of their cluster, in [0, 1].
        normalized_mutual_information: mutual information divided by the mean of both entropies, in [0, 1].
        adjusted_rand: share of the pairs on which both agree, less what chance gives; 1 at best, about 0 for
            random clusters.
        clusters: number of clusters that hold an example.
        classes: number of classes that hold an example.
        count: number of examples.
        class_of: the class that each cluster is paired with, by the cluster's number; clusters that are left
            over have none.
    """

    accuracy: float
    purity: float
    normalized_mutual_information: float
    adjusted_rand: float
    clusters: int
    classes: int
    count: int
    class_of: dict[int, int]


def clustering(clusters: Features, labels: Features) -> Clustering:
    """Compare clusters with classes.

    Args:
        clusters: the number of each example's cluster, any integers.
        labels: the class of each example, any integers.

    Returns:
        Accuracy, purity, normalized mutual information and adjusted Rand index.

    Examples:
        >>> from jaxgan import metrics
        >>> result = metrics.clustering([0, 0, 1, 1, 1], [7, 7, 3, 3, 7])
        >>> result.accuracy
        0.8

    Raises:
        ValueError: if the two are not integers of one shape ``[n]``, n >= 1.
    """
    clusters, labels = np.asarray(clusters), np.asarray(labels)
    for name, values in (("clusters", clusters), ("labels", labels)):
        if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
            raise ValueError(f"{name} are integers [n], got {values.dtype} {list(values.shape)}")
    if len(clusters) != len(labels) or not len(labels):
        raise ValueError(f"each example has a cluster and a label, got {len(clusters)} and {len(labels)}")
    cluster_numbers, rows = np.unique(clusters, return_inverse=True)
    class_numbers, columns = np.unique(labels, return_inverse=True)
    table = np.zeros((len(cluster_numbers), len(class_numbers)), np.int64)
    np.add.at(table, (rows, columns), 1)
    from scipy.optimize import linear_sum_assignment  # slow to import, and needed here alone

    paired = linear_sum_assignment(table, maximize=True)
    return Clustering(
        accuracy=float(table[paired].sum() / len(labels)),
        purity=float(table.max(axis=1).sum() / len(labels)),
        normalized_mutual_information=_normalized_mutual_information(table),
        adjusted_rand=_adjusted_rand(table),
        clusters=len(cluster_numbers),
        classes=len(class_numbers),
        count=len(labels),
        class_of={int(cluster_numbers[i]): int(class_numbers[j]) for i, j in zip(*paired, strict=True)},
    )


def _normalized_mutual_information(table: np.ndarray) -> float:
    joint = table / table.sum()
    entropies = [_entropy(joint.sum(axis=axis)) for axis in (0, 1)]
    mean = sum(entropies) / 2
    if mean == 0:  # one cluster and one class
        return 1.0
    return float(np.clip((sum(entropies) - _entropy(joint.ravel())) / mean, 0, 1))


def _entropy(probabilities: np.ndarray) -> float:
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log(positive)).sum())


def _adjusted_rand(table: np.ndarray) -> float:
    def pairs(counts: np.ndarray) -> float:
        counts = counts.astype(np.float64)
        return float((counts * (counts - 1) / 2).sum())

    total = pairs(np.array([table.sum()]))
    of_clusters, of_classes = pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = of_clusters * of_classes / total if total else 0.0
    largest = (of_clusters + of_classes) / 2
    if largest == expected:  # all examples in one cluster of one class, or each by itself
        return 1.0
    return (pairs(table.ravel()) - expected) / (largest - expected)
