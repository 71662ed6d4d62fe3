"""Two sets of images without pairs: the images, and the sources that a translator makes such images of.

Each set has a length of its own, and any data set can be either of them. Batches take their images and their
sources in orders that have nothing to do with each other (`jaxgan.data.order`).
"""

from pathlib import Path
from typing import Any

from jaxgan.data.dataset import Dataset, from_arrays
from jaxgan.data.sources import has_splits, is_tfds, load, spelled
from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded
from jaxgan.system.settings import Size


def load_unpaired(
    images: str | Path,
    source: str | Path,
    *,
    image_size: Size | None = None,
    channels: int | None = None,
    strict: bool = False,
    split: str = "train",
    data_dir: str | Path | None = None,
) -> Dataset:
    """Load two sets of images without pairs.

    Args:
        images: the images, as for `jaxgan.data.load`.
        source: the sources, as for `jaxgan.data.load`; of an ``.npz``, its "images".
        image_size: height and width in pixels of both, or one number; None keeps the sizes.
        channels: 3 for color, 1 for gray, of both; None keeps the channels of each set.
        strict: whether to refuse a folder with a file that cannot be read; otherwise such a file is left out.
        split: the split of each set that has some.
        data_dir: the folder of TFDS data sets; None for TFDS's own.

    Returns:
        A `Dataset` of the images, with the sources as `unpaired`.

    Raises:
        UserError: if one of the sets cannot be loaded, or if they are of different kinds.
    """
    names = spelled(images), spelled(source, argument="source")
    folders = [expanded(name).is_dir() and not is_tfds(name) for name in names]
    sets = []
    for name, is_folder in zip(names, folders, strict=True):
        options: dict[str, Any] = {"image_size": image_size, "channels": channels, "data_dir": data_dir}
        options["strict"] = strict and (is_folder or not any(folders))
        options["split"] = split if has_splits(name) else "train"
        sets.append(load(name, **options))
    dataset, others = sets
    try:
        from_arrays(dataset.images[:1], unpaired=others.images[:1], name=names[0])
    except ValueError as error:
        raise UserError(f"{names[0]} and {names[1]} make no two sets of images: {error}") from error
    notes = tuple(dict.fromkeys((*dataset.notes, *others.notes)))
    return dataset._replace(unpaired=others.images, notes=notes)
