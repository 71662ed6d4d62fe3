"""``jaxgan export``: a run's networks in the forms that other programs take."""

import json
import re
import shutil
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

TARGETS = ("stablehlo", "onnx", "hub")
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
    license: str | None = None,
) -> Path:
    """Write a run's network for other programs, into a new folder.

    Args:
        run: a run's folder, or an exported generator.
        to: "stablehlo" for programs with JAX alone, on CPU, GPU and TPU; "onnx" for other languages and
            browsers; "hub" for a folder to upload to the Hugging Face Hub.
        out: the new folder; None for a folder of the target's name in the run's folder.
        network: generator, discriminator or encoder.
        truncation: a truncation that the exported generator always has, 0 to 1.
        uint8: whether the exported generator makes uint8 images; float in [-1, 1] otherwise.
        layout: nhwc for images [B, H, W, C], or nchw for images [B, C, H, W]; of ONNX.
        license: the license of the weights, such as apache-2.0; of the Hub.

    Returns:
        The folder.

    Raises:
        UserError: if something cannot be done; one sentence says why, and nothing is written.
    """
    if to is None:
        raise UserError(f"`to` is missing: there are {', '.join(TARGETS)}")
    to, layout = choose("to", to, TARGETS), choose("layout", layout, LAYOUTS)
    if layout != LAYOUTS[0] and to != "onnx":
        raise UserError(f"`layout` {layout} is of ONNX, and `to` is {to}")
    if license is None and to == "hub":
        raise UserError("`license` is missing: the license of the weights, such as apache-2.0")
    if license is not None and to != "hub":
        raise UserError(f"`license` is of the Hub, and `to` is {to}")
    if license is not None and not re.fullmatch(r"[A-Za-z0-9.+-]+", license):
        raise UserError(f"`license` is an identifier such as apache-2.0 or cc-by-4.0, got {license!r:.60}")
    if to == "hub" and (network != "generator" or truncation is not None or uint8):
        raise UserError("the Hub gets all networks of the run as they are: leave out what changes one")
    folder = out or (run.parent if run.suffix else run) / to
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        reason = "holds files" if folder.is_dir() else "is a file"
        raise UserError(f"`out` must be a new folder, and {folder} {reason}")
    portable = None if to == "hub" else read_portable(run, network, truncation=truncation, uint8=uint8)
    require_writable(folder.absolute().parent)
    if portable is None:
        replace_folder(folder, lambda new: _write_hub(run, new, str(license).lower()))
    else:
        replace_folder(folder, lambda new: _write_portable(portable, new, to, layout))
    return folder


def _write_portable(portable: Portable, folder: Path, to: str, layout: str) -> None:
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


def _write_hub(run: Path, folder: Path, license: str) -> None:
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
        title=home.resolve().name,
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
