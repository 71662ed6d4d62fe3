"""A trained translator as a function of pictures of any size; large ones are made in tiles.

A translator is the generator of a game that has sources, in the same files (`jaxgan.export.generator`). The
game cycle has a second one, of the way back, beside it. A tile is
translated with more of the picture around it than is kept. Where the network looks no farther than that
(`reach`), the tiles put together are the whole image. A network that looks farther makes something else of a
tile: its tiles fade into each other, and differ from the whole image. Instance normalization looks at the
whole source; many blocks of an RRDBNet look at hundreds of pixels, of which the far ones hardly count.
"""

from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from jaxgan.export.generator import BACKWARD, GENERATOR, read_generator, source_shape_of
from jaxgan.export.safetensors import Network
from jaxgan.images import to_float, to_uint8
from jaxgan.system.errors import UserError, choose
from jaxgan.system.settings import converted

DIRECTIONS = {"forward": GENERATOR, "backward": BACKWARD}
"""The files of a translator by its direction: to the images of a run, or from them to the sources."""

TILE = 512  # height and width of a tile in pixels of the image; the memory of a translation grows with it
LEAST = 64  # the smallest default of a tile in pixels of the source
MARGIN = 64  # the most pixels of a source to each side of a tile that are translated with it


class Translator:
    """A function ``(sources [B, h, w, C]) -> images [B, H, W, C]`` in [-1, 1] of one exported translator.

    Args:
        network: the translator's module, variables and description.

    Attributes:
        source_shape: shape of the sources that it was trained on.
        scale: pixels of an image for each of its source, along each axis.
        reach: the number of a source's pixels, to each side, on which a pixel of the image depends; None if
            it depends on the whole source.
    """

    def __init__(self, network: Network):
        source_shape = source_shape_of(network.description)
        if source_shape is None:
            raise UserError(
                "this run makes images of latents and does not translate pictures: the games paired and "
                "cycle train one that does"
            )
        module: Any = network.module
        self.source_shape = source_shape
        self.scale: int = getattr(module, "scale", network.image_shape[0] // source_shape[0])
        self.reach: int | None = getattr(module, "reach", None)
        self._stride: int = getattr(module, "stride", 1)
        self._variables = network.variables
        self._draw = jax.jit(lambda variables, sources: module.apply(variables, sources, train=False))

    def __call__(self, sources: Any) -> jax.Array:
        """Return the images of sources.

        Args:
            sources: uint8, or float in [-1, 1], ``[B, h, w, C]``, of any height and width.

        Raises:
            ValueError: for other shapes or kinds.
        """
        sources = jnp.asarray(sources)
        channels = self.source_shape[2]
        if sources.ndim != 4 or sources.shape[3] != channels or 0 in sources.shape:
            raise ValueError(f"sources have shape [B, h, w, {channels}], got {list(sources.shape)}")
        return self._draw(self._variables, to_float(sources))

    def in_tiles(self, source: Any, *, tile: int | None = None) -> UInt8[np.ndarray, "height width channel"]:
        """Return the image of one source as uint8, made tile by tile in the memory of one tile.

        Args:
            source: uint8, or float in [-1, 1], ``[h, w, C]``.
            tile: height and width of a tile in pixels of the source, >= 1; None for as many as make 512
                pixels of the image, or 256 where tiles fade into each other, and for at least 64.

        Returns:
            The image. Where the network's `reach` is at most 64, it is that of the whole source, to rounding.

        Raises:
            ValueError: if a tile has no pixel, or the source is of another shape or kind.
        """
        fades = self.reach is None or self.reach > MARGIN
        if tile is None:
            tile = max(LEAST, TILE // (2 if fades else 1) // self.scale)
        if tile < 1:
            raise ValueError(f"a tile has at least one pixel, got {tile}")
        if source.ndim != 3:
            raise ValueError(f"a source has shape [h, w, {self.source_shape[2]}], got {list(source.shape)}")
        height, width, _ = source.shape
        around = (0, 2 * MARGIN) if self.reach is None or fades else (self.reach, self.reach)
        tile, before, after = (-(-size // self._stride) * self._stride for size in (tile, *around))
        pieces = [
            (rows, columns)
            for rows in _windows(height, tile, before, after, self._stride)
            for columns in _windows(width, tile, before, after, self._stride)
        ]
        if len(pieces) == 1:
            return np.asarray(to_uint8(self(source[None])))[0]
        shape = height * self.scale, width * self.scale
        image = weights = np.zeros(())
        for rows, columns in pieces:
            made = self(source[None, rows.seen, columns.seen])[0]
            if not image.shape:
                image = np.zeros((*shape, made.shape[2]), np.float32 if fades else np.uint8)
                weights = np.zeros((*shape, 1), np.float32) if fades else weights
            if fades:
                place = _times(rows.seen, self.scale), _times(columns.seen, self.scale)
                across = rows.weights(height, self.scale, after)
                along = columns.weights(width, self.scale, after)
                weight = (across[:, None] * along[None, :])[..., None]
                image[place] += weight * np.asarray(made)
                weights[place] += weight
            else:
                place = _times(rows.kept, self.scale), _times(columns.kept, self.scale)
                image[place] = np.asarray(to_uint8(made[rows.inside(self.scale), columns.inside(self.scale)]))
        if not fades:
            return image
        bands = range(0, len(image), TILE)  # their memory is that of a tile
        return np.concatenate([_rounded(image[i : i + TILE] / weights[i : i + TILE]) for i in bands])


def _rounded(image: np.ndarray) -> np.ndarray:
    return np.asarray(to_uint8(jnp.asarray(image)))


class _Window(NamedTuple):
    """A part of one axis of a source: what is translated, and what of it is kept."""

    seen: slice
    kept: slice

    def inside(self, scale: int) -> slice:
        """Return where in the image of what is seen the kept part lies."""
        return _times(slice(self.kept.start - self.seen.start, self.kept.stop - self.seen.start), scale)

    def weights(self, side: int, scale: int, overlap: int) -> np.ndarray:
        """Return weights that fall to the sides where other windows overlap; the outer quarter has none."""
        count = (self.seen.stop - self.seen.start) * scale
        rise = np.clip(2 * (np.arange(count) + 0.5) / (overlap * scale) - 0.5, 0, 1)
        low = np.ones(count) if self.seen.start == 0 else rise
        high = np.ones(count) if self.seen.stop == side else rise[::-1]
        return (low * high).astype(np.float32)


def _times(part: slice, scale: int) -> slice:
    return slice(part.start * scale, part.stop * scale)


def _windows(side: int, tile: int, before: int, after: int, stride: int) -> list[_Window]:
    """Return the windows along an axis; nearly all are of one length, so that few programs are compiled.

    Each keeps its tile, and sees so many pixels before and after it, or the edge of the source. The last ones
    are moved inside of the source, or are shorter where nothing is seen before a tile. All begin where the
    network's strides do.
    """
    length = tile + before + after
    if side <= length:
        return [_Window(slice(0, side), slice(0, side))]
    windows, last = [], 0
    while last < side:
        first, last = last, min(last + tile, side)
        start = min(max(0, first - before), side - length) if before else first
        start -= start % stride
        stop = side if last == side else min(side, max(start + length, last + after))
        if stop == side:
            last = side  # it sees all that is left
        windows.append(_Window(slice(start, stop), slice(first, last)))
    return windows


def load_translator(
    path: str | Path, generator: nn.Module | None = None, *, direction: str = "forward"
) -> Translator:
    """Return a run's trained translator as a function of pictures of any size.

    Args:
        path: a run's folder, its ``export`` folder, or a ``.safetensors`` file with a ``config.json``
            beside it.
        generator: the module, for a translator that is not one of jaxgan's.
        direction: "forward" from sources to images, or "backward", which the game cycle learns too.

    Returns:
        ``translate(sources [B, h, w, C]) -> images [B, H, W, C]`` in [-1, 1], with the EMA weights. Sources
        are uint8, or float in [-1, 1]. Its ``in_tiles(source)`` makes the image of one large picture.

    Raises:
        UserError: if there is no translator, or if the weights do not fit the network.
    """
    role = DIRECTIONS[choose("direction", direction, DIRECTIONS)]
    return translating(read_generator(converted("path", path, Path), generator, role=role))


def translating(network: Network) -> Translator:
    """Return the function that `load_translator` returns of a translator that was read."""
    return Translator(network)
