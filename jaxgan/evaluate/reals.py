"""The real images to compare with; their features are extracted once and kept."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from jaxgan import data
from jaxgan.data.dataset import Dataset, SeveralSizesError
from jaxgan.data.sources import first_shape, has_splits
from jaxgan.evaluate.fakes import random_rows
from jaxgan.features import Extractor, Outputs
from jaxgan.features.extractor import VERSION
from jaxgan.images import Judged, eight_bits, judge, oddities
from jaxgan.system.cache import content_hash, kept_arrays
from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded
from jaxgan.system.progress import counting

FAIR = 0.5  # accuracy of a classifier whose features are worth something


class Reals(NamedTuple):
    """Real images.

    Attributes:
        source: the name of the data set.
        split: the split of the data set; None if it has no splits.
        images: uint8 ``[N, H, W, C]``.
        labels: int32 ``[N]`` or None.
        num_classes: the number of classes of the data set, or None.
        notes: lines that say how the images were changed, or what is odd about them.
        class_names: the name of each class, or None.
        sources: uint8 ``[N, h, w, c]``, the source of each image, where the data are pairs; None for others.
        unpaired: uint8 ``[M, h, w, c]``, the sources, where the data are two sets without pairs.
    """

    source: str
    split: str | None
    images: UInt8[np.ndarray, "n h w c"]
    labels: Int[np.ndarray, " n"] | None
    num_classes: int | None
    notes: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None
    sources: UInt8[np.ndarray, "n _ _ _"] | None = None
    unpaired: UInt8[np.ndarray, "m _ _ _"] | None = None


def load(
    source: str,
    image_shape: tuple[int, ...],
    *,
    split: str | None = None,
    n: int | None = None,
    conditional: bool = False,
    data_dir: str | None = None,
) -> Reals:
    """Load real images in the shape of the fakes.

    Args:
        source: as for `jaxgan.data.load`.
        image_shape: (H, W, C). Images of another shape are cut around their center, resized and converted to
            its channels; a note says so.
        split: the split of a TFDS data set.
        n: the largest number of images, always the same ones; None for all.
        conditional: whether a folder's subfolders are classes.
        data_dir: the folder of TFDS data sets.

    Raises:
        UserError: as for `jaxgan.data.load`.
    """
    height, width, channels = image_shape
    split = split if has_splits(source) else None
    options = {"split": split or "train", "conditional": conditional, "data_dir": data_dir}
    first = first_shape(source, split=split or "train", data_dir=data_dir)
    dataset, notes = None, ()
    if first is None or first[:2] == (height, width):  # another size would fill the cache with a second copy
        dataset = load_unresized(source, **options)
    if dataset is not None:
        first = dataset.images.shape[1:]
    if dataset is None or first != (height, width, channels):
        dataset = data.load(source, image_size=(height, width), channels=channels, **options)
        notes = (
            f"real images of {source} (the first is {_shape(first or ())}) were cut around their center "
            f"and resized (Lanczos) to the fakes' {_shape(image_shape)}",
        )
    reals = draw_reals(dataset, n, split=split)
    return reals._replace(notes=(*reals.notes, *notes))


def load_unresized(source: str, **options: Any) -> Dataset | None:
    """Load images in their own size; return None if they have several sizes."""
    try:
        return data.load(source, **options)
    except SeveralSizesError:
        return None


def with_labels(dataset: Dataset, settings: Any) -> Dataset:
    """Return a folder's pictures with its subfolders as their labels; any other data set as it is.

    Args:
        dataset: the data set.
        settings: what it was loaded with: ``image_size``, ``channels``, ``data_dir``.
    """
    if dataset.labels is not None or not expanded(dataset.name).is_dir():
        return dataset
    size, channels = settings.image_size, settings.channels
    try:
        labelled = data.load(Path(dataset.name), image_size=size, channels=channels, conditional=True)
    except UserError:  # some pictures lie in no subfolder
        return dataset
    return labelled if labelled.content == dataset.content else dataset


def draw_reals(dataset: Dataset, n: int | None = None, *, split: str | None = None) -> Reals:
    """Return n images of a data set, always the same ones, as the images to compare with; None for all."""
    subject = f"the images of {dataset.name}"
    images, notes = judge(dataset.images, subject)
    rows = slice(None) if n is None else random_rows(len(images), n)
    labels = None if dataset.labels is None else np.asarray(dataset.labels)[rows]
    notes += oddities(images, subject)
    drawn, names = Judged(images[rows]).eight_bits(), dataset.class_names
    sources = None if dataset.sources is None else Judged(np.asarray(dataset.sources)[rows]).eight_bits()
    reals = Reals(dataset.name, split, drawn, labels, dataset.num_classes, notes, names, sources)
    if dataset.unpaired is None:
        return reals
    rows = slice(None) if n is None else random_rows(len(dataset.unpaired), n)
    return reals._replace(unpaired=Judged(np.asarray(dataset.unpaired)[rows]).eight_bits())


def real_outputs(reals: Reals, extractor: Extractor) -> Outputs:
    """Return the features of real images, from the cache if it holds them."""
    images = eight_bits(reals.images)  # before the cache is asked: what is odd is said each time

    def extract() -> dict[str, np.ndarray]:
        with counting(f"{reals.source} {reals.split or ''}", len(images), "images") as bar:
            outputs = extractor.outputs(images, ended=bar.update)
        return {name: array for name, array in outputs._asdict().items() if array is not None}

    if extractor.hash is None:
        arrays = extract()
    else:
        key = {
            "source": reals.source,
            "split": reals.split,
            "size": len(images),
            "images": content_hash({"images": images}),
            "extractor": [extractor.name, extractor.hash, VERSION],
        }
        arrays = kept_arrays("features", key, extract)
    return Outputs(arrays["features"], arrays.get("logits"))


def notes_on(extractor: Extractor, source: str) -> tuple[str, ...]:
    """Return lines for the reader where a classifier's features say little about the images of a source."""
    notes = []
    if extractor.classes is not None and extractor.classes != source:
        notes.append(
            f"{extractor.name} has learned {extractor.classes}: its numbers say little of images of {source}"
        )
    accuracy = extractor.details.get("test_accuracy", 1.0)
    if accuracy < FAIR:
        notes.append(
            f"{extractor.name} names the class of only {accuracy:.0%} of the images that it has not seen: "
            "its features say little"
        )
    return tuple(notes)


def labels_like(reals: Reals, n: int, num_classes: int | None) -> Int[np.ndarray, " n"] | None:
    """Return labels for n fakes: those of the reals over and over, or 0, 1, ... if the classes differ."""
    if num_classes is None:
        return None
    if reals.labels is None or reals.num_classes != num_classes:
        return (np.arange(n) % num_classes).astype(np.int32)
    return np.resize(reals.labels, n).astype(np.int32)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
