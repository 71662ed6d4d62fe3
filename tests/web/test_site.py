"""The folder of a web page, and the page in a real browser: its numbers, its controls, what it asks for."""

import base64
import gzip
import json
import shutil
import subprocess
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from PIL import Image

import browser
from exported_families import LATENT, SHAPE, inputs, write
from jaxgan import export
from jaxgan.export_to import export_to
from jaxgan.images import to_uint8
from jaxgan.web import site
from jaxgan.web.model import web_model
from jaxgan.web.runtime import MODULE, SCRIPT, WASM
from jaxgan.web.site import about, class_names, page_files, write_web

RUNTIME = "onnxruntime-web@1.30.0"


def test_the_folder_tells_the_page_what_it_needs(tmp_path, monkeypatch):
    """The converter is not among what tests install: its place is taken here, and not in the slow set."""
    generator = export.read_generator(write(tmp_path / "run", "mlp", 3))
    stub = SimpleNamespace(SerializeToString=lambda: b"a network")
    monkeypatch.setattr(site, "model_of", lambda portable: stub)
    (tmp_path / "out").mkdir()
    write_web(generator, tmp_path / "out", title="</script> mine", runtime=b"ort")
    files = {file.name: file.read_text() for file in (tmp_path / "out").iterdir()}
    assert set(files) == {"index.html", "page.js", "style.css", "model.js", "runtime.js"}
    assert files["runtime.js"] == "ort"
    told = json.loads(files["model.js"].removeprefix("const MODEL = ").removesuffix(";\n"))
    assert gzip.decompress(base64.b64decode(told.pop("onnx"))) == b"a network"
    assert told.pop("about").startswith(
        "This mlp generator makes images of 16x16 pixels in color, of 3 classes."
    )
    assert told == {
        "title": "</script> mine",
        "shape": [16, 16, 3],
        "prior": [["normal", LATENT]],
        "classes": ["0", "1", "2"],
        "directions": 8,
        "truncation": None,
    }


def test_the_page_loads_what_lies_beside_it():
    page = page_files()["index.html"].decode()
    assert [
        name for name in ("page.js", "model.js", "runtime.js", "style.css") if f'"{name}"' not in page
    ] == []
    assert not [text for text in page_files().values() if b"http://" in text or b"https://" in text]


def test_classes_have_their_names_where_there_is_one_for_each():
    described = {"network": "mlp", "image_shape": [8, 4, 2], "num_classes": 2, "step": 1200}
    assert class_names({**described, "class_names": ["cat", "dog"]}) == ["cat", "dog"]
    assert class_names({**described, "class_names": ["cat"]}) == ["0", "1"]
    assert class_names({**described, "num_classes": None}) is None
    assert "8x4 pixels of 2 channels, of 2 classes. It was trained for 1,200 steps." in about(described)


@pytest.fixture(scope="module")
def runtime(pytestconfig):
    """The three files of the runtime, from npm, which are kept beside pytest's own cache."""
    folder = pytestconfig.rootpath / ".pytest_cache" / RUNTIME
    if not (folder / WASM).is_file():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed, from which the runtime comes")
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), RUNTIME]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode:
            pytest.skip(f"npm does not give {RUNTIME}: {done.stderr[-200:]}")
        (archive,) = folder.glob("*.tgz")
        with tarfile.open(archive) as files:
            for name in (SCRIPT, MODULE, WASM):
                (folder / name).write_bytes(files.extractfile(f"package/dist/{name}").read())
        archive.unlink()
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory, runtime):
    """A StyleGAN2 with classes: it has every control. The folder of the run, and that of the page."""
    pytest.importorskip("jax2onnx", exc_type=ImportError)
    if browser.chromium() is None:
        pytest.skip("no Chromium is installed")
    folder = tmp_path_factory.mktemp("web")
    run = write(folder / "run", "stylegan2", 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXGAN_CACHE", str(folder / "cache"))
        return run, export_to(run, to="web", out=folder / "site", runtime=runtime)


@pytest.fixture
def page(exported, tmp_path):
    with browser.page(tmp_path / "profile") as opened:
        yield opened


def painted(page):
    """Return the picture on the canvas once nothing is being made: one pixel of each enlarged one."""
    page.wait("!busy && !wanted")
    code = "element('image').toDataURL('image/png').split(',')[1]"
    with Image.open(BytesIO(base64.b64decode(page.evaluate(code)))) as picture:
        whole = np.asarray(picture.convert("RGB"))
    assert whole.shape == (512, 512, 3)
    return whole[16::32, 16::32].astype(int)


def values(page, latents, settings):
    """Return what the network in the browser makes of one row of latents."""
    code = f"generate(Float32Array.from({np.asarray(latents).tolist()}), {json.dumps(settings)})"
    return np.reshape(page.evaluate(f"{code}.then((values) => [...values])"), SHAPE)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the converter's packages
class TestInABrowser:
    """A real Chromium opens the folder as files, as somebody does who got it by mail."""

    def test_the_network_computes_what_jax_computes(self, page, exported):
        run, folder = exported
        page.open((folder / "index.html").as_uri())
        assert page.evaluate("element('status').textContent") == ""
        generate = export.load_generator(run)
        move = jax.jit(web_model(export.read_generator(run)).portable.function)
        latents, _, labels = inputs(3)
        amounts = np.linspace(-2, 2, 8)[None].astype(np.float32)
        for i, psi in enumerate((1, 0.5, 0)):
            expected = generate(latents[i : i + 1], labels[i : i + 1], truncation=psi)[0]
            settings = {"label": i, "truncation": psi}
            np.testing.assert_allclose(values(page, latents[i], settings), expected, atol=1e-5)
            moved = move(latents[i : i + 1], labels[i : i + 1], amounts, psi)[0][0]
            settings["amounts"] = amounts[0].tolist()
            np.testing.assert_allclose(values(page, latents[i], settings), moved, atol=1e-5)
        own = np.array(page.evaluate("[...draw(0)]"), np.float32)
        assert np.abs(painted(page) - np.asarray(to_uint8(generate(own[None], [0])[0]))).max() <= 1
        page.evaluate("MODEL.prior = [['normal', 20000], ['uniform', 20000], ['one_hot', 3]]")
        drawn = np.array(page.evaluate("[...draw(7)]"))
        assert abs(drawn[:20000].mean()) < 0.03
        assert abs(drawn[:20000].std() - 1) < 0.03
        assert abs(drawn[20000:40000].mean()) < 0.03
        assert 0.99 < np.abs(drawn[20000:40000]).max() <= 1
        assert sorted(drawn[40000:]) == [0, 0, 1]
        assert page.complaints == []

    def test_the_controls_change_the_picture(self, page, exported):
        folder = exported[1]
        page.open((folder / "index.html").as_uri())
        first = painted(page)
        page.evaluate("document.querySelector('#directions input').focus()")
        for _ in range(8):
            page.key("ArrowRight", 39)
        assert not np.array_equal(painted(page), first)
        assert page.evaluate("document.querySelector('#directions output').textContent") == "0.8"
        page.evaluate("element('middle').click()")
        np.testing.assert_array_equal(painted(page), first)
        page.evaluate("document.querySelectorAll('#classes input')[2].click()")
        third = painted(page)
        assert not np.array_equal(third, first)
        assert page.evaluate("element('image').ariaLabel") == "The image of class 2 of seed 0"
        page.evaluate("element('again').click()")
        assert page.evaluate("element('seed').value") == "1"
        assert not np.array_equal(painted(page), third)
        page.evaluate("document.querySelector('#truncation input').focus()")
        page.key("Home", 36)  # to 0: all seeds give one image
        alike = painted(page)
        page.evaluate("element('again').click()")
        assert np.abs(painted(page) - alike).max() <= 1
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        kinds = ("slider", "radio", "button", "spinbutton", "image")
        named = [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") in kinds]
        assert len(named) == 8 + 1 + 3 + 3 + 1 + 1
        assert all(named)
        for width in (390, 1280):
            with Image.open(BytesIO(page.screenshot(width, 800, dark=True))) as picture:
                assert (
                    width - 20 < picture.width <= width
                )  # nothing is wider than the window and its scroll bar
        assert page.complaints == []
        here = folder.as_uri()
        assert [
            address for address in page.requests if not address.startswith((here, "blob:", "data:"))
        ] == []

    def test_any_file_server_serves_it(self, page, exported):
        handler = partial(SilentHandler, directory=exported[1])
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{server.server_port}/"
            page.open(address)
            assert page.evaluate("document.body.dataset.state") == "ready"
            assert [each for each in page.requests if not each.startswith((address, "blob:", "data:"))] == []
            server.shutdown()
        assert page.complaints == []

    def test_a_folder_that_lacks_a_file_says_so(self, page, exported, tmp_path):
        shutil.copytree(exported[1], tmp_path / "part")
        (tmp_path / "part/runtime.js").unlink()
        page.open((tmp_path / "part/index.html").as_uri())
        text = "This page cannot run the network: runtime.js is missing."
        assert page.evaluate("element('status').textContent") == text


class SilentHandler(SimpleHTTPRequestHandler):
    """The file server of `python -m http.server`, which writes no log here."""

    def log_message(self, *arguments):
        """Write nothing."""
