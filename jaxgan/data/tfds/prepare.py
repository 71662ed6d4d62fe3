"""Prepare three classics for TensorFlow Datasets without TensorFlow.

TFDS's own builders of MNIST, Fashion-MNIST and CIFAR-10 need TensorFlow for two things only: to unpack the
official files and to encode PNGs. The builders here unpack with the standard library and encode with Pillow.
Everything else is TFDS's: download, checksums, names, features, and the folder that they write, which
``tfds.data_source("mnist")`` reads.
"""

import contextlib
import gzip
import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core import registered
from tensorflow_datasets.core.download import checksums, downloader
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.image_classification import cifar, mnist

from jaxgan.data.tfds.names import PREPARABLE
from jaxgan.data.tfds.source import first_line, quiet
from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError, expanded, writing
from jaxgan.system.output import is_terminal

# The classes have the names of TFDS's own, from which it derives the names of data set, folder and files.
with registered.skip_registration():

    class MNIST(mnist.MNIST):
        """MNIST, LeCun et al. 1998."""

        def urls(self) -> dict[str, str]:
            """Return the addresses of the official files."""
            names = {"train": "train-{}.gz", "test": "t10k-{}.gz"}
            kinds = {"images": "images-idx3-ubyte", "labels": "labels-idx1-ubyte"}
            return {
                f"{split} {kind}": self.URL + name.format(file)
                for split, name in names.items()
                for kind, file in kinds.items()
            }

        def _split_generators(self, dl_manager: Any) -> Any:
            files = dl_manager.download(self.urls())
            return {
                split: self._generate_examples(files[f"{split} images"], files[f"{split} labels"])
                for split in ("train", "test")
            }

        def _generate_examples(self, images: os.PathLike, labels: os.PathLike) -> Iterator:  # pyrefly: ignore
            for i, (image, label) in enumerate(zip(_idx(images), _idx(labels), strict=True)):
                yield i, {"image": Image.fromarray(image), "label": int(label)}

    class FashionMNIST(MNIST):
        """Fashion-MNIST, Xiao et al. 2017."""

        URL = mnist.FashionMNIST.URL
        _info = mnist.FashionMNIST._info

    class Cifar10(cifar.Cifar10):
        """CIFAR-10, Krizhevsky 2009."""

        def urls(self) -> dict[str, str]:
            """Return the address of the official archive."""
            return {"archive": self._cifar_info.url}

        def _split_generators(self, dl_manager: Any) -> Any:
            archive, official = dl_manager.download(self.urls())["archive"], self._cifar_info
            names = _members(archive, [official.prefix + official.label_files[0]])
            self.info.features["label"].names = next(names).decode().split()
            return {
                split: self._generate_examples(archive, split, [official.prefix + file for file in files])
                for split, files in (("train", official.train_files), ("test", official.test_files))
            }

        def _generate_examples(self, archive: os.PathLike, split: str, files: list[str]) -> Iterator:  # pyrefly: ignore
            i = 0
            for content in _members(archive, files):
                for row in np.frombuffer(content, np.uint8).reshape(-1, 1 + 3 * 32 * 32):
                    image = Image.fromarray(
                        np.ascontiguousarray(row[1:].reshape(3, 32, 32).transpose(1, 2, 0))
                    )
                    yield i, {"id": f"{split}_{i:05d}", "image": image, "label": int(row[0])}
                    i += 1


BUILDERS = dict(zip(PREPARABLE, (MNIST, FashionMNIST, Cifar10), strict=True))


def prepare(name: str, *, from_folder: str | None = None, data_dir: str | None = None) -> str:
    """Prepare a data set in TFDS's own layout, unless that is done already.

    Args:
        name: "mnist", "fashion_mnist" or "cifar10".
        from_folder: a folder with the official files; None downloads them.
        data_dir: the folder to write to; None for TFDS's own, ``$TFDS_DATA_DIR`` or
            ``~/tensorflow_datasets``.

    Returns:
        A line for the user: the data set's folder, and the size of each split.

    Raises:
        UserError: if official files are missing, differ from their registered sha256, or cannot be
            downloaded; or if something else is in the data set's place.
    """
    if name not in BUILDERS:
        raise UserError(f'cannot prepare "{name}", only {", ".join(BUILDERS)}')
    try:
        folder = expanded(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")
        builder = BUILDERS[name](data_dir=str(folder), file_format="array_record")
    except UserError:
        raise
    except Exception as error:  # a TFRecord version, or damaged files
        raise UserError(
            f"cannot prepare {name}: something else is in its place ({first_line(error)})"
        ) from error
    done = bool(builder.info.splits)
    if not done:
        _make_room(Path(builder.data_path))
        if from_folder is not None:
            _check_official(builder, expanded(from_folder))
        config = tfds.download.DownloadConfig(
            manual_dir=from_folder and expanded(from_folder),
            try_download_gcs=False,
            force_checksums_validation=True,
        )
        # TFDS tries 10 times with doubling pauses, for which an offline user would wait for minutes.
        # (setattr, since the type checker takes the name for a constant.)
        setattr(downloader, "MAX_RETRIES", 3)  # noqa: B010
        if not is_terminal():
            tfds.disable_progress_bar()
        try:
            with writing(Path(builder.data_path)), quiet(), contextlib.redirect_stdout(sys.stderr):
                builder.download_and_prepare(download_config=config)
        except NoRoomError:
            raise
        except NonMatchingChecksumError as error:
            raise UserError(
                f"what was downloaded for {name} has a wrong checksum ({first_line(error)})"
            ) from error
        except Exception as error:  # no network, no space, no permission
            hint = "" if from_folder else f"; if you have the files: jaxgan data prepare {name} --from FOLDER"
            raise UserError(
                f"cannot prepare {name} in {builder.data_path}: {first_line(error)}{hint}"
            ) from error
    counts = ", ".join(f"{split} {info.num_examples:,}" for split, info in builder.info.splits.items())
    return f"{name} is {'already ' if done else ''}prepared in {builder.data_path} ({counts})"


def _make_room(folder: Path) -> None:
    """Remove an empty folder, which TFDS would take for a prepared data set."""
    try:
        if folder.exists():
            folder.rmdir()
    except OSError as error:
        raise UserError(f"{folder} exists, but is no data set: move it away") from error


def _check_official(builder: Any, folder: Path) -> None:
    """Raise `UserError` if a folder lacks official files, or has other files under their names."""
    known = checksums.get_all_url_infos()
    expected = {folder / (known[url].filename or ""): known[url] for url in builder.urls().values()}
    missing = [path.name for path in expected if not path.is_file()]
    if missing:
        raise UserError(f"{folder} lacks official files of {builder.name}: {', '.join(missing)}")
    for path, official in expected.items():
        actual = checksums.compute_url_info(path)
        if actual != official:
            raise UserError(
                f"{path} is not the official file: its sha256 is {actual.checksum}, not {official.checksum}"
            )


def _idx(path: os.PathLike) -> np.ndarray:
    """Read an array of LeCun's idx format: its rank in byte 3, its shape in big-endian words, its bytes."""
    with gzip.open(path) as file:
        content = file.read()
    shape = np.frombuffer(content, ">u4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + shape.nbytes).reshape(shape)


def _members(archive: os.PathLike, names: list[str]) -> Iterator[bytes]:
    """Yield the contents of files in a tar archive; nothing is unpacked to the disk."""
    with tarfile.open(archive) as tar:
        for name in names:
            file = tar.extractfile(name)
            assert file is not None, name
            yield file.read()
