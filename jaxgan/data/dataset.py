"""Arrays at rest: a `Dataset` of images and labels, which are in memory or in an ``.npz`` file."""

import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.images import judge, oddities
from jaxgan.system.errors import UserError
from jaxgan.system.limits import require_memory

MOST_CLASSES = 2**31 - 1  # labels are int32


class SeveralSizesError(UserError):
    """The images of a source have several sizes, so `load` needs an `image_size`."""


class Dataset(NamedTuple):
    """Images at rest.

    Attributes:
        name: the name of the source.
        images: uint8 ``[N, H, W, C]`` in [0, 255], possibly a read-only memory map; or float32 ``[N, ...]``,
            whose values stay as they are.
        labels: int32 ``[N]`` in [0, num_classes), or None.
        num_classes: the number of classes; None without labels.
        notes: lines for the user, about what was left out or changed.
        class_names: the name of each class, or None where the classes have only numbers.
        content: the checksum of all images (`checksum`), if it is known already.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None = None
    num_classes: int | None = None
    notes: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None
    content: str | None = None

    def fingerprint(self, conditional: bool) -> dict[str, Any]:
        """Return what a run remembers of its data, as JSON can hold it.

        It tells equal data from other data, wherever they lie and whatever their path is.

        Args:
            conditional: whether the labels are learned too, and belong to the data.
        """
        images = np.asarray(self.images)
        fingerprint: dict[str, Any] = {
            "images": list(images.shape),
            "dtype": str(images.dtype),
            "content": self.content or checksum(images),
        }
        if conditional and self.labels is not None:
            fingerprint["labels"] = checksum(np.asarray(self.labels, np.int32))
            fingerprint["class_names"] = None if self.class_names is None else list(self.class_names)
        return fingerprint

    def arrays(self, conditional: bool) -> dict[str, np.ndarray]:
        """Return the arrays that batches are gathered from.

        Args:
            conditional: whether batches hold labels.

        Returns:
            "image" and, if conditional, "label"; a memory map as a plain view, since its own indexing is
            slow.

        Raises:
            ValueError: if labels are asked for and the data set has none.
        """
        if not conditional:
            return {"image": np.asarray(self.images)}
        if self.labels is None:
            raise ValueError(f"{self.name} has no labels")
        return {"image": np.asarray(self.images), "label": np.asarray(self.labels)}


def checksum(array: np.ndarray) -> str:
    """Return 8 hex digits that change with any value of an array: the CRC-32 of its bytes."""
    if not array.flags.c_contiguous:
        array = np.ascontiguousarray(array)
    return f"{zlib.crc32(array.reshape(-1).view(np.uint8).data):08x}"


def from_arrays(images: Any, labels: Any = None, *, name: str = "arrays") -> Dataset:
    """Make a data set of your own arrays.

    Args:
        images: uint8 in [0, 255] or float in [-1, 1], ``[N, H, W, C]`` or ``[N, H, W]`` (one channel); or
            points, float ``[N, D]`` of any range.
        labels: integers ``[N]``, >= 0, or None; the largest label gives the number of classes.
        name: the name of the data set.

    Returns:
        A `Dataset` with at least one image.

    Raises:
        ValueError: for other dtypes or shapes, for values that are not finite or outside [-1, 1], or for
            labels that do not match the images.
    """
    subject = f"the images of {name}"
    images, notes = judge(images, subject, at_rest=True)
    if images.ndim == 4:  # points may all be alike
        notes += oddities(images, subject)
    if labels is None:
        return Dataset(name, images, notes=notes)
    labels = np.asarray(labels)
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels are integers of shape {images.shape[:1]}, got {labels.dtype} {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= MOST_CLASSES:
        raise ValueError(
            f"labels are 0 to {MOST_CLASSES - 1:,}, these go from {labels.min()} to {labels.max()}"
        )
    num_classes = int(labels.max()) + 1
    if empty := num_classes - len(np.unique(labels)):
        notes += (f"{empty} of the {num_classes} classes of {name} have no image",)
    return Dataset(name, images, labels.astype(np.int32), num_classes, notes)


def checked(dataset: Any, *, conditional: bool) -> Dataset:
    """Return a data set, which somebody may have made by hand, as `from_arrays` would make it.

    Args:
        dataset: a `Dataset`.
        conditional: whether the labels are used, and looked at too.

    Raises:
        UserError: if it is no `Dataset`, or `from_arrays` refuses its arrays.
    """
    if not isinstance(dataset, Dataset):
        kind = type(dataset).__name__
        raise UserError(f"`dataset` is a Dataset, got {kind}: data.from_arrays(images, labels) makes one")
    labels = dataset.labels if conditional else None
    try:
        images, labels, num_classes, notes = from_arrays(dataset.images, labels, name=dataset.name)[1:5]
    except ValueError as error:
        raise UserError(f"{dataset.name} is refused: {error}") from error
    if num_classes is not None:
        count = dataset.num_classes or num_classes
        if count < num_classes:
            raise UserError(f"{dataset.name} has {count} classes, but its labels go to {num_classes - 1}")
        dataset = dataset._replace(labels=labels, num_classes=count)
    before = dataset.images
    if not isinstance(before, np.ndarray) or (before.dtype, before.shape) != (images.dtype, images.shape):
        dataset = dataset._replace(images=images, content=None)  # the checksum was that of other bytes
    return dataset._replace(notes=tuple(dict.fromkeys((*dataset.notes, *notes))))


def first_images(dataset: Dataset, count: int, *, by_class: bool = False) -> np.ndarray:
    """Return `count` images to look at, or all where there are fewer.

    Args:
        dataset: the images.
        count: the number of images.
        by_class: whether to take one image of each class in turn, 0, 1, ... over and over. This always
            returns `count` images: a class with too few begins again, and a class with none is gray.
    """
    if not by_class or dataset.labels is None or dataset.num_classes is None:
        return dataset.images[:count]
    gray = 0 if np.issubdtype(dataset.images.dtype, np.floating) else 127
    images = np.full((count, *dataset.images.shape[1:]), gray, dataset.images.dtype)
    for label in range(min(count, dataset.num_classes)):
        places = range(label, count, dataset.num_classes)
        members = np.flatnonzero(dataset.labels == label)[: len(places)]
        if len(members):
            images[places] = dataset.images[np.resize(members, len(places))]
    return images


def read_npz(source: str, path: Path) -> Dataset:
    """Read "images" and "labels" of an ``.npz``.

    Args:
        source: the name of the data set.
        path: the file.

    Raises:
        UserError: if the file is missing, damaged, or holds pickled objects, or if its arrays make no data
            set.
    """
    if not path.is_file():
        raise UserError(f"there is no file {source}")
    if not zipfile.is_zipfile(path):  # NumPy would take it for a pickle
        raise UserError(f"{source} is no .npz file")
    try:
        images, labels = _images_and_labels(source, path)
    except UserError:
        raise
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise UserError(f"{source} cannot be read: {error or type(error).__name__}") from error
    except ValueError as error:
        raise UserError(
            f"{source} is refused: an array is damaged, or holds pickled objects, which could run code; "
            f"save plain arrays instead ({error})"
        ) from error
    try:
        dataset = from_arrays(images, labels, name=source)
    except (ValueError, MemoryError) as error:
        raise UserError(f"{source} is refused: {error or type(error).__name__}") from error
    shape, is_uint8 = dataset.images.shape, dataset.images.dtype == np.uint8
    if (len(shape) == 4 and shape[-1] not in (1, 3)) or (len(shape) != 4 and is_uint8):
        raise UserError(f"{source}: images are [N, H, W, 1 or 3], got {list(shape)}")
    return dataset


def _images_and_labels(source: str, path: Path) -> tuple[Any, Any]:
    with zipfile.ZipFile(path) as archive:  # a small file may unpack to a large one
        require_memory(sum(member.file_size for member in archive.infolist()), source)
    with np.load(path, allow_pickle=False) as arrays:
        if "images" not in arrays:
            raise UserError(f'{source} has no array "images": it has {", ".join(arrays) or "none"}')
        return arrays["images"], arrays.get("labels")
