"""The cache folder: where it is, what is kept in it, and what is made again."""

from pathlib import Path

import numpy as np
import pytest

from jaxgan.system import cache
from jaxgan.system.errors import UserError


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
