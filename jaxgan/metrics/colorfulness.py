"""How colorful images are: the spread of their opponent colors, and how far these lie from gray.

The metric asks nothing of any other image, so it is read beside that of real images. A coloring that is the
mean of all likely colors is paler than they are.

References:
    Hasler and Suesstrunk 2003, Measuring Colorfulness in Natural Images, https://doi.org/10.1117/12.477378
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from jaxgan.metrics.result import Result

_SHARE_OF_MEAN = 0.3  # Hasler and Suesstrunk 2003, eq. 20


@dataclass(frozen=True, kw_only=True)
class Colorfulness(Result):
    """The result of `colorfulness`.

    Attributes:
        value: mean of the images' colorfulness; 0 of gray ones. The paper calls 15 slightly, 45 averagely
            and 82 highly colorful.
    """

    label: ClassVar[str] = "colorfulness"

    value: float


def colorfulness(images: Any) -> Colorfulness:
    """Return the mean colorfulness of images, as of values in [0, 255].

    Args:
        images: uint8, or float in [-1, 1], ``[N, H, W, 3]``: red, green and blue.

    Returns:
        The mean over the images of ``sqrt(s_rg^2 + s_yb^2) + 0.3 sqrt(m_rg^2 + m_yb^2)``, with deviations s
        and means m over an image's pixels of ``rg = R - G`` and ``yb = (R + G) / 2 - B``.

    Raises:
        ValueError: if the array holds no color images, or its values are not finite.

    References:
        Hasler and Suesstrunk 2003, eqs. 18 to 20
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape:
        raise ValueError(f"color images have shape [N, H, W, 3], got {list(images.shape)}")
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"images are uint8, or float in [-1, 1], got {images.dtype}")
    scale = 1.0 if images.dtype == np.uint8 else 127.5  # differences of colors know no offset
    value = scale * float(np.mean([_of_image(image.astype(np.float64)) for image in images]))
    if not np.isfinite(value):
        raise ValueError("images hold NaN or infinite values")
    return Colorfulness(value=value, n_fake=len(images))


def _of_image(image: np.ndarray) -> float:
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    means, deviations = opponents.mean(axis=(1, 2)), opponents.std(axis=(1, 2))
    return float(np.hypot(*deviations) + _SHARE_OF_MEAN * np.hypot(*means))
