"""How near made images are to the images that they should be: PSNR, SSIM, and Dice for masks.

These metrics compare pairs: image i of one array with image i of the other. They look at pixels and not at
features, so no network takes part. A restoration that is blurred where it is unsure has a high PSNR, and one
that looks real a lower one (Blau and Michaeli 2018). Numbers compare only where the range of the values, the
border that is cut, and the window are the same; each result says its own.

References:
    Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural Similarity,
    https://doi.org/10.1109/TIP.2003.819861
    Blau and Michaeli 2018, The Perception-Distortion Tradeoff, https://arxiv.org/abs/1711.06077
    Dice 1945, Measures of the Amount of Ecologic Association Between Species, Ecology 26
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from jaxgan.metrics.result import Result

BLOCK = 2**25  # bytes of float64 pixels that are compared at a time
_WINDOWS: dict[str, tuple[int, float | None]] = {"uniform": (7, None), "gaussian": (11, 1.5)}


@dataclass(frozen=True, kw_only=True)
class Psnr(Result):
    """The result of `psnr`.

    Attributes:
        value: mean of the images' PSNR, in decibels; infinite if an image is equal to its real one.
        data_range: distance of the smallest and the largest possible value of a pixel.
        border: pixels that are cut from each side before.
    """

    label: ClassVar[str] = "PSNR"

    value: float
    data_range: float
    border: int


@dataclass(frozen=True, kw_only=True)
class Ssim(Result):
    """The result of `ssim`.

    Attributes:
        value: mean of the images' SSIM, at most 1.
        data_range: distance of the smallest and the largest possible value of a pixel.
        border: pixels that are cut from each side before.
        window: weights of the window, "uniform" or "gaussian".
        window_size: height and width of the window in pixels.
    """

    label: ClassVar[str] = "SSIM"

    value: float
    data_range: float
    border: int
    window: str
    window_size: int


@dataclass(frozen=True, kw_only=True)
class Dice(Result):
    """The result of `dice`.

    Attributes:
        value: mean of the masks' Dice coefficient, in [0, 1].
    """

    label: ClassVar[str] = "Dice"

    value: float


@dataclass(frozen=True, kw_only=True)
class MeanAbsoluteError(Result):
    """The result of `mean_absolute_error`.

    Attributes:
        value: mean of the absolute errors of all values, of images in [-1, 1].
    """

    label: ClassVar[str] = "mean absolute error"

    value: float


@dataclass(frozen=True, kw_only=True)
class Accuracy(Result):
    """The result of `accuracy`.

    Attributes:
        value: share of the images that the classifier assigns to their class, in [0, 1].
    """

    label: ClassVar[str] = "accuracy"

    value: float


def psnr(real: Any, made: Any, *, border: int = 0) -> Psnr:
    """Return the mean peak signal-to-noise ratio of images, ``10 log10(range^2 / mean squared error)``.

    Args:
        real: the images that were to be made, ``[N, H, W, C]``: uint8, whose range is 255, or float in
            [-1, 1], whose range is 2.
        made: images of the same shape and kind.
        border: pixels to cut from each side before, >= 0.

    Returns:
        The mean over the images, as `skimage.metrics.peak_signal_noise_ratio` gives them one by one. It is
        infinite if one of them is equal to what was to be made.

    Raises:
        ValueError: if the arrays are no images of one shape and kind, or nothing is left of them.
    """
    real, made, data_range = _pair(real, made, border)

    def of_images(real: np.ndarray, made: np.ndarray) -> np.ndarray:
        error = ((real - made) ** 2).mean(axis=(1, 2, 3))
        with np.errstate(divide="ignore"):
            return 10 * np.log10(data_range**2 / error)

    value = _mean(of_images, real, made)
    return Psnr(value=value, data_range=data_range, border=border, n_fake=len(made))


def ssim(real: Any, made: Any, *, border: int = 0, window: str = "uniform") -> Ssim:
    """Return the mean structural similarity of images.

    The window moves over all places where it lies inside the image. Channels are compared one by one.

    Args:
        real: the images that were to be made, ``[N, H, W, C]``: uint8, whose range is 255, or float in
            [-1, 1], whose range is 2.
        made: images of the same shape and kind.
        border: pixels to cut from each side before, >= 0.
        window: "uniform", 7x7 pixels with sample covariances, the default of
            `skimage.metrics.structural_similarity`; or "gaussian", 11x11 pixels of standard deviation 1.5, as
            in the paper (in skimage: gaussian_weights=True, sigma=1.5, use_sample_covariance=False).

    Returns:
        The mean over the images.

    Raises:
        ValueError: if the arrays are no images of one shape and kind, or the window does not fit into them.

    References:
        Wang et al. 2004, eq. 13, with K1 = 0.01 and K2 = 0.03.
    """
    if window not in _WINDOWS:
        raise ValueError(f"window is {' or '.join(_WINDOWS)}, got {window!r}")
    real, made, data_range = _pair(real, made, border)
    size, deviation = _WINDOWS[window]
    if min(real.shape[1:3]) < size:
        height, width = real.shape[1:3]
        raise ValueError(f"the window of {size}x{size} pixels does not fit into {height}x{width}")
    places = np.arange(size) - size // 2
    weights = np.ones(size) if deviation is None else np.exp(-0.5 * (places / deviation) ** 2)
    weights /= weights.sum()
    unbias = 1.0 if deviation is not None else size**2 / (size**2 - 1)
    low, high = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2

    def smooth(images: np.ndarray) -> np.ndarray:
        for axis in (1, 2):  # of all places where the window lies inside
            count = images.shape[axis] - size + 1
            parts = [slice(tap, tap + count) for tap in range(size)]
            taps = [images[:, part] if axis == 1 else images[:, :, part] for part in parts]
            images = np.asarray(sum(weight * tap for weight, tap in zip(weights, taps, strict=True)))
        return images

    def of_images(real: np.ndarray, made: np.ndarray) -> np.ndarray:
        means = smooth(real), smooth(made)
        variances = [unbias * (smooth(x**2) - mean**2) for x, mean in zip((real, made), means, strict=True)]
        covariance = unbias * (smooth(real * made) - means[0] * means[1])
        above = (2 * means[0] * means[1] + low) * (2 * covariance + high)
        below = (means[0] ** 2 + means[1] ** 2 + low) * (variances[0] + variances[1] + high)
        return (above / below).mean(axis=(1, 2, 3))

    return Ssim(
        value=_mean(of_images, real, made),
        data_range=data_range,
        border=border,
        window=window,
        window_size=size,
        n_fake=len(made),
    )


def mean_absolute_error(real: Any, made: Any) -> MeanAbsoluteError:
    """Return the mean absolute error of images, as of images in [-1, 1].

    Args:
        real: the images that were to be made, ``[N, H, W, C]``: uint8, or float in [-1, 1].
        made: images of the same shape and kind.

    Raises:
        ValueError: if the arrays are no images of one shape and kind.
    """
    real, made, data_range = _pair(real, made, 0)
    value = _mean(lambda x, y: 2 / data_range * np.abs(x - y).mean(axis=(1, 2, 3)), real, made)
    return MeanAbsoluteError(value=value, n_fake=len(made))


def accuracy(logits: Any, labels: Any, *, extractor_name: str | None = None) -> Accuracy:
    """Return the share of images whose largest logit is that of their class.

    Args:
        logits: a classifier's logits of the images, ``[N, classes]``.
        labels: the images' classes, integers ``[N]``.
        extractor_name: name of the classifier.

    Raises:
        ValueError: if there is not one label for each row of logits.
    """
    logits, labels = np.asarray(logits), np.asarray(labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or 0 in logits.shape:
        raise ValueError(f"logits are [N, classes] and labels [N], got {logits.shape} and {labels.shape}")
    value = float((logits.argmax(axis=1) == labels).mean())
    return Accuracy(value=value, n_fake=len(labels), extractor=extractor_name)


def dice(real: Any, made: Any) -> Dice:
    """Return the mean Dice coefficient of masks, twice the common pixels over the pixels of both.

    Args:
        real: the masks that were to be made, bool ``[N, ...]``.
        made: masks of the same shape.

    Returns:
        The mean over the masks; two empty masks have 1.

    Raises:
        ValueError: if the arrays are no masks of one shape.
    """
    real, made = np.asarray(real), np.asarray(made)
    if real.shape != made.shape or real.ndim < 2 or 0 in real.shape:
        raise ValueError(f"masks have one shape [N, ...], got {list(real.shape)} and {list(made.shape)}")
    if real.dtype != bool or made.dtype != bool:
        raise ValueError(f"masks are bool, got {real.dtype} and {made.dtype}: images > 0 makes them so")
    real, made = (mask.reshape(len(mask), -1) for mask in (real, made))
    both, total = (real & made).sum(axis=1), real.sum(axis=1) + made.sum(axis=1)
    values = np.where(total == 0, 1.0, 2 * both / np.maximum(total, 1))
    return Dice(value=float(values.mean()), n_fake=len(made))


def _pair(real: Any, made: Any, border: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return two arrays of images without their border, and the range of their values."""
    real, made = np.asarray(real), np.asarray(made)
    for images in (real, made):
        if images.ndim != 4 or 0 in images.shape:
            raise ValueError(f"images have shape [N, H, W, C], got {list(images.shape)}")
        if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
            raise ValueError(f"images are uint8, or float in [-1, 1], got {images.dtype}")
    if real.shape != made.shape:
        raise ValueError(
            f"images are compared one by one, and have shapes {list(real.shape)} and {list(made.shape)}"
        )
    if (real.dtype == np.uint8) != (made.dtype == np.uint8):
        raise ValueError(f"images have one kind of values, got {real.dtype} and {made.dtype}")
    height, width = real.shape[1:3]
    if border < 0 or 2 * border >= min(height, width):
        raise ValueError(f"a border of {border} pixels leaves nothing of {height}x{width}")
    inside = slice(border, -border or None)
    for images in (real, made):
        if images.dtype != np.uint8 and not np.isfinite(images).all():
            raise ValueError("images hold NaN or infinite values")
    return real[:, inside, inside], made[:, inside, inside], 255.0 if real.dtype == np.uint8 else 2.0


def _mean(of_images: Callable[..., np.ndarray], real: np.ndarray, made: np.ndarray) -> float:
    return float(np.concatenate([of_images(*block) for block in _blocks(real, made)]).mean())


def _blocks(
    real: np.ndarray, made: np.ndarray
) -> Iterator[tuple[Float64[np.ndarray, "n h w c"], Float64[np.ndarray, "n h w c"]]]:
    """Yield blocks of the images of both, in float64."""
    count = max(1, BLOCK // (8 * real[0].size))
    for start in range(0, len(real), count):
        block = slice(start, start + count)
        yield real[block].astype(np.float64), made[block].astype(np.float64)
