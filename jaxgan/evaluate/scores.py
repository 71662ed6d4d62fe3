"""The names of the metrics, and what each is computed from. A new metric is one line here."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxgan import metrics
from jaxgan.evaluate.trained_on_fakes import NAME as TRAINED_ON_FAKES
from jaxgan.features import Extractor, Outputs
from jaxgan.metrics.result import Result
from jaxgan.system.errors import UserError, choose


class Evidence(NamedTuple):
    """Everything that a metric may be computed from.

    Attributes:
        real: features and logits of the real images.
        fake: features and logits of the generated images.
        extractor: the network that computed them.
        train: features of all training images; None unless a metric needs them.
        held_out: features of real images that were not trained on; None unless a metric needs them.
    """

    real: Outputs
    fake: Outputs
    extractor: Extractor
    train: Outputs | None = None
    held_out: Outputs | None = None


def _pair(measure: Callable[..., Result]) -> Callable[[Evidence], tuple[Result, ...]]:
    return lambda evidence: (
        measure(evidence.real.features, evidence.fake.features, extractor_name=evidence.extractor.name),
    )


def _manifold(evidence: Evidence) -> tuple[Result, ...]:
    real, fake, name = evidence.real.features, evidence.fake.features, evidence.extractor.name
    count = min(len(real), len(fake))  # the larger of two unequal sets would fill the space better
    return (
        metrics.precision_recall(real[:count], fake[:count], extractor_name=name),
        metrics.density_coverage(real[:count], fake[:count], extractor_name=name),
    )


def _modes(evidence: Evidence) -> tuple[Result, ...]:
    logits = _logits(evidence, "modes")
    name = evidence.extractor.name
    return (metrics.class_coverage(logits.argmax(axis=1), n_modes=logits.shape[1], extractor_name=name),)


def _inception_score(evidence: Evidence) -> tuple[Result, ...]:
    logits = _logits(evidence, "is")
    return (metrics.inception_score(logits, extractor_name=evidence.extractor.name),)


def _logits(evidence: Evidence, metric: str) -> np.ndarray:
    logits, extractor = evidence.fake.logits, evidence.extractor
    if logits is None or (metric == "modes" and extractor.classes is None):
        raise UserError(f"`metrics` {metric} takes a classifier of this data, which {extractor.name} is not")
    return logits


def _memorisation(evidence: Evidence) -> tuple[Result, ...]:
    if evidence.train is None or evidence.held_out is None:
        raise UserError("`metrics` memorisation takes training images and held-out ones")
    train, held_out, fake = evidence.train.features, evidence.held_out.features, evidence.fake.features
    return (metrics.memorisation(train, held_out, fake, extractor_name=evidence.extractor.name),)


METRICS: dict[str, Callable[[Evidence], tuple[Result, ...]]] = {
    "fid": _pair(metrics.frechet_distance),
    "fid_infinity": _pair(metrics.frechet_distance_infinity),
    "kid": _pair(metrics.kernel_distance),
    "prdc": _manifold,
    "sliced_wasserstein": _pair(metrics.sliced_wasserstein),
    "diversity": _pair(metrics.diversity),
    "modes": _modes,
    "is": _inception_score,
    "memorisation": _memorisation,
}

OF_PAIRS: dict[str, Callable[[np.ndarray, np.ndarray], Result]] = {"psnr": metrics.psnr, "ssim": metrics.ssim}
"""Metrics of a translator: each of its images with the image that it should be."""

ACCURACY = "accuracy"
"""How many of a translator's images a classifier assigns to the class of the image that each should be."""
CYCLE = "cycle"
"""The mean absolute error of sources that went there and back, of a translator of both directions."""
COLORFULNESS = "colorfulness"
"""The colorfulness of a translator's images, beside that of the real images and of the sources."""

NAMES = (*METRICS, TRAINED_ON_FAKES, *OF_PAIRS, ACCURACY, CYCLE, COLORFULNESS)
"""What `jaxgan evaluate` measures."""
MEMORISATION = "memorisation"
WITH_TRAINING_SET = (MEMORISATION, TRAINED_ON_FAKES)
PER_CLASS = ("fid", "kid", "prdc")
NEIGHBORS = 5  # neighbors that prdc looks at: a class needs more images than that
DISTANCES = ("fid", "fid_infinity", "kid", "sliced_wasserstein")  # less is better


def split_names(text: str, known: tuple[str, ...] = NAMES) -> tuple[str, ...]:
    """Return the metrics that a text such as "fid,kid" names, each once.

    Raises:
        UserError: if a name is unknown or empty.
    """
    return tuple(dict.fromkeys(choose("metrics", name.strip(), known) for name in text.split(",")))


def scalars(results: dict[str, tuple[Result, ...]]) -> dict[str, float]:
    """Return the measured numbers by flat name: "fid", "kid", "kid_deviation", "prdc_precision", ..."""
    return {
        metric if number == "value" else f"{metric}_{number}": float(getattr(result, number))
        for metric, parts in results.items()
        for result in parts
        for number in result.measured
    }


def by_class(
    names: tuple[str, ...], evidence: Evidence, real_labels: np.ndarray, fake_labels: np.ndarray
) -> dict[int, dict[str, float]]:
    """Return the metrics of each class by itself, for those of `names` that are in `PER_CLASS`.

    With a classifier, "agreement" is the share of fakes that it assigns to the class they should belong to.
    """
    table = {}
    for label in np.unique(real_labels).tolist():
        real, fake = (
            Outputs(outputs.features[labels == label])
            for outputs, labels in ((evidence.real, real_labels), (evidence.fake, fake_labels))
        )
        if min(len(real.features), len(fake.features)) <= NEIGHBORS:
            continue
        of_class = evidence._replace(real=real, fake=fake)
        table[label] = scalars({name: METRICS[name](of_class) for name in names if name in PER_CLASS})
        if evidence.fake.logits is not None and evidence.extractor.classes is not None:
            predicted = evidence.fake.logits[fake_labels == label].argmax(axis=1)
            table[label]["agreement"] = float((predicted == label).mean())
    return table
