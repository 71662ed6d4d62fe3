"""The input side of training: made data sets, and how their batches get to the device."""

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

PER_CALL = Config().log_every  # batches that training asks for at once, at most
SETTLING_BYTES = 2**26  # after so many, a stream gives what it gathers, and no more what it had ready


def made_images(count: int, shape: tuple[int, ...]) -> data.Dataset:
    """Return random images: what is on them has no part in how long they take."""
    return data.Dataset("made", np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8))


def memory_mapped(count: int, file: Path) -> data.Dataset:
    """Return images of MNIST's shape, made, and read from a ``.npy``."""
    np.save(file, made_images(count, (28, 28, 1)).images)
    return data.Dataset("made", np.load(file, mmap_mode="r"))


def works(
    dataset: data.Dataset, *, pictures: int, batch_size: int, repetitions: int, folder: Path
) -> tuple[dict[str, Work], dict[str, list[float]]]:
    """Return the ways of batches to the device, and the seconds of opening a folder of pictures.

    Args:
        dataset: for all ways but that of the folder.
        pictures: how many to make for the folder.
        batch_size: images per batch.
        repetitions: of opening the folder.
        folder: for temporary files.
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
    """Write coloured clouds as JPEGs of 32x32 pixels: noise would take more bytes than photographs do."""
    folder.mkdir()
    for i, pixels in enumerate(made_images(count, (8, 8, 3)).images):
        Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC).save(folder / f"{i:06d}.jpg")


def open_folder(folder: Path, cache: Path, repetitions: int) -> tuple[data.Dataset, dict[str, list[float]]]:
    """Return a folder of pictures as a data set, and the seconds of opening it.

    Returns:
        The data set, and the seconds of every repetition of ``"first"``, which decodes, and ``"cached"``.
    """
    times: dict[str, list[float]] = {"first": [], "cached": []}
    with mock.patch.dict(os.environ, JAXGAN_CACHE=str(cache)):  # the user's own is left alone
        for _ in range(repetitions):
            shutil.rmtree(cache, ignore_errors=True)
            for opened in times.values():
                opened.append(timeit(lambda: data.load(str(folder)), number=1))
        return data.load(str(folder)), times


def on_device(dataset: data.Dataset, batch_size: int) -> Work:
    """Return the input of a set that lives on the device: `data.batch_at` in a compiled loop alone."""
    arrays = jax.device_put({"image": dataset.images})

    @jax.jit
    def gather(arrays, count):
        def batch(step, _):
            return data.batch_at(arrays, step, seed=0, batch_size=batch_size)

        return jax.lax.fori_loop(1, count, batch, batch(0, None))

    def run(count: int) -> None:
        jax.block_until_ready(gather(arrays, count))

    return Work(batch_size, lambda count: timeit(lambda: run(count), number=1))


def streamed(dataset: data.Dataset, batch_size: int) -> Work:
    """Return the input of a set that does not fit on the device: `data.Stream`, and the way to the device."""
    settling = max(1, SETTLING_BYTES // (batch_size * dataset.images[0].nbytes))

    def run(stream: data.Stream, count: int) -> None:
        for start in range(0, count, PER_CALL):
            jax.block_until_ready(jax.device_put(stream.take(min(PER_CALL, count - start))))

    def seconds(count: int) -> float:
        with data.Stream(dataset, seed=0, batch_size=batch_size) as stream:
            run(stream, settling)
            return timeit(lambda: run(stream, count), number=1)

    return Work(batch_size, seconds)
