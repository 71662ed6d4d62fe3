"""The name of a source -> a `Dataset`: arrays at rest, with labels where there are any.

load("digits")                               scikit-learn's 8x8 digits, which need no file
load("mnist", split="test")                  a prepared TFDS data set (`jaxgan data prepare mnist`)
load("pictures/", image_size=(64, 64))       a folder of pictures
load("points.npz")                           arrays "images" and, if you like, "labels"
"""

import re
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.errors import UserError
from jaxgan.limits import require_memory

PREPARABLE = ("mnist", "fashion_mnist", "cifar10")  # by `prepare`
_MOST_PIXELS = 8192 * 8192
_TFDS_NAME = r"[a-z]\w*(/[\w.-]+)?(:\d+\.\d+\.\d+)?"  # mnist, emnist/letters, mnist:3.0.1


class Dataset(NamedTuple):
    """Images at rest.

    Attributes:
        name: what to call it.
        images: uint8 ``[N, H, W, C]`` in [0, 255], perhaps a read-only memory map, or float32 ``[N, ...]``
            used as it is.
        labels: int32 ``[N]`` in [0, num_classes), or None.
        num_classes: None without labels.
        notes: lines for the user: what was left out, and what was changed.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None = None
    num_classes: int | None = None
    notes: tuple[str, ...] = ()


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

    What takes time is done once and kept (`jaxgan.data.cache`). "digits", "mnist", "fashion_mnist" and
    "cifar10" win over folders of these names, which ``./mnist`` means; over any other name, a folder wins.

    Args:
        source: "digits"; the path of an ``.npz`` with "images" and perhaps "labels" (see `from_arrays`), read
            without pickle; the path of a folder of pictures, searched at every depth; or the name of a
            prepared TFDS image data set, such as "mnist", "emnist/letters" or "mnist:3.0.1".
        image_size: height and width to which images are cut, around their centre, and resized; None leaves
            them, and then they must all have one size.
        channels: 3 for colour, 1 for grey; None takes them as they are: colour, where any picture of a
            folder is.
        conditional: whether a folder's first-level subfolders are classes. The other sources have their
            labels anyway.
        strict: refuse a folder with a file that cannot be read, instead of leaving that file out.
        split: of a TFDS data set, for example "test" or "train[:10%]".
        data_dir: where TFDS data sets are; None for TFDS's own place.

    Returns:
        A `Dataset` with at least one image, named `source`.

    Raises:
        UserError: if the source cannot be had as asked; one sentence says why.
    """
    if image_size is not None:
        height, width = image_size
        if min(image_size) < 1:
            raise UserError(f"--image-size is at least 1x1, got {height}x{width}")
        if height * width > _MOST_PIXELS:
            raise UserError(f"--image-size is at most 8192x8192 pixels, got {height}x{width}")
    if channels not in (None, 1, 3):
        raise UserError(f"--channels are 1 (grey) or 3 (colour), got {channels}")
    path = Path(source).expanduser()
    if source == "digits":
        return _fitted(digits(), image_size, channels)
    if path.suffix == ".npz":
        return _fitted(_npz(source, path), image_size, channels)
    if has_splits(source):
        from jaxgan.data import tfds_source  # half a second to import

        read = tfds_source.read(source, split, image_size=image_size, channels=channels, data_dir=data_dir)
    else:
        from jaxgan.data import folder

        read = folder.read(
            path, image_size=image_size, channels=channels, conditional=conditional, strict=strict
        )
    return Dataset(source, **read)


def first_shape(source: str, *, split: str = "train", data_dir: str | None = None) -> tuple[int, ...] | None:
    """Return the shape (H, W, C) of a folder's or a TFDS data set's first image; decodes no others.

    Args:
        source: as for `load`.
        split: as for `load`.
        data_dir: as for `load`.

    Returns:
        None for arrays, and where no picture can be read.

    Raises:
        UserError: as for `load`.
    """
    path = Path(source).expanduser()
    if source == "digits" or path.suffix == ".npz":
        return None
    if has_splits(source):
        from jaxgan.data import tfds_source

        return tfds_source.first_shape(source, split, data_dir)
    from jaxgan.data import folder

    return folder.first_shape(path)


def has_splits(source: str) -> bool:
    """Say whether a source is a TFDS data set, whose "train" and "test" are different images."""
    path = Path(source).expanduser()
    if source == "digits" or path.suffix == ".npz":
        return False
    return source in PREPARABLE or (re.fullmatch(_TFDS_NAME, source) is not None and not path.is_dir())


def prepare(name: str, *, from_folder: str | None = None, data_dir: str | None = None) -> str:
    """Prepare mnist, fashion_mnist or cifar10 for `load`; see `jaxgan.data.tfds_prepare.prepare`."""
    from jaxgan.data import tfds_prepare

    return tfds_prepare.prepare(name, from_folder=from_folder, data_dir=data_dir)


def digits() -> Dataset:
    """Return scikit-learn's embedded handwritten digits: 1,797 images 8x8x1, ten classes.

    References:
        Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository
    """
    from sklearn.datasets import load_digits  # a second to import

    bunch: Any = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    return Dataset("digits", images, bunch.target.astype(np.int32), 10)


def from_arrays(images: Any, labels: Any = None, *, name: str = "arrays") -> Dataset:
    """Make a data set of your own arrays.

    Args:
        images: uint8 ``[N, H, W, C]`` or ``[N, H, W]`` (one channel), or float ``[N, ...]`` in [-1, 1].
        labels: integers ``[N]``, >= 0, or None.
        name: what to call it.

    Returns:
        A `Dataset` with at least one image.

    Raises:
        ValueError: for other dtypes or shapes, values that are not finite, or labels that do not match.
    """
    images = np.asarray(images)
    if images.ndim < 2 or 0 in images.shape:
        raise ValueError(f"images have shape [N, H, W, C], got {images.shape}")
    if np.issubdtype(images.dtype, np.floating):
        images = images.astype(np.float32)
        if not np.isfinite(images).all():
            raise ValueError("images hold values that are not finite")
    elif images.dtype == np.uint8:
        images = images[..., None] if images.ndim == 3 else images
    else:
        raise ValueError(f"images are uint8, or float in [-1, 1], got {images.dtype}")
    if labels is None:
        return Dataset(name, images)
    labels = np.asarray(labels)
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError(
            f"labels are integers >= 0 of shape {images.shape[:1]}, got {labels.dtype} {labels.shape}"
        )
    return Dataset(name, images, labels.astype(np.int32), int(labels.max()) + 1)


def first_images(dataset: Dataset, count: int, *, by_class: bool = False) -> np.ndarray:
    """Return `count` images to look at, fewer where there are fewer.

    Args:
        dataset: where from.
        count: how many.
        by_class: take the first of each class, then the second of each, and so on.
    """
    if not by_class or dataset.labels is None:
        return dataset.images[:count]
    order = np.argsort(dataset.labels, kind="stable")
    starts = np.searchsorted(dataset.labels[order], dataset.labels[order])
    rank = np.arange(len(order)) - starts  # how many of its class come before an image
    return dataset.images[order[np.lexsort((dataset.labels[order], rank))[:count]]]


def _fitted(dataset: Dataset, image_size: tuple[int, int] | None, channels: int | None) -> Dataset:
    """Return a data set with images of another size or channels."""
    images = dataset.images
    if (image_size or images.shape[1:3]) == images.shape[1:3] and channels in (None, images.shape[-1]):
        return dataset
    if images.dtype != np.uint8:
        raise UserError(f"the images of {dataset.name} are {images.dtype}: only uint8 images are resized")
    from jaxgan.data import pictures

    wanted = channels or images.shape[-1]
    height, width = image_size or images.shape[1:3]
    require_memory(len(images) * height * width * wanted, f"{dataset.name} at {height}x{width}")
    return dataset._replace(images=np.stack([pictures.fit_array(x, image_size, wanted) for x in images]))


def _npz(source: str, path: Path) -> Dataset:
    """Read "images" and "labels" of an ``.npz``.

    Raises:
        UserError: if it is missing, damaged, holds pickled objects, or the arrays make no data set.
    """
    if not path.is_file():
        raise UserError(f"there is no file {source}")
    if not zipfile.is_zipfile(path):  # NumPy would speak of pickle
        raise UserError(f"{source} is no .npz file")
    try:
        with zipfile.ZipFile(path) as archive:  # a small file may unpack to a large one
            require_memory(sum(member.file_size for member in archive.infolist()), source)
        with np.load(path, allow_pickle=False) as arrays:
            if "images" not in arrays:
                raise UserError(f'{source} has no array "images": it has {", ".join(arrays) or "none"}')
            dataset = from_arrays(arrays["images"], arrays.get("labels"), name=source)
    except UserError:
        raise
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise UserError(f"{source} cannot be read: {error or type(error).__name__}") from error
    except ValueError as error:
        if "pickle" in str(error):
            error = ValueError("it holds pickled objects, which could run code: save plain arrays instead")
        raise UserError(f"{source} is refused: {error}") from error
    shape = dataset.images.shape
    if (len(shape) == 4 and shape[-1] not in (1, 3)) or (
        len(shape) != 4 and dataset.images.dtype == np.uint8
    ):
        raise UserError(f"{source}: images are [N, H, W, 1 or 3], got {list(shape)}")
    return dataset
