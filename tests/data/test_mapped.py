"""A file that is larger than memory is a data set as any other, and stays where it is."""

import mmap

import numpy as np
import pytest

from jaxgan import data
from jaxgan.data import mapped
from jaxgan.data.fingerprint import difference, fingerprint
from jaxgan.system.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (300, 5, 7, 3), np.uint8)
LABELS = np.arange(300) % 4


@pytest.fixture
def all_are_large(monkeypatch):
    monkeypatch.setattr(mapped, "LEAST", 0)


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "labels.npy", LABELS)
    np.savez(tmp_path / "stored.npz", labels=LABELS, images=IMAGES)
    np.savez_compressed(tmp_path / "compressed.npz", images=IMAGES, labels=LABELS)
    return tmp_path


def is_mapped(array):
    return mapped._large_map(array) is not None


@pytest.mark.parametrize(
    ("name", "stays"), [("images.npy", True), ("stored.npz", True), ("compressed.npz", False)]
)
def test_large_arrays_stay_in_their_file(files, all_are_large, name, stays):
    dataset = data.load(files / name)
    assert is_mapped(dataset.images) == stays
    np.testing.assert_array_equal(dataset.images, IMAGES)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.num_classes == 4
    assert ("samples" in fingerprint(dataset, conditional=False)) == stays


@pytest.mark.parametrize("name", ["images.npy", "stored.npz"])
def test_small_arrays_are_read(files, name):
    dataset = data.load(files / name)
    assert not is_mapped(dataset.images)
    np.testing.assert_array_equal(dataset.images, IMAGES)


def test_a_stream_takes_the_same_batches_from_a_file_as_from_memory(files, all_are_large):
    options = {"seed": 3, "batch_size": 16, "conditional": True, "block_bytes": 5000}
    taken = []
    for dataset in (data.from_arrays(IMAGES, LABELS), data.load(files / "stored.npz")):
        with data.Stream(dataset, **options) as stream:
            taken.append(stream.take(40))
    for name, values in taken[0].items():
        np.testing.assert_array_equal(values, taken[1][name])


def test_rows_of_a_view_are_asked_for_where_they_lie(files, all_are_large, monkeypatch):
    asked = []

    class Watched(mmap.mmap):
        def madvise(self, *arguments):
            asked.append(arguments)

    with (files / "images.npy").open("rb") as file:
        pages = Watched(file.fileno(), 0, access=mmap.ACCESS_READ)
        monkeypatch.setattr(mapped, "_large_map", lambda array: pages)
        view = np.frombuffer(pages, np.uint8)[128:].reshape(IMAGES.shape)[100:]
        np.testing.assert_array_equal(mapped.gather(view, np.array([[0, 150]])), IMAGES[[[100, 250]]])
    starts = [128 + row * 105 for row in (100, 250)]
    pages = [start - start % mmap.PAGESIZE for start in starts]
    assert asked[:-1] == [
        (mmap.MADV_WILLNEED, page, start + 105 - page) for page, start in zip(pages, starts, strict=True)
    ]
    assert asked[-1] == (mmap.MADV_DONTNEED,)


def test_the_content_of_a_mapped_file_goes_with_it(files, all_are_large):
    before = fingerprint(data.load(files / "images.npy"), conditional=True)
    (files / "other").mkdir()
    np.save(files / "other/images.npy", IMAGES[::-1])
    after = fingerprint(data.load(files / "other/images.npy"), conditional=False)
    assert before["samples"] != after["samples"]
    assert difference(before, after) == "the data have the same number and size, but another content"
    np.save(files / "other/images.npy", IMAGES)
    assert not difference(before, fingerprint(data.load(files / "other/images.npy"), conditional=True))


def test_what_was_written_to_a_private_map_is_kept(files, all_are_large):
    images = np.load(files / "images.npy", mmap_mode="c")
    images[:] = 7
    assert (mapped.gather(images, np.arange(300)) == 7).all()
    assert (images == 7).all()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda file: file.unlink(), "there is no file"),
        (lambda file: file.write_bytes(file.read_bytes()[:5000]), "is refused"),
        (lambda file: file.write_bytes(b""), "is refused"),
        (lambda file: np.save(file, np.array([{}])), "is refused"),
        (lambda file: np.save(file, IMAGES.transpose(0, 3, 1, 2)), "is refused"),
        (lambda file: np.save(file, IMAGES[:7]), "labels are integers of shape"),
    ],
    ids=["missing", "cut", "empty", "pickled", "channels first", "other labels"],
)
def test_a_file_that_makes_no_data_set_is_one_sentence(files, all_are_large, spoil, sentence):
    spoil(files / "images.npy")
    with pytest.raises(UserError, match=sentence) as error:
        data.load(files / "images.npy")
    assert "\n" not in str(error.value)
