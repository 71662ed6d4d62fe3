"""Images from a file that is larger than memory: how many a second, and how much memory that takes.

    python benchmarks/large_input.py --folder FOLDER

Each reader takes batches in random order, in a process of its own, in turns with the others. Before each cold
reading, the system forgets what it keeps of the file. A process of the first line also takes batches of a
sparse file of --gigabytes, which takes no room on the disk. benchmarks/README.md explains the table.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan import data
from jaxgan.system.errors import exits
from jaxgan.system.limits import require_space
from tables import Table, spread
from timing import quartiles

SHAPE = (64, 64, 3)
BYTES = 64 * 64 * 3
BATCH = 64
PER_CALL = 20  # batches that are asked for at once
COLD, WARM = "cold", "warm"


def write_images(file: Path, count: int, *, sparse: bool) -> None:
    """Write a ``.npy`` of random images; of a sparse one, only every ten-thousandth is on the disk."""
    images = np.lib.format.open_memmap(file, "w+", np.uint8, (count, *SHAPE))
    some = np.random.default_rng(0).integers(0, 256, (1000, *SHAPE), np.uint8)
    if sparse:
        images[::10_000] = some[0]
        return
    for first in range(0, count, len(some)):
        images[first : first + len(some)] = some[: count - first]
    images.flush()


def write_records(file: Path, images: np.ndarray) -> None:
    """Write images as the records of an ArrayRecord, one each, as TFDS does for random access."""
    from array_record.python.array_record_module import ArrayRecordWriter

    writer = ArrayRecordWriter(str(file), "group_size:1,uncompressed")
    for image in images:
        writer.write(image.tobytes())
    writer.close()


def jaxgan_batches(file: Path) -> Iterator[int]:
    """Take batches as training does; yield their number of images."""
    with data.Stream(data.load(file), seed=0, batch_size=BATCH) as stream:
        while True:
            yield int(np.prod(stream.take(PER_CALL)["image"].shape[:2]))


def grain_batches(file: Path) -> Iterator[int]:
    """Take batches of grain's `MapDataset` over the same mapped file, read by its 16 threads."""
    import grain

    images = np.load(file, mmap_mode="r")
    dataset = grain.MapDataset.source(images).seed(0).shuffle().map(np.array)
    for batch in dataset.batch(BATCH).repeat().to_iter_dataset(grain.ReadOptions(num_threads=16)):
        yield len(batch)


def record_batches(file: Path) -> Iterator[int]:
    """Take batches of the reader of ArrayRecord files under `tfds.data_source`, without decoding."""
    from array_record.python.array_record_data_source import ArrayRecordDataSource

    source = ArrayRecordDataSource(str(file.with_suffix(".array_record")))
    draw = np.random.default_rng(0)
    while True:
        records = source.__getitems__(draw.integers(0, len(source), BATCH).tolist())
        yield len(np.stack([np.frombuffer(record, np.uint8).reshape(SHAPE) for record in records]))


READERS: dict[str, tuple[Callable[[Path], Iterator[int]], str | None]] = {
    "jaxgan, .npy": (jaxgan_batches, None),
    "grain, the same .npy": (grain_batches, "grain"),
    "ArrayRecord (TFDS's files)": (record_batches, "array_record"),
}


def resident() -> int:
    """Return the bytes of memory that this process has now, with the pages of mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def measure(reader: str, file: Path, seconds: float) -> dict[str, float]:
    """Read for some seconds in this process; return images a second, and the most memory it took."""
    peak, stop = [resident()], threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            peak[0] = max(peak[0], resident())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    batches = READERS[reader][0](file)
    next(batches)  # what only the first batch takes is no part of the rate
    began, images = time.perf_counter(), 0
    while time.perf_counter() < began + seconds:
        images += next(batches)
    rate = images / (time.perf_counter() - began)
    stop.set()
    watcher.join()
    return {"images_per_second": rate, "peak_bytes": peak[0]}


def forget(file: Path) -> None:
    """Make the system forget what it keeps of a file, which is on the disk."""
    descriptor = os.open(file, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def in_a_process(reader: str, file: Path, seconds: float) -> dict[str, float]:
    """Return what `measure` returns in a process of its own."""
    command = [sys.executable, __file__, "--reader", reader, "--file", str(file), "--seconds", str(seconds)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def benchmark(arguments: argparse.Namespace, folder: Path) -> None:
    """Measure all readers in turns with files in a folder, and print the table."""
    readers = [name for name, (_, needs) in READERS.items() if not needs or importlib.util.find_spec(needs)]
    file, sparse = folder / "written.npy", folder / "sparse.npy"
    require_space(folder, int(2 * arguments.written * 1e9), "the two files of images")
    write_images(file, int(arguments.written * 1e9) // BYTES, sparse=False)
    write_images(sparse, int(arguments.gigabytes * 1e9) // BYTES, sparse=True)
    if importlib.util.find_spec("array_record"):
        write_records(file.with_suffix(".array_record"), np.load(file, mmap_mode="r"))
    results: dict[tuple[str, str], list[dict[str, float]]] = {}
    for _ in range(arguments.repetitions):
        for reader in readers:
            for state in (COLD, WARM):
                if state == COLD:
                    for each in folder.glob("written.*"):
                        forget(each)
                key = (f"{reader}, {arguments.written:g} GB", state)
                results.setdefault(key, []).append(in_a_process(reader, file, arguments.seconds))
        key = (f"{readers[0]}, {arguments.gigabytes:g} GB, sparse", WARM)
        results.setdefault(key, []).append(in_a_process(readers[0], sparse, arguments.seconds))
    rows = []
    for (name, state), measured in results.items():
        peak = max(each["peak_bytes"] for each in measured) / 1e6
        rows.append(
            [name, state, *spread(quartiles([x["images_per_second"] for x in measured])), f"{peak:,.0f}"]
        )
    Table(["reader", "file", "images/s", "quartiles", "most memory, MB"], rows)


def main() -> None:
    """Run the benchmark, or one reader in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add: Any = parser.add_argument
    add(
        "--folder",
        type=Path,
        help="a folder on the disk to measure; what is written there is removed (a temporary one)",
    )
    add("--gigabytes", type=float, default=20.0, help="size of the sparse file (%(default)s)")
    add("--written", type=float, default=2.0, help="size of the file on the disk (%(default)s)")
    add("--seconds", type=float, default=5.0, help="length of a reading (%(default)s)")
    add("--repetitions", type=int, default=3, help="readings of each kind (%(default)s)")
    add("--reader", help=argparse.SUPPRESS)
    add("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.reader:
        print(json.dumps(measure(arguments.reader, arguments.file, arguments.seconds)))
        return
    with exits(OSError), tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        benchmark(arguments, Path(folder))


if __name__ == "__main__":
    main()
