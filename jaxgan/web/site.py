"""The folder of a generator's web page: the page, its network and its runtime."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

from jaxgan.export import Network, prior_of
from jaxgan.export.onnx import model_of
from jaxgan.system.files import write_text
from jaxgan.web.model import WebModel, web_model
from jaxgan.web.runtime import packed

PAGE = ("index.html", "page.js", "style.css")


def write_web(generator: Network, folder: Path, *, title: str, runtime: bytes) -> None:
    """Write a generator's web page into an existing folder.

    Args:
        generator: a generator of images of latents.
        folder: the folder.
        title: the page's title.
        runtime: the script of `jaxgan.web.runtime.runtime_script`.

    Raises:
        UserError: if the generator makes no images, if jax2onnx is not installed, or cannot convert it.
    """
    model = web_model(generator)
    onnx = model_of(model.portable).SerializeToString()
    write_text(folder / "model.js", model_script(generator, model, onnx, title))
    (folder / "runtime.js").write_bytes(runtime)
    for name, content in page_files().items():
        (folder / name).write_bytes(content)


def page_files() -> dict[str, bytes]:
    """Return the files of the page, which are the same for all generators."""
    page = resources.files("jaxgan.web") / "page"
    return {name: (page / name).read_bytes() for name in PAGE}


def model_script(generator: Network, model: WebModel, onnx: bytes, title: str) -> str:
    """Return the script that defines ``MODEL``: what the page is told, and the network as gzip in base64."""
    description = generator.description
    told: dict[str, Any] = {
        "title": title,
        "about": about(description),
        "shape": list(generator.image_shape),
        "prior": prior_of(description).as_json(),
        "classes": class_names(description),
        "directions": model.directions,
        "truncation": model.truncation,
        "onnx": packed(onnx),
    }
    return f"const MODEL = {json.dumps(told, indent=2)};\n"


def about(description: dict[str, Any]) -> str:
    """Return a sentence about a generator."""
    height, width, channels = description["image_shape"]
    colors = {1: " in gray", 3: " in color"}.get(channels, f" of {channels} channels")
    classes = "" if description["num_classes"] is None else f", of {description['num_classes']} classes"
    return (
        f"This {description['network']} generator makes images of {height}x{width} pixels{colors}{classes}. "
        f"It was trained for {description['step']:,} steps."
    )


def class_names(description: dict[str, Any]) -> list[str] | None:
    """Return a name for each class, its number where it has no other; None without classes."""
    count = description["num_classes"]
    if count is None:
        return None
    names = description.get("class_names")
    whole = isinstance(names, list) and len(names) == count
    return [str(name) for name in names] if whole else [str(number) for number in range(count)]
