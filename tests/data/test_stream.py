"""A stream gives what the device gathers, from any step; it ends cleanly and hides no failure."""

import threading
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data import Dataset, Stream, batch_at, digits

SEED, BATCH = 11, 24


@pytest.fixture(scope="module")
def dataset():
    return digits()


@pytest.fixture(scope="module")
def on_device(dataset):
    """``(step, count) -> batches``, gathered on the device."""
    arrays = {"image": jnp.asarray(dataset.images), "label": jnp.asarray(dataset.labels)}
    gather = jax.jit(partial(batch_at, seed=SEED, batch_size=BATCH))

    def batches(step, count):
        rows = [gather(arrays, jnp.uint32(t)) for t in range(step, step + count)]
        return jax.tree.map(lambda *rows: np.stack(rows), *rows)

    return batches


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("stream")]


@pytest.mark.parametrize("block_bytes", [1, 7 * BATCH * 64, 2**24])  # 1 step a block, 7, and all in one
@pytest.mark.parametrize("start", [0, 5, 7, 160])  # 160 * 24 lies in the third epoch
def test_batches_are_those_of_the_device(dataset, on_device, start, block_bytes):
    step = start
    with Stream(
        dataset, seed=SEED, batch_size=BATCH, conditional=True, start=start, block_bytes=block_bytes
    ) as stream:
        for count in (1, 9, 2, 30):
            taken, expected = stream.take(count), on_device(step, count)
            assert taken.keys() == {"image", "label"}
            for name in taken:
                assert taken[name].dtype == expected[name].dtype
                np.testing.assert_array_equal(taken[name], expected[name])
            step += count


def test_labels_come_only_when_asked_for(dataset):
    with Stream(dataset, seed=0, batch_size=4) as stream:
        assert stream.take(1).keys() == {"image"}
    with pytest.raises(ValueError, match="no labels"):
        Stream(Dataset("points", dataset.images), seed=0, batch_size=4, conditional=True)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_memory_map_is_streamed_from_disk(dataset, on_device, tmp_path, workers):
    np.save(tmp_path / "images.npy", dataset.images)
    mapped = Dataset("mapped", np.load(tmp_path / "images.npy", mmap_mode="r"))
    with Stream(mapped, seed=SEED, batch_size=BATCH, workers=workers, block_bytes=1) as stream:
        taken = stream.take(50)["image"]
    assert type(taken) is np.ndarray
    np.testing.assert_array_equal(taken, on_device(0, 50)["image"])


def test_blocks_are_gathered_ahead_and_no_further(dataset, monkeypatch):
    gathered, gather = [], Stream._gather
    done = threading.Semaphore(0)

    def watched(self, block):
        gathered.append(block)
        done.release()
        return gather(self, block)

    monkeypatch.setattr(Stream, "_gather", watched)
    with Stream(dataset, seed=0, batch_size=BATCH, start=3, ahead=2, block_bytes=1) as stream:
        for _ in range(3):
            assert done.acquire(timeout=10)
        assert sorted(gathered) == [3, 4, 5]
        stream.take(1)
        assert done.acquire(timeout=10)
        assert sorted(gathered) == [3, 4, 5, 6]


def test_an_error_of_a_worker_reaches_the_consumer(dataset):
    cut = dataset._replace(labels=dataset.labels[:5])
    with (
        pytest.raises(IndexError, match="out of bounds"),
        Stream(cut, seed=0, batch_size=BATCH, conditional=True) as stream,
    ):
        stream.take(1)
    assert not threads()


def test_leaving_a_stream_joins_its_threads(dataset):
    with Stream(dataset, seed=0, batch_size=BATCH) as stream:
        stream.take(3)
        assert threads()
    assert not threads()


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"start": -1}, {"ahead": 0}, {"workers": 0}])
def test_numbers_out_of_range_are_refused(dataset, wrong):
    with pytest.raises(ValueError, match="at least"):
        Stream(dataset, **{"seed": 0, "batch_size": 4} | wrong)
    assert not threads()
