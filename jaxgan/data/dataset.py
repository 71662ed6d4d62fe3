"""Arrays at rest: a `Dataset`, of images and labels that are in memory or in an ``.npz`` file."""

import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.system.errors import UserError
from jaxgan.system.limits import require_memory

MOST_CLASSES = 2**31 - 1  # labels are int32


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

    def arrays(self, conditional: bool) -> dict[str, np.ndarray]:
        """Return the arrays that a step takes batches of: "image" and, if `conditional`, "label"."""
        if not conditional or self.labels is None:
            return {"image": self.images}
        return {"image": self.images, "label": self.labels}


def from_arrays(images: Any, labels: Any = None, *, name: str = "arrays") -> Dataset:
    """Make a data set of your own arrays.

    Args:
        images: uint8 ``[N, H, W, C]`` or ``[N, H, W]`` (one channel), or float ``[N, ...]`` in [-1, 1].
        labels: integers ``[N]``, >= 0, or None; the largest says how many classes there are.
        name: what to call it.

    Returns:
        A `Dataset` with at least one image.

    Raises:
        ValueError: for other dtypes or shapes, values that are not finite or no pixels, or labels that do not
            match.
    """
    images, notes = np.asarray(images), []
    if images.ndim < 2 or 0 in images.shape:
        raise ValueError(f"images have shape [N, H, W, C], got {images.shape}")
    if np.issubdtype(images.dtype, np.floating):
        with np.errstate(over="ignore"):
            images = images.astype(np.float32)
        if not np.isfinite(images).all():
            raise ValueError("images hold values that are not finite")
        low, high = float(images.min()), float(images.max())
        if images.ndim > 2 and max(-low, high) > 1.001:  # points may lie anywhere
            raise ValueError(
                f"float images lie in [-1, 1], these go from {low:g} to {high:g}: make them uint8"
            )
        if images.ndim > 2 and low >= 0:
            notes.append(f"the images of {name} go from {low:g} to {high:g}: black is -1 in float images")
    elif images.dtype == np.uint8:
        images = images[..., None] if images.ndim == 3 else images
    else:
        raise ValueError(f"images are uint8, or float in [-1, 1], got {images.dtype}")
    if labels is None:
        return Dataset(name, images, notes=tuple(notes))
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
        notes.append(f"{empty} of the {num_classes} classes of {name} have no image")
    return Dataset(name, images, labels.astype(np.int32), num_classes, tuple(notes))


def first_images(dataset: Dataset, count: int, *, by_class: bool = False) -> np.ndarray:
    """Return `count` images to look at, fewer where there are fewer.

    Args:
        dataset: where from.
        count: how many.
        by_class: one of each class in turn, 0, 1, ... over and over, always `count`: a class with too few
            begins again, and grey stands for one that has none.
    """
    if not by_class or dataset.labels is None or dataset.num_classes is None:
        return dataset.images[:count]
    grey = 0 if np.issubdtype(dataset.images.dtype, np.floating) else 127
    chosen = np.full((count, *dataset.images.shape[1:]), grey, dataset.images.dtype)
    for label in range(min(count, dataset.num_classes)):
        places = range(label, count, dataset.num_classes)
        members = np.flatnonzero(dataset.labels == label)[: len(places)]
        if len(members):
            chosen[places] = dataset.images[np.resize(members, len(places))]
    return chosen


def read_npz(source: str, path: Path) -> Dataset:
    """Read "images" and "labels" of an ``.npz``.

    Args:
        source: what to call it.
        path: of the file.

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
