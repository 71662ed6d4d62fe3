"""What it is measured against: real images, whose features are extracted once and kept."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from jaxgan import data
from jaxgan.evaluate.fakes import some_rows
from jaxgan.features import VERSION, Extractor, Outputs, content_hash, eight_bits, kept
from jaxgan.system.errors import UserError
from jaxgan.system.progress import counting

CHUNK = 2048  # images between two movements of the bar


class Reals(NamedTuple):
    """Real images.

    Attributes:
        source: name of the data set.
        split: of it; None where it has none.
        images: uint8 ``[N, H, W, C]``.
        labels: int32 ``[N]`` or None.
        num_classes: of the data set, or None.
        notes: what was done to them.
    """

    source: str
    split: str | None
    images: UInt8[np.ndarray, "n h w c"]
    labels: Int[np.ndarray, " n"] | None
    num_classes: int | None
    notes: tuple[str, ...] = ()


def load(
    source: str,
    image_shape: tuple[int, ...],
    *,
    split: str | None = None,
    n: int | None = None,
    conditional: bool = False,
    data_dir: str | None = None,
) -> Reals:
    """Load real images in the shape that the fakes have.

    Args:
        source: as for `jaxgan.data.load`.
        image_shape: (H, W, C); images of another are cut around their centre, resized and brought to its
            channels, and a note says so.
        split: of a TFDS data set.
        n: how many at most, drawn once and for all; None for all.
        conditional: whether a folder's subfolders are classes.
        data_dir: where TFDS data sets are.

    Raises:
        UserError: as for `jaxgan.data.load`.
    """
    height, width, channels = image_shape
    split = split if data.has_splits(source) else None
    options = {"split": split or "train", "conditional": conditional, "data_dir": data_dir}
    first = data.first_shape(source, split=split or "train", data_dir=data_dir)
    dataset, notes = None, ()
    if first is None or first[:2] == (height, width):  # or else a copy in another size would be kept
        dataset = as_they_are(source, **options)
    if dataset is not None:
        first = dataset.images.shape[1:]
    if dataset is None or first != (height, width, channels):
        dataset = data.load(source, image_size=(height, width), channels=channels, **options)
        done = "cut around their centre and resized (Lanczos)"
        these = f"real images of {source} (the first is {_shape(first or ())})"
        notes = (f"{these} were {done} to the fakes' {_shape(image_shape)}",)
    return from_dataset(dataset, n, split=split)._replace(notes=notes)


def as_they_are(source: str, **options: Any) -> data.Dataset | None:
    """Load images in their own size, as a run does that was given none; None if they have several."""
    try:
        return data.load(source, **options)
    except UserError as error:
        if "--image-size" not in str(error):
            raise
    return None


def from_dataset(dataset: data.Dataset, n: int | None = None, *, split: str | None = None) -> Reals:
    """Take n images of a data set at hand, drawn once and for all; None takes all, in their order."""
    rows = slice(None) if n is None else some_rows(len(dataset.images), n)
    labels = None if dataset.labels is None else dataset.labels[rows]
    return Reals(dataset.name, split, eight_bits(dataset.images[rows]), labels, dataset.num_classes)


def outputs(reals: Reals, extractor: Extractor) -> Outputs:
    """Return the features of real images, from the cache where it has them."""

    def extract() -> dict[str, np.ndarray]:
        with counting(f"{reals.source} {reals.split or ''}", len(reals.images), "images") as bar:
            made = extractor.outputs(reals.images, ended=bar.update)
        return {"features": made.features} | ({} if made.logits is None else {"logits": made.logits})

    if extractor.hash is None:
        arrays = extract()
    else:
        key = {
            "source": reals.source,
            "split": reals.split,
            "size": len(reals.images),
            "images": content_hash({"images": np.asarray(reals.images)}),
            "extractor": [extractor.name, extractor.hash, VERSION],
        }
        arrays = kept("features", key, extract)
    return Outputs(arrays["features"], arrays.get("logits"))


def labels_like(reals: Reals, n: int, num_classes: int | None) -> Int[np.ndarray, " n"] | None:
    """Return labels for n fakes: those of the reals over and over, or, where these have others, in turn."""
    if num_classes is None:
        return None
    if reals.labels is None or reals.num_classes != num_classes:
        return (np.arange(n) % num_classes).astype(np.int32)
    return np.resize(reals.labels, n).astype(np.int32)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
