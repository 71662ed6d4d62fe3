"""The game whose players are an image's regions, and what an explanation of it says.

A coalition is a set of regions. It is shown to the critic by an image that has the explained image's pixels
there and a reference's everywhere else; what the critic says of it is the coalition's value. So every
explanation answers "why this verdict, and not that on the reference?", and the reference decides what is
seen. Of several references, the mean value is taken.

References:
    Lundberg and Lee 2017, A Unified Approach to Interpreting Model Predictions,
    https://arxiv.org/abs/1705.07874
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgan.explain.regions import count_of
from jaxgan.images import to_float

BATCH_SIZES = {"cpu": 64}  # images that the critic is shown at a time: a processor's caches hold few
LARGE_BATCH = 512  # on other devices
MOST_NUMBERS = 2**21  # numbers of the images in a batch

Critic = Callable[[Any], Any]


class Attribution(NamedTuple):
    """What each part of an image adds to the verdict on it.

    Attributes:
        values: a value for each region, ``[n]``, or for each number of the image, ``[H, W, C]``. A positive
            value makes the image look more real than the reference does.
        base: the critic's mean value of the references.
        total: the critic's value of the image.
        standard_error: the standard error of each value; 0 where nothing is drawn at random.
        evaluations: number of images that the critic was shown.
    """

    values: Float[Array, "*parts"]
    base: Float[Array, ""]
    total: Float[Array, ""]
    standard_error: Float[Array, "*parts"]
    evaluations: int | Int[Array, ""]

    @property
    def residual(self) -> Float[Array, ""]:
        """What the values add up to beyond ``total - base``: 0 of Shapley values."""
        return self.values.sum() - (self.total - self.base)


def coalition_values(
    critic: Critic,
    image: Any,
    references: Any,
    regions: Any,
    members: Callable[[Int[Array, " b"]], Bool[Array, "b region"]],
    count: int,
) -> Float[Array, " count"]:
    """Return the values of coalitions, a batch of images at a time; they are one compiled loop.

    Args:
        critic: ``images [N, H, W, C] -> values [N]``. It judges each image by itself.
        image: ``[H, W, C]``, uint8 or float in [-1, 1].
        references: ``[H, W, C]`` or ``[R, H, W, C]``.
        regions: integers ``[H, W]``.
        members: ``indices [B] -> bool [B, n]``, which regions belong to the coalitions of some indices.
        count: number of coalitions.

    Raises:
        ValueError: for other shapes.
    """
    image, references = checked(image, references)
    count_of(regions, image.shape)
    places, several = jnp.asarray(regions), len(references)
    pairs = count * several
    size = batch_size(image.shape, pairs)

    def look(first: jax.Array) -> jax.Array:
        index = jnp.minimum(first + jnp.arange(size), pairs - 1)  # the last batch repeats an image
        present = members(index // several)[:, places]
        return judged(critic, jnp.where(present[..., None], image[None], references[index % several]))

    values = jax.lax.map(look, jnp.arange(0, pairs, size)).reshape(-1)[:pairs]
    return values.reshape(count, several).mean(axis=1)


def ends(critic: Critic, image: Any, references: Any) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return the critic's mean value of references, and its value of an image."""
    one = np.zeros(np.shape(image)[:2], np.int32)
    base, total = coalition_values(critic, image, references, one, lambda index: (index == 1)[:, None], 2)
    return base, total


def checked(image: Any, references: Any) -> tuple[Float[Array, "h w c"], Float[Array, "r h w c"]]:
    """Return an image and its references as floats; one reference becomes a set of one.

    Raises:
        ValueError: if the image is not ``[H, W, C]``, or if there is no reference of the same shape.
    """
    image, references = jnp.asarray(image), jnp.asarray(references)
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"an image is [H, W, C], got {list(image.shape)}")
    if references.ndim == 3:
        references = references[None]
    if references.shape[1:] != image.shape:
        got = f"got {list(references.shape)}"
        raise ValueError(f"references are [R, H, W, C], each like the image {list(image.shape)}, {got}")
    if not len(references):
        raise ValueError("there is no reference to compare the image with")
    return to_float(image), to_float(references)


def judged(critic: Critic, images: Float[Array, "n h w c"]) -> Float[Array, " n"]:
    """Return what a critic says of images.

    Raises:
        ValueError: if it does not say one number of each image.
    """
    values = jnp.asarray(critic(images))
    if values.shape != (len(images),):
        raise ValueError(f"a critic returns one value for each image, [N], got {list(values.shape)}")
    return values.astype(jnp.float32)


def batch_size(image_shape: tuple[int, ...], most: int) -> int:
    """Return how many images of a shape are shown at a time."""
    size = BATCH_SIZES.get(jax.default_backend(), LARGE_BATCH)
    return max(1, min(size, MOST_NUMBERS // math.prod(image_shape), most))
