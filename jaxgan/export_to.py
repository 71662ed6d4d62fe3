"""``jaxgan export``: a run's networks in the forms that other programs take."""

import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxgan import sampling
from jaxgan.export import hub
from jaxgan.export.discriminator import has_discriminator, read_discriminator
from jaxgan.export.encoder import has_encoder, read_encoder
from jaxgan.export.generator import folder_of, generating, prior_of, read_generator, source_shape_of
from jaxgan.export.onnx import LAYOUTS, write_onnx
from jaxgan.export.portable import Portable, read_portable
from jaxgan.export.stablehlo import write_stablehlo
from jaxgan.prior import draw_rows
from jaxgan.system.command_line import Positional
from jaxgan.system.errors import UserError, choose
from jaxgan.system.files import replace_folder, require_writable, write_json
from jaxgan.system.random import pinned, seed_key
from jaxgan.web.runtime import runtime_script
from jaxgan.web.site import write_web

TARGETS = ("stablehlo", "onnx", "web", "hub")
SAMPLES = 64


@pinned()
def export_to(
    run: Positional[Path],
    *,
    to: str | None = None,
    out: Path | None = None,
    network: str = "generator",
    truncation: float | None = None,
    uint8: bool = False,
    layout: str = "nhwc",
    runtime: Path | None = None,
    license: str | None = None,
) -> Path:
    """Write a run's network for other programs, into a new folder.

    Args:
        run: a run's folder, or an exported generator.
        to: "stablehlo" for programs with JAX alone, on CPU, GPU and TPU; "onnx" for other languages; "web"
            for a page that draws images in a browser; "hub" for a folder to upload to the Hugging Face Hub.
        out: the new folder; None for a folder of the target's name in the run's folder.
        network: generator, discriminator or encoder.
        truncation: a truncation that the exported generator always has, 0 to 1.
        uint8: whether the exported generator makes uint8 images; float in [-1, 1] otherwise.
        layout: nhwc for images [B, H, W, C], or nchw for images [B, C, H, W]; of ONNX.
        runtime: the folder node_modules/onnxruntime-web/dist that npm install onnxruntime-web makes; of the
            web page. It is given once: what the page takes of it is kept in the cache folder.
        license: the license of the weights, such as apache-2.0; of the Hub.

    Returns:
        The folder.

    Raises:
        UserError: if something cannot be done; one sentence says why, and nothing is written.
    """
    to, layout = _checked(to, layout, runtime, license)
    if to in ("hub", "web") and (network != "generator" or truncation is not None or uint8):
        raise UserError(f"`to` {to} takes the run's networks as they are: leave out what changes one")
    folder = _new_folder(run, to, out)
    if to == "hub":
        write = partial(_write_hub, run, license=str(license).lower())
    elif to == "web":
        generator = read_generator(run)
        write = partial(write_web, generator, title=_title(run), runtime=runtime_script(runtime))
    else:
        portable = read_portable(run, network, truncation=truncation, uint8=uint8)
        write = partial(_write_portable, portable, to=to, layout=layout)
    require_writable(folder.absolute().parent)
    replace_folder(folder, lambda new: write(folder=new))
    return folder


def _checked(to: str | None, layout: str, runtime: Path | None, license: str | None) -> tuple[str, str]:
    """Return target and layout by their own names, where the options go together."""
    if to is None:
        raise UserError(f"`to` is missing: there are {', '.join(TARGETS)}")
    to, layout = choose("to", to, TARGETS), choose("layout", layout, LAYOUTS)
    if layout != LAYOUTS[0] and to != "onnx":
        raise UserError(f"`layout` {layout} is of ONNX, and `to` is {to}")
    if runtime is not None and to != "web":
        raise UserError(f"`runtime` is of the web page, and `to` is {to}")
    if license is None and to == "hub":
        raise UserError("`license` is missing: the license of the weights, such as apache-2.0")
    if license is not None and to != "hub":
        raise UserError(f"`license` is of the Hub, and `to` is {to}")
    if license is not None and not re.fullmatch(r"[A-Za-z0-9.+-]+", license):
        raise UserError(f"`license` is an identifier such as apache-2.0 or cc-by-4.0, got {license!r:.60}")
    return to, layout


def _new_folder(run: Path, to: str, out: Path | None) -> Path:
    """Return the folder to make, which holds nothing yet."""
    if out is None and hub.is_address(run):
        raise UserError(f"`out` is missing: {run} is on the Hub, so the new folder needs a place of its own")
    folder = out or (run.parent if run.suffix else run) / to
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        reason = "holds files" if folder.is_dir() else "is a file"
        raise UserError(f"`out` must be a new folder, and {folder} {reason}")
    return folder


def _title(run: Path) -> str:
    """Return the name of a run, which may be given by its export folder, a file there, or its address."""
    if hub.is_address(run):
        return str(run).partition("@")[0].rpartition("/")[2]
    source = folder_of(run)
    return (source.parent if source.name == "export" else source).resolve().name


def _write_portable(portable: Portable, *, folder: Path, to: str, layout: str) -> None:
    if to == "stablehlo":
        write_stablehlo(portable, folder)
    else:
        write_onnx(portable, folder, layout)
    takes = [
        {"name": each.name, "shape": ["B", *each.shape], "dtype": np.dtype(each.dtype).name}
        for each in portable.inputs
    ]
    told: dict[str, Any] = {"takes": takes, "returns": list(portable.outputs)}
    if to == "onnx":
        told["layout"] = layout
    write_json(folder / "config.json", {**portable.description, **told})


def _write_hub(run: Path, *, folder: Path, license: str) -> None:
    """Write all exported networks of a run, samples and the model card."""
    network = read_generator(run)
    description, source = network.description, folder_of(run)
    if source_shape_of(description) is not None:
        raise UserError(f"the Hub's card shows samples of latents, and {run} makes images of pictures")
    if has_discriminator(source):
        read_discriminator(source)  # nobody wants to share a damaged one
    if has_encoder(source):
        read_encoder(source)
    for file in sorted(source.iterdir()):
        if re.fullmatch(r"config\.json|(generator|discriminator|encoder)\.(safetensors|json)", file.name):
            shutil.copy(file, folder / file.name)
    labels = description["num_classes"]
    given = None if labels is None else jnp.arange(SAMPLES, dtype=jnp.int32) % labels
    latents = draw_rows(prior_of(description), seed_key(0), SAMPLES)
    generate = generating(network)
    if len(network.image_shape) == 3:
        columns = labels if labels is not None and 1 < labels <= 16 else 8
        picture = sampling.grid(sampling.sample(generate, latents, given), columns=columns)
    else:
        picture = sampling.scatter(np.asarray(generate(latents, given)))
    picture.save(folder / "samples.png")
    home = source.parent if source.name == "export" else source
    metrics = [content for file in sorted(home.glob("metric-*.json")) if (content := _json(file))]
    settings = _json(home / "config.json") if home != source else {}
    text = hub.card(
        description,
        title=_title(run),
        license=license,
        settings=settings,
        metrics=metrics,
        warnings=_json(home / "status.json").get("warnings", []),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _json(file: Path) -> dict[str, Any]:
    """Return the content of a JSON file of a run; {} where there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
