"""From latents to images, and from images to one picture: a grid or an animation."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt8
from PIL import Image

from jaxgan.images import eight_bits, judge
from jaxgan.prior import Prior, draw_rows, normal, slerp
from jaxgan.system.errors import UserError
from jaxgan.system.files import write_atomically
from jaxgan.system.settings import converted

__all__ = [
    "animate",
    "column_labels",
    "draw_latents",
    "drawing",
    "grid",
    "picture",
    "sample",
    "scatter",
    "slerp",
    "truncates",
]

GUTTER_GRAY = 96


def draw_latents(
    key: Key[Array, ""], count: int, latent_dim: int, prior: Prior | None = None
) -> Float[Array, "count latent"]:
    """Return latents of a prior; latent i depends on the key and on i, not on the count.

    Args:
        key: a typed key.
        count: number of latents.
        latent_dim: length of a latent vector.
        prior: the prior; None for standard normal latents.
    """
    return draw_rows(prior or normal(latent_dim), key, count)


def column_labels(count: int, num_classes: int | None) -> Int[Array, " count"] | None:
    """Return labels 0, 1, ... over and over, so that a grid of `num_classes` columns has a class a column."""
    return None if num_classes is None else jnp.arange(count, dtype=jnp.int32) % num_classes


def drawing(generator: nn.Module) -> Callable[..., jax.Array]:
    """Return ``(variables, latents, labels=None, **options) -> images`` in drawing mode, jitted.

    Sample grids, evaluations and exported generators all draw by this one function. The options are numbers
    that the generator takes beside, such as ``truncation``.

    Args:
        generator: module ``(latents, labels, *, train) -> images``.
    """

    @jax.jit
    def draw(
        variables: Any, latents: jax.Array, labels: jax.Array | None = None, **options: Any
    ) -> jax.Array:
        return jnp.asarray(generator.apply(variables, latents, labels, train=False, **options))

    return draw


def truncates(kind: type[nn.Module]) -> bool:
    """Return whether generators of a class can be truncated: their call has an argument ``truncation``.

    Such a network trades variety for quality by itself: StyleGAN2 in w, and BigGAN in its normal latents.
    """
    return "truncation" in inspect.signature(kind.__call__).parameters


def sample(
    generate: Callable[..., jax.Array],
    latents: Float[Array, "count latent"],
    labels: Int[Array, " count"] | None = None,
    *,
    batch_size: int = 256,
) -> UInt8[np.ndarray, "count height width channel"]:
    """Run a generator over latents, in batches of one size so that it compiles once.

    Args:
        generate: ``(latents, labels) -> images [B, H, W, C]`` in [-1, 1].
        latents: one row for each image.
        labels: one for each image of a conditional generator, or None.
        batch_size: the number of images in a batch, >= 1.

    Returns:
        uint8 images, one for each latent.

    Raises:
        ValueError: if there is no latent, or `batch_size` is below 1.
        UserError: for images that `jaxgan.images.judge` refuses, such as NaN.

    Warns:
        UserWarning: if many values lie outside [-1, 1], where they are clipped, or all are >= 0.
    """
    count = len(latents)
    if count < 1 or batch_size < 1:
        raise ValueError(f"latents and batch_size are at least 1, got {count} and {batch_size}")
    batch_size = min(batch_size, count)
    batches = []
    for start in range(0, count, batch_size):
        rows = np.minimum(np.arange(start, start + batch_size), count - 1)  # the last batch repeats a row
        images = generate(latents[rows], None if labels is None else labels[rows])
        try:
            judged = judge(images, "the generated images", generated=True)
        except ValueError as error:
            raise UserError(f"what the generator makes cannot be drawn: {error}") from error
        batches.append((judged if start else judged.warn()).eight_bits())  # one note tells of all batches
    return np.concatenate(batches)[:count]


def grid(images: Any, *, columns: int, size: int = 640) -> Image.Image:
    """Lay images out in rows with gutters, enlarged without smoothing.

    Args:
        images: uint8 ``[N, H, W, C]``, or float in [-1, 1], as a generator makes them. Of other numbers of
            channels than one and three, the mean is shown in gray.
        columns: the number of images in a row.
        size: the least length in pixels of the picture's longer side; small images are enlarged by a whole
            number.

    Returns:
        The grid as one picture.

    Raises:
        ValueError: if `columns` is below 1, or for images that `jaxgan.images.judge` refuses.

    Warns:
        UserWarning: if float images are all >= 0, where -1 is black.
    """
    images, columns = eight_bits(images), converted("columns", columns, int)
    count, height, width, channels = images.shape
    if columns < 1:
        raise ValueError(f"a grid has at least one image and one column, got {count} and {columns}")
    columns = min(columns, count)
    rows = -(-count // columns)
    gutter = 1 if min(height, width) <= 16 else 2
    cell_height, cell_width = height + gutter, width + gutter
    canvas = np.full(
        (rows * cell_height + gutter, columns * cell_width + gutter, channels), GUTTER_GRAY, np.uint8
    )
    for i, image in enumerate(images):
        top, left = i // columns * cell_height + gutter, i % columns * cell_width + gutter
        canvas[top : top + height, left : left + width] = image
    whole = picture(canvas)
    scale = max(1, -(-size // max(whole.size)))
    return whole.resize((whole.width * scale, whole.height * scale), Image.Resampling.NEAREST)


def picture(image: UInt8[np.ndarray, "height width channel"]) -> Image.Image:
    """Return one image as a picture; of other numbers of channels than one and three, the mean in gray."""
    if image.shape[-1] == 3:
        return Image.fromarray(image)
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image.mean(axis=-1).astype(np.uint8))


def scatter(points: Any, *, real: Any = None) -> Image.Image:
    """Draw generated points over real ones: what a grid is for images.

    Args:
        points: generated points, ``[N, D]``; the first two coordinates are drawn.
        real: real points, ``[M, D]``, or None to draw the generated ones alone.

    Returns:
        The picture.

    Raises:
        ValueError: if points are not ``[N, D]`` with D >= 2, or not finite.
    """
    points, real = _drawable(points), None if real is None else _drawable(real)
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # a second to import, and only here
    from matplotlib.figure import Figure

    extent = 1.35 * float(np.abs(points if real is None else real)[:, :2].max()) or 1.0

    figure = Figure(figsize=(4.5, 4.5), dpi=96, layout="constrained")
    axes = figure.subplots()
    if real is not None:
        axes.scatter(*real.T[:2], s=6, color="tab:green", linewidths=0, alpha=0.25)
    axes.scatter(*points.T[:2], s=2, color="black", linewidths=0, alpha=0.6)
    axes.set(xlim=(-extent, extent), ylim=(-extent, extent), aspect="equal", xticks=[], yticks=[])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _drawable(points: Any) -> np.ndarray:
    points = np.asarray(points, np.float32)
    if points.ndim != 2 or points.shape[1] < 2 or not len(points):
        cure = ": grid draws images" if points.ndim == 4 else ""
        raise ValueError(f"a scatter plot takes points [N, D] with D >= 2, got {list(points.shape)}{cure}")
    if bad := np.count_nonzero(~np.isfinite(points).all(axis=1)):
        raise ValueError(f"{bad} of {len(points)} points hold NaN or infinite values")
    return points


def animate(pictures: Sequence[Path | Image.Image], file: Path, *, milliseconds: int = 150) -> None:
    """Write pictures as a small looping GIF whose last frame stays for two seconds.

    Args:
        pictures: pictures of one size or their files, in order; at least one.
        file: the ``.gif`` to write; its longer side is at most 480 pixels.
        milliseconds: the time that each frame but the last is shown.

    Raises:
        ValueError: if there is no picture.
    """
    if not pictures:
        raise ValueError("an animation takes at least one picture, got none")
    frames = []
    for source in pictures:
        picture = source if isinstance(source, Image.Image) else Image.open(source)
        small = picture.reduce(-(-max(picture.size) // 480))
        frames.append(small.quantize(32, dither=Image.Dither.NONE))  # half the bytes of 256 colors
        if picture is not source:
            picture.close()
    durations = [milliseconds] * (len(frames) - 1) + [2000]
    write_atomically(
        file,
        lambda temporary: frames[0].save(
            temporary, save_all=True, append_images=frames[1:], duration=durations, loop=0
        ),
    )
