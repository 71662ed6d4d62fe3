import subprocess

import numpy as np
import pytest
from PIL import Image

from jaxgan.explain import check_video, write_video
from jaxgan.explain.video import _even
from jaxgan.system.errors import UserError

FRAMES = [Image.new("L", (31, 33), shade) for shade in (0, 128, 255)]


def test_a_gif_has_a_picture_for_each_frame(tmp_path):
    write_video(FRAMES, tmp_path / "walk.gif")
    with Image.open(tmp_path / "walk.gif") as video:
        assert video.n_frames == 3
        assert video.size == (31, 33)


def test_an_mp4_has_even_sides_and_all_frames(tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    write_video(FRAMES, tmp_path / "walk.mp4")
    program = [ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", tmp_path / "walk.mp4"]
    raw = subprocess.run(
        [*program, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    )
    frames = np.frombuffer(raw.stdout, np.uint8).reshape(3, 34, 32, 3)
    np.testing.assert_allclose(frames.mean((1, 2, 3)), [0, 128, 255], atol=6)
    with pytest.raises(OSError, match=r"ffmpeg cannot write .*nowhere/walk.mp4: "):
        write_video(FRAMES, tmp_path / "nowhere/walk.mp4")


def test_frames_are_made_even_and_small():
    assert _even(Image.new("L", (31, 33))).size == (32, 34)
    assert max(_even(Image.new("RGB", (3000, 200))).size) <= 1080


def test_what_cannot_be_written_is_said_before(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'needs the package imageio-ffmpeg: pip install "jaxgan\[video\]"'):
        check_video(tmp_path / "walk.mp4")
    check_video(tmp_path / "walk.gif")
    with pytest.raises(UserError, match=r"`video` must end in .mp4 or .gif"):
        check_video(tmp_path / "walk.avi")
