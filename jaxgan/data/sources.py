"""The name of a source -> a `Dataset`: arrays at rest, with labels if the source has them.

load("digits")                               scikit-learn's 8x8 digits, which need no file
load("mnist", split="test")                  a prepared TFDS data set (`jaxgan data prepare mnist`)
load("pictures/", image_size=(64, 64))       a folder of pictures
load("points.npz")                           arrays "images" and, optionally, "labels"
load("images.npy")                           images, with "labels.npy" beside them, if there is one
"""

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.data.dataset import Dataset, npz_splits, read_npy, read_npz
from jaxgan.data.mixtures import MIXTURES, mixture
from jaxgan.data.tables.embedded import TARGETS as TABLES
from jaxgan.data.tables.files import is_table
from jaxgan.data.tfds.names import PREPARABLE
from jaxgan.system.errors import UserError, plain
from jaxgan.system.files import expanded
from jaxgan.system.limits import require_memory
from jaxgan.system.settings import PLAIN, Size, converted, parse_size

BUILT_IN = ("digits", *MIXTURES, *TABLES)  # data sets that need no file
DIGITS_FILE = "datasets/data/digits.csv.gz"  # in scikit-learn's package
_MOST_PIXELS = 8192 * 8192
_TFDS_NAME = r"[a-z]\w*(/[\w.-]+)?(:\d+\.\d+\.\d+)?"  # mnist, emnist/letters, mnist:3.0.1


def load(
    source: str | Path,
    *,
    image_size: Size | None = None,
    channels: int | None = None,
    conditional: bool = False,
    strict: bool = False,
    split: str = "train",
    data_dir: str | Path | None = None,
) -> Dataset:
    """Load a data set by name.

    Decoded images are kept (`jaxgan.data.cache`). "digits", "ring", "grid", "mnist", "fashion_mnist" and
    "cifar10" always mean the data set; a folder of such a name is ``./mnist``. For any other name, a folder
    comes first.

    Args:
        source: "digits", "ring" or "grid"; the path of an ``.npz`` with "images" and optionally "labels"
            (see `from_arrays`), read without pickle; the path of an ``.npy`` of images, ``images.npy`` with
            ``labels.npy`` beside it; the path of a folder of pictures, searched at every depth; or the name
            of a prepared TFDS image data set, such as "mnist", "emnist/letters" or "mnist:3.0.1".
        image_size: height and width in pixels, or one number for both. Images are cut around their center and
            resized. None keeps their size, which must then be the same for all.
        channels: 3 for color, 1 for gray; None keeps the channels of the images. A folder is in color if any
            of its pictures is.
        conditional: whether a folder's first-level subfolders are classes. Other sources always come with
            their labels.
        strict: whether to refuse a folder with a file that cannot be read; otherwise such a file is left out.
        split: the part of a TFDS data set, for example "test" or "train[:10%]", or of an ``.npz`` that has
            splits ("train", "val", "test"), such as MedMNIST's.
        data_dir: the folder of TFDS data sets; None for TFDS's own.

    Returns:
        A `Dataset` with at least one image, named `source`.

    Raises:
        UserError: if the source cannot be loaded with these arguments; one sentence says why.
        SeveralSizesError: a `UserError`, if the images have several sizes and `image_size` is None.
    """
    source = spelled(source)
    channels = converted("channels", channels, int | None)
    conditional, strict = converted("conditional", conditional, bool), converted("strict", strict, bool)
    split, data_dir = converted("split", split, str), converted("data_dir", data_dir, str | None)
    if image_size is not None:
        size = converted("image_size", image_size, Size, PLAIN._replace(read=parse_size))
        image_size = height, width = (size, size) if isinstance(size, int) else size
        if min(image_size) < 1:
            raise UserError(f"`image_size` is at least 1x1, got {height}x{width}")
        if height * width > _MOST_PIXELS:
            raise UserError(f"`image_size` is at most 8192x8192 pixels, got {height}x{width}")
    if channels not in (None, 1, 3):
        raise UserError(f"`channels` is 1 (gray) or 3 (color), got {channels}")
    path = expanded(source)
    if split != "train" and not (is_tfds(source) or npz_splits(path)):
        raise UserError(f"`split` {split}: {source} has no splits")
    if strict and not path.is_dir():
        raise UserError(f"`strict` has no effect with {source}: it looks at the files of a folder")
    if source in MIXTURES:
        return mixture(source)
    if source in TABLES:
        raise UserError(f"{source} is a table: data.load_table loads it, and the game table learns it")
    if source == "digits":
        return fitted(digits(), image_size, channels)
    if path.suffix.lower() == ".npz":
        return fitted(read_npz(source, path, split=split), image_size, channels)
    if path.suffix.lower() == ".npy":
        return fitted(read_npy(source, path), image_size, channels)
    if path.is_file() and source not in PREPARABLE:
        table = " (`game` table learns a table)" if is_table(path) else ""
        raise UserError(f'{source} is a file, but neither an .npz with "images" nor an .npy of them{table}')
    if is_tfds(source):
        from jaxgan.data.tfds.source import read as read_tfds  # its import takes half a second

        fields = read_tfds(source, split, image_size=image_size, channels=channels, data_dir=data_dir)
    else:
        from jaxgan.data import folder

        fields = folder.read(
            path, image_size=image_size, channels=channels, conditional=conditional, strict=strict
        )
    return Dataset(source, **fields)


def first_shape(
    source: str | Path, *, split: str = "train", data_dir: str | None = None
) -> tuple[int, ...] | None:
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
    source = spelled(source)
    path = expanded(source)
    if source in BUILT_IN or path.suffix.lower() in (".npz", ".npy"):
        return None
    if is_tfds(source):
        from jaxgan.data.tfds.source import first_shape as first_tfds_shape

        return first_tfds_shape(source, split, data_dir)
    from jaxgan.data import folder

    return folder.first_shape(path)


def file_names(source: str | Path, count: int) -> list[str] | None:
    """Return the files of a folder of pictures in the order of its images; None for any other source.

    Args:
        source: as for `load`.
        count: the number of images that `load` returned. It is smaller than that of the files where some
            cannot be read; the files are not known then.
    """
    path = expanded(source)
    if is_tfds(source) or not path.is_dir():
        return None
    from jaxgan.data import folder

    return folder.file_names(path, count)


def files_of(source: str | Path) -> list[Path]:
    """Return the file at a path, or the pictures in the folder there; [] for anything else."""
    from jaxgan.data import folder

    path = expanded(source)
    try:
        return [path] if path.is_file() else folder.paths(path)
    except (UserError, OSError):  # no folder, or one without pictures
        return []


def has_splits(source: str | Path) -> bool:
    """Return whether a source has a split "test" beside "train": TFDS's have, and some ``.npz`` files."""
    source = spelled(source)
    return is_tfds(source) or "test" in npz_splits(expanded(source))


def is_tfds(source: str | Path) -> bool:
    """Return whether a source is the name of a TFDS data set."""
    source = spelled(source)
    path = expanded(source)
    if source in BUILT_IN or path.suffix.lower() in (".npz", ".npy"):
        return False
    return source in PREPARABLE or (re.fullmatch(_TFDS_NAME, source) is not None and not path.is_dir())


def spelled(source: str | Path, *, argument: str = "data") -> str:
    """Return a source as `load` spells it: "MNIST" and "fashion-mnist" are names of data sets, too.

    Args:
        source: as for `load`.
        argument: the argument that the source was given for.

    Raises:
        UserError: if the source is empty, or neither a text nor a path.
    """
    if not isinstance(source, str | os.PathLike):
        raise UserError(
            f"`{argument}` is the name of a data set or a path, got {type(source).__name__}: "
            "from_arrays makes a data set of arrays"
        )
    text = os.fspath(source)
    if not text.strip():
        raise UserError(f"`{argument}` is empty: give the name of a data set or a path")
    names = (*BUILT_IN, *PREPARABLE)
    if isinstance(source, os.PathLike) or text in names or expanded(text).exists():
        return text
    name, *rest = re.split(r"(?=[:/])", text, maxsplit=1)
    return "".join([{plain(each): each for each in names}.get(plain(name), name), *rest])


def located(source: str | Path) -> str:
    """Return a source so that it means the same from any folder: the absolute path of a file or a folder.

    The name of a data set stays as it is.
    """
    source = spelled(source)
    if source in BUILT_IN or (is_tfds(source) and not expanded(source).is_file()):
        return source
    return os.path.abspath(expanded(source))


def prepare(
    name: str,
    *,
    from_folder: str | Path | None = None,
    data_dir: str | Path | None = None,
    unverified: bool = False,
) -> str:
    """Prepare mnist, fashion_mnist or cifar10 for `load`; see `jaxgan.data.tfds.prepare.prepare`."""
    from jaxgan.data.tfds.prepare import prepare as prepare_tfds  # TFDS takes half a second to import

    name = spelled(name, argument="name")
    folders = {"from_folder": from_folder, "data_dir": data_dir}
    texts = {option: converted(option, folder, str | None) for option, folder in folders.items()}
    return prepare_tfds(name, **texts, unverified=unverified)


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


def fitted(dataset: Dataset, image_size: tuple[int, int] | None, channels: int | None) -> Dataset:
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
