"""The activations of a discriminator as one row of numbers for each image.

References:
    Radford et al. 2016, Unsupervised Representation Learning with DCGAN, https://arxiv.org/abs/1511.06434,
    section 5.1
"""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

SIDE = 4  # pixels of a pooled activation
CHUNK = 512  # images whose activations are held in full at a time

Features = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def pooled(activations: np.ndarray) -> Float[np.ndarray, "n d"]:
    """Return activations as rows; those of an image are max-pooled to at most 4x4 first.

    Cell i of n covers the pixels from ``floor(i * size / n)`` to ``ceil((i + 1) * size / n)``.

    Args:
        activations: ``[N, H, W, C]``, or of any other rank, which are only flattened.
    """
    activations = np.asarray(activations, np.float32)
    if activations.ndim == 4:
        for axis in (1, 2):
            size = activations.shape[axis]
            cells = min(SIDE, size)
            ends = [(i * size // cells, -(-(i + 1) * size // cells)) for i in range(cells)]
            parts = [activations.take(range(*each), axis=axis).max(axis=axis) for each in ends]
            activations = np.stack(parts, axis=axis)
    return activations.reshape(len(activations), -1)


def all_layers(activations: Mapping[str, np.ndarray]) -> Float[np.ndarray, "n d"]:
    """Return the pooled activations of all layers side by side (Radford 2016, section 5.1)."""
    return np.concatenate([pooled(each) for each in activations.values()], axis=1)


def last_layer(activations: Mapping[str, np.ndarray]) -> Float[np.ndarray, "n d"]:
    """Return the pooled activations of the layer that is farthest from the image."""
    return pooled(list(activations.values())[-1])


def rows_of(
    features: Features, images: np.ndarray, layers: Callable[[Mapping[str, np.ndarray]], np.ndarray]
) -> Float[np.ndarray, "n d"]:
    """Return a row for each image; the activations of a few images are held at a time.

    Args:
        features: ``images -> {layer: activations}``, the layers from the image on.
        images: ``[N, H, W, C]``.
        layers: `all_layers` or `last_layer`.
    """
    return np.concatenate(
        [layers(features(images[first : first + CHUNK])) for first in range(0, len(images), CHUNK)]
    )


def pixels(images: np.ndarray) -> Float[np.ndarray, "n d"]:
    """Return uint8 images as rows of pixels in [-1, 1]."""
    return images.reshape(len(images), -1).astype(np.float32) / 127.5 - 1
