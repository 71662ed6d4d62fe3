"""TFDS without TensorFlow: from official files to arrays, through the stock reader."""

import gzip
import hashlib
import http.server
import io
import json
import os
import sys
import tarfile
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core.download import checksums

from jaxgan.data import load, prepare
from jaxgan.data.sources import first_shape
from jaxgan.data.tfds.prepare import BUILDERS, CONTENTS
from jaxgan.data.tfds.prepare import prepare as prepare_tfds
from jaxgan.system.errors import UserError

REAL = Path(os.environ.get("JAXGAN_TEST_DATA") or Path(__file__).parents[4] / "shared/data") / "mnist"
SIZES = {"train": 30, "test": 12}
CLASSES = ["airplane", "bird", "cat"] + [f"class_{i}" for i in range(7)]


@pytest.fixture(autouse=True)
def no_tensorflow():
    """Nothing here imports it, even where it is installed."""
    yield
    assert "tensorflow" not in sys.modules


def idx(array):
    shape = np.array(array.shape, ">u4").tobytes()
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + shape + array.tobytes(), mtime=0)


def register(monkeypatch, files, urls):
    """Have TFDS take these bytes for the official ones."""
    known = checksums.get_all_url_infos()
    for url in urls:
        content = files[url.rsplit("/", 1)[1]]
        info = checksums.UrlInfo(len(content), hashlib.sha256(content).hexdigest(), url.rsplit("/", 1)[1])
        monkeypatch.setitem(known, url, info)


@pytest.fixture(params=["mnist", "fashion_mnist"])
def tiny(request, tmp_path, monkeypatch):
    """A folder with small files in MNIST's layout, and what is in them."""
    random = np.random.default_rng(len(request.param))
    arrays = {
        split: (
            random.integers(0, 256, (size, 28, 28), dtype=np.uint8),
            random.integers(0, 10, size, dtype=np.uint8),
        )
        for split, size in SIZES.items()
    }
    files = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        files[f"{prefix}-images-idx3-ubyte.gz"] = idx(arrays[split][0])
        files[f"{prefix}-labels-idx1-ubyte.gz"] = idx(arrays[split][1])
    folder = tmp_path / "official"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    register(monkeypatch, files, BUILDERS[request.param](data_dir=tmp_path).urls().values())
    return request.param, folder, arrays


def as_set(images, labels):
    """TFDS shuffles: compare what belongs together, in any order."""
    return sorted(
        (np.asarray(image).tobytes(), int(label)) for image, label in zip(images, labels, strict=True)
    )


def test_the_stock_reader_reads_what_is_prepared(tiny, tmp_path):
    name, folder, arrays = tiny
    line = prepare(name, from_folder=str(folder), data_dir=str(tmp_path))
    assert line == f"{name} is prepared in {tmp_path / name / '3.0.1'} (train 30, test 12)"
    for split, (images, labels) in arrays.items():
        source = tfds.data_source(name, split=split, data_dir=tmp_path, download=False)
        read = [source[i] for i in range(len(source))]
        assert as_set((x["image"] for x in read), (x["label"] for x in read)) == as_set(images, labels)
        dataset = load(name, split=split, data_dir=str(tmp_path))
        assert dataset.images.shape == (SIZES[split], 28, 28, 1)
        assert as_set(dataset.images, dataset.labels) == as_set(images, labels)
        assert (dataset.name, dataset.num_classes, dataset.labels.dtype) == (name, 10, np.int32)
        np.testing.assert_array_equal(dataset.images, [x["image"] for x in read])


def test_preparing_again_does_nothing(tiny, tmp_path):
    name, folder, _ = tiny
    prepare(name, from_folder=str(folder), data_dir=str(tmp_path))
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / name).rglob("*")}
    assert "already prepared" in prepare(name, from_folder="/nowhere", data_dir=str(tmp_path))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / name).rglob("*")} == written


def test_a_folder_without_a_data_set_is_not_a_prepared_one(tiny, tmp_path):
    name, folder, _ = tiny
    place = tmp_path / name / "3.0.1"
    place.mkdir(parents=True)
    (place / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="exists, but is no data set: move it away"):
        prepare(name, from_folder=str(folder), data_dir=str(tmp_path))
    (place / "notes.txt").unlink()
    assert "is prepared in" in prepare(name, from_folder=str(folder), data_dir=str(tmp_path))


def test_another_file_under_an_official_name_is_refused(tiny, tmp_path):
    name, folder, arrays = tiny
    file = folder / "train-labels-idx1-ubyte.gz"
    file.write_bytes(idx(arrays["train"][1][::-1].copy()))
    with pytest.raises(UserError, match=rf"{file} is not the official file: its sha256 is \w+, not \w+"):
        prepare(name, from_folder=str(folder), data_dir=str(tmp_path))
    assert not (tmp_path / name / "3.0.1").exists()


def known_content(monkeypatch, name, folder):
    """Have the contents of files in a folder be the official ones."""
    contents = {
        path.name.removesuffix(".gz"): hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
        for path in folder.iterdir()
    }
    monkeypatch.setitem(CONTENTS, name, contents)


@pytest.mark.parametrize(
    ("spelling", "pack"),
    [
        ("{}-idx{}-ubyte.gz", partial(gzip.compress, compresslevel=1)),
        ("{}-idx{}-ubyte", bytes),
        ("{}.idx{}-ubyte", bytes),
        ("{}.idx{}-ubyte.gz", gzip.compress),
    ],
)
def test_official_files_are_known_by_their_content(tiny, tmp_path, monkeypatch, spelling, pack):
    name, folder, arrays = tiny
    known_content(monkeypatch, name, folder)
    for path in list(folder.iterdir()):
        content = gzip.decompress(path.read_bytes())
        path.unlink()
        part, rest = path.name.split("-idx")
        (folder / spelling.format(part, rest[0])).write_bytes(pack(content))
    line = prepare(name, from_folder=str(folder), data_dir=str(tmp_path))
    assert line == f"{name} is prepared in {tmp_path / name / '3.0.1'} (train 30, test 12)"
    dataset = load(name, data_dir=str(tmp_path))
    assert as_set(dataset.images, dataset.labels) == as_set(*arrays["train"])


def test_another_content_is_refused_unless_unverified(tiny, tmp_path, monkeypatch):
    name, folder, arrays = tiny
    known_content(monkeypatch, name, folder)
    images = 255 - arrays["train"][0]
    (folder / "train-images-idx3-ubyte.gz").write_bytes(idx(images))
    refused = r"its sha256 is \w+, not \w+, and its content is another; `unverified` takes it if its shape is right$"
    with pytest.raises(UserError, match=refused):
        prepare(name, from_folder=str(folder), data_dir=str(tmp_path))
    line = prepare_tfds(name, from_folder=str(folder), data_dir=str(tmp_path), unverified=True)
    assert line.endswith("(train 30, test 12); not official: train-images-idx3-ubyte.gz")
    dataset = load(name, data_dir=str(tmp_path))
    assert as_set(dataset.images, dataset.labels) == as_set(images, arrays["train"][1])


def test_downloads_are_always_verified(tmp_path):
    with pytest.raises(UserError, match="downloads are always verified"):
        prepare_tfds("mnist", data_dir=str(tmp_path), unverified=True)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "images-idx3",
            idx(np.zeros((30, 32, 32), np.uint8)),
            r"images are \[N, 28, 28\], got \[30, 32, 32\]",
        ),
        (
            "images-idx3",
            idx(np.zeros((29, 28, 28), np.uint8)),
            r"labels are 0 to 9 for 29 images, got \[30\]",
        ),
        ("labels-idx1", idx(np.full(30, 10, np.uint8)), r"labels are 0 to 9 .* with a label 10"),
        ("labels-idx1", idx(np.zeros(30, np.uint8))[:20], "cannot be unpacked"),
        ("labels-idx1", gzip.compress(b"<html>", mtime=0), "is no array of bytes in the idx format"),
        ("labels-idx1", b"", "is no array of bytes in the idx format"),
        (
            "labels-idx1",
            gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 30]) + bytes(29), mtime=0),
            "is no array of bytes",
        ),
    ],
)
def test_unverified_files_have_the_shapes_and_ranges_of_official_ones(tiny, tmp_path, file, content, message):
    name, folder, _ = tiny
    (folder / f"train-{file}-ubyte.gz").write_bytes(content)
    with pytest.raises(UserError, match=message):
        prepare_tfds(name, from_folder=str(folder), data_dir=str(tmp_path), unverified=True)
    assert not (tmp_path / name / "3.0.1").exists()


def test_missing_official_files_are_named(tiny, tmp_path):
    name, folder, _ = tiny
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(UserError, match=rf"lacks official files of {name}: t10k-images-idx3-ubyte\.gz$"):
        prepare(name, from_folder=str(folder), data_dir=str(tmp_path))


@pytest.fixture
def server(tmp_path):
    """A web server for a folder; yields ``(folder, address)``."""
    (tmp_path / "web").mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = partial(Quiet, directory=tmp_path / "web")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield tmp_path / "web", f"http://127.0.0.1:{served.server_port}/"
        served.shutdown()
        thread.join()


def test_files_are_downloaded_and_checked(tiny, server, tmp_path, monkeypatch):
    name, folder, arrays = tiny
    web, address = server
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    for file, content in files.items():
        (web / file).write_bytes(content)
    monkeypatch.setattr(BUILDERS[name], "URL", address)
    register(monkeypatch, files, [address + file for file in files])
    forged = web / "train-labels-idx1-ubyte.gz"
    forged.write_bytes(files[forged.name] + b" ")
    with pytest.raises(UserError, match="wrong checksum"):
        prepare(name, data_dir=str(tmp_path))
    assert not (tmp_path / name / "3.0.1").exists()
    forged.write_bytes(files[forged.name])
    prepare(name, data_dir=str(tmp_path))
    dataset = load(name, data_dir=str(tmp_path))
    assert as_set(dataset.images, dataset.labels) == as_set(*arrays["train"])


def test_a_file_without_a_registered_checksum_is_refused(tiny, server, tmp_path, monkeypatch):
    name, folder, _ = tiny
    web, address = server
    for path in folder.iterdir():
        (web / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(BUILDERS[name], "URL", address)
    with pytest.raises(UserError, match="Missing checksums"):
        prepare(name, data_dir=str(tmp_path))


def test_a_failed_download_is_one_sentence(tiny, server, tmp_path, monkeypatch):
    name, folder, _ = tiny
    _, address = server
    monkeypatch.setattr(BUILDERS[name], "URL", address)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    register(monkeypatch, files, [address + file for file in files])
    with pytest.raises(UserError, match=f"404.*jaxgan data prepare {name} --from FOLDER") as caught:
        prepare(name, data_dir=str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """A folder with a small archive in the official binary layout, and what is in it."""
    random = np.random.default_rng(3)
    prefix, arrays, members = "cifar-10-batches-bin/", {"train": [], "test": []}, {}
    members[prefix + "batches.meta.txt"] = ("\n".join(CLASSES) + "\n\n").encode()
    for split, file in [("train", f"data_batch_{i}.bin") for i in range(1, 6)] + [("test", "test_batch.bin")]:
        rows = random.integers(0, 256, (4, 3073), dtype=np.uint8)
        rows[:, 0] %= 10
        members[prefix + file] = rows.tobytes()
        arrays[split].append(rows)
    members["../../evil.txt"] = b"nothing is unpacked"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    folder = tmp_path / "official"
    folder.mkdir()
    (folder / "cifar-10-binary.tar.gz").write_bytes(packed.getvalue())
    urls = BUILDERS["cifar10"](data_dir=tmp_path).urls().values()
    register(monkeypatch, {"cifar-10-binary.tar.gz": packed.getvalue()}, urls)
    return folder, {split: np.concatenate(rows) for split, rows in arrays.items()}


def test_cifar10_from_its_archive(cifar, tmp_path):
    folder, rows = cifar
    prepare("cifar10", from_folder=str(folder), data_dir=str(tmp_path))
    for split in ("train", "test"):
        source = tfds.data_source("cifar10", split=split, data_dir=tmp_path, download=False)
        assert source.dataset_info.features["label"].names == CLASSES
        for example in (source[i] for i in range(len(source))):
            row = rows[split][int(example["id"].decode().removeprefix(split + "_"))]
            assert example["label"] == row[0]
            for channel in range(3):  # the planes red, green and blue, each row by row
                plane = row[1 + 1024 * channel : 1 + 1024 * (channel + 1)].reshape(32, 32)
                np.testing.assert_array_equal(example["image"][..., channel], plane)
        assert load("cifar10", split=split, data_dir=str(tmp_path)).images.shape == (
            len(rows[split]),
            32,
            32,
            3,
        )


def test_an_unverified_cifar10(cifar, tmp_path):
    folder, rows = cifar
    archive = folder / "cifar-10-binary.tar.gz"
    unpacked = folder / "cifar-10-binary.tar"
    unpacked.write_bytes(gzip.decompress(archive.read_bytes()))
    archive.unlink()
    with pytest.raises(UserError, match=rf"{unpacked} is not the official file"):
        prepare("cifar10", from_folder=str(folder), data_dir=str(tmp_path))
    line = prepare_tfds("cifar10", from_folder=str(folder), data_dir=str(tmp_path), unverified=True)
    assert line.endswith("(train 20, test 4); not official: cifar-10-binary.tar")
    assert len(load("cifar10", data_dir=str(tmp_path)).images) == len(rows["train"])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "lacks .*data_batch_1.bin"),
        (
            {f"cifar-10-batches-bin/data_batch_{i}.bin": bytes(3074) for i in range(1, 6)},
            "holds no rows of a label",
        ),
        (None, "cannot be unpacked"),
    ],
)
def test_an_unverified_cifar10_that_is_another_archive(cifar, tmp_path, files, message):
    archive = cifar[0] / "cifar-10-binary.tar.gz"
    if files is None:
        archive.write_bytes(archive.read_bytes()[:500])
    else:
        with tarfile.open(archive, "w:gz") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    with pytest.raises(UserError, match=message):
        prepare_tfds("cifar10", from_folder=str(cifar[0]), data_dir=str(tmp_path), unverified=True)
    assert not (tmp_path / "cifar10").exists()


def test_preparing_what_we_cannot(tmp_path):
    with pytest.raises(UserError, match="only mnist, fashion_mnist, cifar10"):
        prepare("imagenet2012", data_dir=str(tmp_path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnist", "mnist is not prepared in .*: jaxgan data prepare mnist$"),
        ("mnist:3.0.1", ": jaxgan data prepare mnist$"),
        ("emnist/letters", ": tfds build emnist/letters --file_format=array_record$"),
        ("no_such_set", '"no_such_set" is neither a folder nor a data set of TFDS: try digits, mnist'),
        (
            "titanic",
            "the code of titanic needs TensorFlow; if it is prepared, titanic:VERSION reads it without",
        ),
        ("emnist/klingon", "cannot read emnist/klingon: .*klingon not found"),
    ],
)
def test_what_is_not_prepared_says_how(tmp_path, name, message):
    with pytest.raises(UserError, match=message) as caught:
        load(name, data_dir=str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.fixture
def prepared(tiny, tmp_path):
    name, folder, _ = tiny
    prepare(name, from_folder=str(folder), data_dir=str(tmp_path))
    return name, tmp_path / name / "3.0.1"


@pytest.mark.parametrize(
    ("split", "message"), [("val", "Unknown split 'val'"), ("train[", "Error parsing split")]
)
def test_splits_that_there_are_not(prepared, tmp_path, split, message):
    with pytest.raises(UserError, match=message):
        load(prepared[0], split=split, data_dir=str(tmp_path))


def test_splits_may_be_sliced(prepared, tmp_path):
    everything = load(prepared[0], data_dir=str(tmp_path)).images
    np.testing.assert_array_equal(
        load(prepared[0], split="train[10:15]", data_dir=str(tmp_path)).images, everything[10:15]
    )


def test_records_in_a_format_that_needs_tensorflow(prepared, tmp_path):
    name, folder = prepared
    info = json.loads((folder / "dataset_info.json").read_text())
    (folder / "dataset_info.json").write_text(json.dumps(info | {"fileFormat": "tfrecord"}))
    with pytest.raises(UserError, match="needs TensorFlow: set TFDS_DATA_DIR"):
        load(name, data_dir=str(tmp_path))
    with pytest.raises(UserError, match=f"cannot prepare {name}: something else is in its place"):
        prepare(name, data_dir=str(tmp_path))


@pytest.mark.parametrize("damage", [lambda path: os.truncate(path, 1000), lambda path: path.unlink()])
def test_damaged_records_are_one_sentence(prepared, tmp_path, damage):
    name, folder = prepared
    damage(next(folder.glob("*train*")))
    with pytest.raises(UserError, match=f"{name} is damaged .*: remove .* and prepare it again") as caught:
        load(name, data_dir=str(tmp_path))
    assert "\n" not in str(caught.value)


def test_images_are_decoded_once_until_the_records_change(prepared, tmp_path, monkeypatch):
    name, folder = prepared
    first = load(name, data_dir=str(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr("jaxgan.data.tfds.source._examples", None)
        second = load(name, data_dir=str(tmp_path))
        np.testing.assert_array_equal(first.images, second.images)
        np.testing.assert_array_equal(first.labels, second.labels)
        os.utime(next(folder.glob("*train*")))
        with pytest.raises(TypeError):
            load(name, data_dir=str(tmp_path))


def test_another_size_and_color(prepared, tmp_path):
    assert first_shape(prepared[0], split="test[3:]", data_dir=str(tmp_path)) == (28, 28, 1)
    small = load(prepared[0], image_size=(14, 14), channels=3, data_dir=str(tmp_path))
    whole = load(prepared[0], data_dir=str(tmp_path))
    assert small.images.shape == (30, 14, 14, 3)
    expected = (
        Image.fromarray(whole.images[0, ..., 0]).convert("RGB").resize((14, 14), Image.Resampling.LANCZOS)
    )
    np.testing.assert_array_equal(small.images[0], expected)
    np.testing.assert_array_equal(small.labels, whole.labels)


def test_a_data_set_that_tfds_has_no_code_for(prepared, tmp_path):
    name, folder = prepared
    other = tmp_path / "own_set" / "1.0.0"
    other.mkdir(parents=True)
    for path in folder.iterdir():
        content = path.read_bytes()
        if path.name == "dataset_info.json":
            content = json.dumps(json.loads(content) | {"name": "own_set", "version": "1.0.0"}).encode()
        (other / path.name.replace(name + "-", "own_set-")).write_bytes(content)
    expected = load(name, data_dir=str(tmp_path))
    dataset = load("own_set", data_dir=str(tmp_path))
    np.testing.assert_array_equal(dataset.images, expected.images)
    np.testing.assert_array_equal(dataset.labels, expected.labels)


@pytest.fixture
def mock_data(monkeypatch):
    """``tfds.testing.mock_data``, whose ``__getitems__`` expects a self that it never gets (4.9.10)."""
    monkeypatch.setattr(
        "tensorflow_datasets.testing.mocking._getitems",
        lambda keys, generator: [generator[key] for key in keys],
    )
    return tfds.testing.mock_data


@pytest.mark.parametrize(
    ("name", "shape", "num_classes"),
    [("mnist", (28, 28, 1), 10), ("cifar100", (32, 32, 3), 100), ("emnist/letters", (28, 28, 1), 37)],
)
def test_any_image_data_set_by_name(tmp_path, mock_data, name, shape, num_classes):
    with mock_data(num_examples=9):
        dataset = load(name, data_dir=str(tmp_path))
    assert dataset.images.shape == (9, *shape)
    assert dataset.num_classes == num_classes
    assert dataset.labels.min() >= 0
    assert dataset.labels.max() < num_classes


def test_images_of_several_sizes_need_a_size(tmp_path, mock_data):
    with mock_data(num_examples=4):
        with pytest.raises(UserError, match="oxford_flowers102 have several sizes: set `image_size`"):
            load("oxford_flowers102", data_dir=str(tmp_path))
        assert load("oxford_flowers102", image_size=(8, 8), data_dir=str(tmp_path)).images.shape == (
            4,
            8,
            8,
            3,
        )


def test_a_data_set_without_images(tmp_path, mock_data):
    with mock_data(num_examples=2), pytest.raises(UserError, match='no feature "image"'):
        load("imdb_reviews", data_dir=str(tmp_path))


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the official MNIST files are not here")
def test_the_real_mnist(tmp_path):
    prepare("mnist", from_folder=str(REAL), data_dir=str(tmp_path))
    for split, prefix, size in (("train", "train", 60_000), ("test", "t10k", 10_000)):
        dataset = load("mnist", split=split, data_dir=str(tmp_path))
        with gzip.open(REAL / f"{prefix}-images-idx3-ubyte.gz") as file:
            images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(size, 28, 28, 1)
        with gzip.open(REAL / f"{prefix}-labels-idx1-ubyte.gz") as file:
            labels = np.frombuffer(file.read(), np.uint8, offset=8)
        assert as_set(dataset.images, dataset.labels) == as_set(images, labels)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the official MNIST files are not here")
def test_a_forged_mnist(tmp_path):
    for path in REAL.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    forged = tmp_path / "train-images-idx3-ubyte.gz"
    forged.write_bytes(forged.read_bytes()[:-1] + b"\x01")
    with pytest.raises(UserError, match="is not the official file"):
        prepare("mnist", from_folder=str(tmp_path), data_dir=str(tmp_path))
