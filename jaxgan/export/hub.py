"""The Hugging Face Hub: a run as a folder to upload, and generators that others have uploaded.

`card` writes what the run itself says: its data, its measurements with their protocol, and the warnings of
its last step. The license is asked for, and never guessed. `local_copy` fetches a repository, of which only
``.safetensors`` and ``.json`` files are read, so nothing of a stranger's runs.

References:
    https://huggingface.co/docs/hub/model-cards
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgan.system.errors import UserError

ADDRESS = re.compile(r"hf:/{1,2}(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
TOLD = ("data", "network", "game", "loss", "penalty", "augment", "batch_size", "steps", "seed")
TASK = "unconditional-image-generation"
CARD = """---
license: {license}
library_name: jaxgan
pipeline_tag: {task}
tags:
- gan
- jax
- flax
{index}---

# {title}

{networks}

![samples](samples.png)

## Use

```python
import jax
import jaxgan

generate = jaxgan.load_generator("hf://USER/NAME")  # or the folder of these files
latents = {latents}
images = generate({arguments})  # [16, {shape}], float in [-1, 1]
```

`pip install "jaxgan[hub]"` installs what this needs. Nothing but `.safetensors` and `.json` files is read.

## Training

{training}

## Measured

{measured}

## Known faults

{faults}
"""


def is_address(path: str | Path) -> bool:
    """Return whether a path means a repository of the Hub."""
    return str(path).startswith("hf:")


def local_copy(path: str | Path) -> Path | None:
    """Return the folder of a repository of the Hub, which is fetched first; None for another kind of path.

    Args:
        path: ``hf://USER/NAME``, perhaps with ``@REVISION``.

    Raises:
        UserError: if the address is none, if huggingface_hub is missing, or if nothing can be fetched.
    """
    text = str(path)
    if not is_address(path):
        return None
    match = ADDRESS.fullmatch(text)
    if match is None or ".." in text or any(part.startswith((".", "-")) for part in text[3:].split("/")):
        raise UserError(
            f"{text:.200} is no repository of the Hub: write hf://USER/NAME, or hf://USER/NAME@REVISION"
        )
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise UserError(
            'hf:// needs the package huggingface_hub: pip install "jaxgan[hub]" installs it'
        ) from error
    patterns = ["*.safetensors", "*.json"]
    try:
        folder = snapshot_download(match["repository"], revision=match["revision"], allow_patterns=patterns)
    except Exception as error:  # of the network, of the repository, of the cache: each library has its own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"{text} could not be fetched: {reason}") from error
    return Path(folder)


def card(
    description: Mapping[str, Any],
    *,
    title: str,
    license: str,
    settings: Mapping[str, Any],
    metrics: list[dict[str, Any]],
    warnings: list[str],
) -> str:
    """Return a model card, the README.md of a repository.

    Args:
        description: content of the generator's ``config.json``.
        title: name of the model.
        license: identifier of a license, such as "apache-2.0".
        settings: the run's settings; empty if they are not known.
        metrics: contents of the run's ``metric-*.json``.
        warnings: what the run's diagnostics said at its last step.
    """
    points = len(description["image_shape"]) != 3
    labelled = description["num_classes"] is not None
    shape = ", ".join(map(str, description["image_shape"]))
    classes = f", of {description['num_classes']} classes" if labelled else ""
    prior = (description.get("inputs") or {}).get("prior")
    drawn = "jax.random.normal(jax.random.key(0), (16, {}))".format(description["latent_dim"])
    if prior:
        drawn = f"jaxgan.prior.draw_rows(jaxgan.prior.Prior({prior}), jax.random.key(0), 16)"
    what = "points" if points else "images"
    return CARD.format(
        license=json.dumps(license),
        task=TASK,
        index=_model_index(title, metrics),
        title=title,
        networks=f"A {description['network']} generator of {what} [{shape}]{classes}, "
        f"{_origin(description)}.",
        latents=drawn,
        arguments="latents, [3] * 16" if labelled else "latents",
        shape=shape,
        training=_training(settings),
        measured=_measured(metrics),
        faults="\n".join(f"- {_line(warning)}" for warning in warnings)
        or "The diagnostics of the last step found none, or the run had none.",
    )


def _origin(description: Mapping[str, Any]) -> str:
    """Return who trained a generator: jaxgan, or the authors of published weights."""
    imported = description.get("imported")
    if not isinstance(imported, dict):
        return f"trained by jaxgan for {description['step']:,} steps"
    file, repository, license = (_line(str(imported.get(key))) for key in ("file", "repository", "license"))
    return f"imported from {file}, weights of {repository} (license there: {license})"


def _model_index(title: str, metrics: list[dict[str, Any]]) -> str:
    results = [(content, row) for content in metrics for row in content["results"] if _value(row) is not None]
    if not results:
        return ""
    lines = ["model-index:", f"- name: {json.dumps(title)}", "  results:"]
    for content, row in results:
        data = str(content["protocol"].get("against", "unknown"))
        lines += [
            "  - task:",
            f"      type: {TASK}",
            "    dataset:",
            f"      name: {json.dumps(data)}",
            f"      type: {json.dumps(data)}",
            "    metrics:",
            f"    - type: {json.dumps(content['metric'])}",
            f"      name: {json.dumps(row['name'])}",
            f"      value: {_value(row)}",
        ]
    return "\n".join(lines) + "\n"


def _value(row: Mapping[str, Any]) -> float | None:
    """Return the first measured number of a result: its value, or what it is called."""
    numbers = [row[name] for name in ("value", "mean", "precision", "accuracy") if name in row]
    return next((number for number in numbers if isinstance(number, int | float)), None)


def _training(settings: Mapping[str, Any]) -> str:
    if not settings:
        return "The settings of the run are not known."
    rows = [(name, settings[name]) for name in TOLD if settings.get(name) not in (None, [], "", "none")]
    return _table(("setting", "value"), [(name, _line(str(value))) for name, value in rows])


def _measured(metrics: list[dict[str, Any]]) -> str:
    rows = [
        (row["name"], f"{number:.6g}", _line(_protocol(content["protocol"])))
        for content in metrics
        for row in content["results"]
        if (number := _value(row)) is not None
    ]
    if not rows:
        return "Nothing was measured. `jaxgan evaluate` measures."
    return _table(("metric", "value", "protocol"), rows)


def _protocol(protocol: Mapping[str, Any]) -> str:
    names = ("against", "split", "n_real", "n_fake", "extractor", "weights", "latents", "seed")
    return ", ".join(f"{name} {protocol[name]}" for name in names if protocol.get(name) is not None)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, tuple("---" for _ in head), *rows))


def _line(text: str) -> str:
    """Return text as one cell of a table: it may come from a stranger's files."""
    return re.sub(r"[|<>\s]+", " ", text).strip()
