"""A picture for the eye to judge memorisation by: fakes, each beside the training images nearest to it."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxgan import sampling
from jaxgan.data import pictures
from jaxgan.evaluate.fakes import Fakes
from jaxgan.evaluate.reals import Reals, outputs
from jaxgan.features import Extractor

ROWS, NEIGHBOURS = 10, 5


def nearest_picture(fakes: Fakes, train: Reals, extractor: Extractor) -> Image.Image:
    """Return a picture: in each row a fake, a gap, and its `NEIGHBOURS` nearest training images.

    Near in Euclidean distance of the extractor's features; the nearest comes first.
    """
    count = min(ROWS, fakes.count)
    images = fakes.batch(0, count)[:count]
    features = outputs(train, extractor).features.astype(np.float64)
    squares = (features**2).sum(axis=1)
    rows = []
    for image, point in zip(images, extractor(images).astype(np.float64), strict=True):
        near = np.argsort(squares - 2 * features @ point, kind="stable")[:NEIGHBOURS]
        rows += [_as(image, train.images[0]), np.full_like(train.images[0], sampling.GUTTER_GREY)]
        rows += list(train.images[near])
    return sampling.grid(np.stack(rows), columns=2 + min(NEIGHBOURS, len(features)))


def _as(image: UInt8[np.ndarray, "h w c"], like: UInt8[np.ndarray, "h2 w2 c2"]) -> np.ndarray:
    return pictures.fit_array(image, (like.shape[0], like.shape[1]), like.shape[2])
