"""TensorFlow Datasets, read without TensorFlow: any image data set that is prepared as ArrayRecord.

``tfds.data_source`` decodes a few thousand examples a second, so a data set is read once and then kept as an
array (`jaxgan.data.cache`).
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters, registered

from jaxgan.data import cache, pictures
from jaxgan.data.dataset import SeveralSizesError
from jaxgan.data.tfds.names import PREPARABLE
from jaxgan.system.errors import UserError

CHUNK = 256  # examples that are in memory while they are decoded


def read(
    name: str,
    split: str = "train",
    *,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    data_dir: str | None = None,
) -> dict[str, Any]:
    """Read a prepared TFDS data set; see `jaxgan.data.load` for the arguments.

    Returns:
        Fields of a `Dataset`: "images" and, if every example has a class label, "labels" and "num_classes".
        They come from the features "image" and "label".

    Raises:
        UserError: if the data set is not prepared, holds no images, or cannot be read.
        SeveralSizesError: a `UserError`, if the images have several sizes and `image_size` is None.
    """
    with quiet():
        source = _open(name, split, data_dir)
        info = source.dataset_info
        features = (
            dict(info.features.items()) if isinstance(info.features, tfds.features.FeaturesDict) else {}
        )
        feature = features.get("image")
        if not isinstance(feature, tfds.features.Image) or feature.np_dtype != np.uint8:
            raise UserError(f'{name} has no feature "image" of 8-bit images')
        label = features.get("label")
        num_classes = label.num_classes if isinstance(label, tfds.features.ClassLabel) else None

        def decode(write: cache.Write) -> dict[str, Any]:
            labels, size = [], image_size
            for example in _examples(source, name):
                image = example["image"]
                size = size or image.shape[:2]
                if image_size is None and image.shape[:2] != size:
                    raise SeveralSizesError(f"the images of {name} have several sizes: set `image_size`")
                write(pictures.fit_array(image, size, channels or min(image.shape[2], 3)))
                labels.append(int(example["label"]) if num_classes else -1)
            if not labels:
                raise UserError(f"{name} has no images in {split}")
            return {"labels": labels if min(labels) >= 0 else None}

        key = {
            "tfds": [pictures.RULE, info.full_name, split, len(source), _files(info.data_dir)],
            "image_size": image_size,
            "channels": channels,
        }
        images, details = cache.cached(key, decode, count=len(source))
    fields = {"images": images, "content": details["content"]}
    if details["labels"] is None:
        return fields
    names = tuple(label.names) if isinstance(label, tfds.features.ClassLabel) else None
    labels = np.array(details["labels"], np.int32)
    return fields | {"labels": labels, "num_classes": num_classes, "class_names": names}


def first_shape(name: str, split: str, data_dir: str | None) -> tuple[int, ...]:
    """Return the shape of the first image of a prepared TFDS data set; () if it has none."""
    with quiet():
        example = next(_examples(_open(name, split, data_dir), name, chunk=1), {})
    return np.shape(example["image"]) if isinstance(example, dict) and "image" in example else ()


def _open(name: str, split: str, data_dir: str | None) -> Any:
    try:
        return tfds.data_source(name, split=split, data_dir=data_dir, download=False)
    except registered.DatasetNotFoundError as error:
        raise UserError(
            f'"{name}" is neither a folder nor a data set of TFDS: try digits, {", ".join(PREPARABLE)}'
        ) from error
    except Exception as error:
        reason = f"cannot read {name}: {first_line(error)}"
        if _lacks_tensorflow(error):
            reason = (
                f"the code of {name} needs TensorFlow; if it is prepared, {name}:VERSION reads it without"
            )
        with contextlib.suppress(Exception):
            builder = tfds.builder(name, data_dir=data_dir)
            if not builder.data_path.exists():
                command = f"jaxgan data prepare {builder.name}"
                if builder.name not in PREPARABLE:  # TFDS's own builder may need TensorFlow
                    command = f"tfds build {name} --file_format=array_record"
                reason = f"{name} is not prepared in {builder.data_dir_root}; this prepares it: {command}"
            elif builder.info.file_format not in file_adapters.FileFormat.with_random_access():
                reason = (
                    f"{name} in {builder.data_path} is in a format that needs TensorFlow: "
                    "set TFDS_DATA_DIR to another folder and prepare it there"
                )
        raise UserError(reason) from error


def _lacks_tensorflow(error: BaseException | None) -> bool:
    """Return whether an error goes back to a failed import of TensorFlow."""
    while error is not None and not (isinstance(error, ImportError) and error.name == "tensorflow"):
        error = error.__cause__ or error.__context__
    return error is not None


def _examples(source: Any, name: str, chunk: int = CHUNK) -> Iterator[dict[str, Any]]:
    for start in range(0, len(source), chunk):
        block = range(start, min(start + chunk, len(source)))
        try:
            examples = source.__getitems__(list(block))  # three times as fast as one example at a time
        except RuntimeError as error:  # ArrayRecord verifies its checksums
            folder = source.dataset_info.data_dir
            raise UserError(
                f"{name} is damaged ({first_line(error)}): remove {folder} and prepare it again"
            ) from error
        yield from examples


def _files(folder: str) -> list[tuple[str, int, int]]:
    """Return names, sizes and times of a data set's files, which change with its content."""
    files = [(path.name, path.stat()) for path in sorted(Path(folder).glob("*"))]
    return [(name, status.st_size, status.st_mtime_ns) for name, status in files]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence TFDS's advice, such as to install OpenCV."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message: those of TFDS are pages long."""
    return str(error).strip().split("\n")[0] or type(error).__name__
