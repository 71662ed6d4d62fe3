"""The cache of decoded images: an entry is made once, is whole or missing, and is made again if changed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxgan.data import cache
from jaxgan.data.fingerprint import checksum
from jaxgan.system.errors import UserError

IMAGES = np.arange(12 * 5 * 4 * 3, dtype=np.uint8).reshape(12, 5, 4, 3)


class Decoder:
    """Hands over `IMAGES` and counts how often it was asked."""

    def __init__(self, count=12):
        self.calls, self.count = 0, count

    def __call__(self, write):
        self.calls += 1
        for image in IMAGES[: self.count]:
            write(image)
        return {"labels": [1, 2]}


def entry_of(folder) -> Path:
    (entry,) = (path for path in folder.iterdir() if path.is_dir())
    return entry


def test_images_are_decoded_once_and_mapped(own_cache):
    decode = Decoder()
    for _ in range(3):
        images, details = cache.cached({"a": 1}, decode, count=12)
        np.testing.assert_array_equal(images, IMAGES)
        assert isinstance(images, np.memmap)
        assert not images.flags.writeable
        assert details == {"labels": [1, 2], "content": checksum(np.asarray(images))}
    assert decode.calls == 1
    np.testing.assert_array_equal(np.load(entry_of(own_cache) / "images.npy"), IMAGES)  # a plain .npy


def test_another_key_is_another_entry(own_cache):
    cache.cached({"a": 1}, Decoder(), count=12)
    images, _ = cache.cached({"a": 2}, Decoder(count=3), count=12)
    assert len(images) == 3
    assert sum(path.is_dir() for path in own_cache.iterdir()) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: os.truncate(entry / "images.npy", 200),
        lambda entry: (entry / "images.npy").write_bytes(b""),
        lambda entry: (entry / "images.npy").unlink(),
        lambda entry: (entry / "details.json").unlink(),
        lambda entry: (entry / "details.json").write_text('{"stamp": [1'),
        lambda entry: (entry / "details.json").write_text("[]"),
        lambda entry: (entry / "details.json").write_bytes(b"\xff\xfe"),
    ],
)
def test_a_damaged_entry_is_made_again(own_cache, damage):
    decode = Decoder()
    cache.cached({}, decode, count=12)
    damage(entry_of(own_cache))
    images, details = cache.cached({}, decode, count=12)
    np.testing.assert_array_equal(images, IMAGES)
    assert details == {"labels": [1, 2], "content": checksum(np.asarray(images))}
    assert decode.calls == 2


def test_bytes_changed_in_place_are_noticed(own_cache):
    decode = Decoder()
    cache.cached({}, decode, count=12)
    with (entry_of(own_cache) / "images.npy").open("r+b") as file:
        file.seek(300)
        file.write(b"\x00\x01\x02\x03")
    images, _ = cache.cached({}, decode, count=12)
    np.testing.assert_array_equal(images, IMAGES)


def test_an_interrupted_decode_leaves_no_images(own_cache):
    def decode(write):
        write(IMAGES[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.cached({}, decode, count=12)
    assert [path.suffix for path in own_cache.iterdir()] == [".lock"]


RACER = """
import os, sys, time
import numpy as np
from jaxgan.data import cache
from jaxgan.data.fingerprint import checksum

killed = False

def decode(write):
    open(f"decoded-{os.getpid()}", "w").close()
    for shade in range(20):
        write(np.full((2, 2, 1), shade, np.uint8))
        time.sleep(0.02)
        if killed and shade == 10:
            os.kill(os.getpid(), 9)
    return {}

def start():
    if child := os.fork():
        return child
    images, _ = cache.cached({}, decode, count=20)
    os._exit(images[:, 0, 0, 0].tolist() != list(range(20)))

killed = True
print(os.waitpid(start(), 0)[1], *sorted(os.path.splitext(name)[1] for name in os.listdir(sys.argv[1])))
killed = False
print(*[os.waitpid(racer, 0)[1] for racer in [start() for _ in range(3)]])
"""


@pytest.mark.slow
def test_processes_that_want_the_same_decode_it_once(tmp_path, own_cache):
    """One is killed while it decodes, then three race; all are forks of one interpreter."""
    program = [sys.executable, "-c", RACER, str(own_cache)]
    said = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["9 .lock .tmp", "0 0 0"]
    assert len(list(tmp_path.glob("decoded-*"))) == 1 + 1
    assert {path.suffix for path in own_cache.iterdir()} == {".lock", ""}


def test_images_of_another_shape_are_a_mistake_of_ours():
    def decode(write):
        write(IMAGES[0])
        write(IMAGES[0].transpose(1, 0, 2))

    with pytest.raises(ValueError, match="images of a set"):
        cache.cached({}, decode, count=12)


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JAXGAN_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="set JAXGAN_CACHE"):
        cache.cached({}, Decoder(), count=12)


def test_the_header_of_a_growing_file_keeps_its_length(own_cache):
    rows = 100_003  # six digits more than the zero that was written first
    cache.cached({}, lambda write: [write(IMAGES[0, :1, :1]) for _ in range(rows)] and {}, count=rows)
    entry = entry_of(own_cache)
    assert np.load(entry / "images.npy").shape == (rows, 1, 1, 3)
    assert json.loads((entry / "details.json").read_text())["details"] == {}
