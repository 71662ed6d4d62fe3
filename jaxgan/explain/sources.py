"""The sources of a translator's images, opened beside the images that they belong to."""

from collections.abc import Callable

import numpy as np

from jaxgan import export
from jaxgan.data.sources import has_splits
from jaxgan.evaluate.reals import Reals, draw_reals
from jaxgan.evaluate.subject import TEST, Subject, settings_of, source_of, training_images
from jaxgan.evaluate.translations import sources_by, unseen_images
from jaxgan.representation.reader import Reader, open_data
from jaxgan.system.errors import UserError


def translates(reader: Reader) -> bool:
    """Return whether a run makes images of pictures."""
    return export.source_shape_of(reader.description) is not None


def sources_for(reader: Reader, seed: int) -> Callable[[Reals, np.ndarray], np.ndarray]:
    """Return what gives the sources of a translator's real images; see `sources_by` of `jaxgan.evaluate`.

    Raises:
        UserError: if nothing says how the sources are made.
    """
    return sources_by(Subject(reader.path, settings_of(reader.path), reader.description, None), seed)


def open_pairs(reader: Reader, data: str | None, *, split: str, data_dir: str | None) -> Reals:
    """Open images of a translator with their sources, as `jaxgan.representation.reader.open_data` does.

    Raises:
        UserError: if they cannot be loaded, or if a split is asked for that is not there.
    """
    settings = settings_of(reader.path)
    settings |= {} if data_dir is None else {"data_dir": data_dir}
    subject = Subject(reader.path, settings, reader.description, None)
    source = source_of(subject, data, option="data")
    if data is None and split == "train":
        learned = training_images(subject, source, settings.get("data_dir"), option="data")
        if learned is None:
            raise UserError(f"{reader.path} does not say which images it has learned")
        return draw_reals(learned)
    if split == TEST and not has_splits(source) and (data is not None or not settings.get("held_out")):
        raise UserError(f"`split` {split}: {source} has no splits")
    pairs = unseen_images(subject, source, data, split)
    return open_data(reader, data, split=split, data_dir=data_dir) if pairs is None else draw_reals(pairs)
