"""Pairs of an image and its source: arrays, two folders, and what does not fit."""

import numpy as np
import pytest
from PIL import Image

from jaxgan import data
from jaxgan.data.dataset import checked, part
from jaxgan.data.fingerprint import difference, fingerprint
from jaxgan.system.errors import UserError

rng = np.random.default_rng(3)
IMAGES = rng.integers(0, 256, (5, 8, 12, 1)).astype(np.uint8)
SOURCES = rng.integers(0, 256, (5, 4, 6, 3)).astype(np.uint8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write(folder, name, pixels, **options):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0]).save(file, **options)


@pytest.fixture
def folders(tmp_path):
    images, sources = tmp_path / "images", tmp_path / "sources"
    for i, (image, source) in enumerate(zip(IMAGES, SOURCES, strict=True)):
        write(images, f"{i % 2}/{i}.png", image)
        write(sources, f"{i % 2}/{i}.bmp", source)
    return images, sources


def test_arrays_are_pairs_and_the_batch_has_both():
    dataset = data.from_arrays(IMAGES, sources=SOURCES)
    assert set(dataset.arrays(conditional=False)) == {"image", "source"}
    batch = data.batch_at(dataset.arrays(conditional=False), 0, seed=1, batch_size=4)
    rows = [next(i for i in range(5) if (IMAGES[i] == image).all()) for image in np.asarray(batch["image"])]
    np.testing.assert_array_equal(batch["source"], SOURCES[rows])
    some = part(dataset, np.array([True, False, True, False, True]), "some")
    np.testing.assert_array_equal(some.sources, SOURCES[::2])
    first = data.first_examples(dataset, 2)
    np.testing.assert_array_equal(first["image"], data.first_images(dataset, 2))
    np.testing.assert_array_equal(first["source"], SOURCES[[0, 2]])
    assert set(data.from_arrays(IMAGES).arrays(conditional=False)) == {"image"}


def test_a_stream_gives_the_same_pairs():
    dataset = data.from_arrays(IMAGES, sources=SOURCES)
    expected = data.batch_at(dataset.arrays(conditional=False), 3, seed=7, batch_size=3)
    with data.Stream(dataset, seed=7, batch_size=3, start=3) as stream:
        batch = stream.take(1)
    for name, values in expected.items():
        np.testing.assert_array_equal(batch[name][0], values)


def test_an_npz_has_sources_beside_images(tmp_path):
    file = tmp_path / "pairs.npz"
    np.savez(file, images=IMAGES, source=SOURCES)
    dataset = data.load_pairs(file)
    np.testing.assert_array_equal(dataset.sources, SOURCES)
    assert data.load(file).sources is None  # a plain game does not read them
    small = data.load_pairs(file, image_size=(4, 6))
    assert (small.images.shape, small.sources.shape) == ((5, 4, 6, 1), (5, 2, 3, 3))
    medical = {"train_images": IMAGES, "train_source": SOURCES, "test_images": IMAGES[:2]}
    np.savez(file, **medical, test_source=SOURCES[:2], train_labels=np.zeros((5, 1), int))
    assert len(data.load_pairs(file, split="test").sources) == 2
    assert data.load_pairs(file).labels.shape == (5,)


def test_two_folders_are_pairs_by_their_names(folders):
    dataset = data.load_pairs(*folders)
    order = [0, 2, 4, 1, 3]
    np.testing.assert_array_equal(dataset.images, IMAGES[order])
    np.testing.assert_array_equal(dataset.sources, SOURCES[order])
    small = data.load_pairs(*folders, image_size=(4, 6))
    assert (small.images.shape, small.sources.shape) == ((5, 4, 6, 1), (5, 2, 3, 3))
    assert data.load_pairs(*folders, channels=3).images.shape == (5, 8, 12, 3)


def test_pairs_of_several_sizes_are_cut_together(tmp_path):
    images, sources = tmp_path / "images", tmp_path / "sources"
    for i, (height, width) in enumerate(((16, 16), (16, 32), (40, 20))):
        image = np.zeros((height, width, 3), np.uint8)
        image[:, width // 2 :] = 255
        write(images, f"{i}.png", image)
        write(sources, f"{i}.png", image[::2, ::2])
    with pytest.raises(UserError, match="set `image_size`"):
        data.load_pairs(images, sources)
    dataset = data.load_pairs(images, sources, image_size=8)
    assert dataset.sources.shape == (3, 4, 4, 3)
    for pixels in (dataset.images, dataset.sources):
        middle = pixels.shape[2] // 2
        assert pixels[:, :, : middle - 1].max() < 60
        assert pixels[:, :, middle + 1 :].min() > 195


def test_the_order_of_names_is_that_of_the_pairs(tmp_path):
    images, sources = tmp_path / "images", tmp_path / "sources"
    for name, i in (("a", 0), ("a-b", 1)):
        write(images, f"{name}.png", IMAGES[i])
        write(sources, f"{name}.png" if i else f"{name}.bmp", SOURCES[i])
    (tmp_path / "images/a.png").rename(tmp_path / "images/a")  # no suffix: it sorts before "a-b.png"
    dataset = data.load_pairs(images, sources)
    np.testing.assert_array_equal(dataset.images, IMAGES[:2])
    np.testing.assert_array_equal(dataset.sources, SOURCES[:2])


def test_a_damaged_picture_takes_its_partner_with_it(folders):
    (folders[1] / "1/1.bmp").write_bytes(b"BM damaged")
    dataset = data.load_pairs(*folders)
    np.testing.assert_array_equal(dataset.images, IMAGES[[0, 2, 4, 3]])
    np.testing.assert_array_equal(dataset.sources, SOURCES[[0, 2, 4, 3]])
    assert any("1/1.bmp" in note for note in dataset.notes)
    assert "the partner of a skipped file is left out too" in dataset.notes
    assert dataset.content is None
    with pytest.raises(UserError, match=r"cannot be read: 1/1\.bmp"):
        data.load_pairs(*folders, strict=True)


def test_other_sources_are_other_data():
    one, two = (data.from_arrays(IMAGES, sources=sources) for sources in (SOURCES, SOURCES[::-1]))
    prints = [fingerprint(each, conditional=False) for each in (one, two, data.from_arrays(IMAGES))]
    assert difference(prints[0], prints[1]) == "the images are the same, but their sources are others"
    assert set(prints[2]) == {"images", "dtype", "content"}
    assert difference(prints[0], prints[0]) == ""
    np.testing.assert_array_equal(checked(one, conditional=False).sources, SOURCES)


def break_names(images, sources):
    (sources / "1/1.bmp").unlink()
    (sources / "0/2.bmp").unlink()


def break_names_of_images(images, sources):
    (images / "0/0.png").unlink()


def break_suffixes(images, sources):
    write(images, "0/0.bmp", IMAGES[0])


def break_sizes(images, sources):
    for i in range(5):
        write(sources, f"{i % 2}/{i}.bmp", np.zeros((4, 7, 3), np.uint8))


def break_one_size(images, sources):
    write(sources, "0/2.bmp", np.zeros((8, 12, 3), np.uint8))


@pytest.mark.parametrize(
    ("breaks", "options", "sentence"),
    [
        (break_names, {}, r"2 pictures in .*images without a partner in .*sources: 0/2.png, 1/1.png"),
        (break_names_of_images, {}, r"1 picture in .*sources without a partner in .*images: 0/0.bmp"),
        (break_suffixes, {}, r"0/0.bmp and 0/0.png in .*images differ only in their suffix"),
        (break_sizes, {}, r"got images 8x12 and sources 4x7"),
        (break_sizes, {"image_size": (8, 12)}, "but 0/0.png is 8x12 and its source 4x7"),
        (break_one_size, {}, "set `image_size`"),
        (break_one_size, {"image_size": (8, 12)}, "and 0/2.png is 8x12 and its source 8x12"),
        (lambda *folders: None, {"image_size": (7, 12)}, "images are 2 times as large as their sources"),
    ],
)
def test_folders_that_are_no_pairs_are_refused(folders, breaks, options, sentence):
    breaks(*folders)
    with pytest.raises(UserError, match=sentence):
        data.load_pairs(*folders, **options)


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        (SOURCES[:4], "5 images and 4 sources"),
        (SOURCES[:, :3], "got images 8x12 and sources 3x6"),
        (SOURCES.astype(np.float32) / 255, "of one dtype, got uint8 and float32"),
        (np.zeros((5, 16, 24, 1), np.uint8), "got images 8x12 and sources 16x24"),
    ],
)
def test_arrays_that_are_no_pairs_are_refused(sources, sentence):
    with pytest.raises(ValueError, match=sentence):
        data.from_arrays(IMAGES, sources=sources)


def test_what_has_no_pairs_is_refused(tmp_path, folders):
    np.savez(tmp_path / "plain.npz", images=IMAGES)
    with pytest.raises(UserError, match='no array "source" beside "images", and pairs need it'):
        data.load_pairs(tmp_path / "plain.npz")
    with pytest.raises(UserError, match=r"and .* is an"):
        data.load_pairs(tmp_path / "plain.npz", folders[1])
    for source in ("digits", folders[0]):
        with pytest.raises(UserError, match="has no pairs: pairs are an"):
            data.load_pairs(source)


def test_a_rotated_photograph_is_as_large_as_it_is_seen(tmp_path):
    from jaxgan.data import pictures

    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix in ("jpg", "png", "tiff", "webp"):
        file = tmp_path / f"turned.{suffix}"
        Image.fromarray(np.zeros((8, 12, 3), np.uint8)).save(file, exif=exif)
        assert pictures.upright_size(file) == pictures.read(file)[0].shape[:2]
