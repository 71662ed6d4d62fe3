"""The name of a source -> a `Dataset`: arrays at rest, with labels if the source has them.

load("digits")                               scikit-learn's 8x8 digits, which need no file
load("mnist", split="test")                  a prepared TFDS data set (`jaxgan data prepare mnist`)
load("pictures/", image_size=(64, 64))       a folder of pictures
load("points.npz")                           arrays "images" and, optionally, "labels"
"""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.data.dataset import Dataset, read_npz
from jaxgan.data.mixtures import MIXTURES, mixture
from jaxgan.data.tfds.names import PREPARABLE
from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded
from jaxgan.system.limits import require_memory

DIGITS_FILE = "datasets/data/digits.csv.gz"  # in scikit-learn's package
_MOST_PIXELS = 8192 * 8192
_TFDS_NAME = r"[a-z]\w*(/[\w.-]+)?(:\d+\.\d+\.\d+)?"  # mnist, emnist/letters, mnist:3.0.1


def load(
    source: str,
    *,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    conditional: bool = False,
    strict: bool = False,
    split: str = "train",
    data_dir: str | None = None,
) -> Dataset:
    """Load a data set by name.

    Decoded images are kept (`jaxgan.data.cache`). "digits", "ring", "grid", "mnist", "fashion_mnist" and
    "cifar10" always mean the data set; a folder of such a name is ``./mnist``. For any other name, a folder
    comes first.

    Args:
        source: "digits", "ring" or "grid"; the path of an ``.npz`` with "images" and optionally "labels"
            (see `from_arrays`), read without pickle; the path of a folder of pictures, searched at every
            depth; or the name of a prepared TFDS image data set, such as "mnist", "emnist/letters" or
            "mnist:3.0.1".
        image_size: height and width in pixels. Images are cut around their center and resized. None keeps
            their size, which must then be the same for all.
        channels: 3 for color, 1 for gray; None keeps the channels of the images. A folder is in color if any
            of its pictures is.
        conditional: whether a folder's first-level subfolders are classes. Other sources always come with
            their labels.
        strict: whether to refuse a folder with a file that cannot be read; otherwise such a file is left out.
        split: the part of a TFDS data set, for example "test" or "train[:10%]".
        data_dir: the folder of TFDS data sets; None for TFDS's own.

    Returns:
        A `Dataset` with at least one image, named `source`.

    Raises:
        UserError: if the source cannot be loaded with these arguments; one sentence says why.
        SeveralSizesError: a `UserError`, if the images have several sizes and `image_size` is None.
    """
    if image_size is not None:
        height, width = image_size
        if min(image_size) < 1:
            raise UserError(f"`image_size` is at least 1x1, got {height}x{width}")
        if height * width > _MOST_PIXELS:
            raise UserError(f"`image_size` is at most 8192x8192 pixels, got {height}x{width}")
    if channels not in (None, 1, 3):
        raise UserError(f"`channels` is 1 (gray) or 3 (color), got {channels}")
    path = expanded(source)
    if source in MIXTURES:
        return mixture(source)
    if source == "digits":
        return _fitted(digits(), image_size, channels)
    if path.suffix.lower() == ".npz":
        return _fitted(read_npz(source, path), image_size, channels)
    if path.is_file() and source not in PREPARABLE:
        raise UserError(f'{source} is a file, but neither a folder of pictures nor an .npz with "images"')
    if has_splits(source):
        from jaxgan.data.tfds.source import read as read_tfds  # its import takes half a second

        fields = read_tfds(source, split, image_size=image_size, channels=channels, data_dir=data_dir)
    else:
        from jaxgan.data import folder

        fields = folder.read(
            path, image_size=image_size, channels=channels, conditional=conditional, strict=strict
        )
    return Dataset(source, **fields)


def first_shape(source: str, *, split: str = "train", data_dir: str | None = None) -> tuple[int, ...] | None:
    """Return the shape (H, W, C) of the first image of a folder or TFDS data set; no other is decoded.

    Args:
        source: as for `load`.
        split: as for `load`.
        data_dir: as for `load`.

    Returns:
        The shape; None for arrays, and for a folder of which no picture can be read.

    Raises:
        UserError: as for `load`.
    """
    path = expanded(source)
    if source in ("digits", *MIXTURES) or path.suffix.lower() == ".npz":
        return None
    if has_splits(source):
        from jaxgan.data.tfds.source import first_shape as first_tfds_shape

        return first_tfds_shape(source, split, data_dir)
    from jaxgan.data import folder

    return folder.first_shape(path)


def has_splits(source: str) -> bool:
    """Return whether a source is a TFDS data set: only those have splits, "train" and "test"."""
    path = expanded(source)
    if source in ("digits", *MIXTURES) or path.suffix.lower() == ".npz":
        return False
    return source in PREPARABLE or (re.fullmatch(_TFDS_NAME, source) is not None and not path.is_dir())


def prepare(name: str, *, from_folder: str | None = None, data_dir: str | None = None) -> str:
    """Prepare mnist, fashion_mnist or cifar10 for `load`; see `jaxgan.data.tfds.prepare.prepare`."""
    from jaxgan.data.tfds.prepare import prepare as prepare_tfds

    return prepare_tfds(name, from_folder=from_folder, data_dir=data_dir)


def digits() -> Dataset:
    """Return scikit-learn's embedded handwritten digits: 1,797 images 8x8x1, ten classes.

    References:
        Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository
    """
    rows = _digits()
    images = np.round(rows[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    return Dataset("digits", images, rows[:, -1].astype(np.int32), 10)


def _digits() -> np.ndarray:
    """Return ``[1797, 65]``: the 64 pixels, from 0 to 16, and the label of each digit."""
    package = find_spec("sklearn")
    file = Path(package.origin or "").parent / DIGITS_FILE if package else None
    if file is not None and file.exists():  # importing scikit-learn takes a second
        return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    scans: Any = load_digits()
    return np.column_stack([scans.data, scans.target])


def _fitted(dataset: Dataset, image_size: tuple[int, int] | None, channels: int | None) -> Dataset:
    """Return a data set whose images have the given size and channels."""
    images = dataset.images
    if (image_size or images.shape[1:3]) == images.shape[1:3] and channels in (None, images.shape[-1]):
        return dataset
    if images.dtype != np.uint8:
        raise UserError(f"the images of {dataset.name} are {images.dtype}: only uint8 images are resized")
    from jaxgan.data import pictures

    channels = channels or images.shape[-1]
    height, width = image_size or images.shape[1:3]
    require_memory(len(images) * height * width * channels, f"{dataset.name} at {height}x{width}")
    fitted = [pictures.fit_array(image, image_size, channels) for image in images]
    return dataset._replace(images=np.stack(fitted), content=None)
