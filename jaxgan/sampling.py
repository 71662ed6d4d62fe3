"""From latents to pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt8
from PIL import Image

from jaxgan.images import to_uint8
from jaxgan.system.files import write_atomically

GUTTER_GREY = 96


def draw_latents(key: Key[Array, ""], count: int, latent_dim: int) -> Float[Array, "count latent"]:
    """Return standard normal latents; the i-th depends on the key and on i alone, whatever the count."""
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(count))
    return jax.vmap(lambda key: jax.random.normal(key, (latent_dim,), jnp.float32))(keys)


def column_labels(count: int, num_classes: int | None) -> Int[Array, " count"] | None:
    """Return labels 0, 1, ... over and over: a grid of `num_classes` columns has one class in each."""
    return None if num_classes is None else jnp.arange(count, dtype=jnp.int32) % num_classes


def slerp(
    start: Float[Array, "count latent"], end: Float[Array, "count latent"], share: float
) -> Float[Array, "count latent"]:
    """Return latents part of the way from `start` to `end`, along the sphere.

    A straight line between two normal vectors passes through points much shorter than a generator has seen.

    Args:
        start: latents.
        end: latents.
        share: of the way, in [0, 1].

    References:
        White 2016, Sampling Generative Networks, https://arxiv.org/abs/1609.04468, section 2.1
    """
    lengths = jnp.linalg.norm(start, axis=-1) * jnp.linalg.norm(end, axis=-1)
    cosine = jnp.where(lengths > 0, (start * end).sum(-1) / lengths, 1.0)  # from 0, the way is straight
    angle = jnp.arccos(jnp.clip(cosine, -1, 1))[:, None]
    straight = (1 - share) * start + share * end
    along = (jnp.sin((1 - share) * angle) * start + jnp.sin(share * angle) * end) / jnp.sin(angle)
    return jnp.where(jnp.sin(angle) < 1e-3, straight, along)


def sample(
    generate: Callable[..., jax.Array],
    latents: Float[Array, "count latent"],
    labels: Int[Array, " count"] | None = None,
    *,
    batch_size: int = 256,
) -> UInt8[np.ndarray, "count height width channel"]:
    """Run a generator over latents in batches of one size (so that it compiles once).

    Args:
        generate: ``(latents, labels) -> images`` in [-1, 1].
        latents: one row per image.
        labels: one per image for a conditional generator, or None.
        batch_size: images at a time, >= 1.

    Returns:
        uint8 images.

    Raises:
        ValueError: if there is no latent, or `batch_size` is below 1.
    """
    count = len(latents)
    if count < 1 or batch_size < 1:
        raise ValueError(f"it takes at least one latent and a batch of one, got {count} and {batch_size}")
    batch_size = min(batch_size, count)
    made = []
    for start in range(0, count, batch_size):
        rows = np.minimum(np.arange(start, start + batch_size), count - 1)  # the last batch repeats a row
        images = generate(latents[rows], None if labels is None else labels[rows])
        made.append(np.asarray(to_uint8(images)))
    return np.concatenate(made)[:count]


def grid(
    images: UInt8[np.ndarray, "count height width channel"], *, columns: int, size: int = 640
) -> Image.Image:
    """Lay images out in rows, with gutters, enlarged without smoothing.

    Args:
        images: one or three channels (of two, or more than three, the mean is shown in grey).
        columns: images per row.
        size: pixels that the picture's longer side should come to, at least; small images are enlarged by a
            whole number.

    Returns:
        The picture.

    Raises:
        ValueError: if there is no image, or `columns` is below 1.
    """
    count, height, width, channels = images.shape
    if count < 1 or columns < 1:
        raise ValueError(f"a grid has at least one image and one column, got {count} and {columns}")
    if channels not in (1, 3):
        images = images.mean(axis=-1, keepdims=True).astype(np.uint8)
        channels = 1
    columns = min(columns, count)
    rows = -(-count // columns)
    gutter = 1 if min(height, width) <= 16 else 2
    cell_height, cell_width = height + gutter, width + gutter
    canvas = np.full(
        (rows * cell_height + gutter, columns * cell_width + gutter, channels), GUTTER_GREY, np.uint8
    )
    for i, image in enumerate(images):
        top, left = i // columns * cell_height + gutter, i % columns * cell_width + gutter
        canvas[top : top + height, left : left + width] = image
    picture = Image.fromarray(canvas.squeeze(-1) if channels == 1 else canvas)
    scale = max(1, -(-size // max(picture.size)))
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def animate(files: Sequence[Path | Image.Image], file: Path, *, milliseconds: int = 150) -> None:
    """Write pictures as one small looping GIF whose last frame stays for two seconds.

    Args:
        files: pictures of one size, or their files, in order; at least one.
        file: a ``.gif``; its longer side stays below 480 pixels.
        milliseconds: each frame but the last is shown.
    """
    frames = []
    for each in files:
        picture = each if isinstance(each, Image.Image) else Image.open(each)
        small = picture.reduce(-(-max(picture.size) // 480))
        frames.append(small.quantize(32, dither=Image.Dither.NONE))  # half the bytes of 256 colours
        if picture is not each:
            picture.close()
    durations = [milliseconds] * (len(frames) - 1) + [2000]
    write_atomically(
        file,
        lambda temporary: frames[0].save(
            temporary, save_all=True, append_images=frames[1:], duration=durations, loop=0
        ),
    )
