"""Prepare three classics for TensorFlow Datasets without TensorFlow.

TFDS's own builders of MNIST, Fashion-MNIST and CIFAR-10 need TensorFlow for two things only: to unpack the
official files and to encode PNGs. The builders here unpack with the standard library and encode with Pillow.
Everything else is TFDS's: download, checksums, names, features, and the folder that they write, which
``tfds.data_source("mnist")`` reads.
"""

import contextlib
import gzip
import hashlib
import math
import os
import sys
import tarfile
import zlib
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

# The sha256 of what is in the official files, however it is compressed.
CONTENTS = {
    "mnist": {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}

# The classes have the names of TFDS's own, from which it derives the names of data set, folder and files.
with registered.skip_registration():

    class MNIST(mnist.MNIST):
        """MNIST, LeCun et al. 1998."""

        files: dict[str, Path] | None = None  # in place of downloads

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
            files = self.files or dl_manager.download(self.urls())
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

        files: dict[str, Path] | None = None  # in place of a download

        def urls(self) -> dict[str, str]:
            """Return the address of the official archive."""
            return {"archive": self._cifar_info.url}

        def _split_generators(self, dl_manager: Any) -> Any:
            archive = (self.files or dl_manager.download(self.urls()))["archive"]
            labels = self._cifar_info.prefix + self._cifar_info.label_files[0]
            self.info.features["label"].names = next(_members(archive, [labels])).decode().split()
            return {
                split: self._generate_examples(archive, split, files)
                for split, files in self.members().items()
            }

        def members(self) -> dict[str, list[str]]:
            """Return the names of the files of each split in the archive."""
            official = self._cifar_info
            files = {"train": official.train_files, "test": official.test_files}
            return {split: [official.prefix + file for file in files[split]] for split in files}

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


def prepare(
    name: str,
    *,
    from_folder: str | None = None,
    data_dir: str | None = None,
    unverified: bool = False,
) -> str:
    """Prepare a data set in TFDS's own layout, unless that is done already.

    Args:
        name: "mnist", "fashion_mnist" or "cifar10".
        from_folder: a folder with the official files; None downloads them. The files of MNIST and
            Fashion-MNIST may be compressed anew, or not be compressed.
        data_dir: the folder to write to; None for TFDS's own, ``$TFDS_DATA_DIR`` or
            ``~/tensorflow_datasets``.
        unverified: whether to take other files than the official ones from the folder, if their shapes and
            ranges are right.

    Returns:
        A line for the user: the data set's folder, and the size of each split.

    Raises:
        UserError: if official files are missing, differ from what was published, or cannot be downloaded; or
            if something else is in the data set's place.
    """
    if name not in BUILDERS:
        raise UserError(f'cannot prepare "{name}", only {", ".join(BUILDERS)}')
    if unverified and from_folder is None:
        raise UserError("`unverified` takes files of yours (--from FOLDER): downloads are always verified")
    try:
        folder = expanded(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")
        builder = BUILDERS[name](data_dir=str(folder), file_format="array_record")
    except UserError:
        raise
    except Exception as error:  # a TFRecord version, or damaged files
        raise UserError(
            f"cannot prepare {name}: something else is in its place ({first_line(error)})"
        ) from error
    done, origin = bool(builder.info.splits), ""
    if not done:
        _make_room(Path(builder.data_path))
        if from_folder is not None:
            builder.files = _find(builder, expanded(from_folder))
            if strange := _strange(builder, builder.files):
                if not unverified:
                    raise UserError(
                        f"{next(iter(strange.values()))}; `unverified` takes it if its shape is right"
                    )
                _check_contents(builder, builder.files)
                origin = f"; not official: {', '.join(strange)}"
        config = tfds.download.DownloadConfig(try_download_gcs=False, force_checksums_validation=True)
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
    return f"{name} is {'already ' if done else ''}prepared in {builder.data_path} ({counts}){origin}"


def _make_room(folder: Path) -> None:
    """Remove an empty folder, which TFDS would take for a prepared data set."""
    try:
        if folder.exists():
            folder.rmdir()
    except OSError as error:
        raise UserError(f"{folder} exists, but is no data set: move it away") from error


def _find(builder: Any, folder: Path) -> dict[str, Path]:
    """Return the place of each official file in a folder: as it is published, or unpacked.

    Raises:
        UserError: if one is missing.
    """
    files, missing = {}, []
    for what, url in builder.urls().items():
        name = url.rsplit("/", 1)[1]
        plain = name.removesuffix(".gz")
        spellings = (name, plain, plain.replace("-idx", ".idx"), plain.replace("-idx", ".idx") + ".gz")
        path = next((folder / each for each in spellings if (folder / each).is_file()), None)
        if path is None:
            missing.append(name)
        else:
            files[what] = path
    if missing:
        raise UserError(f"{folder} lacks official files of {builder.name}: {', '.join(missing)}")
    return files


def _strange(builder: Any, files: dict[str, Path]) -> dict[str, str]:
    """Return why each file is not the official one, by its name; for those that are not."""
    known, contents = checksums.get_all_url_infos(), CONTENTS.get(builder.name, {})
    reasons = {}
    for what, url in builder.urls().items():
        actual, official = checksums.compute_url_info(files[what]).checksum, known[url].checksum
        content = contents.get(url.rsplit("/", 1)[1].removesuffix(".gz"))
        if actual == official or (content and _hash_of_content(files[what]) == content):
            continue
        line = f"{files[what]} is not the official file: its sha256 is {actual}, not {official}"
        reasons[files[what].name] = f"{line}, and its content is another" if content else line
    return reasons


def _check_contents(builder: Any, files: dict[str, Path]) -> None:
    """Raise `UserError` if files that nobody knows do not have the shapes and ranges of the official ones."""
    if "archive" in files:
        for name in [name for names in builder.members().values() for name in names]:
            content = np.frombuffer(next(_members(files["archive"], [name])), np.uint8)
            if not content.size or content.size % 3073 or content[::3073].max() > 9:
                raise UserError(
                    f"{files['archive']}: {name} holds no rows of a label 0 to 9 and 3,072 pixels"
                )
        return
    for split in ("train", "test"):
        images, labels = _idx(files[f"{split} images"]), _idx(files[f"{split} labels"])
        if images.ndim != 3 or images.shape[1:] != (28, 28):
            raise UserError(f"{files[f'{split} images']}: images are [N, 28, 28], got {list(images.shape)}")
        if labels.shape != images.shape[:1] or not labels.size or labels.max() > 9:
            largest = f" with a label {labels.max()}" if labels.size else ""
            raise UserError(
                f"{files[f'{split} labels']}: labels are 0 to 9 for {len(images):,} images, "
                f"got {list(labels.shape)}{largest}"
            )


def _hash_of_content(path: Path) -> str:
    """Return the sha256 of what is in a file; "" if it cannot be unpacked."""
    try:
        return hashlib.sha256(_unpacked(path)).hexdigest()
    except UserError:
        return ""


def _unpacked(path: os.PathLike) -> bytes:
    """Return what is in a file, which may be compressed by gzip."""
    content = Path(path).read_bytes()
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be unpacked: {error}") from error


def _idx(path: os.PathLike) -> np.ndarray:
    """Read an array of LeCun's idx format: its rank in byte 3, its shape in big-endian words, its bytes."""
    content = _unpacked(path)
    if content[:3] == b"\0\0\x08" and len(content) >= 4 + 4 * content[3]:
        shape = np.frombuffer(content, ">u4", count=content[3], offset=4).tolist()
        pixels = np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape))
        if pixels.size == math.prod(shape):
            return pixels.reshape(shape)
    raise UserError(f"{path} is no array of bytes in the idx format")


def _members(archive: os.PathLike, names: list[str]) -> Iterator[bytes]:
    """Yield the contents of files in a tar archive; nothing is unpacked to the disk."""
    try:
        with tarfile.open(archive) as tar:
            for name in names:
                file = tar.extractfile(name)
                if file is None:
                    raise UserError(f"{name} in {archive} is no file")
                yield file.read()
    except KeyError as error:
        raise UserError(f"{archive} lacks {first_line(error)}") from error
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise UserError(f"{archive} cannot be unpacked: {first_line(error)}") from error
