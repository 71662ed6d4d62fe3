"""ONNX Runtime Web as one script, which a page loads from beside itself.

The runtime is a package of npm, under the MIT license. Browsers load no WebAssembly and no modules for a page
that is opened as a file, so both are inside the script, as gzip in base64. The script is kept in the cache
folder: the runtime is needed once.
"""

import base64
import gzip
from importlib import resources
from pathlib import Path

from jaxgan.system import cache
from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded, write_atomically

SCRIPT, MODULE, WASM = "ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"
HOW = "npm install onnxruntime-web makes it as node_modules/onnxruntime-web/dist"
_STARTS = {SCRIPT: b"/*!\n * ONNX Runtime Web", MODULE: b"async function", WASM: b"\0asm"}


def runtime_script(folder: Path | None = None) -> bytes:
    """Return the runtime as a script that defines ``ort`` and ``RUNTIME``.

    Args:
        folder: the folder ``dist`` of the package onnxruntime-web, whose script is then kept in the cache;
            None for the script that was kept.

    Raises:
        UserError: if the folder lacks a file or holds a damaged one, or if no script was kept.
    """
    kept = cache.folder() / "onnxruntime-web/runtime.js"
    if folder is None:
        try:
            return kept.read_bytes()
        except OSError as error:
            raise UserError(f"`runtime` is missing, the folder of ONNX Runtime Web: {HOW}") from error
    script = _script(expanded(folder))
    with cache.writing_to(kept.parent):
        write_atomically(kept, lambda file: file.write_bytes(script))
    return script


def packed(content: bytes) -> str:
    """Return bytes as the page unpacks them: gzip in base64, the same text for the same bytes."""
    return base64.b64encode(gzip.compress(content, compresslevel=9, mtime=0)).decode()


def _script(folder: Path) -> bytes:
    contents = {}
    for name, start in _STARTS.items():
        try:
            contents[name] = (folder / name).read_bytes()
        except OSError as error:
            raise UserError(f"`runtime` {folder} has no {name} that can be read: {HOW}") from error
        if not contents[name].startswith(start):
            raise UserError(f"`runtime` {folder} holds a {name} that is damaged, or of another release")
    lines = contents[SCRIPT].splitlines(keepends=True)
    code = b"".join(line for line in lines if not line.startswith(b"//# sourceMappingURL"))
    license = (resources.files("jaxgan.web") / "onnxruntime_license.txt").read_text(encoding="utf-8")
    notice = f"\n/*\n{MODULE} and {WASM} of the same release are below.\n\n{license}*/\n"
    parts = f'{{ module: "{packed(contents[MODULE])}", wasm: "{packed(contents[WASM])}" }}'
    return code + f"{notice}const RUNTIME = {parts};\n".encode()
