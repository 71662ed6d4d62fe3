"""``jaxgan evaluate``: chooses what to measure, the real images and the extractor, and measures."""

import contextlib
import types
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from jaxgan import data, export, features
from jaxgan.data.fingerprint import in_words
from jaxgan.data.sources import BUILT_IN, has_splits, is_tfds
from jaxgan.evaluate import translations
from jaxgan.evaluate.fakes import Fakes, from_dataset, from_generator, random_rows
from jaxgan.evaluate.nearest import nearest_picture
from jaxgan.evaluate.reals import (
    Reals,
    draw_reals,
    labels_like,
    load,
    notes_on,
    with_labels,
)
from jaxgan.evaluate.report import Report, joined, measure, table, trained_on_fakes_report, write
from jaxgan.evaluate.scores import (
    ACCURACY,
    COLORFULNESS,
    CYCLE,
    MEMORISATION,
    METRICS,
    OF_PAIRS,
    TRAINED_ON_FAKES,
    WITH_TRAINING_SET,
    split_names,
)
from jaxgan.evaluate.subject import (
    TEST,
    Subject,
    folder_of,
    held_out_images,
    rows_of,
    source_of,
    subject_at,
    training_images,
)
from jaxgan.evaluate.tables.command import evaluate_rows, makes_rows
from jaxgan.system.errors import UserError, choose
from jaxgan.system.files import NoRoomError, expanded, require_writable, write_atomically
from jaxgan.system.limits import require_devices, require_memory
from jaxgan.system.random import pinned
from jaxgan.system.settings import PLAIN, converted

OWN = features.OWN
N = 10_000  # fakes, and real images at most
DEFAULTS, OF_TRANSLATORS, OF_UNPAIRED = ("fid", "kid", "prdc"), ("psnr", "ssim", "fid"), ("cycle", "fid")
LISTED = PLAIN._replace(read=lambda text: tuple(text.split(",")))


@pinned()
def evaluate(
    path: Path,
    *,
    against: str | None = None,
    split: str | None = None,
    metrics: str | None = None,
    n: int | None = None,
    seed: int = 0,
    truncation: float | None = None,
    standing_statistics: int | None = None,
    extractor: str | None = None,
    inception_weights: Path | None = None,
    efficientnet_weights: Path | None = None,
    download: bool = False,
    held_out: str | None = None,
    direction: str = "forward",
    target: str | None = None,
    data_dir: str | None = None,
    out: Path | None = None,
) -> Report:
    """Measure generated images, or the rows of a table, against real ones.

    Metrics of images: fid, fid_infinity, kid, prdc, sliced_wasserstein, diversity, modes, is, memorisation,
    trained_on_fakes; of a run of the game paired, psnr, ssim and accuracy too, beside those of the sources,
    enlarged by bicubic interpolation where they are smaller; of the game cycle, cycle; of both, colorfulness,
    beside that of sources and real images. Metrics of a table, all of which are its default: quality,
    trained_on_fakes, detection, closest_record.

    Args:
        path: a run's folder, an exported generator, a folder of pictures, an .npz with "images", or a .csv of
            synthetic rows.
        against: the real images: "digits", the name of a TFDS data set, a folder or an .npz; None for
            those that the run was trained on. Of a run of a table, a table that it was not trained on; of a
            file of rows, the table that they were made from.
        split: the split of a TFDS data set or of an .npz with splits; None for "test".
        metrics: names of metrics, separated by commas; None for fid, kid and prdc, or for psnr, ssim and fid
            of a run of the game paired, and for cycle and fid of one of the game cycle.
        n: the number of fakes, >= 2, and the largest number of reals; None for 10,000. For trained_on_fakes
            it is the number of fakes alone; None for as many as there are training images. Of a table it is
            the number of synthetic rows; None for as many as there are training rows.
        seed: the seed of the latents.
        truncation: 0 to 1, less is less variety and better images; stylegan2, biggan and biggan_deep have it.
        standing_statistics: number of fresh batches that batch statistics are averaged over, in place of the
            running averages of training; for a generator with batch normalization.
        extractor: the network that computes features: digits-cnn, mnist-cnn, fashion-mnist-cnn, own (a
            small classifier that learns the labels of the real images), inception-2015 or
            efficientnet-lite0; None for the one of the run or of the data set.
        inception_weights: the file of the 2015 Inception's weights (.pth, .safetensors), which chooses that
            network too.
        efficientnet_weights: the file of EfficientNet-Lite0's weights, which chooses that network too.
        download: whether to fetch the weights of the 2015 Inception (96 MB) if the cache folder lacks them.
        held_out: real images that were not trained on, for memorization and trained_on_fakes: their name, or
            a share such as 0.1 of the real images that is split off; None for those that the run held out,
            or the "test" split. Of a file of synthetic rows, a table that they were not made from.
        direction: of a run of the game cycle: forward from sources to images, or backward the other way.
        target: the column of a table that models learn to predict, for trained_on_fakes; None for the run's.
        data_dir: the folder of TFDS data sets; None for the run's, or for $TFDS_DATA_DIR or
            ~/tensorflow_datasets.
        out: the folder for metric-NAME.json; None for the run's folder, and for no files with pictures or
            with a file of rows.

    Returns:
        The `Report`.

    Raises:
        UserError: if something cannot be done; one sentence says why.
    """
    asked = converted("metrics", metrics, tuple[str, ...] | None, LISTED)
    n, seed, download = (
        converted("n", n, int | None),
        converted("seed", seed, int),
        converted("download", download, bool),
    )
    if not 0 <= seed < 2**32:
        raise UserError(f"`seed` must be at least 0 and below 2**32, got {seed}")
    if n is not None and n < 2:
        raise UserError(f"`n` must be at least 2, got {n}")
    path, target = converted("path", path, Path), converted("target", target, str | None)
    if makes_rows(path):
        of_images = {
            "split": split,
            "truncation": truncation,
            "standing_statistics": standing_statistics,
            "extractor": extractor,
            "inception_weights": inception_weights,
            "efficientnet_weights": efficientnet_weights,
            "download": download or None,
        }
        if given := [name for name, value in of_images.items() if value is not None]:
            raise UserError(f"`{given[0]}` has no effect on the rows of a table, which {path} makes")
        return evaluate_rows(
            path,
            against=against,
            metrics=asked,
            n=n,
            seed=seed,
            held_out=held_out,
            target=target,
            out=converted("out", out, Path | None),
        )
    if target is not None:
        raise UserError(f"`target` is a column of a table, and {path} makes no table")
    names = split_names(",".join(asked or DEFAULTS))
    if held_out is not None and not set(names) & set(WITH_TRAINING_SET):
        raise UserError(f"`held_out` has no effect without `metrics` {','.join(WITH_TRAINING_SET)}")
    subject = subject_at(path, against)
    translates = export.source_shape_of(subject.description) is not None
    unpaired = translates and translations.learns_unpaired(subject)
    direction = choose("direction", direction, export.DIRECTIONS)
    if translates and asked is None:
        names = OF_UNPAIRED if unpaired else OF_TRANSLATORS
    pairwise = [name for name in names if name in OF_PAIRS]
    if (needing := [*pairwise, *[ACCURACY] * (ACCURACY in names)]) and (unpaired or not translates):
        raise UserError(
            f"`metrics` {','.join(needing)} compares an image with the one that it should be, and "
            f"{subject.path} {'learned no pairs' if unpaired else 'makes no images of sources'}"
        )
    if not unpaired and (CYCLE in names or direction != translations.FORWARD):
        asks = f"`metrics` {CYCLE}" if CYCLE in names else f"`direction` {direction}"
        raise UserError(f"{asks} is of a run of the game cycle, and {subject.path} is none")
    if COLORFULNESS in names and not translates:
        raise UserError(
            f"`metrics` {COLORFULNESS} is of a run that makes images of sources, and {subject.path} is none"
        )
    of_features = tuple(name for name in names if name in METRICS)
    with_network = bool(of_features) or ACCURACY in names
    options = {"extractor": extractor, "inception_weights": inception_weights, "download": download or None}
    options["efficientnet_weights"] = efficientnet_weights
    if not with_network and (given := [name for name, value in options.items() if value is not None]):
        raise UserError(
            f"`{given[0]}` has no effect with `metrics` {','.join(names)}, which takes no features"
        )
    if TRAINED_ON_FAKES in names and subject.num_classes is None:
        cure = ": train with `conditional`" if subject.pictures is None else ""
        raise UserError(
            f"`metrics` {TRAINED_ON_FAKES} takes fakes with labels, and {subject.path} has none{cure}"
        )
    truncation = converted("truncation", truncation, float | None)
    if truncation is not None and subject.pictures is not None:
        raise UserError(f"`truncation` has no effect on pictures, and {subject.path} holds such")
    if truncation is not None:
        export.check_truncation(truncation, subject.description)
    if standing_statistics is not None and subject.pictures is not None:
        raise UserError(f"`standing_statistics` has no effect on pictures, and {subject.path} holds such")
    make_fakes = partial(_fakes, subject, seed=seed, truncation=truncation, standing=standing_statistics)
    require_devices()
    data_dir = converted("data_dir", data_dir, str | None) or subject.settings.get("data_dir")
    source = source_of(subject, against)
    splits = has_splits(source)
    if split is not None and not splits:
        raise UserError(f"`split` {split}: {source} has no splits")
    if len(subject.image_shape) != 3:
        raise UserError(f"{subject.path}: an image to measure is [H, W, C], got {list(subject.image_shape)}")
    unlearned = translations.unseen_images(subject, source, against, split) if translates else None
    if unpaired and unlearned is not None and direction == translations.BACKWARD:
        source = str(subject.settings["source"])
        unlearned, splits = translations.other_way(unlearned, source), has_splits(source)
    others = against is not None or unlearned is not None
    trained = None if others else training_images(subject, source, data_dir)
    conditional = subject.description.get("num_classes") is not None and _is_folder(source)
    load_split = partial(load, source, subject.image_shape, conditional=conditional, data_dir=data_dir)
    train = unseen = None
    if needing := [name for name in names if name in WITH_TRAINING_SET]:
        whole = load_split(split="train") if trained is None else draw_reals(trained)
        train, unseen = held_out_images(
            subject, source, whole, held_out, needing, data_dir, conditional=TRAINED_ON_FAKES in names
        )
        if TRAINED_ON_FAKES in names:
            train, unseen = (_with_the_generators_classes(subject, each) for each in (train, unseen))
    home = Path() if export.is_address(path) else folder_of(subject.path)
    folder = converted("out", out, Path | None) or (home if subject.pictures is None else None)
    if folder is not None:
        require_writable(folder)
    reports, nearest, made = [], None, None
    if set(names) != {TRAINED_ON_FAKES}:
        count = N if n is None else n
        if unlearned is not None:
            real = draw_reals(unlearned, count, split=(split or TEST) if splits else None)
        elif trained is not None and not splits:
            real = draw_reals(trained, count)
        else:
            real = load_split(split=split or TEST, n=count)
        real = _same_classes(subject, real)
        if translates:
            notes = translations.notes_on_images(subject, against, splits=splits)
            real = real._replace(notes=(*real.notes, *notes))
            with _finite(subject):
                made = translations.translated(subject, real, seed, direction)
            if pairwise:
                reports.append(translations.compare(made, real, pairwise))
            if CYCLE in names:
                reports.append(translations.there_and_back(made, real))
            if COLORFULNESS in names:
                reports.append(translations.colors(made, real))
        if with_network:
            network = features.get(
                source=source,
                dataset=_labelled(source, trained, subject.image_shape) if extractor in (None, OWN) else None,
                download=download,
                data_dir=data_dir,
                **_network(subject, extractor, inception_weights, efficientnet_weights, download),
            )
            if ACCURACY in names and made is not None:
                reports.append(translations.recognized(made, real, network))
            if of_features:
                fakes = make_fakes(real, count) if made is None else made.fakes
                with _finite(subject):
                    report = measure(fakes, real, network, of_features, train=train, held_out=unseen)
                reports.append(report._replace(notes=(*report.notes, *notes_on(network, source))))
                if made is not None:
                    of_baseline = [name for name in of_features if name not in WITH_TRAINING_SET]
                    reports.append(translations.beside(made, real, network, tuple(of_baseline)))
                if MEMORISATION in names and train is not None:
                    nearest = nearest_picture(fakes, train, network)
    if TRAINED_ON_FAKES in names and train is not None and unseen is not None:
        shuffled = rows_of(train, random_rows(len(train.images), len(train.images)))
        fakes = make_fakes(shuffled, n or len(train.images))
        with _finite(subject):
            reports.append(trained_on_fakes_report(fakes, train, unseen))
    reports = [translations.of_direction(report, direction) for report in reports]
    report = joined(reports)
    if folder is not None:
        try:
            for each in reports:
                write(each, folder)
            if nearest is not None:
                write_atomically(folder / "plots/nearest.png", partial(nearest.save, format="PNG"))
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


def _with_the_generators_classes(subject: Subject, real: Reals) -> Reals:
    """Return real images whose labels are of the generator's classes, or refuse them."""
    same = _same_classes(subject, real)
    if real.labels is not None and same.labels is None:
        raise UserError(same.notes[-1])
    if same.labels is None or (same.num_classes or 0) < (subject.num_classes or 0):
        kind = "no labels" if same.labels is None else f"{same.num_classes} classes"
        raise UserError(
            f"`metrics` {TRAINED_ON_FAKES} takes real images of the generator's {subject.num_classes} "
            f"classes, and {real.source} has {kind}"
        )
    return same


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


@contextlib.contextmanager
def _finite(subject: Subject) -> Iterator[None]:
    """Say in one sentence whose images are not finite."""
    try:
        yield
    except features.FeaturesNotFiniteError as error:
        raise UserError(f"{subject.path}: {error}") from error


def _fakes(
    subject: Subject, real: Reals, n: int, *, seed: int, truncation: float | None, standing: int | None
) -> Fakes:
    """Return n images to measure, with the labels of the real images where there are classes."""
    if subject.pictures is None:
        return _fakes_of_run(subject, real, n, seed=seed, truncation=truncation, standing=standing)
    fakes = from_dataset(subject.pictures, n)._replace(protocol={"images": subject.pictures.name})
    notes = (*subject.pictures.notes, *fakes.notes)
    if fakes.count < n:
        notes += (f"{subject.path} has {fakes.count:,} images, fewer than `n` {n:,}",)
    return fakes._replace(notes=notes)


def _fakes_of_run(
    subject: Subject, real: Reals, n: int, *, seed: int, truncation: float | None, standing: int | None
) -> Fakes:
    path, description = subject.path, subject.description
    num_classes, network = description["num_classes"], export.read_generator(path)
    if standing is not None:
        network = export.with_standing_statistics(network, standing)
    require_memory(4 * n * description["latent_dim"], f"`n` {n:,}")
    fakes = from_generator(
        export.generating(network),
        latent_dim=description["latent_dim"],
        prior=export.prior_of(description),
        n=n,
        labels=labels_like(real, n, num_classes),
        seed=seed,
        truncation=truncation,
    )
    statistics = "running averages" if standing is None else f"standing statistics of {standing} batches"
    protocol = {"generator": str(path), "weights": "EMA", "batch_norm": statistics}
    protocol["step"] = description["step"]
    if num_classes is not None:
        same = real.num_classes == num_classes
        protocol["labels"] = f"those of the {real.source} images" if same else "in turn"
    return fakes._replace(protocol=protocol | fakes.protocol)


def _is_folder(source: str) -> bool:
    return expanded(source).is_dir() and not is_tfds(source)
