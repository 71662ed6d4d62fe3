"""Pixels are uint8 at rest and float32 in [-1, 1] inside the step; this module alone converts them.

It alone judges arrays that somebody calls images, too. `judge` is the one door for data sets, extractors,
evaluations and pictures: it refuses layouts, dtypes and ranges that would give wrong numbers without a word,
and notes what is allowed but is hardly ever meant.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

LIMIT = 1 + 0.5 / 127.5  # floats up to here round to 0 or 255 as -1 and 1 do
MOST_CHANNELS = 4  # a last axis that is longer is no axis of colors
DARK = 31  # the largest value, of 255, of images that are nearly black
SHARE = 0.01  # the share of pixels outside [-1, 1] from which generated images get a note
NEGATIVE = 0.1  # the share of the highest value that images reach below 0, at least, where black is -1
BLOCK = 2**26  # bytes of images that are converted or compared at a time
FEW = 32  # images that are looked at before all are


def to_float(images: jax.Array) -> Float[Array, "*shape"]:
    """Return images as the networks take them.

    Args:
        images: uint8 in [0, 255]; or floating point, whose values stay as they are (points of a mixture, for
            example).

    Returns:
        float32 in [-1, 1] for uint8 images; at least float32 for others, as penalties need the precision.

    Raises:
        ValueError: for any other dtype.
    """
    if images.dtype == jnp.uint8:
        return images.astype(jnp.float32) / 127.5 - 1
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(f"images are uint8, or float in [-1, 1], got {images.dtype}")
    return images.astype(jnp.promote_types(images.dtype, jnp.float32))


def mirrored(images: jax.Array, keys: jax.Array) -> jax.Array:
    """Return images of which each is flipped left to right with probability 1/2.

    Args:
        images: ``[B, H, W, C]``.
        keys: a key for each image, ``[B]``.

    Raises:
        ValueError: if the images have another number of axes.
    """
    if images.ndim != 4:
        raise ValueError(f"`mirror` flips images [B, H, W, C], got shape {list(images.shape)}")
    flips = jax.vmap(jax.random.bernoulli)(keys)
    return jnp.where(flips[:, None, None, None], images[:, :, ::-1], images)


def to_uint8(images: Float[Array, "*shape"]) -> UInt8[Array, "*shape"]:
    """Return images in [-1, 1] as uint8 in [0, 255], rounded; values outside are clipped.

    Examples:
        >>> import jax.numpy as jnp
        >>> from jaxgan.images import to_uint8
        >>> to_uint8(jnp.array([-1.0, 0.0, 1.0, 1.5]))
        Array([  0, 128, 255, 255], dtype=uint8)
    """
    return jnp.clip(jnp.round(127.5 * (images + 1)), 0, 255).astype(jnp.uint8)


class FeaturesNotFiniteError(ValueError):
    """Images or features hold NaN or infinite values, so nothing can be measured."""


class Judged(NamedTuple):
    """Images that `judge` has let in.

    Attributes:
        images: uint8 or float32, ``[N, H, W, C]``, on the host.
        notes: lines for the user about what is allowed but is hardly ever meant.
    """

    images: np.ndarray
    notes: tuple[str, ...] = ()

    def warn(self) -> "Judged":
        """Give each note as a UserWarning."""
        for note in self.notes:
            warnings.warn(note, stacklevel=3)
        return self

    def eight_bits(self) -> UInt8[np.ndarray, "n h w c"]:
        """Return the images as uint8 in [0, 255]."""
        if self.images.dtype == np.uint8:
            return self.images
        return np.concatenate([np.asarray(to_uint8(jnp.asarray(part))) for part in _blocks(self.images)])


def judge(
    images: Any, subject: str = "the images", *, at_rest: bool = False, generated: bool = False
) -> Judged:
    """Return images as an array on the host, or refuse them in one sentence.

    Args:
        images: uint8 ``[N, H, W, C]`` in [0, 255], or float ``[N, H, W, C]`` in [-1, 1]; N >= 1.
        subject: what notes call the images.
        at_rest: whether points, float ``[N, D]`` of any range, and gray images ``[N, H, W]`` are taken too;
            gray images get their channel.
        generated: whether a generator made the images. Values outside [-1, 1] are then noted and not refused,
            because an unbounded generator is allowed.

    Returns:
        The `Judged` images. uint8 stays as it is, any float becomes float32.

    Raises:
        ValueError: for other dtypes, layouts or ranges.
        FeaturesNotFiniteError: for values that are not finite, with the number of such images.
    """
    array = _on_host(images)
    is_float = bool(jnp.issubdtype(array.dtype, jnp.floating))  # NumPy does not know bfloat16
    if at_rest and array.ndim == 2 and np.issubdtype(array.dtype, np.signedinteger):
        got = f"got {array.dtype} {list(array.shape)}"
        raise ValueError(f"points [N, D] are float, and images are [N, H, W, C], {got}")
    if not is_float and array.dtype != np.uint8:
        kind = f"object (a {type(images).__name__})" if array.dtype == object else array.dtype
        raise ValueError(f"images are uint8, or float in [-1, 1], got {kind}{_cure_of_dtype(array)}")
    if at_rest and array.ndim == 3 and not _is_one_image(array.shape):
        array = array[..., None]
    is_points = at_rest and is_float and array.ndim == 2 and 0 not in array.shape
    if not is_points:
        _check_layout(array.shape)
    if not is_float:
        return Judged(array)
    with np.errstate(over="ignore"):
        array = array.astype(np.float32, copy=False)
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        bad = np.count_nonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
        raise FeaturesNotFiniteError(f"{bad} of {len(array)} images hold NaN or infinite values")
    if is_points:
        return Judged(array)
    notes = []
    if max(-low, high) > LIMIT:
        if not generated:
            cure = "make them uint8" if high > 2 else "images.clip(-1, 1) clips what a generator made"
            raise ValueError(f"float images lie in [-1, 1], these go from {low:g} to {high:g}: {cure}")
        share = float((np.abs(array) > LIMIT).mean())
        if share > SHARE:
            notes.append(
                f"{share:.0%} of the pixels of {subject} lie outside [-1, 1] and are clipped (they go from "
                f"{low:g} to {high:g}): end the generator with tanh"
            )
    if high > 0 and low > -NEGATIVE * high:
        cure = "end the generator with tanh" if generated else "2 * images - 1 turns [0, 1] into [-1, 1]"
        notes.append(f"{subject} go from {low:g} to {high:g}: black is -1 in float images ({cure})")
    return Judged(array, tuple(notes))


def eight_bits(images: Any, subject: str = "the images") -> UInt8[np.ndarray, "n h w c"]:
    """Return images ``[N, H, W, C]``, which `judge` lets in, as uint8 on the host; its notes are warnings."""
    return judge(images, subject).warn().eight_bits()


def oddities(images: np.ndarray, subject: str = "the images") -> tuple[str, ...]:
    """Return notes about a set of images that are all alike, nearly black, or neither gray nor in color.

    A few rows are looked at first; only where these are odd, all are.

    Args:
        images: uint8 or float ``[N, H, W, C]``; N >= 1.
        subject: what the notes call the images.
    """
    few = np.linspace(0, len(images) - 1, min(FEW, _in_block(images))).astype(int)
    first, value = np.asarray(images[0]), np.asarray(images[0]).flat[0]

    def all_are(odd: Callable[[np.ndarray], Any]) -> bool:
        return bool(odd(images[few])) and all(map(odd, _blocks(images)))

    if all_are(lambda part: (part == value).all()):
        return (f"all pixels of {subject} have the value {value:g}: look at how they were made",)
    notes = []
    if images.shape[-1] not in (1, 3):
        opacity = " (images[..., :3] leaves an opacity out)" if images.shape[-1] == 4 else ""
        notes.append(f"{subject} have {images.shape[-1]} channels: pictures show their mean{opacity}")
    if len(images) > 1 and all_are(lambda part: (part == first).all()):
        notes.append(f"all {len(images):,} of {subject} are the same image: look at how they were made")
    is_uint8 = images.dtype == np.uint8
    if all_are(lambda part: part.max() <= (DARK if is_uint8 else DARK / 127.5 - 1)):
        low, high = images.min(), images.max()
        cure = f" of 255 ({255 // int(high)} * images makes them bright)" if is_uint8 else " (white is 1)"
        notes.append(f"{subject} are nearly black: their values go from {low:g} to {high:g}{cure}")
    return tuple(notes)


def _in_block(images: np.ndarray) -> int:
    return max(1, BLOCK // max(1, images[:1].nbytes))


def _blocks(images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), _in_block(images)):
        yield images[start : start + _in_block(images)]


def _on_host(images: Any) -> np.ndarray:
    try:
        return np.asarray(images)
    except ValueError as error:
        kind = type(images).__name__
        raise ValueError(f"images are one array [N, H, W, C], got a {kind} of several shapes") from error


def _cure_of_dtype(array: np.ndarray) -> str:
    """Return how arrays of another dtype become images, or an empty text."""
    if array.dtype == bool:
        return ': 255 * images.astype("uint8") makes them black and white'
    if not np.issubdtype(array.dtype, np.integer) or not array.size:
        return ""
    low, high = int(array.min()), int(array.max())
    if low >= 0 and high <= 255:
        return ': images.astype("uint8") makes them uint8'
    return f" from {low} to {high}: scale them to 0 to 255 and make them uint8"


def _is_one_image(shape: tuple[int, ...]) -> bool:
    """Return whether [A, B, C] is rather one image in color than images that are C pixels wide."""
    return len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape[:2]) > MOST_CHANNELS


def _check_layout(shape: tuple[int, ...]) -> None:
    if len(shape) != 4 or 0 in shape:
        cure = ""
        if len(shape) == 2:
            cure = ": images.reshape(-1, H, W, C) gives flat images their shape"
        elif len(shape) == 3:
            cure = ": images[..., None] gives gray images a channel"
            if _is_one_image(shape):
                cure = ": images[None] makes one image a batch"
        raise ValueError(f"images have shape [N, H, W, C], got {list(shape)}{cure}")
    if shape[1] in (1, 3) and min(shape[2:]) > MOST_CHANNELS:
        raise ValueError(
            f"images are [N, H, W, 1 or 3], got {list(shape)}, whose channels come first: "
            f"images.transpose(0, 2, 3, 1) turns them"
        )
