"""A run that is to be explained: an export of small networks with random weights, and real images."""

import numpy as np

from exports import SHAPE, write
from jaxgan import export
from jaxgan.evaluate.reals import Reals
from jaxgan.explain.section import Subject
from jaxgan.networks import mlp
from jaxgan.representation.reader import open_reader

DRAWS = np.random.default_rng(0)


def reals(n, classes=None):
    """Return n random real images, with labels where classes are asked for."""
    images = DRAWS.integers(0, 256, (n, *SHAPE), np.uint8)
    labels = None if classes is None else (np.arange(n) % classes).astype(np.int32)
    return Reals("planted", None, images, labels, classes)


def subject(folder, *, learned=None, held_out=None, discriminator=True, **options):
    """Return the subject of an export that `exports.write` makes; its options are those of `write`."""
    judge = mlp.Discriminator((5,), **options.pop("judge", {})) if discriminator else None
    write(folder, discriminator=judge, **options)
    reader = open_reader(folder)
    critic = export.read_discriminator(folder) if discriminator else None
    return Subject(folder, reader, export.read_generator(folder), critic, learned, held_out, 4, 0)
