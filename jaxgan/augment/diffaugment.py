"""DiffAugment: simple augmentations, applied always.

Each kind of a policy is an augmentation of its own: it draws numbers, and applies a function of one picture
``[H, W, C]`` and of these numbers.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.augment.compose import compose
from jaxgan.augment.examples import Augmentation, check_keys, check_pictures, draw

Picture = Float[Array, "height width channel"]
TRANSLATION = 1 / 8  # of height and width
CUTOUT = 1 / 2  # of height and width


def diff_augment(*, policy: str = "color,translation,cutout") -> Augmentation:
    """Change the colors of every picture, shift it, and cut a rectangle out of it.

    ====================  ==============================================================================
    ``color``             brightness ``x + U(-.5, .5)``; saturation, the distance to the pixel's gray times
                          ``U(0, 2)``; contrast, the distance to the picture's mean times ``U(.5, 1.5)``
    ``translation``       by whole pixels, up to 1/8 of height and width; new pixels are 0
    ``cutout``            0 in a rectangle of half the height and width, its center anywhere
    ====================  ==============================================================================

    Args:
        policy: comma-separated kinds, applied in this order.

    Returns:
        An `Augmentation` for pictures ``[B, H, W, C]``. With ``color``, C is 1 or 3 (saturation does not
        change gray pictures); else it is any number.

    Raises:
        ValueError: if a kind is unknown. The augmentation itself raises it (at trace time) if the data are
            not pictures, the number of channels does not fit, or there is not one key per example.

    References:
        Zhao et al. 2020, section 3.2; the ranges are those of the authors' code.
    """
    names = [name.strip() for name in policy.split(",")]
    for name in names:
        if name not in _KINDS:
            raise ValueError(f"DiffAugment knows {', '.join(_KINDS)}, not {name!r}")
    return compose(*(_KINDS[name] for name in names))


def brightness(picture: Picture, amount: Float[Array, ""]) -> Picture:
    """Return the picture with `amount` added to every value."""
    return picture + amount


def saturation(picture: Picture, factor: Float[Array, ""]) -> Picture:
    """Return the picture with each pixel's difference from its gray times `factor`."""
    if picture.shape[-1] == 1:
        return picture  # The formula below would round.
    gray = picture.mean(-1, keepdims=True)
    return gray + factor * (picture - gray)


def contrast(picture: Picture, factor: Float[Array, ""]) -> Picture:
    """Return the picture with each value's difference from the picture's mean times `factor`."""
    mean = picture.mean()
    return mean + factor * (picture - mean)


def translate(picture: Picture, down: jax.Array, right: jax.Array, *, limit: tuple[int, int]) -> Picture:
    """Return the picture moved by whole pixels, at most `limit` along each axis; new pixels are 0."""
    padded = jnp.pad(picture, ((limit[0],) * 2, (limit[1],) * 2, (0, 0)))
    return jax.lax.dynamic_slice(
        padded, (limit[0] - down, limit[1] - right, jnp.zeros_like(down)), picture.shape
    )


def cut(picture: Picture, row: jax.Array, column: jax.Array, *, size: tuple[int, int]) -> Picture:
    """Return the picture with zeros in a rectangle of `size` around a center, clipped at the border."""
    rows, columns = (
        (jnp.arange(length) >= center - side // 2) & (jnp.arange(length) < center - side // 2 + side)
        for length, center, side in zip(picture.shape[:2], (row, column), size, strict=True)
    )
    return jnp.where((rows[:, None] & columns[None, :])[:, :, None], 0, picture)


def _random_color(key: jax.Array, picture: Picture) -> Picture:
    amounts = (jnp.array([0.0, 1, 1]) + draw(key, 3) * jnp.array([0.5, 1, 0.5])).astype(picture.dtype)
    return contrast(saturation(brightness(picture, amounts[0]), amounts[1]), amounts[2])


def _random_translation(key: jax.Array, picture: Picture) -> Picture:
    limit = _part(picture, TRANSLATION)
    down, right = (
        _integer(number, 2 * pixels + 1) - pixels for number, pixels in zip(draw(key, 2), limit, strict=True)
    )
    return translate(picture, down, right, limit=limit)


def _random_cutout(key: jax.Array, picture: Picture) -> Picture:
    size = _part(picture, CUTOUT)
    # The center of an even side lies between pixels; these positions are one more than the pixels.
    row, column = (
        _integer(number, length + 1 - side % 2)
        for number, length, side in zip(draw(key, 2), picture.shape[:2], size, strict=True)
    )
    return cut(picture, row, column, size=size)


def _integer(uniform: jax.Array, count: int) -> jax.Array:
    """Map a uniform number in (-1, 1) to one of 0, ..., count - 1, all equally likely."""
    return jnp.floor(count * (uniform + 1) / 2).astype(jnp.int32)


def _part(picture: Picture, ratio: float) -> tuple[int, int]:
    """Return `ratio` times height and width in whole pixels, halves rounded up."""
    return int(picture.shape[0] * ratio + 0.5), int(picture.shape[1] * ratio + 0.5)


def _kind(random: Callable[[jax.Array, Picture], Picture], *, color: bool = False) -> Augmentation:
    def augment(images, *, keys, step=0):
        del step  # These augmentations have no schedule.
        check_pictures(images, color=color)
        return jax.vmap(random)(check_keys(images, keys), images)

    return augment


_KINDS = {
    "color": _kind(_random_color, color=True),
    "translation": _kind(_random_translation),
    "cutout": _kind(_random_cutout),
}
