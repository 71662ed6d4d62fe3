"""Where the studies of stability.py train: the ring, scikit-learn's digits, and MNIST.

The ring is eight Gaussians in the plane, learned by fully connected networks; a member's score is the share
of its points within 3 sigma of a mode times the share of the modes that it reaches ("covered"). The score of
digits of 8x8 pixels is the Fréchet distance of digits-cnn's features ("fid"), that of MNIST mnist-cnn's.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

import ring
from jaxgan import data, features, metrics
from jaxgan.networks import dcgan, mlp
from results import Row


@dataclasses.dataclass(frozen=True)
class Arena:
    """Something to learn, and how well it was learned.

    Attributes:
        name: "ring" or "digits".
        score: "covered" (more is better) or "fid" (less is better).
        steps: that are enough to tell good settings from bad ones.
        image_shape: of one example.
        latent_dim: length of a latent vector.
        modules: generator and discriminator.
        arrays: what `batch_at` takes.
        batch_at: ``(arrays, step, seed, count) -> batch``.
        measure: examples ``[n, ...]`` of one member -> its scores.
        batch_size: examples per update.
        fakes: how many of each member are measured.
    """

    name: str
    score: str
    steps: int
    image_shape: tuple[int, ...]
    latent_dim: int
    modules: tuple[nn.Module, nn.Module]
    arrays: Any
    batch_at: Callable[[Any, jax.Array, jax.Array, int], Any]
    measure: Callable[[np.ndarray], Row]
    batch_size: int = 64
    fakes: int = 1000


def ring_arena(width: int = 64) -> Arena:
    """Return the ring, for three hidden layers in each network."""
    mixture, hidden = ring.MIXTURE, (width,) * 3

    def measure(points: np.ndarray) -> Row:
        found = mixture.score(np.nan_to_num(mixture.extent * points, nan=1e6))
        covered = found.high_quality * found.modes / len(mixture.centres)
        return {"covered": covered, "high_quality": found.high_quality, "modes": found.modes}

    return Arena(
        name="ring",
        score="covered",
        steps=3000,
        image_shape=(2,),
        latent_dim=2,
        modules=(mlp.Generator((2,), hidden, squash=False), mlp.Discriminator(hidden)),
        arrays=None,
        batch_at=lambda arrays, step, seed, count: mixture.batch_at(step, seed, count=count),
        measure=measure,
        batch_size=128,
    )


def digits_arena(norm: str | None = None) -> Arena:
    """Return the digits, for two hidden layers, or for a DCGAN whose discriminator has a normalisation.

    A DCGAN of 8x8 pixels has one layer and no batch normalisation, so it gets pixels of twice the size.
    """
    images = data.load("digits").images
    extractor = features.get("digits-cnn")
    moments = metrics.Moments.of(extractor(images))
    if norm is None:
        modules = mlp.Generator((8, 8, 1), (128, 128)), mlp.Discriminator((128, 128))
    else:
        images = images.repeat(2, axis=1).repeat(2, axis=2)
        modules = dcgan.Generator((16, 16, 1), 32), dcgan.Discriminator(32, norm)

    def measure(fakes: np.ndarray) -> Row:
        if not np.isfinite(fakes).all():
            return {"fid": None}  # JSON has no infinity
        if norm is not None:
            fakes = fakes.reshape(-1, 8, 2, 8, 2, 1).mean((2, 4))
        return {"fid": metrics.frechet_distance(moments, extractor(fakes)).value}

    return Arena(
        name="digits",
        score="fid",
        steps=3000,
        image_shape=images.shape[1:],
        latent_dim=32,
        modules=modules,
        arrays={"image": jnp.asarray(images)},
        batch_at=lambda arrays, step, seed, count: data.batch_at(arrays, step, seed=seed, batch_size=count),
        measure=measure,
    )


def mnist_arena(fakes: int, data_dir: str | None = None) -> Arena:
    """Return MNIST for two hidden layers; the FID is that of mnist-cnn, against the test split."""
    images = data.load("mnist", data_dir=data_dir).images
    extractor = features.get("mnist-cnn", data_dir=data_dir)
    moments = metrics.Moments.of(extractor(data.load("mnist", split="test", data_dir=data_dir).images))

    def measure(fakes: np.ndarray) -> Row:
        if not np.isfinite(fakes).all():
            return {"fid": None}
        return {"fid": round(metrics.frechet_distance(moments, extractor(fakes)).value, 2)}

    return Arena(
        name="mnist",
        score="fid",
        steps=10_000,
        image_shape=(28, 28, 1),
        latent_dim=64,
        modules=(mlp.Generator((28, 28, 1), (256, 256)), mlp.Discriminator((256, 256))),
        arrays={"image": jnp.asarray(images)},
        batch_at=lambda arrays, step, seed, count: data.batch_at(arrays, step, seed=seed, batch_size=count),
        measure=measure,
        fakes=fakes,
    )


ARENAS = {"ring": ring_arena, "digits": digits_arena}
