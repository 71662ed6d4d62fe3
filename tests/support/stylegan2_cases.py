"""Small StyleGAN2 networks and their weights, drawn by name: tests/golden/make_stylegan2.py uses them too."""

import zlib

import numpy as np

GENERATORS = {
    "skip": {
        "image_shape": (16, 16, 3),
        "channel_base": 96,
        "channel_max": 8,
        "mapping_layers": 2,
        "w_dim": 6,
        "architecture": "skip",
        "num_classes": 3,
    },
    "resnet": {
        "image_shape": (12, 20, 2),
        "channel_base": 24,
        "channel_max": 7,
        "mapping_layers": 3,
        "w_dim": 5,
        "architecture": "resnet",
        "num_classes": None,
    },
}
DISCRIMINATORS = {
    "resnet": {
        "image_shape": (12, 20, 2),
        "channel_base": 48,
        "channel_max": 8,
        "architecture": "resnet",
        "group_size": 2,
        "num_classes": 3,
    },
    "orig": {
        "image_shape": (16, 16, 3),
        "channel_base": 96,
        "channel_max": 8,
        "architecture": "orig",
        "group_size": 4,
        "num_classes": None,
    },
}
BATCH, LATENT = 4, 5
LABELS = np.array([0, 2, 1, 2], np.int32)


def normal(name, shape):
    """Return float64 numbers that depend on a name alone."""
    return np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)


def draw(name, shape):
    """Return a weight, of the size that it has in a trained network; the mapping's layers learn at rate 0.01."""
    values = normal(name, shape)
    if name.endswith(("bias", "w_average")):
        values = 0.3 * values + ("affine" in name)
    is_slow = name.startswith("mapping/EqualizedDense")
    return np.asarray(values / (0.01 if is_slow else 1.0), np.float32)
