"""Videos of walks through the latents: .mp4 by ffmpeg, .gif by Pillow."""

import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from jaxgan.sampling import animate
from jaxgan.system.errors import UserError

FRAMES_PER_SECOND = 24
FRAMES = 49  # of a walk, which takes two seconds
_PACKAGE = "imageio_ffmpeg"


def check_video(file: Path) -> None:
    """Refuse a file that `write_video` cannot write, before its frames are made.

    Raises:
        UserError: if it ends neither in .mp4 nor in .gif, or if the package for .mp4 is missing.
    """
    if file.suffix.lower() not in (".mp4", ".gif"):
        raise UserError(f"`video` must end in .mp4 or .gif, got {file}")
    if file.suffix.lower() == ".mp4" and importlib.util.find_spec(_PACKAGE) is None:
        cure = 'pip install "jaxgan[video]", or name a .gif'
        raise UserError(f"`video` {file} needs the package imageio-ffmpeg: {cure}")


def write_video(frames: Sequence[Image.Image], file: Path) -> None:
    """Write pictures of one size as a video.

    Args:
        frames: the pictures in order, at least one.
        file: an .mp4 with 24 frames a second, or a looping .gif.
    """
    if file.suffix.lower() == ".gif":
        animate(frames, file, milliseconds=1000 // FRAMES_PER_SECOND)
        return
    ffmpeg = importlib.import_module(_PACKAGE)  # an extra: only who writes an .mp4 needs it

    arrays = list(_even(frames))
    height, width = arrays[0].shape[:2]
    writer = ffmpeg.write_frames(
        str(file), (width, height), fps=FRAMES_PER_SECOND, macro_block_size=1, ffmpeg_log_level="error"
    )
    writer.send(None)
    try:
        for array in arrays:
            writer.send(array)
    finally:
        writer.close()


def _even(frames: Sequence[Image.Image]) -> Iterator[np.ndarray]:
    """Yield frames uint8 ``[H, W, 3]`` with even sides, as most players want them; edges are repeated."""
    for frame in frames:
        array = np.asarray(frame.convert("RGB"))
        odd = [(0, size % 2) for size in array.shape[:2]]
        yield np.ascontiguousarray(np.pad(array, (*odd, (0, 0)), mode="edge"))
