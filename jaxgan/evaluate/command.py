"""``jaxgan evaluate``: chooses what to measure, the real images and the extractor, and measures."""

import tempfile
import types
from functools import partial
from pathlib import Path
from typing import Any

from jaxgan import data, export, features
from jaxgan.data.fingerprint import in_words
from jaxgan.data.sources import BUILT_IN, has_splits, is_tfds
from jaxgan.evaluate.fakes import Fakes, from_dataset, from_generator
from jaxgan.evaluate.nearest import nearest_picture
from jaxgan.evaluate.reals import (
    Reals,
    draw_reals,
    labels_like,
    load,
    notes_on,
    with_labels,
)
from jaxgan.evaluate.report import Report, measure, table, write
from jaxgan.evaluate.scores import WITH_TRAINING_SET, split_names
from jaxgan.evaluate.subject import (
    TEST,
    Subject,
    folder_of,
    held_out_images,
    source_of,
    subject_at,
    training_images,
)
from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError, expanded, write_atomically, writing
from jaxgan.system.limits import require_devices, require_memory
from jaxgan.system.random import pinned
from jaxgan.system.settings import PLAIN, converted

OWN = features.OWN
LISTED = PLAIN._replace(read=lambda text: tuple(text.split(",")))


@pinned()
def evaluate(
    path: Path,
    *,
    against: str | None = None,
    split: str | None = None,
    metrics: str = "fid,kid,prdc",
    n: int = 10_000,
    seed: int = 0,
    truncation: float | None = None,
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
        split: the split of a TFDS data set or of an .npz with splits; None for "test".
        metrics: names of metrics, separated by commas.
        n: the number of fakes, >= 2, and the largest number of reals.
        seed: the seed of the latents.
        truncation: 0 to 1, where less is less variety and better images; stylegan2 has it.
        extractor: the network that computes features: digits-cnn, mnist-cnn, fashion-mnist-cnn, own (a
            small classifier that learns the labels of the real images), inception-2015 or
            efficientnet-lite0; None for the one of the run or of the data set.
        inception_weights: the file of the 2015 Inception's weights (.pth, .safetensors), which chooses that
            network too.
        efficientnet_weights: the file of EfficientNet-Lite0's weights, which chooses that network too.
        download: whether to fetch the weights of the 2015 Inception (96 MB) if the cache folder lacks them.
        held_out: real images that were not trained on, for memorization: their name, or a share such as 0.1
            of the real images that is split off; None for those that the run held out, or the "test" split.
        data_dir: the folder of TFDS data sets; None for the run's, or for $TFDS_DATA_DIR or
            ~/tensorflow_datasets.
        out: the folder for metric-NAME.json; None for the run's folder, and for no files with pictures.

    Returns:
        The `Report`.

    Raises:
        UserError: if something cannot be done; one sentence says why.
    """
    names = split_names(",".join(converted("metrics", metrics, tuple[str, ...], LISTED)))
    n, seed, download = (
        converted("n", n, int),
        converted("seed", seed, int),
        converted("download", download, bool),
    )
    if not 0 <= seed < 2**32:
        raise UserError(f"`seed` must be at least 0 and below 2**32, got {seed}")
    if n < 2:
        raise UserError(f"`n` must be at least 2, got {n}")
    if held_out is not None and not set(names) & set(WITH_TRAINING_SET):
        raise UserError(f"`held_out` has no effect without `metrics` {','.join(WITH_TRAINING_SET)}")
    subject = subject_at(converted("path", path, Path), against)
    truncation = converted("truncation", truncation, float | None)
    if truncation is not None and subject.pictures is not None:
        raise UserError(f"`truncation` has no effect on pictures, and {subject.path} holds such")
    if truncation is not None:
        export.check_truncation(truncation, subject.description)
    require_devices()
    data_dir = converted("data_dir", data_dir, str | None) or subject.settings.get("data_dir")
    source = source_of(subject, against)
    splits = has_splits(source)
    if split is not None and not splits:
        raise UserError(f"`split` {split}: {source} has no splits")
    if len(subject.image_shape) != 3:
        raise UserError(f"{subject.path}: an image to measure is [H, W, C], got {list(subject.image_shape)}")
    trained = None if against is not None else training_images(subject, source, data_dir)
    conditional = subject.description.get("num_classes") is not None and _is_folder(source)
    load_split = partial(load, source, subject.image_shape, conditional=conditional, data_dir=data_dir)
    if trained is not None and not splits:
        real = draw_reals(trained, n)
    else:
        real = load_split(split=split or TEST, n=n)
    real = _same_classes(subject, real)
    network = features.get(
        source=source,
        dataset=_labelled(source, trained, subject.image_shape) if extractor in (None, OWN) else None,
        download=download,
        data_dir=data_dir,
        **_network(subject, extractor, inception_weights, efficientnet_weights, download),
    )
    train = unseen = None
    if needing := [name for name in names if name in WITH_TRAINING_SET]:
        whole = load_split(split="train") if trained is None else draw_reals(trained)
        train, unseen = held_out_images(subject, source, whole, held_out, needing, data_dir)
    folder = converted("out", out, Path | None) or (
        folder_of(subject.path) if subject.pictures is None else None
    )
    if folder is not None:
        _require_writable(folder)
    if subject.pictures is None:
        fakes = _fakes_of_run(subject.path, subject.description, real, n, seed, truncation)
    else:
        fakes = from_dataset(subject.pictures, n)._replace(protocol={"images": subject.pictures.name})
    try:
        report = measure(fakes, real, network, names, train=train, held_out=unseen)
    except features.FeaturesNotFiniteError as error:
        raise UserError(f"{subject.path}: {error}") from error
    before = () if subject.pictures is None else subject.pictures.notes
    if fakes.count < n:
        before += (f"{subject.path} has {fakes.count:,} images, fewer than `n` {n:,}",)
    report = report._replace(notes=(*before, *report.notes, *notes_on(network, source)))
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


def _same_classes(subject: Subject, real: Reals) -> Reals:
    """Return the reals without their labels where these are of other classes than the generator's."""
    names = subject.description.get("class_names")
    if names is None or real.class_names is None or tuple(names) == real.class_names:
        return real
    note = (
        f"the generator's classes ({in_words(names)}) are not those of {real.source} "
        f"({in_words(real.class_names)}): nothing is compared class by class"
    )
    return real._replace(labels=None, num_classes=None, class_names=None, notes=(*real.notes, note))


def _labelled(source: str, trained: data.Dataset | None, image_shape: tuple[int, ...]) -> data.Dataset | None:
    """Return the real images with their labels, to train a classifier; None where they have none."""
    if is_tfds(source) or source in BUILT_IN:
        return None
    height, width, channels = image_shape
    options = types.SimpleNamespace(image_size=(height, width), channels=channels)
    if trained is None:
        trained = data.load(source, image_size=(height, width), channels=channels)
    return with_labels(trained, options)


def _network(
    subject: Subject,
    extractor: str | None,
    inception_weights: Path | None,
    efficientnet_weights: Path | None,
    download: bool,
) -> dict[str, Any]:
    """Return the arguments that choose a network: those given, or else those of the run's own evaluations."""
    given = {
        "name": converted("extractor", extractor, str | None),
        "inception_weights": converted("inception_weights", inception_weights, Path | None),
        "efficientnet_weights": converted("efficientnet_weights", efficientnet_weights, Path | None),
    }
    if download or any(value is not None for value in given.values()):
        return given
    of_run = {name: subject.settings.get(name) for name in ("inception_weights", "efficientnet_weights")}
    there = {name: file for name, file in of_run.items() if file is not None and expanded(file).is_file()}
    name = subject.settings.get("extractor")
    return given | there | ({"name": name} if name in (*features.RECIPES, features.OWN) or there else {})


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


def _fakes_of_run(
    path: Path, description: dict[str, Any], real: Reals, n: int, seed: int, truncation: float | None
) -> Fakes:
    num_classes = description["num_classes"]
    generate = export.load_generator(path)
    require_memory(4 * n * description["latent_dim"], f"`n` {n:,}")
    fakes = from_generator(
        generate,
        latent_dim=description["latent_dim"],
        prior=export.prior_of(description),
        n=n,
        labels=labels_like(real, n, num_classes),
        seed=seed,
        truncation=truncation,
    )
    protocol = {"generator": str(path), "weights": "EMA", "batch_norm": "running averages"}
    protocol["step"] = description["step"]
    if num_classes is not None:
        same = real.num_classes == num_classes
        protocol["labels"] = f"those of the {real.source} images" if same else "in turn"
    return fakes._replace(protocol=protocol | fakes.protocol)


def _is_folder(source: str) -> bool:
    return expanded(source).is_dir() and not is_tfds(source)
