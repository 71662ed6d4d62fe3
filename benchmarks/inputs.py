"""The input side of training: random data sets, and the ways of their batches to the device."""

import os
import shutil
from pathlib import Path
from timeit import timeit
from unittest import mock

import jax
import numpy as np
from PIL import Image

from jaxgan import data
from jaxgan.config import Config
from timing import Work

CLASSES = 10  # of the made images
PER_CALL = Config().log_every  # the largest number of batches that training asks for at once
SETTLING_BYTES = 2**26  # after so many bytes, the blocks that a stream gathered before the clock are used up


def made_images(count: int, shape: tuple[int, ...]) -> data.Dataset:
    """Return random images of ten classes; their content does not change how long anything takes."""
    labels = (np.arange(count) % CLASSES).astype(np.int32)
    images = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    return data.Dataset("made", images, labels, CLASSES)


def memory_mapped(count: int, shape: tuple[int, ...], file: Path) -> data.Dataset:
    """Return random images of ten classes, read from a memory-mapped ``.npy`` that is written first."""
    made = made_images(count, shape)
    np.save(file, made.images)
    return made._replace(images=np.load(file, mmap_mode="r"))


def works(
    dataset: data.Dataset, *, pictures: int, batch_size: int, repetitions: int, folder: Path
) -> tuple[dict[str, Work], dict[str, list[float]]]:
    """Return the ways of batches to the device, and the seconds of opening a folder of pictures.

    Args:
        dataset: images for all ways but that of the folder of pictures.
        pictures: number of pictures to write into that folder.
        batch_size: images per batch.
        repetitions: how often that folder is opened.
        folder: a folder for temporary files.
    """
    write_pictures(folder / "pictures", pictures)
    opened, times = open_folder(folder / "pictures", folder / "cache", repetitions)
    ways = {
        "on the device": on_device(dataset, batch_size),
        "streamed": streamed(dataset, batch_size),
        "streamed folder": streamed(opened, batch_size),
    }
    return ways, times


def write_pictures(folder: Path, count: int) -> None:
    """Write colored clouds as JPEGs of 32x32 pixels; noise would take more bytes than photographs do."""
    folder.mkdir()
    for i, pixels in enumerate(made_images(count, (8, 8, 3)).images):
        Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC).save(folder / f"{i:06d}.jpg")


def open_folder(folder: Path, cache: Path, repetitions: int) -> tuple[data.Dataset, dict[str, list[float]]]:
    """Return a folder of pictures as a data set, and the seconds of opening it.

    Returns:
        The data set, and the seconds of each repetition: ``"first"`` decodes, ``"cached"`` finds the cache.
    """
    times: dict[str, list[float]] = {"first": [], "cached": []}
    with mock.patch.dict(os.environ, JAXGAN_CACHE=str(cache)):  # the user's own cache stays as it is
        for _ in range(repetitions):
            shutil.rmtree(cache, ignore_errors=True)
            for opened in times.values():
                opened.append(timeit(lambda: data.load(str(folder)), number=1))
        return data.load(str(folder)), times


def on_device(dataset: data.Dataset, batch_size: int) -> Work:
    """Return the input of a data set on the device: `data.batch_at` alone in a compiled loop."""
    arrays = jax.device_put({"image": dataset.images})

    @jax.jit
    def gather(arrays, count):
        def batch(step, _):
            return data.batch_at(arrays, step, seed=0, batch_size=batch_size)

        return jax.lax.fori_loop(1, count, batch, batch(0, None))

    def run(count: int) -> None:
        jax.block_until_ready(gather(arrays, count))

    return Work(batch_size, lambda count: timeit(lambda: run(count), number=1))


def settling_batches(dataset: data.Dataset, batch_size: int) -> int:
    """Return the number of batches after which a stream has nothing left of what it gathered in advance."""
    return max(1, SETTLING_BYTES // (batch_size * dataset.images[0].nbytes))


def streamed(dataset: data.Dataset, batch_size: int) -> Work:
    """Return the input of a data set that does not fit on the device: `data.Stream`, then `device_put`."""
    settling = settling_batches(dataset, batch_size)

    def run(stream: data.Stream, count: int) -> None:
        for start in range(0, count, PER_CALL):
            jax.block_until_ready(jax.device_put(stream.take(min(PER_CALL, count - start))))

    def seconds(count: int) -> float:
        with data.Stream(dataset, seed=0, batch_size=batch_size) as stream:
            run(stream, settling)
            return timeit(lambda: run(stream, count), number=1)

    return Work(batch_size, seconds)
