"""What ``jaxgan evaluate`` measures, the real images that go with it, and those that were not trained on."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan import build, data, export
from jaxgan.config import config_of, upgrade
from jaxgan.data.dataset import held_out_rows, part
from jaxgan.data.fingerprint import checksum, difference, fingerprint
from jaxgan.data.sources import files_of, first_shape, has_splits, spelled
from jaxgan.evaluate.reals import Reals, draw_reals, load, load_unresized
from jaxgan.system.errors import UserError

TEST = "test"  # the split that is not trained on


class Subject(NamedTuple):
    """What is measured: a generator with the run that trained it, or pictures.

    Attributes:
        path: where it is.
        settings: the settings of the run; empty for others.
        description: the description of the exported generator; empty for pictures.
        pictures: the pictures; None for a generator.
    """

    path: Path
    settings: dict[str, Any]
    description: dict[str, Any]
    pictures: data.Dataset | None

    @property
    def num_classes(self) -> int | None:
        """The number of classes of the images; None where they have no labels."""
        if self.pictures is not None:
            return self.pictures.num_classes
        return self.description["num_classes"]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        if self.pictures is not None:
            return self.pictures.images.shape[1:]
        return tuple(self.description["image_shape"])


def subject_at(path: Path, against: str | None) -> Subject:
    """Return what is at a path.

    Args:
        path: the path.
        against: the real images, if they are given; pictures alone do not say what to compare them with.

    Raises:
        UserError: if there is nothing, or nothing that can be measured.
    """
    path = export.local_copy(path) or path
    if not path.exists():
        raise UserError(f"there is no run, no folder and no file at {path}")
    if not _is_run(path):
        if against is None:
            raise UserError("`against` is missing: the name of real images, such as mnist")
        return Subject(path, {}, {}, _pictures(path))
    description = export.read_description(path)
    if description.get("network") == "custom":
        raise UserError(f"{path} needs its own module: evaluate.from_generator measures such a generator")
    return Subject(path, settings_of(path), description, None)


def source_of(subject: Subject, against: str | None, *, option: str = "against") -> str:
    """Return the name or the path of the real images.

    Args:
        subject: what is measured.
        against: the real images, if they are given.
        option: the argument that they are given for.
    """
    if against is not None:
        return spelled(against, argument=option)
    path, settings = subject.path, subject.settings
    if settings.get("own_data"):
        raise UserError(f"{path} learned arrays given in Python: name real images with `{option}`")
    if "data" not in settings:
        unknown = f"{path} does not say what it was trained on"
        raise UserError(f"`{option}` is missing: the name of real images, such as mnist ({unknown})")
    source = spelled(settings["data"])
    if os.path.isabs(source) and not os.path.exists(source):
        raise UserError(f"{path} learned {source}, where nothing is now: name real images with `{option}`")
    return source


def training_images(
    subject: Subject, source: str, data_dir: str | None, *, option: str = "against"
) -> data.Dataset | None:
    """Return what a run has learned, if its settings say so; None for an exported generator alone.

    Args:
        subject: the run.
        source: the name or the path of its data.
        data_dir: the folder of TFDS data sets.
        option: the argument that other real images are given for.

    Raises:
        UserError: if other data are there now.
    """
    if "fingerprint" not in subject.settings and "images" not in subject.settings:
        return None
    config = config_of(subject.settings, data=source, data_dir=data_dir)
    dataset = build.dataset(config)
    now = fingerprint(dataset, conditional=config.conditional)
    if changed := difference(upgrade(subject.settings)["fingerprint"], now):
        raise UserError(
            f"{source} is not what {subject.path} learned ({changed}): name the real images with `{option}`"
        )
    return dataset


def held_out_images(
    subject: Subject,
    source: str,
    whole: Reals,
    held_out: str | None,
    names: list[str],
    data_dir: str | None,
    *,
    conditional: bool = False,
) -> tuple[Reals, Reals]:
    """Return the images that were trained on, and real images that were not.

    Raises:
        UserError: if there are no such images, or if they are the training images themselves.
    """
    share, kept = _share(held_out), subject.settings.get("held_out") or 0.0
    needs = f"`metrics` {','.join(names)} compares with real images that were not trained on"
    if subject.pictures is None and share is not None and share != kept:
        seen = f"all but {kept:g}" if kept else "all"
        raise UserError(
            f"{needs}, and {subject.path} was trained on {seen} of them: train with `held_out` {share:g}, "
            "or name other real images with `held_out`"
        )
    if subject.pictures is None and kept and (held_out is None or share is not None):
        everything = build.load(config_of(subject.settings, data=source, data_dir=data_dir))
        rows = held_out_rows(len(everything.images), kept)
        return whole, draw_reals(part(everything, rows, "the held-out images"))
    if share is not None:
        rows = held_out_rows(len(whole.images), share)
        return rows_of(whole, ~rows), rows_of(whole, rows)
    if held_out is None and not has_splits(source):
        raise UserError(
            f"{needs}, and {source} has no split of such: train with `held_out` 0.1, "
            "or name other real images with `held_out`"
        )
    unseen = load(
        source if held_out is None else spelled(held_out, argument="held_out"),
        subject.image_shape,
        split=TEST,
        conditional=conditional,
        data_dir=data_dir,
    )
    if checksum(unseen.images) == checksum(whole.images):
        raise UserError(f"{needs}, and `held_out` {held_out} is the training set itself")
    return whole, unseen


def _share(held_out: Any) -> float | None:
    """Return a share of the images such as 0.1, or None for the name of a data set."""
    try:
        share = float(held_out)
    except (TypeError, ValueError):
        return None
    if not 0 < share < 1:
        raise UserError(f"`held_out` is a share between 0 and 1 or the name of real images, got {held_out}")
    return share


def rows_of(reals: Reals, rows: np.ndarray) -> Reals:
    """Return some of the real images with their labels."""
    labels = None if reals.labels is None else reals.labels[rows]
    return reals._replace(images=reals.images[rows], labels=labels)


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


def _is_run(path: Path) -> bool:
    """Return whether a path is a run or an exported generator, by what is in it."""
    if export.is_exported(path):
        return True
    return (path / "config.json").is_file() and any(
        (path / name).exists() for name in ("status.json", "checkpoints")
    )


def folder_of(path: Path) -> Path:
    """Return the folder of a run or an exported generator."""
    path = export.local_copy(path) or path
    return path if path.is_dir() else path.parent


def refuse_data(out: Path, run: str | Path, *sources: Any) -> None:
    """Refuse an output file that holds what a run has learned, or what a command reads.

    Args:
        out: the file that a command is to write.
        run: the run's folder, or an exported generator.
        *sources: names or paths of further data; None is left out.

    Raises:
        UserError: if the file is there, and is one of the data or lies in a folder of them.
    """
    if not out.is_file():
        return
    settings = settings_of(Path(run))
    for source in (settings.get("data"), settings.get("source"), *sources):
        if source and any(out.samefile(file) for file in files_of(source)):
            raise UserError(
                f"`out` {out} is of the data {source}, which are not overwritten: name another file"
            )


def settings_of(path: Path) -> dict[str, Any]:
    """Return the settings of a run, also for the generator in its ``export`` or ``best``; {} for others."""
    folder = folder_of(path)
    for each in (folder, folder.resolve().parent):
        try:
            settings = json.loads((each / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(settings, dict) and "format_version" not in settings:  # which a description has
            return settings if each == folder or (each / "status.json").exists() else {}
    return {}
