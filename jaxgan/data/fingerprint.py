"""What a data set is, wherever it lies: shape, content, labels and the names of its classes.

A run keeps the fingerprint of its data, and so does an exported generator. The path of the data may then
change, and data that are not the same are noticed even if they have the same path, number and size.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan.data.dataset import Dataset
from jaxgan.data.mapped import checksum_of_samples

SHOWN = 10  # names of classes in a message


def fingerprint(dataset: Dataset, *, conditional: bool) -> dict[str, Any]:
    """Return what tells a data set from others, as JSON can hold it.

    Args:
        dataset: the data set, in the size and channels that are learned.
        conditional: whether the labels are learned too; otherwise they are left out.
    """
    images = np.asarray(dataset.images)
    content: dict[str, Any] = {"images": list(images.shape), "dtype": str(images.dtype)}
    samples = None if dataset.content else checksum_of_samples(images)
    content |= {"samples": samples} if samples else {"content": dataset.content or checksum(images)}
    sources = dataset.unpaired if dataset.sources is None else dataset.sources
    if sources is not None:
        sources = np.asarray(sources)
        content |= {"sources": list(sources.shape), "source_content": checksum(sources)}
    if conditional and dataset.labels is not None:
        content["labels"] = checksum(np.asarray(dataset.labels, np.int32))
        content["class_names"] = None if dataset.class_names is None else list(dataset.class_names)
    return content


def checksum(array: np.ndarray) -> str:
    """Return 8 hex digits that change with any value of an array: the CRC-32 of its bytes."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return f"{zlib.crc32(flat.view(np.uint8).data):08x}"


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return in words how data differ from those of an earlier fingerprint, or an empty text.

    What one of the two does not say, as the runs of older versions, is not compared.

    Args:
        before: the earlier fingerprint.
        now: the present fingerprint.
    """
    for name, words in _WORDS.items():
        old, new = before.get(name), now.get(name)
        if old is not None and new is not None and old != new:
            return words(old, new)
    return ""


_WORDS = {
    "images": lambda old, new: f"the data were {_count(old)}, and are {_count(new)} now",
    "dtype": lambda old, new: f"the data were {old}, and are {new} now",
    **dict.fromkeys(
        ("content", "samples"),
        lambda old, new: "the data have the same number and size, but another content",
    ),
    "sources": lambda old, new: f"the sources were {_count(old)}, and are {_count(new)} now",
    "source_content": lambda old, new: "the images are the same, but their sources are others",
    "labels": lambda old, new: "the images are the same, but their labels are others",
    "class_names": lambda old, new: f"the classes were {in_words(old)}, and are {in_words(new)} now",
}


def _count(shape: list[int]) -> str:
    kind = "points" if len(shape) == 2 else "images"
    return f"{shape[0]:,} {kind} {'x'.join(map(str, shape[1:]))}"


def in_words(names: Sequence[str]) -> str:
    """Return the first names of classes in one line, and the number of the others."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
