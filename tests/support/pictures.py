"""The data set of the tests' tiny runs, and folders of pictures."""

import numpy as np
from PIL import Image

from jaxgan import data


def forty_pictures(*shape):
    """Return 40 random uint8 images of a shape, in four classes, as a data set named "pictures"."""
    images = np.random.default_rng(0).integers(0, 256, (40, *shape), np.uint8)
    return data.from_arrays(images, np.arange(40) % 4, name="pictures")


def save_pictures(folder, images):
    """Write images as PNGs, in their order, into a new folder."""
    folder.mkdir(parents=True)
    for i, image in enumerate(images):
        Image.fromarray(image.squeeze()).save(folder / f"{i:03d}.png")
