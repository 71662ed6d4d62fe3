"""Arrays at rest: a `Dataset` of images and labels, which are in memory or in an ``.npz`` file."""

import zipfile
import zlib
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.data import mapped
from jaxgan.data.order import batch_at, merged
from jaxgan.data.tables import batches
from jaxgan.data.tables.encoding import Encoding
from jaxgan.data.tables.table import Table
from jaxgan.images import judge, oddities
from jaxgan.system.errors import UserError
from jaxgan.system.limits import require_memory

MOST_CLASSES = 2**31 - 1  # labels are int32


class SeveralSizesError(UserError):
    """The images of a source have several sizes, so `load` needs an `image_size`."""


class Rows(NamedTuple):
    """What the images of a table are made of.

    Attributes:
        table: the table.
        encoding: how its values are the rows of numbers that are learned.
        frequency: "log" or "true": by what the categories of conditions are drawn; "none" for no conditions.
    """

    table: Table
    encoding: Encoding
    frequency: str


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
        content: the checksum of all images (`jaxgan.data.fingerprint`), if it is known already.
        sources: where the data are pairs, the source of each image, ``[N, h, w, c]`` of the images' kind; an
            image is a whole number of times as large as its source. None for others.
        unpaired: where the data are two sets without pairs, the other set, the sources, ``[M, h, w, c]`` of
            the images' kind. None for others.
        rows: where the data are a table, what it is; its images are short rows
            (`jaxgan.data.tables.encoding`), and what the networks see is wide. None for others.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None = None
    num_classes: int | None = None
    notes: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None
    content: str | None = None
    sources: np.ndarray | None = None
    unpaired: np.ndarray | None = None
    rows: Rows | None = None

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of one image as the networks see it."""
        return self.images.shape[1:] if self.rows is None else (self.rows.encoding.width,)

    @property
    def kind(self) -> str:
        """What messages call the images: images, points, or the rows of a table."""
        return "rows" if self.rows is not None else "points" if self.images.ndim == 2 else "images"

    def batch_at(self, arrays: dict[str, Any], step: Any, *, seed: Any, batch_size: int) -> dict[str, Any]:
        """Return the batch of one step, made on the device; see `jaxgan.data.order.batch_at`."""
        order: dict[str, Any] = {"seed": seed, "batch_size": batch_size}
        if self.rows is None:
            return batch_at(arrays, step, **order)
        return batches.batch_at(arrays, step, **order, encoding=self.rows.encoding)

    def batch_shapes(self, arrays: dict[str, Any], count: int) -> dict[str, Any]:
        """Return the shapes of a batch of `count` images; nothing is computed."""
        if self.rows is None:
            return {
                name: jax.ShapeDtypeStruct((count, *array.shape[1:]), array.dtype)
                for name, array in merged(arrays).items()
            }
        gather = partial(self.batch_at, seed=np.uint32(0), batch_size=count)
        return jax.eval_shape(gather, arrays, np.int32(0))

    def arrays(self, conditional: bool) -> dict[str, Any]:
        """Return the arrays that batches are gathered from (`jaxgan.data.batch_at`).

        Args:
            conditional: whether batches hold labels.

        Returns:
            "image", of pairs "source", of tables what "conditions" are drawn by, and, if conditional,
            "label"; of two sets without pairs, "unpaired" with a "source" that has an order of its own. A
            memory map comes as a plain view, since its own indexing is slow.

        Raises:
            ValueError: if labels are asked for and the data set has none.
        """
        arrays: dict[str, Any] = {"image": np.asarray(self.images)}
        if self.rows is not None:
            encoding, frequency = self.rows.encoding, self.rows.frequency
            given = None if frequency == "none" else batches.conditions(encoding, self.images, frequency)
            return arrays if given is None else {**arrays, "conditions": given}
        if self.sources is not None:
            arrays["source"] = np.asarray(self.sources)
        if self.unpaired is not None:
            arrays["unpaired"] = {"source": np.asarray(self.unpaired)}
        if not conditional:
            return arrays
        if self.labels is None:
            raise ValueError(f"{self.name} has no labels")
        return {**arrays, "label": np.asarray(self.labels)}


def from_arrays(
    images: Any, labels: Any = None, *, sources: Any = None, unpaired: Any = None, name: str = "arrays"
) -> Dataset:
    """Make a data set of your own arrays.

    Args:
        images: uint8 in [0, 255] or float in [-1, 1], ``[N, H, W, C]`` or ``[N, H, W]`` (one channel); or
            points, float ``[N, D]`` of any range.
        labels: integers ``[N]`` or ``[N, 1]``, >= 0, or None; the largest label gives the number of classes.
            Strings are names of classes, which are numbered in their order.
        sources: the source of each image, ``[N, h, w, c]``, uint8 or float as the images are; None where the
            images are no pairs. An image is a whole number of times as large as its source, the same along
            both axes.
        unpaired: the sources of a translation without pairs, ``[M, h, w, c]`` of any number and size, uint8
            or float as the images are; None for one set of images.
        name: the name of the data set.

    Returns:
        A `Dataset` with at least one image.

    Raises:
        ValueError: for other dtypes or shapes, for values that are not finite or outside [-1, 1], or for
            labels or sources that do not match the images.
    """
    if sources is not None and unpaired is not None:
        raise ValueError("`sources` are pairs of the images, and `unpaired` are none: give one of them")
    if sources is not None:
        dataset = from_arrays(images, labels, name=name)
        sources, notes = _sources_like(dataset.images, sources, name)
        return dataset._replace(sources=sources, notes=(*dataset.notes, *notes))
    if unpaired is not None:
        dataset = from_arrays(images, labels, name=name)
        unpaired, notes = _same_kind(dataset.images, unpaired, name)
        return dataset._replace(unpaired=unpaired, notes=(*dataset.notes, *notes))
    subject = f"the images of {name}"
    images, notes = judge(images, subject, at_rest=True)
    if images.ndim == 4:  # points may all be alike
        notes += oddities(images, subject)
    if labels is None:
        return Dataset(name, images, notes=notes)
    labels, class_names = np.asarray(labels), None
    if labels.shape == (len(images), 1):
        labels = labels[:, 0]
    if labels.dtype.kind in "US" and labels.shape == images.shape[:1]:  # names of the classes
        names, labels = np.unique(labels.astype(str), return_inverse=True)
        class_names = tuple(names.tolist())
    elif np.issubdtype(labels.dtype, np.floating) and (labels == np.floor(labels)).all():
        labels = labels.astype(np.int64)  # tables often hold 3.0
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        cure = ": labels.argmax(axis=1) makes integers of one-hot rows" if labels.ndim == 2 else ""
        raise ValueError(
            f"labels are integers of shape {images.shape[:1]}, got {labels.dtype} {labels.shape}{cure}"
        )
    if labels.min() < 0 or labels.max() >= MOST_CLASSES:
        raise ValueError(
            f"labels are 0 to {MOST_CLASSES - 1:,}, these go from {labels.min()} to {labels.max()}"
        )
    num_classes = int(labels.max()) + 1
    if empty := num_classes - len(np.unique(labels)):
        notes += (f"{empty} of the {num_classes} classes of {name} have no image",)
    return Dataset(name, images, labels.astype(np.int32), num_classes, notes, class_names)


def _sources_like(images: np.ndarray, sources: Any, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return sources that match the images, with notes about them.

    Raises:
        ValueError: if they do not match.
    """
    sources, notes = _same_kind(images, sources, name)
    if len(images) != len(sources):
        raise ValueError(f"each image has one source, got {len(images)} images and {len(sources)} sources")
    if not is_multiple(images.shape[1:3], sources.shape[1:3]):
        sizes = [f"{height}x{width}" for height, width in (images.shape[1:3], sources.shape[1:3])]
        raise ValueError(
            "an image is a whole number of times as large as its source, "
            f"got images {sizes[0]} and sources {sizes[1]}"
        )
    return sources, notes


def _same_kind(images: np.ndarray, sources: Any, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return sources that are of the images' kind, with notes about them.

    Raises:
        ValueError: if they are not.
    """
    sources, notes = judge(sources, f"the sources of {name}", at_rest=True)
    if images.ndim != 4 or sources.ndim != 4:
        shapes = f"{list(images.shape)} with sources {list(sources.shape)}"
        raise ValueError(f"sources [N, h, w, c] go with images [N, H, W, C], got {shapes}")
    if images.dtype != sources.dtype:
        raise ValueError(f"images and sources are of one dtype, got {images.dtype} and {sources.dtype}")
    return sources, notes + oddities(sources, f"the sources of {name}")


def is_multiple(image: tuple[int, ...], source: tuple[int, ...]) -> bool:
    """Return whether an image is a whole number of times as large as its source, the same along both axes."""
    factor = image[0] // source[0]
    return factor >= 1 and image == (source[0] * factor, source[1] * factor)


def checked(dataset: Any, *, conditional: bool) -> Dataset:
    """Return a data set as `from_arrays` would make it; a caller may have built the `Dataset` directly.

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
        others = {"sources": dataset.sources, "unpaired": dataset.unpaired}
        judged = from_arrays(dataset.images, labels, **others, name=dataset.name)
        images, labels, num_classes, notes = judged[1:5]
    except ValueError as error:
        raise UserError(f"{dataset.name} is refused: {error}") from error
    if num_classes is not None:
        count = dataset.num_classes or num_classes
        if count < num_classes:
            raise UserError(f"{dataset.name} has {count} classes, but its labels go to {num_classes - 1}")
        names = dataset.class_names or judged.class_names
        dataset = dataset._replace(labels=labels, num_classes=count, class_names=names)
    before = dataset.images
    if not isinstance(before, np.ndarray) or (before.dtype, before.shape) != (images.dtype, images.shape):
        dataset = dataset._replace(images=images, content=None)  # the checksum was that of other bytes
    notes = tuple(dict.fromkeys((*dataset.notes, *notes)))
    return dataset._replace(notes=notes, sources=judged.sources, unpaired=judged.unpaired)


def held_out_rows(count: int, share: float) -> np.ndarray:
    """Return which of `count` images are held out: a share of them in random order, always the same ones.

    Returns:
        bool ``[count]``.

    Raises:
        UserError: if the share leaves no image to one of the two sides.
    """
    number = round(count * share)
    if not 0 < number < count:
        raise UserError(f"`held_out` {share:g} of {count:,} images leaves no image on one side")
    rows = np.zeros(count, bool)
    rows[np.random.default_rng(0).permutation(count)[:number]] = True
    return rows


def held_out_part(dataset: Dataset, share: float, *, unseen: bool) -> Dataset:
    """Return the images that are held out of training, or all others; of two sets, such a share of each.

    Args:
        dataset: the whole data set.
        share: the share that is held out.
        unseen: whether to return those that are held out.

    Raises:
        UserError: as for `held_out_rows`, or if the copy does not fit the memory.
    """
    kind = "the held-out images" if unseen else "the training images"
    some = part(dataset, held_out_rows(len(dataset.images), share) == unseen, kind)
    if dataset.unpaired is None:
        return some
    rows = held_out_rows(len(dataset.unpaired), share) == unseen
    require_memory(int(rows.sum()) * dataset.unpaired[0].nbytes, f"{kind} of {dataset.name}")
    return some._replace(unpaired=dataset.unpaired[rows])


def part(dataset: Dataset, rows: np.ndarray, kind: str) -> Dataset:
    """Return the chosen images of a data set, as a copy in memory.

    Args:
        dataset: the data set.
        rows: the choice, bool ``[N]``: True for an image that is taken.
        kind: what they are, for a message.

    Raises:
        UserError: if the copy does not fit the memory.
    """
    require_memory(int(rows.sum()) * dataset.images[0].nbytes, f"{kind} of {dataset.name}")
    labels, sources = (None if each is None else each[rows] for each in (dataset.labels, dataset.sources))
    return dataset._replace(images=dataset.images[rows], labels=labels, sources=sources, content=None)


def first_images(dataset: Dataset, count: int, *, by_class: bool = False) -> np.ndarray:
    """Return `count` images to look at, evenly spread over the set, or all where there are fewer.

    Args:
        dataset: the images.
        count: the number of images.
        by_class: whether to take one image of each class in turn, 0, 1, ... over and over. This always
            returns `count` images: a class with too few begins again, and a class with none is gray.
    """
    size = len(dataset.images)
    if not by_class or dataset.labels is None or dataset.num_classes is None:
        return dataset.images[np.arange(count) * size // count] if size > count else dataset.images[:]
    gray = 0 if np.issubdtype(dataset.images.dtype, np.floating) else 127
    images = np.full((count, *dataset.images.shape[1:]), gray, dataset.images.dtype)
    for label in range(min(count, dataset.num_classes)):
        places = range(label, count, dataset.num_classes)
        members = np.flatnonzero(dataset.labels == label)[: len(places)]
        if len(members):
            images[places] = dataset.images[np.resize(members, len(places))]
    return images


def first_examples(dataset: Dataset, count: int) -> dict[str, np.ndarray]:
    """Return the images of `first_images`, and where there are sources as many of them, as a batch."""

    def spread(array: np.ndarray) -> np.ndarray:
        size = len(array)
        return array[np.arange(count) * size // count] if size > count else array[:]

    batch = {name: spread(array) for name, array in dataset._replace(unpaired=None).arrays(False).items()}
    return batch if dataset.unpaired is None else {**batch, "source": spread(dataset.unpaired)}


def npz_splits(path: Path) -> tuple[str, ...]:
    """Return which of the splits "train", "val" and "test" an ``.npz`` has; () for one of plain "images"."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        return ()
    return () if "images" in names else tuple(_arrays_of_splits(names))


def read_npz(source: str, path: Path, *, split: str = "train", pairs: bool = False) -> Dataset:
    """Read the images of an ``.npz``, and its labels if it has them.

    The arrays are named "images" and "labels"; or "train_images", "val_images", "test_labels" and so on, as
    in MedMNIST's files; or "x_train", "y_test" and so on, as in Keras's. An array "class_names" of strings
    names the classes. Labels ``[N, 1]`` are taken as ``[N]``. Images with several labels each are read
    without labels.

    Args:
        source: the name of the data set.
        path: the file.
        split: "train", "val" (or "validation") or "test"; a file of plain "images" has no splits.
        pairs: whether to read the sources of the images too: "source" beside "images", or "train_source" and
            so on.

    Raises:
        UserError: if the file is missing, damaged, lacks the split, or holds pickled objects, or if its
            arrays make no data set.

    References:
        Yang et al. 2023, MedMNIST v2, Scientific Data 10, 41
    """
    if not path.is_file():
        raise UserError(f"there is no file {source}")
    if not zipfile.is_zipfile(path):  # NumPy would take it for a pickle
        raise UserError(f"{source} is no .npz file")
    try:
        images, labels, class_names, sources = _images_and_labels(source, path, split, pairs)
    except UserError:
        raise
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise UserError(f"{source} cannot be read: {error or type(error).__name__}") from error
    except ValueError as error:
        raise UserError(
            f"{source} is refused: an array is damaged, or holds pickled objects, which could run code; "
            f"save plain arrays instead ({error})"
        ) from error
    notes = []
    if labels is not None and labels.ndim == 2 and labels.shape[1] > 1:
        notes.append(f"the labels of {source} are left out, as each image has {labels.shape[1]} of them")
        labels = None
    elif labels is not None and labels.ndim == 2:
        labels = labels.reshape(-1)
    try:
        dataset = from_arrays(images, labels, sources=sources, name=source)
    except (ValueError, MemoryError) as error:
        raise UserError(f"{source} is refused: {error or type(error).__name__}") from error
    _require_layout(dataset)
    dataset = dataset._replace(notes=(*dataset.notes, *notes))
    return dataset if class_names is None or labels is None else _with_names(dataset, class_names)


def _require_layout(dataset: Dataset) -> None:
    """Raise `UserError` for images of a file that are neither gray nor in color."""
    shape, is_uint8 = dataset.images.shape, dataset.images.dtype == np.uint8
    if (len(shape) == 4 and shape[-1] not in (1, 3)) or (len(shape) != 4 and is_uint8):
        raise UserError(f"{dataset.name}: images are [N, H, W, 1 or 3], got {list(shape)}")


def read_npy(source: str, path: Path) -> Dataset:
    """Read the images of a ``.npy``, which are mapped if they are large (`jaxgan.data.mapped`).

    The labels of ``images.npy`` are ``labels.npy`` beside it, if there is such a file.

    Args:
        source: the name of the data set.
        path: the file.

    Raises:
        UserError: if a file is missing, damaged, or holds pickled objects, or if its array makes no data set.
    """
    if not path.is_file():
        raise UserError(f"there is no file {source}")
    beside = path.with_name("labels.npy")
    try:
        labels = mapped.read_npy(beside) if path.name == "images.npy" and beside.is_file() else None
        dataset = from_arrays(mapped.read_npy(path), labels, name=source)
    except UserError:
        raise
    except (OSError, EOFError, ValueError, MemoryError) as error:
        raise UserError(f"{source} is refused: {error or type(error).__name__}") from error
    _require_layout(dataset)
    return dataset


def _with_names(dataset: Dataset, class_names: np.ndarray) -> Dataset:
    """Return a data set with the names of its classes, which may be more than there are labels of."""
    if class_names.ndim != 1 or class_names.dtype.kind not in "US":
        raise UserError(
            f'{dataset.name}: "class_names" are strings [classes], '
            f"got {class_names.dtype} {list(class_names.shape)}"
        )
    if dataset.num_classes is None or len(class_names) < dataset.num_classes:
        raise UserError(
            f'{dataset.name} has {len(class_names)} "class_names" for {dataset.num_classes} classes: '
            "name them all"
        )
    texts = np.char.decode(class_names, "utf-8", "replace") if class_names.dtype.kind == "S" else class_names
    names = tuple(texts.tolist())
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        raise UserError(
            f'{dataset.name} has several classes {twice[0]!r} in "class_names": give each a name of its own'
        )
    return dataset._replace(num_classes=len(names), class_names=names)


def _arrays_of_splits(names: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return the names of images and labels of each split, given the names of all arrays."""
    splits = {}
    for split in ("train", "val", "test"):
        for images, labels in ((f"{split}_images", f"{split}_labels"), (f"x_{split}", f"y_{split}")):
            if images in names:
                splits.setdefault(split, (images, labels))
    return splits


def _images_and_labels(
    source: str, path: Path, split: str, pairs: bool
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    with np.load(path, allow_pickle=False) as arrays:
        names, sources = ("images", "labels"), "source"
        if "images" not in arrays:
            splits = _arrays_of_splits(arrays)
            if not splits:
                has = ", ".join(arrays) or "none"
                raise UserError(f'{source} has no array "images": it has {has}')
            name = {"validation": "val"}.get(split, split)
            if name not in splits:
                raise UserError(f'{source} has no split "{split}": it has {", ".join(splits)}')
            names, sources = splits[name], f"{name}_source"
        if pairs and sources not in arrays:
            raise UserError(f'{source} has no array "{sources}" beside "{names[0]}", and pairs need it')
        with zipfile.ZipFile(path) as archive:  # a small file may unpack to a large one
            sizes = {member.filename: member.file_size for member in archive.infolist()}
        images = mapped.read_member(path, names[0])
        read = (*names[images is not None :], "class_names", *[sources] * pairs)
        require_memory(sum(sizes.get(f"{name}.npy", 0) for name in read), source)
        return (
            arrays[names[0]] if images is None else images,
            arrays.get(names[1]),
            arrays.get("class_names"),
            arrays[sources] if pairs else None,
        )
