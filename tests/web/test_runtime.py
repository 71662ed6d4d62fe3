"""The runtime of a web page: one script of three files, kept in the cache; a folder without the files is said."""

import base64
import gzip
import re

import pytest

from jaxgan.system import cache
from jaxgan.system.errors import UserError
from jaxgan.web.runtime import MODULE, SCRIPT, WASM, packed, runtime_script


@pytest.fixture
def dist(tmp_path):
    folder = tmp_path / "dist"
    folder.mkdir()
    text = "/*!\n * ONNX Runtime Web v9\n */\nvar ort = 1;\n//# sourceMappingURL=ort.js.map\n"
    (folder / SCRIPT).write_text(text)
    (folder / MODULE).write_text("async function ortWasm() {}")
    (folder / WASM).write_bytes(b"\0asm" + bytes(range(256)))
    return folder


def test_the_script_holds_the_three_files(dist):
    script = runtime_script(dist).decode()
    parts = dict(re.findall(r'(\w+): "([^"]+)"', script.split("const RUNTIME")[1]))
    assert gzip.decompress(base64.b64decode(parts["module"])) == (dist / MODULE).read_bytes()
    assert gzip.decompress(base64.b64decode(parts["wasm"])) == (dist / WASM).read_bytes()
    assert script.startswith("/*!\n * ONNX Runtime Web v9\n */\nvar ort = 1;\n")
    assert "sourceMappingURL" not in script
    assert "Copyright (c) Microsoft Corporation" in script


def test_the_folder_is_needed_once(dist):
    first = runtime_script(dist)
    for file in dist.iterdir():
        file.unlink()
    assert runtime_script() == first
    assert packed(b"same") == packed(b"same")


def test_a_folder_without_the_files_is_said(dist, tmp_path):
    with pytest.raises(UserError, match=r"`runtime` is missing, .* npm install onnxruntime-web makes it"):
        runtime_script()
    with pytest.raises(UserError, match=rf"has no {SCRIPT} that can be read: npm install"):
        runtime_script(tmp_path)
    with pytest.raises(UserError, match=rf"has no {SCRIPT} that can be read: npm install"):
        runtime_script(dist / SCRIPT)
    (dist / WASM).write_text("<!doctype html>")
    with pytest.raises(UserError, match=f"{WASM} that is damaged, or of another release"):
        runtime_script(dist)
    assert not list(cache.folder().iterdir())
