"""A picture that shows memorization: fakes, each beside its nearest training images."""

import warnings

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxgan import sampling
from jaxgan.data import pictures
from jaxgan.evaluate.fakes import Fakes
from jaxgan.evaluate.reals import Reals, real_outputs
from jaxgan.features import Extractor
from jaxgan.images import eight_bits

ROWS, NEIGHBORS = 10, 5


def nearest_picture(fakes: Fakes, train: Reals, extractor: Extractor) -> Image.Image:
    """Return a picture with a fake, a gap and its nearest training images in each row.

    Distances are Euclidean, between the extractor's features; the nearest image comes first.
    """
    count = min(ROWS, fakes.count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # `measure` says what is odd about the images
        images, real = eight_bits(fakes.batch(0, count))[:count], eight_bits(train.images)
    features = real_outputs(train, extractor).features.astype(np.float64)
    squares = (features**2).sum(axis=1)
    rows = []
    for image, point in zip(images, extractor(images).astype(np.float64), strict=True):
        near = np.argsort(squares - 2 * features @ point, kind="stable")[:NEIGHBORS]
        rows += [_fitted(image, real[0]), np.full_like(real[0], sampling.GUTTER_GRAY)]
        rows += list(real[near])
    return sampling.grid(np.stack(rows), columns=2 + min(NEIGHBORS, len(features)))


def _fitted(image: UInt8[np.ndarray, "h w c"], like: UInt8[np.ndarray, "h2 w2 c2"]) -> np.ndarray:
    return pictures.fit_array(image, (like.shape[0], like.shape[1]), like.shape[2])
