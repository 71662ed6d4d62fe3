"""Area under the receiver operating characteristic: how well does a score separate two kinds of examples?

It is the probability that a random positive example has a larger score than a random negative one; a tie
counts half.

References:
    Hanley and McNeil 1982, The meaning and use of the area under a receiver operating characteristic curve,
    Radiology 143
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Auroc:
    """The result of `auroc`.

    Attributes:
        value: the area, in [0, 1]; 0.5 for a score that says nothing.
        standard_error: Hanley and McNeil's estimate.
        positives: number of positive examples.
        negatives: number of negative examples.
    """

    value: float
    standard_error: float
    positives: int
    negatives: int


def auroc(scores: Any, is_positive: Any) -> Auroc:
    """Return the area under the curve of a score.

    Args:
        scores: ``[n]``, larger for positive examples, such as anomalies.
        is_positive: bool ``[n]``, or integers 0 and 1.

    Returns:
        The area, its standard error and both numbers of examples.

    Raises:
        ValueError: for other shapes, scores that are NaN, or if one of the two kinds is missing.

    Examples:
        >>> from jaxgan import metrics
        >>> metrics.auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]).value
        0.75

    References:
        Hanley and McNeil 1982, the standard error of the area, with Q1 and Q2 as for exponential scores.
    """
    from scipy.stats import rankdata  # it takes a second to import

    scores, flags = np.asarray(scores, np.float64), np.asarray(is_positive)
    if scores.ndim != 1 or scores.shape != flags.shape:
        raise ValueError(
            f"each example has a score and a flag, got {list(scores.shape)} and {list(flags.shape)}"
        )
    if np.isnan(scores).any():
        raise ValueError(f"{np.count_nonzero(np.isnan(scores))} of {len(scores)} scores are NaN")
    if not np.isin(flags, (0, 1)).all():
        raise ValueError("the flags are True and False, or 1 and 0")
    flags = flags.astype(bool)
    positives, negatives = int(flags.sum()), int((~flags).sum())
    if not positives or not negatives:
        raise ValueError(f"there are {positives} positive and {negatives} negative examples: both are needed")
    larger = rankdata(scores)[flags].sum() - positives * (positives + 1) / 2
    area = float(larger / (positives * negatives))
    both_positive, both_negative = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (both_positive - area**2)
    variance += (negatives - 1) * (both_negative - area**2)
    error = float(np.sqrt(max(variance, 0.0) / (positives * negatives)))
    return Auroc(value=area, standard_error=error, positives=positives, negatives=negatives)
