"""Hand-made readers of runs, whose networks are a few lines of NumPy."""

import sys
from pathlib import Path

import numpy as np

from jaxgan.evaluate.reals import Reals
from jaxgan.representation.reader import Reader
from jaxgan.system.errors import UserError


def floats(images):
    """Return images as floats in [-1, 1]."""
    return images.astype(np.float32) / 127.5 - 1 if images.dtype == np.uint8 else images


def reader(path=Path("run"), **functions):
    """Return a reader without an encoder and without heads, whose features are the pixels."""
    shown = {
        "encode": None,
        "reads": lambda images: {},
        "features": lambda images: {"stage_0": floats(images)},
        "discriminate": lambda images, labels=None: floats(images).mean((1, 2, 3)),
        "generate": lambda latents, labels=None: np.zeros((len(latents), 4, 4, 1), np.float32),
    }
    return Reader(path, {"latent_dim": 2}, (4, 4, 1), None, **{**shown, **functions})


def planted(seed=0, *, n=60, classes=3, noise=20):
    """Return images of planted classes, each around a picture of its own, and their labels."""
    generator = np.random.default_rng(seed)
    centers = np.random.default_rng(7).integers(40, 215, (classes, 4, 4, 1))
    labels = (np.arange(n) % classes).astype(np.int32)
    images = centers[labels] + generator.normal(0, noise, (n, 4, 4, 1))
    return images.clip(0, 255).astype(np.uint8), labels


def reals(images, labels=None, *, source="planted", split=None, names=None):
    """Return images as a command opens them."""
    count = None if labels is None else int(labels.max()) + 1
    return Reals(source, split, images, labels, count, (), names)


def opened(monkeypatch, command, reader, data):
    """Let a command find a reader, and data by their split, in the place of files.

    Args:
        monkeypatch: the fixture.
        command: name of the command.
        reader: the reader.
        data: images by split, those of None where none is named; without "test" there are no test images.
    """
    module = sys.modules[f"jaxgan.representation.{command}"]

    def open_data(reader, source, *, split=None, n=None, data_dir=None):
        if split == "test" and split not in data:
            raise UserError("`split` test: planted has no splits")
        return data.get(split, data[None])

    monkeypatch.setattr(module, "open_reader", lambda run: reader)
    monkeypatch.setattr(module, "open_data", open_data)
