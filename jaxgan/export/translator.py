"""A trained translator as a function of pictures of any size; large ones are made in tiles.

A translator is the generator of a paired game, in the same files (`jaxgan.export.generator`). A tile is
translated with more of the picture around it than is kept. Where the network looks no farther than that
(`reach`), the tiles put together are the whole image. A network that looks at its whole source, such as one
with instance normalization, makes something else of a tile: its tiles overlap more, and fade into each other.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxgan.export.generator import read_generator, source_shape_of
from jaxgan.export.safetensors import Network
from jaxgan.images import to_float
from jaxgan.system.errors import UserError
from jaxgan.system.settings import converted

TILE = 256  # height and width of a tile that is kept, in pixels of the source
FADE = 64  # pixels over which the tiles of a network without a reach fade into each other


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
                "this run makes images of latents and does not translate pictures: the paired game trains "
                "one that does"
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

    def in_tiles(self, source: Any, *, tile: int = TILE) -> Float[np.ndarray, "height width channel"]:
        """Return the image of one source, made tile by tile in the memory of one tile.

        Args:
            source: uint8, or float in [-1, 1], ``[h, w, C]``.
            tile: height and width of a tile in pixels of the source, >= 1. A source that is no larger is
                translated as a whole.

        Returns:
            The image. Where the network has a `reach`, it is that of the whole source, to rounding.
        """
        if tile < 1:
            raise ValueError(f"a tile has at least one pixel, got {tile}")
        height, width, _ = source.shape
        if max(height, width) <= tile:
            return np.asarray(self(source[None])[0])
        margin = FADE if self.reach is None else self.reach
        margin = -(-margin // self._stride) * self._stride  # a tile begins where the network's strides do
        tile = -(-tile // self._stride) * self._stride
        fades = self.reach is None
        total = weights = np.zeros(())
        for piece in _tiles((height, width), tile, margin):
            image = np.asarray(self(source[None, piece.rows, piece.columns])[0])
            if not total.shape:
                total = np.zeros((height * self.scale, width * self.scale, image.shape[2]), np.float32)
                weights = np.zeros((*total.shape[:2], 1), np.float32) if fades else weights
            place = self._enlarged((piece.rows, piece.columns))
            if fades:
                weight = piece.weight(self.scale, (height, width), margin)
                total[place] += weight * image
                weights[place] += weight
            else:
                kept = self._enlarged(piece.kept)
                inside = tuple(
                    slice(k.start - p.start, k.stop - p.start) for k, p in zip(kept, place, strict=True)
                )
                total[kept] = image[inside]
        return total / weights if fades else total

    def _enlarged(self, place: tuple[slice, slice]) -> tuple[slice, slice]:
        """Return the place in the image of a place in the source."""
        rows, columns = (slice(part.start * self.scale, part.stop * self.scale) for part in place)
        return rows, columns


class _Tile(NamedTuple):
    """A tile of a source: what is translated, and what of it is kept."""

    rows: slice
    columns: slice
    kept: tuple[slice, slice]

    def weight(self, scale: int, size: tuple[int, int], margin: int) -> np.ndarray:
        """Return weights of the tile's pixels that fall to the sides that other tiles overlap."""
        axes = []
        for part, whole in zip((self.rows, self.columns), size, strict=True):
            places = (np.arange((part.stop - part.start) * scale) + 0.5) / scale
            low = 1.0 if part.start == 0 else np.minimum(1, places / (2 * margin))
            high = 1.0 if part.stop == whole else np.minimum(1, places[::-1] / (2 * margin))
            axes.append((low * high * np.ones(len(places))).astype(np.float32))
        return (axes[0][:, None] * axes[1][None, :])[..., None]


def _tiles(size: tuple[int, int], tile: int, margin: int) -> Iterator[_Tile]:
    """Yield the tiles of a source, all of one size where it is large enough, so that one program does."""
    axes = []
    for side in size:
        parts = []
        for first in range(0, side, tile):
            last = min(first + tile, side)
            parts.append((slice(max(0, first - margin), min(side, last + margin)), slice(first, last)))
        axes.append(parts)
    for rows, kept_rows in axes[0]:
        for columns, kept_columns in axes[1]:
            yield _Tile(rows, columns, (kept_rows, kept_columns))


def load_translator(path: str | Path, generator: nn.Module | None = None) -> Translator:
    """Return a run's trained translator as a function of pictures of any size.

    Args:
        path: a run's folder, its ``export`` folder, or a ``.safetensors`` file with a ``config.json``
            beside it.
        generator: the module, for a translator that is not one of jaxgan's.

    Returns:
        ``translate(sources [B, h, w, C]) -> images [B, H, W, C]`` in [-1, 1], with the EMA weights. Sources
        are uint8, or float in [-1, 1]. Its ``in_tiles(source)`` makes the image of one large picture.

    Raises:
        UserError: if there is no translator, or if the weights do not fit the network.
    """
    return translating(read_generator(converted("path", path, Path), generator))


def translating(network: Network) -> Translator:
    """Return the function that `load_translator` returns of a translator that was read."""
    return Translator(network)
