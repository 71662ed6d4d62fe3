"""``jaxgan export``: whole folders, and one sentence for what cannot be done."""

import json
from pathlib import Path

import pytest

from exported_families import write
from jaxgan import cli, export
from jaxgan.export_to import export_to
from jaxgan.system.errors import UserError


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mine")
    write(folder / "export", "mlp", 3)
    return folder


def test_stablehlo_is_written_into_a_new_folder(run, tmp_path, capsys):
    cli.main(["export", str(run), "--to", "stablehlo", "--out", str(tmp_path / "out")])
    assert capsys.readouterr().out == f"config.json, generator.stablehlo, use.py in {tmp_path / 'out'}\n"
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert config["takes"][1] == {"name": "labels", "shape": ["B"], "dtype": "int32"}
    assert config["returns"] == ["images"]
    assert not list(tmp_path.glob(".*"))


def test_the_hubs_folder_has_the_networks_samples_and_the_card(run, tmp_path):
    folder = export_to(run, to="hub", out=tmp_path / "hub", license="MIT")
    assert {"README.md", "samples.png", "config.json", "generator.safetensors", "encoder.json"} <= {
        file.name for file in folder.iterdir()
    }
    text = (folder / "README.md").read_text()
    assert f"# {run.name}\n" in text
    assert 'license: "mit"' in text


@pytest.mark.parametrize("name", ["generator", "discriminator", "encoder"])
def test_a_damaged_network_is_not_shared(name, tmp_path):
    file = write(tmp_path / "run", "mlp", None) / f"{name}.safetensors"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(UserError, match=rf"{name}.safetensors cannot be read"):
        export_to(tmp_path / "run", to="hub", license="mit", out=tmp_path / "hub")
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "`to` is missing: there are stablehlo, onnx, web, hub"),
        ({"to": "tflite"}, "`to` tflite is unknown"),
        ({"to": "hub"}, "`license` is missing"),
        ({"to": "hub", "license": "my own\nlicense"}, "`license` is an identifier"),
        ({"to": "hub", "license": "mit", "uint8": True}, "leave out what changes one"),
        ({"to": "stablehlo", "license": "mit"}, "`license` is of the Hub"),
        ({"to": "web"}, "`runtime` is missing, the folder of ONNX Runtime Web: npm install"),
        ({"to": "web", "runtime": Path("nowhere")}, "`runtime` nowhere has no ort.wasm.min.js"),
        ({"to": "web", "truncation": 0.5}, "`to` web takes the run's networks as they are"),
        ({"to": "onnx", "runtime": Path("nowhere")}, "`runtime` is of the web page, and `to` is onnx"),
        ({"to": "stablehlo", "layout": "nchw"}, "`layout` nchw is of ONNX"),
        ({"to": "stablehlo", "network": "critic"}, "`network` critic is unknown"),
    ],
)
def test_mistakes_write_nothing(run, tmp_path, options, sentence):
    with pytest.raises(UserError, match=sentence):
        export_to(run, out=tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_files_is_left_alone(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(UserError, match=r"must be a new folder, and .*out holds files"):
        export_to(run, to="stablehlo", out=tmp_path / "out")
    with pytest.raises(UserError, match="is a file"):
        export_to(run, to="stablehlo", out=tmp_path / "out/mine.txt")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("to", ["stablehlo", "web"])
def test_a_run_that_was_never_saved_is_said(tmp_path, to):
    with pytest.raises(UserError, match="no exported generator"):
        export_to(tmp_path, to=to)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("described", "sentence"),
    [
        ({"image_shape": [2]}, "this generator makes no images, and only generators of images"),
        ({"inputs": {"source": [8, 8, 1]}}, "makes images of pictures, not of latents"),
    ],
)
def test_what_has_no_web_page_is_said(described, sentence, run, tmp_path, monkeypatch):
    description = {"image_shape": [8, 8, 1], "latent_dim": 4, "num_classes": None, **described}
    network = export.Network(None, {}, description)
    monkeypatch.setattr("jaxgan.export_to.read_generator", lambda run: network)
    monkeypatch.setattr("jaxgan.export_to.runtime_script", lambda folder: b"")
    with pytest.raises(UserError, match=sentence):
        export_to(run, to="web", out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_custom_module_has_no_web_page(tmp_path):
    (tmp_path / "config.json").write_text(
        '{"format_version": 1, "network": "custom", "options": {}, "image_shape": [8, 8, 1], "num_classes": null, '
        '"latent_dim": 4, "step": 1}'
    )
    (tmp_path / "generator.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="custom"):
        export_to(tmp_path, to="web", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_page_of_a_repository_needs_a_place():
    with pytest.raises(UserError, match=r"`out` is missing: hf:.* is on the Hub"):
        export_to("hf://user/name", to="web")
