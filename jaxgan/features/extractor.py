"""Images to features: what all extractors have in common, whatever their network."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float32, UInt8

from jaxgan.data import pictures
from jaxgan.images import FeaturesNotFiniteError, eight_bits, to_float

VERSION = 1  # the version of all image processing in this package; cached features depend on it


class Outputs(NamedTuple):
    """What an extractor returns for images.

    Attributes:
        features: one row for each image.
        logits: a classifier's logits; None for an extractor that does not classify.
    """

    features: Float32[np.ndarray, "n d"]
    logits: Float32[np.ndarray, "n classes"] | None = None


@dataclass(frozen=True)
class Extractor:
    """A network that turns images into features.

    Call it with images ``[N, H, W, C]`` for features ``[N, d]``.

    Attributes:
        name: the name that scores carry.
        apply: ``(variables, uint8 [B, H, W, C]) -> (features [B, d], logits [B, classes] or None)``; it is
            jitted.
        variables: the network's variables. They are an argument, as constants of 100 MB take minutes to
            compile.
        hash: a hash of all that the features depend on; None if that is unknown, and then nothing is cached.
        image_shape: the shape (H, W, C) that the network takes; None for any. Other images are cut around
            their center and resized.
        classes: the data set whose labels the logits stand for; None if there is none.
        details: facts about the network, for the protocol.
        batch_size: the number of images in a batch.
    """

    name: str
    apply: Callable[[Any, jax.Array], tuple[jax.Array, jax.Array | None]]
    variables: Any = None
    hash: str | None = None
    image_shape: tuple[int, int, int] | None = None
    classes: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    batch_size: int = 256

    def __call__(self, images: Any) -> Float32[np.ndarray, "n d"]:
        """Return the features `[N, d]` of images; see `outputs`."""
        return self.outputs(images).features

    def outputs(self, images: Any, *, ended: Callable[[int], Any] = lambda count: None) -> Outputs:
        """Return features and logits of images, computed a batch at a time.

        Args:
            images: uint8 ``[N, H, W, C]`` in [0, 255], or float in [-1, 1], which is rounded to 8 bits as
                real images are; N >= 1.
            ended: called after each batch with its number of images.

        Raises:
            ValueError: for other dtypes, shapes or ranges, or features that are not ``[B, d]``.
            FeaturesNotFiniteError: for images or features that are not finite.

        Warns:
            UserWarning: if float images are all >= 0, where -1 is black.
        """
        images, parts = eight_bits(images), []
        for start in range(0, len(images), self.batch_size):
            batch = self._fitted(images[start : start + self.batch_size])
            count = len(batch)
            rows = np.minimum(np.arange(min(self.batch_size, len(images))), count - 1)
            outputs = jax.device_get(self._compiled(self.variables, batch[rows]))
            parts.append(jax.tree.map(itemgetter(slice(count)), outputs))
            ended(count)
        features = np.concatenate([part[0] for part in parts]).astype(np.float32)
        if features.shape[:1] != (len(images),) or features.ndim != 2:
            raise ValueError(f"{self.name}: features have shape [B, d], got {list(features.shape)}")
        bad = np.count_nonzero(~np.isfinite(features).all(axis=1))
        if bad:
            raise FeaturesNotFiniteError(
                f"{self.name}: {bad} of {len(features)} features hold NaN or infinite values"
            )
        if parts[0][1] is None:
            return Outputs(features)
        return Outputs(features, np.concatenate([part[1] for part in parts]).astype(np.float32))

    def change(self, image_shape: tuple[int, ...]) -> str | None:
        """Return in words what happens to images of a shape before the network; None if nothing does."""
        if self.image_shape in (None, tuple(image_shape)):
            return None
        old, new = ("x".join(map(str, shape)) for shape in (image_shape, self.image_shape or ()))
        return f"images {old} are cut around their center and resized (Lanczos) to {new} for {self.name}"

    @cached_property
    def _compiled(self) -> Callable[[Any, Any], Any]:
        return jax.jit(self.apply)

    def _fitted(self, images: UInt8[np.ndarray, "n h w c"]) -> UInt8[np.ndarray, "n h2 w2 c2"]:
        if self.change(images.shape[1:]) is None or self.image_shape is None:
            return images
        *size, channels = self.image_shape
        if images.shape[-1] not in (1, 3):
            cure = ": images[..., :3] leaves an opacity out" if images.shape[-1] == 4 else ""
            raise ValueError(f"{self.name} takes 1 or 3 channels, got {images.shape[-1]}{cure}")
        return np.stack([pictures.fit_array(image, (size[0], size[1]), channels) for image in images])


def from_function(
    name: str,
    function: Callable[[jax.Array], jax.Array],
    *,
    hash: str | None = None,
    image_shape: tuple[int, int, int] | None = None,
) -> Extractor:
    """Make an extractor of your own function.

    Args:
        name: the name that scores carry.
        function: ``float32 images [B, H, W, C] in [-1, 1] -> features [B, d]``, written with `jax.numpy`.
        hash: a text that changes with the function; given, it lets the features of real images be cached.
        image_shape: the shape (H, W, C) that the function takes; None for any.
    """

    def apply(variables: None, images: jax.Array) -> tuple[jax.Array, None]:
        del variables
        return function(to_float(images)), None

    return Extractor(name, apply, hash=hash, image_shape=image_shape)
