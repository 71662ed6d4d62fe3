"""Videos of walks through the latents: .mp4 by ffmpeg, .gif by Pillow."""

import contextlib
import importlib
import importlib.util
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jaxgan.sampling import animate
from jaxgan.system.errors import UserError

FRAMES_PER_SECOND = 24
FRAMES = 49  # of a walk, which takes two seconds
_PACKAGE = "imageio_ffmpeg"
_LONGEST = 1080  # pixels of a side of an .mp4


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
        file: an .mp4 with 24 frames a second, whose sides are at most 1080 pixels; or a looping .gif.

    Raises:
        OSError: if ffmpeg cannot write it.
    """
    if file.suffix.lower() == ".gif":
        animate(frames, file, milliseconds=1000 // FRAMES_PER_SECOND)
        return
    program = importlib.import_module(_PACKAGE).get_ffmpeg_exe()
    width, height = _even(frames[0]).size
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(FRAMES_PER_SECOND)]
    target = ["-an", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-f", "mp4", str(file.absolute())]
    told = ""
    command = [program, "-y", "-loglevel", "error", *source, "-i", "-", *target]
    # The package's own writer forks, which may hang in a program with JAX's threads.
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process: Any = subprocess.Popen(command, **pipes)
    with contextlib.suppress(BrokenPipeError), process:  # it has ended then, and its code says so
        with contextlib.suppress(BrokenPipeError):
            for frame in frames:
                process.stdin.write(_even(frame).tobytes())
            process.stdin.close()
        told = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise OSError(f"ffmpeg cannot write {file}: {told.splitlines()[-1] if told else 'it says nothing'}")


def _even(frame: Image.Image) -> Image.Image:
    """Return a frame in RGB, of at most 1080 pixels and with even sides, as most players want them."""
    small = frame.convert("RGB").reduce(-(-max(frame.size) // _LONGEST))
    array = np.asarray(small)
    odd = [(0, size % 2) for size in array.shape[:2]]
    return Image.fromarray(np.pad(array, (*odd, (0, 0)), mode="edge"))
