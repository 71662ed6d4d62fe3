"""Sources by name: digits, .npz files, and what is refused in one sentence."""

import pickle

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import Dataset, digits, first_images, from_arrays, load
from jaxgan.system.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 10, 3), dtype=np.uint8)
LABELS = np.array([2, 0, 1, 2, 0, 1])


def save(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def test_digits_are_there_without_files():
    dataset = load("digits")
    assert dataset.images.shape == (1797, 8, 8, 1)
    assert dataset.images.max() == 255
    assert dataset.num_classes == 10
    np.testing.assert_array_equal(dataset.images, digits().images)


def test_digits_of_another_size_and_in_color():
    dataset = load("digits", image_size=(16, 12), channels=3)
    assert dataset.images.shape == (1797, 16, 12, 3)
    assert (dataset.images[..., 0] == dataset.images[..., 2]).all()
    assert dataset.labels.tolist() == digits().labels.tolist()


def test_an_npz_with_and_without_labels(tmp_path):
    dataset = load(save(tmp_path / "a.npz", images=IMAGES, labels=LABELS))
    np.testing.assert_array_equal(dataset.images, IMAGES)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.labels.dtype == np.int32
    assert (dataset.name, dataset.num_classes) == (str(tmp_path / "a.npz"), 3)
    assert load(save(tmp_path / "b.npz", images=IMAGES)).labels is None


def test_an_npz_is_resized_and_grayed_as_pictures_are(tmp_path):
    path = save(tmp_path / "a.npz", images=IMAGES)
    expected = [
        np.array(Image.fromarray(x).convert("L").crop((1, 0, 9, 8)).resize((4, 4), Image.Resampling.LANCZOS))
        for x in IMAGES
    ]
    np.testing.assert_array_equal(load(path, image_size=(4, 4), channels=1).images[..., 0], expected)


def test_one_channel_may_go_without_saying(tmp_path):
    assert load(save(tmp_path / "a.npz", images=IMAGES[..., 0])).images.shape == (6, 8, 10, 1)


def test_float_images_are_taken_as_they_are(tmp_path):
    points = np.random.default_rng(0).normal(size=(5, 2))
    path = save(tmp_path / "points.npz", images=points)
    np.testing.assert_array_equal(load(path).images, points.astype(np.float32))
    with pytest.raises(UserError, match="only uint8 images are resized"):
        load(path, image_size=(4, 4))


class Malice:
    def __reduce__(self):
        return exec, ("import pathlib; pathlib.Path('ran').touch()",)


@pytest.mark.parametrize("where", ["images", "labels"])
def test_pickled_objects_are_refused_and_never_run(tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    objects = np.array([Malice()], dtype=object)
    path = save(tmp_path / "a.npz", **({"images": IMAGES[:1]} | {where: objects}))
    with pytest.raises(UserError, match="pickled objects"):
        load(path)
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Malice()))
    with pytest.raises(UserError, match=r"no \.npz file"):
        load(str(tmp_path / "b.npz"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": IMAGES}, r'no array "images": it has x'),
        ({}, "it has none"),
        ({"images": IMAGES.transpose(0, 3, 1, 2)}, r"\[N, H, W, 1 or 3\], got \[6, 3, 8, 10\]"),
        ({"images": IMAGES[:0]}, r"have shape \[N, H, W, C\], got \[0, 8, 10, 3\]"),
        ({"images": IMAGES.astype(np.int64)}, "uint8, or float in .*, got int64"),
        ({"images": IMAGES.reshape(6, -1)}, r"\[N, H, W, C\], got \[6, 240\]: images.reshape"),
        ({"images": np.full((2, 4, 4, 1), np.nan)}, "2 of 2 images hold NaN"),
        ({"images": IMAGES, "labels": LABELS[:3]}, r"integers of shape \(6,\), got int64 \(3,\)"),
        ({"images": IMAGES, "labels": -LABELS}, "labels are 0 to .*, these go from -2 to 0"),
        ({"images": IMAGES, "labels": LABELS / 2}, r"labels are integers .*, got float64"),
    ],
)
def test_arrays_that_make_no_data_set(tmp_path, arrays, message):
    with pytest.raises(UserError, match=message) as caught:
        load(save(tmp_path / "a.npz", **arrays))
    assert "a.npz" in str(caught.value)


def test_damaged_and_missing_npz_files(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=IMAGES)
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.npz cannot be read: "):
        load(str(path))
    path.write_bytes(content[:100])
    with pytest.raises(UserError, match=r"no \.npz file"):
        load(str(path))
    with pytest.raises(UserError, match="there is no file"):
        load(str(tmp_path / "b.npz"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": (0, 8)}, "`image_size` is at least 1x1, got 0x8"),
        ({"channels": 4}, "`channels` is 1 .gray. or 3 .color., got 4"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(UserError, match=message):
        load("digits", **options)


def test_a_name_wins_over_a_folder_only_if_it_is_well_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("digits", "celeb_a", "emnist/letters"):
        (tmp_path / name).mkdir(parents=True)
        Image.fromarray(IMAGES[0]).save(tmp_path / name / "a.png")
    assert len(load("digits").images) == 1797
    for name in ("./digits", "celeb_a", "emnist/letters"):
        assert len(load(name).images) == 1


def test_first_images_by_class():
    dataset = from_arrays(IMAGES, LABELS)
    np.testing.assert_array_equal(first_images(dataset, 4, by_class=True), IMAGES[[1, 2, 0, 4]])
    np.testing.assert_array_equal(first_images(dataset, 99), IMAGES)
    np.testing.assert_array_equal(first_images(Dataset("x", IMAGES), 2, by_class=True), IMAGES[[0, 3]])
