"""How much of the latents is to be seen in the images, and how much of the class in a unit.

References:
    Cover and Thomas 2006, Elements of Information Theory, section 9.4: parallel Gaussian channels
    Roulston 1999, Estimating the errors on measured entropy and mutual information, Physica D 125
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

GRAY_LEVEL = 2 / 255  # between neighboring gray levels of images in [-1, 1]
_BINS = 8


class UnitInformation(NamedTuple):
    """What units know of the class.

    Attributes:
        bits: mutual information of each unit's activation with the class, ``[units]``, as it is counted.
        bias: the expected excess of `bits` over the true information, ``[units]``. A unit that knows nothing
            has about as many bits as its bias.
    """

    bits: Float[np.ndarray, " unit"]
    bias: Float[np.ndarray, " unit"]


def bits(metric: Any, noise: float = GRAY_LEVEL) -> Float[np.ndarray, " latent"]:
    """Return the bits that each direction of the latents sends through a noisy image.

    The generator counts as the linear map of its mean metric, latents as standard normal, and the noise as
    normal and independent in each pixel. A direction of eigenvalue v then sends .5 log2(1 + v / noise^2)
    bits, and all of them together .5 log2 det(I + M / noise^2), their sum. It is at least the mean of what
    the linear maps at single latents send, as the logarithm of a mean is at least the mean of logarithms.

    Args:
        metric: E[J^T J] ``[Z, Z]``, as `jaxgan.explain.directions.metric` gives it.
        noise: standard deviation of the noise of a pixel, > 0, in images of [-1, 1]; one gray level if not
            given.

    Returns:
        Bits ``[Z]``, the largest first.

    References:
        Cover and Thomas 2006, section 9.4.
    """
    values = np.maximum(np.linalg.eigvalsh(np.asarray(metric, np.float64))[::-1], 0)
    return 0.5 * np.log2(1 + values / noise**2)


def effective_dimension(spectrum: Any) -> float:
    """Return the participation ratio of a spectrum, (sum v)^2 / sum v^2: how many directions share it.

    Args:
        spectrum: numbers that are not negative, ``[n]``.

    Returns:
        A number from 1 (one direction has all) to n (all have the same); 0 where all are 0.
    """
    spectrum = np.asarray(spectrum, np.float64)
    total = float(np.square(spectrum).sum())
    return float(spectrum.sum()) ** 2 / total if total > 0 else 0.0


def unit_information(activations: Any, labels: Any, *, bins: int = _BINS) -> UnitInformation:
    """Return the mutual information of each unit's activation with the class of the image.

    Activations of maps are averaged over the pixels. They are counted in bins of about equal numbers of
    images; equal activations share a bin. A count from few images is too large on average, and the result
    says by how much (Roulston 1999).

    Args:
        activations: ``[N, units]`` or ``[N, H, W, units]``.
        labels: the class of each image, integers ``[N]``.
        bins: number of bins, at least 2.

    Returns:
        The `UnitInformation`, in bits.

    Raises:
        ValueError: if there is not a label for each image.
    """
    rows, labels = np.asarray(activations, np.float64), np.asarray(labels)
    if labels.shape != rows.shape[:1]:
        raise ValueError(f"labels have shape [{len(rows)}], one for each image, got {list(labels.shape)}")
    rows = rows.reshape(len(rows), -1, rows.shape[-1]).mean(axis=1)
    classes = np.unique(labels, return_inverse=True)[1]
    found = [_information(column, classes, bins) for column in rows.T]
    return UnitInformation(*(np.array(column) for column in zip(*found, strict=True)))


def _information(values: np.ndarray, classes: np.ndarray, bins: int) -> tuple[float, float]:
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins, method="lower"))
    cells = np.searchsorted(edges, values, side="left")
    counts = np.zeros((len(edges) + 1, classes.max() + 1))
    np.add.at(counts, (cells, classes), 1)
    joint = counts / len(values)
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    information = float((joint[seen] * np.log2(joint[seen] / apart[seen])).sum())
    filled = [int((counts.sum(axis=axis) > 0).sum()) for axis in (0, 1)]
    cells_filled = (filled[0] - 1) * (filled[1] - 1)
    return information, cells_filled / (2 * len(values) * np.log(2))
