"""DiffAugment: simple augmentations, applied always.

The kinds of a policy are augmentations of their own, made of a draw and of a function of one picture
``[H, W, C]`` and the numbers drawn.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.augment.compose import compose
from jaxgan.augment.examples import Augmentation, check, check_pictures, draw

Picture = Float[Array, "height width channel"]
TRANSLATION = 1 / 8  # of height and width
CUTOUT = 1 / 2


def diff_augment(*, policy: str = "color,translation,cutout") -> Augmentation:
    """Change colours, shift, and cut a square out of every picture.

    ====================  ==============================================================================
    ``color``             brightness ``x + U(-.5, .5)``; saturation, the distance to the pixel's grey times
                          ``U(0, 2)``; contrast, the distance to the picture's mean times ``U(.5, 1.5)``
    ``translation``       by whole pixels, up to 1/8 of height and width; what comes in is 0
    ``cutout``            0 in a rectangle of half the height and width, its centre anywhere
    ====================  ==============================================================================

    Args:
        policy: comma-separated kinds, applied in this order.

    Returns:
        An `Augmentation` for pictures ``[B, H, W, C]``, any C but for ``color``, which takes 1 or 3
        (saturation leaves grey pictures as they are).

    Raises:
        ValueError: here for an unknown kind; when it is called (at trace time), for data that are not
            pictures, for other channels, or if there is not one key per example.

    References:
        Zhao et al. 2020, section 3.2; the ranges are those of the authors' code.
    """
    names = [name.strip() for name in policy.split(",")]
    for name in names:
        if name not in _KINDS:
            raise ValueError(f"DiffAugment knows {', '.join(_KINDS)}, not {name!r}")
    return compose(*(_KINDS[name] for name in names))


def brightness(picture: Picture, amount: Float[Array, ""]) -> Picture:
    """Return the picture, lighter by `amount`."""
    return picture + amount


def saturation(picture: Picture, factor: Float[Array, ""]) -> Picture:
    """Return the picture with each pixel's distance to its grey times `factor`."""
    if picture.shape[-1] == 1:
        return picture  # exactly: a mean and a difference would round
    grey = picture.mean(-1, keepdims=True)
    return grey + factor * (picture - grey)


def contrast(picture: Picture, factor: Float[Array, ""]) -> Picture:
    """Return the picture with each value's distance to the mean of all times `factor`."""
    mean = picture.mean()
    return mean + factor * (picture - mean)


def translate(picture: Picture, down: jax.Array, right: jax.Array, *, limit: tuple[int, int]) -> Picture:
    """Return the picture moved by whole pixels, each at most its `limit`; zeros come in."""
    padded = jnp.pad(picture, ((limit[0],) * 2, (limit[1],) * 2, (0, 0)))
    return jax.lax.dynamic_slice(
        padded, (limit[0] - down, limit[1] - right, jnp.zeros_like(down)), picture.shape
    )


def cut(picture: Picture, row: jax.Array, column: jax.Array, *, size: tuple[int, int]) -> Picture:
    """Return the picture with zeros in a rectangle of `size` around a centre, as far as it lies inside."""
    rows, columns = (
        (jnp.arange(length) >= centre - side // 2) & (jnp.arange(length) < centre - side // 2 + side)
        for length, centre, side in zip(picture.shape[:2], (row, column), size, strict=True)
    )
    return jnp.where((rows[:, None] & columns[None, :])[:, :, None], 0, picture)


def _random_color(key: jax.Array, picture: Picture) -> Picture:
    amounts = (jnp.array([0.0, 1, 1]) + draw(key, 3) * jnp.array([0.5, 1, 0.5])).astype(picture.dtype)
    return contrast(saturation(brightness(picture, amounts[0]), amounts[1]), amounts[2])


def _random_translation(key: jax.Array, picture: Picture) -> Picture:
    limit = _part(picture, TRANSLATION)
    down, right = (
        _integer(number, 2 * most + 1) - most for number, most in zip(draw(key, 2), limit, strict=True)
    )
    return translate(picture, down, right, limit=limit)


def _random_cutout(key: jax.Array, picture: Picture) -> Picture:
    size = _part(picture, CUTOUT)
    # An even side has its centre between pixels, and there is one more of these places than there are pixels.
    row, column = (
        _integer(number, length + 1 - side % 2)
        for number, length, side in zip(draw(key, 2), picture.shape[:2], size, strict=True)
    )
    return cut(picture, row, column, size=size)


def _integer(uniform: jax.Array, count: int) -> jax.Array:
    """Return one of 0, ..., count - 1, equally likely, for a number in (-1, 1)."""
    return jnp.floor(count * (uniform + 1) / 2).astype(jnp.int32)


def _part(picture: Picture, ratio: float) -> tuple[int, int]:
    """Return this part of height and width in whole pixels, halves rounded up."""
    return int(picture.shape[0] * ratio + 0.5), int(picture.shape[1] * ratio + 0.5)


def _kind(random: Callable[[jax.Array, Picture], Picture], *, colour: bool = False) -> Augmentation:
    def augment(images, *, keys, step=0):
        del step  # these are always on
        check_pictures(images, colour=colour)
        return jax.vmap(random)(check(images, keys), images)

    return augment


_KINDS = {
    "color": _kind(_random_color, colour=True),
    "translation": _kind(_random_translation),
    "cutout": _kind(_random_cutout),
}
