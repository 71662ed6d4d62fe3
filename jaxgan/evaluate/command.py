"""``jaxgan evaluate``: chooses what to measure, the real images and the extractor, and measures."""

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from jaxgan import data, export, features
from jaxgan.data.sources import first_shape, has_splits
from jaxgan.evaluate.fakes import Fakes, from_dataset, from_generator
from jaxgan.evaluate.nearest import nearest_picture
from jaxgan.evaluate.reals import Reals, labels_like, load, load_unresized
from jaxgan.evaluate.report import Report, measure, table, write
from jaxgan.evaluate.scores import WITH_TRAINING_SET, split_names
from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError, expanded, write_atomically, writing
from jaxgan.system.limits import require_devices, require_memory
from jaxgan.system.random import pinned

TEST = "test"  # the split that is not trained on


@pinned()
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
    """Measure generated images against real ones.

    Metrics: fid, fid_infinity, kid, prdc, sliced_wasserstein, diversity, modes, is, memorisation.

    Args:
        path: a run's folder, an exported generator, a folder of pictures, or an .npz with "images".
        against: the real images: "digits", the name of a TFDS data set, a folder or an .npz; None for
            those that the run was trained on.
        split: the split of a TFDS data set; None for "test".
        metrics: names of metrics, separated by commas.
        n: the number of fakes, >= 2, and the largest number of reals.
        seed: the seed of the latents.
        extractor: the network that computes features: digits-cnn, mnist-cnn, fashion-mnist-cnn,
            inception-2015 or efficientnet-lite0; None for the one of the data set.
        inception_weights: the file of the 2015 Inception's weights (.pth, .safetensors), which chooses that
            network too.
        efficientnet_weights: the file of EfficientNet-Lite0's weights, which chooses that network too.
        download: whether to fetch the weights of the 2015 Inception (96 MB) if the cache folder lacks them.
        held_out: real images that were not trained on, for memorization; None for the "test" split.
        data_dir: the folder of TFDS data sets; None for the run's, or for $TFDS_DATA_DIR or
            ~/tensorflow_datasets.
        out: the folder for metric-NAME.json; None for the run's folder, and for no files with pictures.

    Returns:
        The `Report`.

    Raises:
        UserError: if something cannot be done; one sentence says why.
    """
    names = split_names(metrics)
    if not 0 <= seed < 2**32:
        raise UserError(f"`seed` must be at least 0 and below 2**32, got {seed}")
    if n < 2:
        raise UserError(f"`n` must be at least 2, got {n}")
    if not path.exists():
        raise UserError(f"there is no run, no folder and no file at {path}")
    require_devices()
    is_run = _is_run(path)
    settings = _settings(path) if is_run else {}
    source = against or settings.get("data")
    if source is None:
        unknown = f" ({path} does not say what it was trained on)" if is_run else ""
        raise UserError(f"`against` is missing: the name of real images, such as mnist{unknown}")
    description = export.read_description(path) if is_run else {}
    if description.get("network") == "custom":
        raise UserError(f"{path} needs its own module: evaluate.from_generator measures such a generator")
    if split is not None and not has_splits(source):
        raise UserError(f"`split` {split}: {source} has no splits")
    pictures = None if is_run else _pictures(path)
    shape = tuple(description["image_shape"]) if pictures is None else pictures.images.shape[1:]
    if len(shape) != 3:
        raise UserError(f"{path}: an image to measure is [H, W, C], got {list(shape)}")
    data_dir = data_dir or settings.get("data_dir")
    conditional = description.get("num_classes") is not None and _is_folder(source)
    load_split = partial(load, source, shape, conditional=conditional, data_dir=data_dir)
    network = features.get(
        extractor,
        source=source,
        inception_weights=inception_weights,
        efficientnet_weights=efficientnet_weights,
        download=download,
        data_dir=data_dir,
    )
    real = load_split(split=split or TEST, n=n)
    folder = out or (_folder(path) if is_run else None)
    if folder is not None:
        _require_writable(folder)
    if pictures is None:
        fakes = _fakes_of_run(path, description, real, n, seed)
    else:
        fakes = from_dataset(pictures, n)._replace(protocol={"images": pictures.name})
    train = unseen = None
    if set(names) & set(WITH_TRAINING_SET):
        if held_out is None and not has_splits(source):
            raise UserError(f"{source} has no split to hold out: name other real images with `held_out`")
        train = load_split(split="train")
        unseen = load(held_out or source, shape, split=TEST, data_dir=data_dir)
    try:
        report = measure(fakes, real, network, names, train=train, held_out=unseen)
    except features.FeaturesNotFiniteError as error:
        raise UserError(f"{path}: {error}") from error
    if pictures is not None:
        report = report._replace(notes=(*pictures.notes, *report.notes))
    if folder is not None:
        try:
            write(report, folder)
            if train is not None:
                picture = nearest_picture(fakes, train, network)
                write_atomically(folder / "plots/nearest.png", partial(picture.save, format="PNG"))
        except NoRoomError as error:
            raise NoRoomError(f"{error}. The measurements:\n{table(report)}") from error
        except OSError as error:
            failure = f"cannot write to {folder}: {error.strerror or error}"
            raise UserError(f"{failure}. The measurements:\n{table(report)}") from error
    return report


def _require_writable(folder: Path) -> None:
    """Raise `UserError` if files cannot be written to a folder: measuring takes long, so this comes first."""
    try:
        with writing(folder / "metric.json"):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except NoRoomError:
        raise
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error


def _pictures(path: Path) -> data.Dataset:
    """Load a folder or an .npz; pictures of several sizes are cut and resized to the size of the first."""
    source = str(path.absolute())  # a relative folder named mnist would mean the data set
    dataset = load_unresized(source)
    if dataset is None:
        height, width, _ = first_shape(source) or (0, 0, 0)
        dataset = data.load(source, image_size=(height, width))
        note = (
            f"the pictures in {path} were cut around their center and resized (Lanczos) to {height}x{width}"
        )
        dataset = dataset._replace(notes=(*dataset.notes, note))
    return dataset._replace(name=str(path))


def _fakes_of_run(path: Path, description: dict[str, Any], real: Reals, n: int, seed: int) -> Fakes:
    num_classes = description["num_classes"]
    generate = export.load_generator(path)
    require_memory(4 * n * description["latent_dim"], f"`n` {n:,}")
    fakes = from_generator(
        generate,
        latent_dim=description["latent_dim"],
        n=n,
        labels=labels_like(real, n, num_classes),
        seed=seed,
    )
    protocol = {"generator": str(path), "weights": "EMA", "batch_norm": "running averages"}
    protocol["step"] = description["step"]
    if num_classes is not None:
        same = real.num_classes == num_classes
        protocol["labels"] = f"those of the {real.source} images" if same else "in turn"
    return fakes._replace(protocol=protocol | fakes.protocol)


def _is_run(path: Path) -> bool:
    if path.suffix == ".safetensors":
        return True
    return path.is_dir() and any((path / name).exists() for name in ("export", "config.json", export.WEIGHTS))


def _is_folder(source: str) -> bool:
    return expanded(source).is_dir() and not has_splits(source)


def _folder(path: Path) -> Path:
    return path.parent if path.suffix == ".safetensors" else path


def _settings(path: Path) -> dict[str, Any]:
    """Return the settings of a run, or {} if there is no readable config.json."""
    try:
        settings = json.loads((_folder(path) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}
