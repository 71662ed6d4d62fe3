"""``jaxgan evaluate``: what to measure, against what, with which extractor."""

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from jaxgan import data, export, features
from jaxgan.evaluate import reals as there
from jaxgan.evaluate.fakes import Fakes, from_dataset, from_generator
from jaxgan.evaluate.nearest import nearest_picture
from jaxgan.evaluate.reals import Reals, labels_like
from jaxgan.evaluate.reports import Report, measure, table, write
from jaxgan.evaluate.scores import WITH_TRAINING_SET, split_names
from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded, write_atomically
from jaxgan.system.limits import require_memory

HELD_OUT = "test"


def evaluate(
    path: Path,
    *,
    against: str | None = None,
    split: str | None = None,
    metrics: str = "fid,kid,prdc",
    n: int = 10_000,
    seed: int = 0,
    extractor: str | None = None,
    inception_weights: Path | None = None,
    efficientnet_weights: Path | None = None,
    download: bool = False,
    held_out: str | None = None,
    data_dir: str | None = None,
    out: Path | None = None,
) -> Report:
    """Measure a run, a folder of pictures or an ``.npz`` against real images.

    Args:
        path: a run's folder or exported generator; a folder of pictures; an ``.npz`` with "images".
        against: name of the data set of real images; None: what the run was trained on.
        split: of a TFDS data set; None: "test".
        metrics: names from `METRICS`, with commas between.
        n: how many fakes to make, and how many reals to take at most.
        seed: of the latents.
        extractor: name of the network; None: the one that goes with the data set.
        inception_weights: file of the weights of the 2015 Inception, which it chooses too.
        efficientnet_weights: the same of EfficientNet-Lite0.
        download: fetch the weights of the 2015 Inception, 96 MB, if they are not in the cache folder.
        held_out: for memorisation, a data set that was not trained on; None: the "test" split of a TFDS one.
        data_dir: where TFDS data sets are.
        out: folder for ``metric-<name>.json``; None: the run's, and for pictures none.

    Returns:
        The report.

    Raises:
        UserError: for what cannot be done; one sentence says why.
    """
    names = split_names(metrics)
    if n < 2:
        raise UserError(f"--n must be at least 2, got {n}")
    if not path.exists():
        raise UserError(f"there is no run, no folder and no file at {path}")
    is_run = _is_run(path)
    settings = _settings(path) if is_run else {}
    source = against or settings.get("data")
    if source is None:
        unknown = f" ({path} does not say what it was trained on)" if is_run else ""
        raise UserError(f"--against is missing: the name of real images, such as mnist{unknown}")
    description = export.read_description(path) if is_run else {}
    if description.get("network") == "custom":
        raise UserError(f"{path} needs its own module: evaluate.from_generator measures what that makes")
    if split is not None and not data.has_splits(source):
        raise UserError(f"--split {split}: {source} has no splits")
    pictures = None if is_run else _pictures(path)
    shape = tuple(description["image_shape"]) if pictures is None else pictures.images.shape[1:]
    if len(shape) != 3:
        raise UserError(f"{path}: an image to measure is [H, W, C], got {list(shape)}")
    conditional = description.get("num_classes") is not None
    load = partial(
        there.load,
        source,
        shape,
        conditional=conditional and _is_folder(source),
        data_dir=data_dir or settings.get("data_dir"),
    )
    network = features.get(
        extractor,
        source=source,
        inception_weights=inception_weights,
        efficientnet_weights=efficientnet_weights,
        download=download,
        data_dir=data_dir or settings.get("data_dir"),
    )
    real = load(split=split or HELD_OUT, n=n)
    folder = out or (_folder(path) if is_run else None)
    if folder is not None:
        _require_writable(folder)
    if pictures is None:
        fakes = _of_run(path, description, real, n, seed)
    else:
        fakes = from_dataset(pictures, n)._replace(protocol={"images": pictures.name})
    train = beside = None
    if set(names) & set(WITH_TRAINING_SET):
        if held_out is None and not data.has_splits(source):
            raise UserError(f"{source} has no split to hold out: name other real images with --held-out")
        train = load(split="train")
        beside = there.load(
            held_out or source, shape, split=HELD_OUT, data_dir=data_dir or settings.get("data_dir")
        )
    try:
        report = measure(fakes, real, network, names, train=train, held_out=beside)
    except features.NotFiniteError as error:
        raise UserError(f"{path}: {error}") from error
    if pictures is not None:
        report = report._replace(notes=(*pictures.notes, *report.notes))
    if folder is not None:
        try:
            write(report, folder)
            if train is not None:
                picture = nearest_picture(fakes, train, network)
                write_atomically(folder / "plots/nearest.png", partial(picture.save, format="PNG"))
        except OSError as error:
            why = f"cannot write to {folder}: {error.strerror or error}"
            raise UserError(f"{why}. What was measured:\n{table(report)}") from error
    return report


def _require_writable(folder: Path) -> None:
    """Raise `UserError` where the report could not be written: measuring takes long."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error


def _pictures(path: Path) -> data.Dataset:
    """Load a folder or an .npz; pictures of several sizes are cut and resized to that of the first."""
    source = str(path.absolute())  # or a folder named mnist would be the data set
    found = there.as_they_are(source)
    if found is None:
        height, width, _ = data.first_shape(source) or (0, 0, 0)
        found = data.load(source, image_size=(height, width))
        note = (
            f"the pictures in {path} were cut around their centre and resized (Lanczos) to {height}x{width}"
        )
        found = found._replace(notes=(*found.notes, note))
    return found._replace(name=str(path))


def _of_run(path: Path, description: dict[str, Any], real: Reals, n: int, seed: int) -> Fakes:
    classes = description["num_classes"]
    generate = export.load_generator(path)
    require_memory(4 * n * description["latent_dim"], f"--n {n:,}")
    fakes = from_generator(
        generate,
        latent_dim=description["latent_dim"],
        n=n,
        labels=labels_like(real, n, classes),
        seed=seed,
    )
    how = {"weights": "EMA", "batch_norm": "running averages", "step": description["step"]}
    if classes is not None:
        how["labels"] = f"those of the {real.source} images" if real.num_classes == classes else "in turn"
    return fakes._replace(protocol={"generator": str(path), **how, **fakes.protocol})


def _is_run(path: Path) -> bool:
    if path.suffix == ".safetensors":
        return True
    return path.is_dir() and any((path / name).exists() for name in ("export", "config.json", export.WEIGHTS))


def _is_folder(source: str) -> bool:
    return expanded(source).is_dir() and not data.has_splits(source)


def _folder(path: Path) -> Path:
    return path.parent if path.suffix == ".safetensors" else path


def _settings(path: Path) -> dict[str, Any]:
    """Return the settings of a run, where `path` is a run's folder."""
    try:
        settings = json.loads((_folder(path) / "config.json").read_text())
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}
