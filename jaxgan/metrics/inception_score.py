"""Inception score: does each image clearly belong to one class, and are all classes equally frequent?

The score does not use real images, so a generator that repeats one good image per class has the best score.

References:
    Salimans et al. 2016, Improved Techniques for Training GANs, https://arxiv.org/abs/1606.03498
    Barratt and Sharma 2018, A Note on the Inception Score, https://arxiv.org/abs/1801.01973
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float64

from jaxgan.metrics.inputs import Features, as_features
from jaxgan.metrics.result import Result


@dataclass(frozen=True, kw_only=True)
class InceptionScore(Result):
    """The result of `inception_score`.

    Attributes:
        value: mean over the parts, in [1, number of classes].
        deviation: standard deviation over the parts (divided by their number, as it is usually reported).
        splits: number of parts.
        classes: number of classes.
    """

    label: ClassVar[str] = "Inception score"
    measured: ClassVar[tuple[str, ...]] = ("value", "deviation")

    value: float
    deviation: float
    splits: int
    classes: int


def inception_score(
    fake_logits: Features, *, splits: int = 10, extractor_name: str | None = None
) -> InceptionScore:
    """Return ``exp(E KL(p(y|x) || p(y)))``, averaged over consecutive parts of the fakes.

    Args:
        fake_logits: a classifier's outputs before the softmax, `[M, classes]`. Their order must not depend on
            the class, because each part is scored by itself.
        splits: number of parts, from 1 to M. Parts of few fakes have lower scores.
        extractor_name: name of the classifier.

    Returns:
        Mean and standard deviation over the parts, and their protocol.

    Raises:
        ValueError: if the logits are not `[M, classes]`, not finite, or probabilities, or splits is not in
            [1, M].

    References:
        Salimans et al. 2016, section 4.
    """
    logits = as_features(fake_logits, "fake_logits").astype(np.float64)
    if logits.shape[1] > 1 and (logits >= 0).all() and np.allclose(logits.sum(axis=1), 1, atol=0.01):
        raise ValueError(
            "fake_logits are probabilities, >= 0 and of sum 1 in each row: give the logits before the softmax"
        )
    if not 1 <= splits <= len(logits):
        raise ValueError(f"{len(logits)} fakes cannot be split into {splits} parts")
    cuts = [i * len(logits) // splits for i in range(1, splits)]
    scores = [_score(part) for part in np.split(_log_softmax(logits), cuts)]
    return InceptionScore(
        value=float(np.mean(scores)),
        deviation=float(np.std(scores)),
        splits=splits,
        classes=logits.shape[1],
        n_fake=len(logits),
        extractor=extractor_name,
    )


def _log_softmax(logits: Float64[np.ndarray, "m classes"]) -> Float64[np.ndarray, "m classes"]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _score(log_probabilities: Float64[np.ndarray, "m classes"]) -> float:
    probabilities = np.exp(log_probabilities)
    marginal = probabilities.mean(axis=0)
    log_marginal = np.log(marginal, where=marginal > 0, out=np.zeros_like(marginal))  # 0 log 0 is 0
    divergence = (probabilities * (log_probabilities - log_marginal)).sum(axis=1)
    return float(np.exp(divergence.mean()))
