"""Batches of a data set that is too large for the device, gathered ahead of the training step.

Worker threads copy the rows of coming batches out of ``dataset.images`` while the device computes. These
images are usually a memory-mapped file (`jaxgan.data.cache`). `batch_indices` alone says which rows they are:
batch t is, bit for bit, the one that `batch_at` gathers on the device, whatever step the stream starts from.
Nothing is kept between runs, and the number of workers does not change a batch.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxgan.data import mapped
from jaxgan.data.dataset import Dataset
from jaxgan.data.order import batch_at, batch_indices, merged, sets_of


class Stream:
    """The batches of a data set in their order, from a given step on.

    Use it as a context manager: leaving it joins its threads. Batches are gathered in blocks. Block b always
    holds steps ``b * n`` to ``(b + 1) * n - 1``, and some blocks are gathered ahead of `take`.

    Args:
        dataset: images and, if conditional, labels.
        seed: uint32 seed of the order.
        batch_size: the number of images that a step takes.
        conditional: whether batches have labels.
        start: the first step, >= 0.
        ahead: the number of blocks to gather ahead, >= 1.
        workers: the number of threads that gather, >= 1.
        share: the rows of each batch to read, where other hosts read the rest; None for all.
        block_bytes: the approximate size of a block; the stream holds about ``ahead + 2`` blocks.

    Raises:
        ValueError: if the data set lacks the labels, or a number is out of range.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        seed: int,
        batch_size: int,
        conditional: bool = False,
        start: int = 0,
        ahead: int = 2,
        workers: int = 2,
        share: slice | None = None,
        block_bytes: int = 2**24,
    ):
        if min(batch_size, ahead, workers) < 1 or start < 0:
            raise ValueError("batch_size, ahead and workers are at least 1, and start at least 0")
        self._sets = sets_of(dataset.arrays(conditional), seed, xp=np)
        self._batch_size, self._share = batch_size, share or slice(None)
        self._step = start
        self._ahead = ahead
        image_bytes = dataset.images[0].nbytes
        self._steps_per_block = max(1, block_bytes // (batch_size * max(1, image_bytes)))
        self._first = start // self._steps_per_block  # the block at the head of the queue
        self._blocks: deque[Future[dict[str, np.ndarray]]] = deque()
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="stream")
        self._gather_ahead()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *exception: Any) -> None:
        self._workers.shutdown(cancel_futures=True)

    def take(self, steps: int) -> dict[str, np.ndarray]:
        """Return the batches of the next steps.

        Args:
            steps: the number of steps, >= 1.

        Returns:
            "image", uint8 ``[steps, batch_size, H, W, C]``, and, if conditional, "label", int32
            ``[steps, batch_size]``. The stream does not write to them again.

        Raises:
            Exception: an error of a worker while it gathered.
        """
        if steps < 1:
            raise ValueError(f"steps are at least 1, got {steps}")
        parts = []
        end = self._step + steps
        while self._step < end:
            offset = self._step - self._first * self._steps_per_block
            count = min(end - self._step, self._steps_per_block - offset)
            block = self._blocks[0].result()
            parts.append({name: rows[offset : offset + count] for name, rows in block.items()})
            self._step += count
            if offset + count == self._steps_per_block:
                self._blocks.popleft()
                self._first += 1
                self._gather_ahead()
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    @property
    def chunk_steps(self) -> int:
        """The largest number of steps of one `chunk`."""
        return self._steps_per_block

    def chunk(self, steps: int) -> dict[str, np.ndarray]:
        """Return the next steps' batches for `batch_of`: the arrays' size does not depend on `steps`."""
        chunk = {"first": np.array(self._step, np.int32)}
        for name, values in self.take(steps).items():
            chunk[name] = np.empty((self.chunk_steps, *values.shape[1:]), values.dtype)
            chunk[name][:steps] = values
        return chunk

    def _gather_ahead(self) -> None:
        while len(self._blocks) <= self._ahead:
            self._blocks.append(self._workers.submit(self._gather, self._first + len(self._blocks)))

    def _gather(self, block: int) -> dict[str, np.ndarray]:
        # Positions of the endless stream are consecutive, so the batches of a block are one long batch.
        shape = (self._steps_per_block, self._batch_size)
        gathered = {}
        for seed, arrays in self._sets:
            size = len(next(iter(arrays.values())))
            rows = batch_indices(seed, block, batch_size=shape[0] * shape[1], size=size, xp=np)
            rows = rows.reshape(shape)[:, self._share]
            gathered |= {name: mapped.gather(values, rows) for name, values in arrays.items()}
        return gathered


def batch_of(chunk: dict[str, jax.Array], step: jax.Array) -> dict[str, jax.Array]:
    """Return the batch of one step of a `Stream.chunk`, on the device."""
    return {name: values[step - chunk["first"]] for name, values in chunk.items() if name != "first"}


class Feed(NamedTuple):
    """The source of a run's batches: arrays on the device, or a stream.

    Attributes:
        batch_at: ``(data, step) -> batch``, called inside the compiled loop.
        take: ``steps -> data``, called before each call of that many steps.
        shapes: the shapes of what `take` returns.
        most_steps: the largest number of steps in one call.
    """

    batch_at: Callable[..., dict[str, jax.Array]]
    take: Callable[[int], dict[str, Any]]
    shapes: dict[str, Any]
    most_steps: int


@contextlib.contextmanager
def feed(
    dataset: Dataset,
    *,
    seed: int,
    batch_size: int,
    conditional: bool,
    start: int,
    device_bytes: float,
    mesh: Mesh | None = None,
) -> Iterator[Feed]:
    """Put a data set on the device, or stream it if it is larger than `device_bytes`: the batches are equal.

    With a mesh, each device holds the whole data set; a streamed batch is split, and each host reads its
    share.

    Args:
        dataset: images and, if conditional, labels.
        seed: uint32 seed of the order.
        batch_size: the number of images that a step takes.
        conditional: whether batches have labels.
        start: the first step, >= 0.
        device_bytes: the largest size of a data set that is put on the device.
        mesh: the devices; None for one device.
    """
    arrays = dataset.arrays(conditional)
    if dataset.rows is not None:  # short rows fit on any device
        on_device = jax.device_put(arrays, None if mesh is None else NamedSharding(mesh, PartitionSpec()))
        gather = partial(dataset.batch_at, seed=np.uint32(seed), batch_size=batch_size)
        yield Feed(gather, lambda steps: on_device, jax.tree.map(_shape, on_device), 2**31 - 1)
        return
    if sum(array.nbytes for array in merged(arrays).values()) <= device_bytes:
        on_device = jax.device_put(arrays, None if mesh is None else NamedSharding(mesh, PartitionSpec()))
        shapes = jax.tree.map(_shape, on_device) if mesh else jax.eval_shape(lambda: on_device)
        gather = partial(batch_at, seed=np.uint32(seed), batch_size=batch_size)  # an int of 2**31 overflows
        yield Feed(gather, lambda steps: on_device, shapes, 2**31 - 1)
        return
    sharding = None if mesh is None else NamedSharding(mesh, PartitionSpec(None, *mesh.axis_names))
    options: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "conditional": conditional}
    with Stream(dataset, **options, start=start, share=_own_share(batch_size, sharding)) as stream:
        shapes = {
            name: jax.ShapeDtypeStruct(
                (stream.chunk_steps, batch_size, *array.shape[1:]), array.dtype, sharding=sharding
            )
            for name, array in merged(arrays).items()
        }
        shapes["first"] = jax.ShapeDtypeStruct((), np.int32)
        yield Feed(batch_of, partial(_spread, stream, shapes), shapes, stream.chunk_steps)


def _own_share(batch_size: int, sharding: NamedSharding | None) -> slice | None:
    """Return the rows of a batch for this host's devices: one slice, as a mesh keeps the device order."""
    if sharding is None or sharding.is_fully_addressable:
        return None
    pieces = sharding.addressable_devices_indices_map((1, batch_size)).values()
    rows = [index[1] for index in pieces if index is not None]
    return slice(min(row.start for row in rows), max(row.stop for row in rows))


def _spread(stream: Stream, shapes: dict[str, Any], steps: int) -> dict[str, Any]:
    """Return a chunk whose arrays have the shardings of `shapes`."""

    def put(values: np.ndarray, shape: Any) -> Any:
        if shape.sharding is None:
            return values
        return jax.make_array_from_process_local_data(shape.sharding, values, shape.shape)

    return jax.tree.map(put, stream.chunk(steps), shapes)


def _shape(array: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=array.sharding)
