"""The cache folder: where it is, what is kept in it, and what is made again."""

import errno
import types
from pathlib import Path

import numpy as np
import pytest

from jaxgan.system import cache, compilation
from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXGAN_CACHE", "~/own")
    assert cache.folder() == Path.home() / "own"
    monkeypatch.delenv("JAXGAN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "jaxgan"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.folder() == Path.home() / ".cache" / "jaxgan"


def test_what_is_kept_is_made_once_and_again_where_damaged(own_cache):
    calls = []

    def make():
        calls.append(1)
        return {"a": np.arange(1000.0)}

    for key in ({"x": 1}, {"x": 1}, {"x": 2}):
        np.testing.assert_array_equal(cache.kept_arrays("kind", key, make)["a"], np.arange(1000.0))
    assert len(calls) == 2
    for file in (own_cache / "kind").iterdir():
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    np.testing.assert_array_equal(cache.kept_arrays("kind", {"x": 1}, make)["a"], np.arange(1000.0))
    assert len(calls) == 3


def test_a_cache_that_cannot_be_written_is_one_sentence(monkeypatch):
    monkeypatch.setenv("JAXGAN_CACHE", "/proc/nowhere")
    with pytest.raises(UserError, match="set JAXGAN_CACHE"):
        cache.kept_arrays("kind", {}, lambda: {"a": np.zeros(1)})


def test_a_content_hash_sees_names_types_shapes_and_values():
    zeros = np.zeros(4, np.float32)
    others = [{"b": zeros}, {"a": zeros.astype(np.int32)}, {"a": zeros.reshape(2, 2)}, {"a": zeros + 1}, {}]
    hashes = {cache.content_hash(arrays) for arrays in [{"a": zeros}, *others]}
    assert len(hashes) == 6
    assert cache.content_hash({"a": zeros, "b": zeros + 1}) == cache.content_hash(
        {"b": zeros + 1, "a": zeros}
    )


def test_without_a_home_the_sentence_says_what_to_set(monkeypatch, tmp_path, capsys):
    for name in ("JAXGAN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", str)
    monkeypatch.chdir(tmp_path)
    sentence = "there is no home folder for the cache (HOME is not set): set JAXGAN_CACHE to a folder"
    with pytest.raises(UserError) as caught:
        cache.kept_arrays("kind", {}, lambda: {"a": np.zeros(1)})
    assert str(caught.value) == sentence
    config = types.SimpleNamespace(jax_compilation_cache_dir=None)
    monkeypatch.setattr(compilation, "jax", types.SimpleNamespace(config=config))
    compilation.keep_programs()  # a run can do without
    assert capsys.readouterr().out == f"note: compiled programs are not kept: {sentence}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_of_the_cache_names_the_free_space_and_the_way_out(monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(NoRoomError, match=r"cache folder .*, .* MB free \(No space .*\): set JAXGAN_CACHE"):
        cache.kept_arrays("kind", {}, lambda: {"a": np.zeros(1)})
