import numpy as np
import pytest

from jaxgan import data
from jaxgan.data import sources
from jaxgan.data.dataset import checked, npz_splits, read_npz
from jaxgan.system.errors import UserError


@pytest.mark.parametrize("file", [sources.DIGITS_FILE, "not/there/any/more.csv.gz"])
def test_digits_are_scikit_learns(file, monkeypatch):
    from sklearn.datasets import load_digits

    monkeypatch.setattr(sources, "DIGITS_FILE", file)
    dataset, bunch = data.digits(), load_digits()
    assert dataset.images.shape == (1797, 8, 8, 1)
    assert dataset.images.dtype == np.uint8
    np.testing.assert_allclose(dataset.images[..., 0] / 255 * 16, bunch.images, atol=0.04)
    np.testing.assert_array_equal(dataset.labels, bunch.target)
    assert dataset.num_classes == 10


def test_arrays_are_taken_as_they_are():
    gray = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    dataset = data.from_arrays(gray, [0, 3], name="mine")
    assert dataset.images.shape == (2, 3, 4, 1)
    assert dataset.num_classes == 4
    assert dataset.labels.dtype == np.int32
    points = data.from_arrays(np.zeros((5, 2)))
    assert (points.images.dtype, points.labels) == (np.float32, None)


@pytest.mark.parametrize(
    ("images", "labels", "what"),
    [
        (np.zeros((2, 3, 3, 1), np.int64), None, "int64"),
        (np.zeros((5, 2), np.int64), None, r"points \[N, D\] are float, .*, got int64 \[5, 2\]"),
        (np.zeros((0, 3, 3, 1), np.uint8), None, r"\[0, 3, 3, 1\]"),
        (np.zeros(3, np.uint8), None, r"got \[3\]"),
        (np.full((2, 3, 3, 1), np.nan), None, "2 of 2 images hold NaN"),
        (np.zeros((2, 3, 3, 1), np.uint8), [0], r"\(2,\), got int64 \(1,\)"),
        (np.zeros((2, 3, 3, 1), np.uint8), [0.5, 1.0], "float64"),
        (np.zeros((2, 3, 3, 1), np.uint8), [-1, 1], "go from -1 to 1"),
        (np.zeros((2, 3, 3, 1), np.uint8), [0, 2**31], "go from 0 to 2147483648"),
        (np.full((2, 3, 3, 1), 1e300), None, "2 of 2 images hold NaN or inf"),
    ],
)
def test_arrays_that_are_no_images_are_refused(images, labels, what):
    with pytest.raises(ValueError, match=what):
        data.from_arrays(images, labels)


def test_arrays_hold_labels_if_they_are_asked_for():
    dataset = data.from_arrays(np.zeros((2, 3, 4), np.uint8), [0, 3], name="mine")
    assert dataset.arrays(conditional=False).keys() == {"image"}
    arrays = dataset.arrays(conditional=True)
    np.testing.assert_array_equal(arrays["image"], dataset.images)
    np.testing.assert_array_equal(arrays["label"], [0, 3])
    with pytest.raises(ValueError, match="mine has no labels"):
        dataset._replace(labels=None).arrays(conditional=True)


def test_first_images_come_class_by_class_if_asked():
    images = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1)
    dataset = data.from_arrays(images, [2, 0, 0, 1, 2, 1, 0, 2])
    assert data.first_images(dataset, 3).ravel().tolist() == [0, 2, 5]  # a spread, not the first files
    assert data.first_images(dataset, 8).ravel().tolist() == list(range(8))
    assert data.first_images(dataset, 7, by_class=True).ravel().tolist() == [1, 3, 0, 2, 5, 4, 6]
    assert len(data.first_images(dataset, 100)) == 8


def test_a_column_of_reals_is_one_class_whatever_the_classes_are():
    images = 50 * np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    dataset = data.from_arrays(images, [3, 0, 0, 0, 3, 3], name="mine")
    assert dataset.notes == ("2 of the 4 classes of mine have no image",)
    gray = 127
    shown = data.first_images(dataset, 16, by_class=True).reshape(4, 4).tolist()
    assert shown == [[50, gray, gray, 0], [100, gray, gray, 200], [150, gray, gray, 250], [50, gray, gray, 0]]


def test_float_images_of_another_range_are_refused_or_remarked():
    with pytest.raises(ValueError, match=r"lie in \[-1, 1\], these go from 0 to 255"):
        data.from_arrays(np.linspace(0, 255, 32).reshape(2, 4, 4, 1))
    (note,) = data.from_arrays(np.linspace(0, 1, 32).reshape(2, 4, 4, 1)).notes
    assert "go from 0 to 1: black is -1" in note
    assert data.from_arrays(np.linspace(-1, 1, 32).reshape(2, 4, 4, 1)).notes == ()
    assert data.from_arrays(np.full((4, 2), 7.5)).notes == ()  # points of the plane


def med_mnist(path, shape=(28, 28), labels=1):
    """Save an ``.npz`` as MedMNIST's are; return its arrays."""
    random, arrays = np.random.default_rng(0), {}
    for split, size in {"train": 9, "val": 4, "test": 5}.items():
        arrays[f"{split}_images"] = random.integers(0, 256, (size, *shape), dtype=np.uint8)
        arrays[f"{split}_labels"] = random.integers(0, 2, (size, labels), dtype=np.uint8)
    np.savez(path, **arrays)
    return arrays


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3), (64, 64)])
def test_the_splits_of_med_mnist(tmp_path, shape):
    arrays = med_mnist(tmp_path / "bloodmnist.npz", shape)
    assert npz_splits(tmp_path / "bloodmnist.npz") == ("train", "val", "test")
    for split, name in {"train": "train", "val": "val", "validation": "val", "test": "test"}.items():
        dataset = read_npz("bloodmnist.npz", tmp_path / "bloodmnist.npz", split=split)
        images = arrays[f"{name}_images"]
        np.testing.assert_array_equal(dataset.images, images if images.ndim == 4 else images[..., None])
        np.testing.assert_array_equal(dataset.labels, arrays[f"{name}_labels"][:, 0])
        assert dataset.labels.dtype == np.int32
    assert len(data.load(str(tmp_path / "bloodmnist.npz")).images) == 9
    with pytest.raises(UserError, match='has no split "dev": it has train, val, test'):
        read_npz("bloodmnist.npz", tmp_path / "bloodmnist.npz", split="dev")


def test_images_with_several_labels_are_read_without_them(tmp_path):
    med_mnist(tmp_path / "chestmnist.npz", labels=14)
    dataset = data.load(str(tmp_path / "chestmnist.npz"))
    assert (dataset.labels, dataset.num_classes) == (None, None)
    assert "are left out, as each image has 14 of them" in dataset.notes[0]


def test_the_splits_of_keras(tmp_path):
    images, labels = np.zeros((3, 28, 28), np.uint8), np.arange(3)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images[:2], y_test=labels[:2])
    assert npz_splits(tmp_path / "a.npz") == ("train", "test")
    dataset = read_npz("a.npz", tmp_path / "a.npz", split="test")
    assert (dataset.images.shape, dataset.labels.tolist()) == ((2, 28, 28, 1), [0, 1])
    with pytest.raises(UserError, match='no split "validation": it has train, test'):
        read_npz("a.npz", tmp_path / "a.npz", split="validation")


def test_an_npz_without_splits(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((3, 4, 4), np.uint8), test_images=np.zeros(3))
    (tmp_path / "b.npz").write_text("no zip")
    for name in ("a.npz", "b.npz", "missing.npz"):
        assert npz_splits(tmp_path / name) == ()
    assert len(read_npz("a.npz", tmp_path / "a.npz").images) == 3


@pytest.mark.parametrize("dtype", ["U", "S"])
def test_the_class_names_of_an_npz(tmp_path, dtype):
    arrays = {"images": np.zeros((3, 4, 4), np.uint8), "labels": np.array([[0], [1], [0]])}
    names = ["cat", "dog", "fish"]
    np.savez(tmp_path / "a.npz", **arrays, class_names=np.array(names, dtype))
    dataset = data.load(str(tmp_path / "a.npz"))
    assert (dataset.class_names, dataset.num_classes) == (tuple(names), 3)
    np.savez(tmp_path / "a.npz", **arrays, class_names=np.array(names[:1], dtype))
    with pytest.raises(UserError, match='has 1 "class_names" for 2 classes: name them all'):
        data.load(str(tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", **arrays, class_names=np.array([*names[:2], names[0]], dtype))
    with pytest.raises(UserError, match=r'has several classes .* in "class_names": give each a name'):
        data.load(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **arrays, class_names=np.arange(2))
    with pytest.raises(UserError, match=r'"class_names" are strings \[classes\], got int64 \[2\]'):
        data.load(str(tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", **arrays, class_names=np.array(names, object))
    with pytest.raises(UserError, match="pickled objects"):
        data.load(str(tmp_path / "a.npz"))


def test_only_the_split_that_is_read_must_fit_into_the_memory(tmp_path, monkeypatch):
    arrays = med_mnist(tmp_path / "a.npz")
    needed = []
    monkeypatch.setattr("jaxgan.data.dataset.require_memory", lambda size, what: needed.append(size))
    read_npz("a.npz", tmp_path / "a.npz", split="val")
    assert needed == [arrays["val_images"].nbytes + arrays["val_labels"].nbytes + 2 * 128]


def test_gray_floats_get_their_channel_as_bytes_do():
    assert data.from_arrays(np.linspace(-1, 1, 24).reshape(2, 3, 4)).images.shape == (2, 3, 4, 1)


@pytest.mark.parametrize(
    ("dataset", "what"),
    [
        (np.zeros((8, 4, 4, 1)), r"`dataset` is a Dataset, got ndarray: data.from_arrays\(images, labels\)"),
        (data.Dataset("mine", np.zeros((8, 3, 32, 32), np.uint8)), "mine is refused: .* whose channels come"),
        (data.Dataset("mine", np.full((8, 4, 4, 1), 9.0)), "mine is refused: float images lie in"),
        (
            data.Dataset("mine", np.zeros((2, 4, 4, 1)), [0, 7], 3),
            "mine has 3 classes, but its labels go to 7",
        ),
        (data.Dataset("mine", np.zeros((2, 4, 4, 1)), [0.5, 1]), "mine is refused: labels are integers"),
    ],
)
def test_a_data_set_by_hand_is_judged_as_arrays_are(dataset, what):
    with pytest.raises(UserError, match=what):
        checked(dataset, conditional=True)


def test_a_data_set_by_hand_becomes_what_runs_take():
    by_hand = data.Dataset(
        "mine", np.linspace(-1, 1, 32).reshape(2, 4, 4), [0, 1], notes=("old",), content="x"
    )
    dataset = checked(by_hand, conditional=True)
    assert (dataset.images.shape, dataset.images.dtype) == ((2, 4, 4, 1), np.float32)
    assert (dataset.labels.dtype, dataset.num_classes, dataset.content) == (np.int32, 2, None)
    assert dataset.notes == ("old",)
    assert checked(by_hand, conditional=False).labels == [0, 1]  # which are not used


def test_a_data_set_that_is_right_stays_the_same_object_in_memory(tmp_path):
    np.save(tmp_path / "images.npy", np.arange(96, dtype=np.uint8).reshape(6, 4, 4, 1))
    mapped = data.Dataset("mapped", np.load(tmp_path / "images.npy", mmap_mode="r"), content="known")
    dataset = checked(mapped, conditional=False)
    assert dataset.images is mapped.images
    assert dataset.content == "known"
    assert checked(dataset, conditional=False) == dataset


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([1, 0, 1], None),
        ((1.0, 0.0, 1.0), None),
        (np.array([[1], [0], [1]], np.uint8), None),
        (["dog", "cat", "dog"], ("cat", "dog")),
        (np.array([b"dog", b"cat", b"dog"]), ("cat", "dog")),
    ],
)
def test_labels_with_one_meaning_are_understood(labels, names):
    dataset = data.from_arrays(np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), np.uint8), labels)
    assert (dataset.labels.tolist(), dataset.labels.dtype) == ([1, 0, 1], np.int32)
    assert (dataset.num_classes, dataset.class_names) == (2, names)


def test_one_hot_rows_are_told_how_to_become_labels():
    with pytest.raises(ValueError, match=r"got int64 \(3, 2\): labels.argmax\(axis=1\) makes integers"):
        data.from_arrays(np.zeros((3, 4, 4, 1), np.uint8), np.eye(2, dtype=int)[[1, 0, 1]])
