"""What is known of images without any network: k-means, PCA, nearest neighbors and linear classifiers.

Whatever a network has learned of images is worth the difference to these. All of them take rows ``[N, D]``,
which are pixels or the features of a network, and all are scikit-learn's.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

STARTS = 5  # starts of k-means, of which the best is taken
STRENGTHS = (
    1e-4,
    1e-3,
    1e-2,
    1e-1,
    1.0,
)  # C of linear classifiers, from the strongest penalty to the weakest
MOST_ITERATIONS = 300
MOST_CHOOSING = 10_000  # rows that a strength is chosen with
MANY_NUMBERS = 10**7  # of a matrix whose products are worth several threads
SAME = 1e-6  # share of a row's length

Rows = Float[np.ndarray, "n d"]


class Pca(NamedTuple):
    """The principal components of a set of rows.

    Attributes:
        mean: the mean row, ``[D]``.
        components: orthonormal directions ``[k, D]``, that of the largest variance first.
    """

    mean: Float[np.ndarray, " d"]
    components: Float[np.ndarray, "k d"]

    def encode(self, rows: Rows) -> Float[np.ndarray, "n k"]:
        """Return the coordinates of rows along the components."""
        return (rows - self.mean) @ self.components.T

    def reconstruct(self, rows: Rows) -> Float[np.ndarray, "n d"]:
        """Return the nearest rows that the mean and the components can make."""
        return self.encode(rows) @ self.components + self.mean


def pca(rows: Rows, size: int, *, seed: int) -> Pca:
    """Return the principal components of rows.

    Args:
        rows: ``[N, D]``.
        size: the number of components, >= 1; at most N and D are returned.
        seed: the seed of the randomized algorithm, which large sets need.
    """
    from sklearn.decomposition import PCA

    fitted = PCA(min(size, *rows.shape), random_state=seed).fit(rows)
    return Pca(fitted.mean_.astype(rows.dtype), fitted.components_.astype(rows.dtype))


def k_means(rows: Rows, k: int, *, seed: int) -> Int[np.ndarray, " n"]:
    """Return the cluster of each row, by the best of five starts of k-means++.

    Args:
        rows: ``[N, D]``, N >= k.
        k: the number of clusters, >= 1. Fewer hold a row where fewer rows differ.
        seed: the seed of the starts.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer than k rows differ
        return KMeans(k, n_init=STARTS, algorithm="elkan", random_state=seed).fit_predict(rows)


def nearest_labels(
    rows: Rows,
    labels: Int[np.ndarray, " n"],
    queries: Float[np.ndarray, "m d"] | None = None,
) -> Int[np.ndarray, " m"]:
    """Return the label of the row that is nearest to each query.

    Args:
        rows: ``[N, D]``.
        labels: one for each row.
        queries: ``[M, D]``; None for the rows themselves, each of which is compared with all others.
    """
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=1).fit(rows)
    nearest = np.asarray(index.kneighbors(queries, return_distance=False))
    return labels[nearest[:, 0]]


def nearest_distances(rows: Rows, queries: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
    """Return the Euclidean distance of each query to the nearest row that is not the query itself.

    A row at less than a millionth of the query's length from it counts as the query. So the distances say
    something where queries are rows, too.

    Args:
        rows: ``[N, D]``.
        queries: ``[M, D]``.
    """
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=min(2, len(rows)), algorithm="brute").fit(rows)
    distances, _ = index.kneighbors(queries)
    is_itself = distances[:, 0] <= SAME * np.linalg.norm(queries, axis=1)
    return np.where(is_itself, distances[:, -1], distances[:, 0])


def other_images(images: np.ndarray) -> np.ndarray:
    """Return a random other image beside each of at least two images, always the same ones."""
    count = len(images)
    return images[(np.arange(count) + np.random.default_rng(0).integers(1, count, count)) % count]


class Linear(NamedTuple):
    """A linear classifier.

    Attributes:
        model: scikit-learn's logistic regression.
        strength: the inverse of the penalty's weight, scikit-learn's C.
    """

    model: Any
    strength: float

    def accuracy(self, rows: Rows, labels: Int[np.ndarray, " n"]) -> float:
        """Return the share of rows whose label the classifier says."""
        return float((self.model.predict(rows) == labels).mean())


def linear_classifier(rows: Rows, labels: Int[np.ndarray, " n"], *, validate: np.ndarray) -> Linear:
    """Fit a logistic regression whose penalty is chosen by a part of its own rows.

    Each C of `STRENGTHS` is fitted to the rows that do not validate, to 10,000 of them where there are more.
    The one that names most of the others right is then fitted to all rows; of equal ones, that of the
    strongest penalty.

    Args:
        rows: ``[N, D]``.
        labels: one for each row, of at least two classes.
        validate: bool ``[N]``, the rows that choose C.
    """
    best, most = STRENGTHS[0], -1.0
    seen = np.flatnonzero(~validate)
    count = min(MOST_CHOOSING, len(seen))
    seen = seen[np.arange(count) * len(seen) // count]  # rows may be in the order of classes
    for strength, model in _along(STRENGTHS, rows[seen], labels[seen]):
        right = Linear(model, strength).accuracy(rows[validate], labels[validate])
        if right > most:
            best, most = strength, right
    ((_, model),) = _along((best,), rows, labels)
    return Linear(model, best)


def _along(strengths: tuple[float, ...], rows: Rows, labels: Int[np.ndarray, " n"]):
    """Yield each C with its fitted model, which begins where that of the one before ended."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # scikit-learn needs it

    model = LogisticRegression(max_iter=MOST_ITERATIONS, warm_start=True)
    for strength in strengths:
        # Where the matrices are small, threads would wait for each other longer than they compute.
        with warnings.catch_warnings(), threadpool_limits(1 if rows.size < MANY_NUMBERS else None):
            warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits change no class
            yield strength, model.set_params(C=strength).fit(rows, labels)
