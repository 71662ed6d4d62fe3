"""Two sets without pairs: each has its own length and order, wherever a run begins; and what does not fit."""

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan import data
from jaxgan.data.dataset import checked, held_out_part, held_out_rows
from jaxgan.data.fingerprint import difference, fingerprint
from jaxgan.system.errors import UserError

rng = np.random.default_rng(3)
IMAGES = rng.integers(0, 256, (7, 4, 4, 1)).astype(np.uint8)
SOURCES = rng.integers(0, 256, (5, 4, 4, 1)).astype(np.uint8)
DATASET = data.from_arrays(IMAGES, unpaired=SOURCES)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def rows_in(images, whole):
    return [next(i for i in range(len(whole)) if (whole[i] == image).all()) for image in np.asarray(images)]


def orders(seed, steps=35):
    """Return the rows of `steps` batches of one, as NumPy and as the device gather them."""
    arrays = DATASET.arrays(conditional=False)
    with data.Stream(DATASET, seed=seed, batch_size=1, block_bytes=64) as stream:
        host = stream.take(steps)
    gather = jax.jit(lambda arrays, step: data.batch_at(arrays, step, seed=np.uint32(seed), batch_size=1))
    device = [gather(arrays, step) for step in range(steps)]
    for name in ("image", "source"):
        np.testing.assert_array_equal(host[name][:, 0], np.concatenate([batch[name] for batch in device]))
    return rows_in(host["image"][:, 0], IMAGES), rows_in(host["source"][:, 0], SOURCES)


def test_each_set_has_epochs_of_its_own():
    images, sources = orders(seed=1)
    for rows, size in ((images, 7), (sources, 5)):
        epochs = np.reshape(rows, (-1, size))
        assert (np.sort(epochs, axis=1) == np.arange(size)).all()
        assert len({tuple(epoch) for epoch in epochs}) > 1
    assert orders(seed=2)[1] != sources


def test_equal_lengths_make_no_pairs_and_the_images_keep_their_order():
    twins = data.from_arrays(IMAGES, unpaired=IMAGES).arrays(conditional=False)
    batch = data.batch_at(twins, 0, seed=1, batch_size=7)
    alone = data.batch_at({"image": IMAGES}, 0, seed=1, batch_size=7)
    np.testing.assert_array_equal(batch["image"], alone["image"])
    assert rows_in(batch["image"], IMAGES) != rows_in(batch["source"], IMAGES)


def test_a_stream_begins_at_any_step():
    with data.Stream(DATASET, seed=2**31, batch_size=3, block_bytes=64) as whole:
        expected = whole.take(9)
    with data.Stream(DATASET, seed=2**31, batch_size=3, start=4, block_bytes=64) as stream:
        later = stream.take(5)
    for name, values in expected.items():
        np.testing.assert_array_equal(later[name], values[4:])


def test_a_share_of_each_set_is_held_out():
    learned, unseen = (held_out_part(DATASET, 0.4, unseen=unseen) for unseen in (False, True))
    for whole, name in ((IMAGES, "images"), (SOURCES, "unpaired")):
        rows = held_out_rows(len(whole), 0.4)
        np.testing.assert_array_equal(getattr(unseen, name), whole[rows])
        np.testing.assert_array_equal(getattr(learned, name), whole[~rows])


def test_the_sources_are_part_of_what_a_run_learned():
    other = DATASET._replace(unpaired=SOURCES[::-1])
    prints = [fingerprint(each, conditional=False) for each in (DATASET, other)]
    assert difference(*prints) == "the images are the same, but their sources are others"
    np.testing.assert_array_equal(checked(DATASET, conditional=False).unpaired, SOURCES)
    first = data.first_examples(DATASET, 3)
    np.testing.assert_array_equal(first["source"], SOURCES[[0, 1, 3]])
    np.testing.assert_array_equal(first["image"], data.first_images(DATASET, 3))


def write(folder, count, size=(4, 4), mode="L"):
    folder.mkdir()
    for i in range(count):
        shape = (*size, 3) if mode == "RGB" else size
        Image.fromarray(rng.integers(0, 256, shape).astype(np.uint8), mode).save(folder / f"{i}.png")
    return str(folder)


def test_any_two_sources_are_two_sets(tmp_path):
    folder = write(tmp_path / "folder", 3, (6, 8), "RGB")
    np.savez(tmp_path / "some.npz", train_images=IMAGES, test_images=IMAGES[:2])
    dataset = data.load_unpaired(folder, tmp_path / "some.npz", image_size=4, channels=3)
    assert (dataset.images.shape, dataset.unpaired.shape) == ((3, 4, 4, 3), (7, 4, 4, 3))
    dataset = data.load_unpaired(tmp_path / "some.npz", "digits", split="test")
    assert (len(dataset.images), len(dataset.unpaired)) == (2, 1797)
    assert dataset.sources is None


def test_what_makes_no_two_sets_is_refused(tmp_path):
    folder = write(tmp_path / "folder", 2)
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder/2.png").write_bytes(b"damaged")
    np.savez(tmp_path / "none.npz", images=IMAGES[:0])
    np.savez(tmp_path / "float.npz", images=IMAGES / np.float32(255))
    for source, options, sentence in (
        (tmp_path / "empty", {}, "empty holds no pictures"),
        (tmp_path / "missing", {}, "there is no folder"),
        (tmp_path / "none.npz", {}, r"none.npz is refused: images have shape .* got \[0, 4, 4, 1\]"),
        (tmp_path / "float.npz", {}, "of one dtype, got uint8 and float32"),
        ("ring", {}, r"sources \[N, h, w, c\] go with images"),
        ("", {}, "`source` is empty"),
        ("digits", {"strict": True}, "1 file cannot be read: 2.png"),
    ):
        with pytest.raises(UserError, match=sentence):
            data.load_unpaired(folder, source, **options)
    with pytest.raises(ValueError, match="are pairs of the images, and `unpaired` are none"):
        data.from_arrays(IMAGES, sources=IMAGES, unpaired=SOURCES)
