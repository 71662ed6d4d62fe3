"""The networks that the benchmarks measure, and their training, compiled as `jaxgan.train` compiles it."""

import time
from collections.abc import Mapping
from functools import partial
from timeit import timeit
from typing import Any

import jax
import numpy as np

from inputs import PER_CALL, made_images, settling_batches
from jaxgan import build, data, parallel
from jaxgan.build import Pieces
from jaxgan.config import Config
from jaxgan.data import Dataset, Stream
from jaxgan.data.stream import batch_of
from jaxgan.step import Metrics

NETWORKS = {
    "mlp": Config(network="mlp", image_size=28, channels=1, batch_size=128),
    "dcgan_28": Config(network="dcgan", image_size=28, channels=1, batch_size=64, width=32),
    "dcgan_32": Config(network="dcgan", image_size=32, channels=3, batch_size=64, width=64),
    "resnet_32": Config(network="resnet", image_size=32, channels=3, batch_size=16, width=128),
    "r3gan_32": Config(network="r3gan", image_size=32, channels=3, batch_size=16, width=128),
    "stylegan2_32": Config(network="stylegan2", image_size=32, channels=3, batch_size=16, width=64),
    "sagan_32": Config(network="sagan", image_size=32, channels=3, batch_size=16, width=64),
    "fastgan_64": Config(network="fastgan", image_size=64, channels=3, batch_size=8, width=32),
    "biggan_32": Config(network="biggan", image_size=32, channels=3, batch_size=16, width=32),
    "biggan_deep_32": Config(network="biggan_deep", image_size=32, channels=3, batch_size=16, width=32),
}


def image_shape(config: Config) -> tuple[int, int, int]:
    """Return height, width and channels of a network's images."""
    assert isinstance(config.image_size, tuple)  # a config makes two numbers of one
    return *config.image_size, config.channels or 1


def made_dataset(config: Config, count: int) -> Dataset:
    """Return `count` random images of a network's shape."""
    return made_images(count, image_shape(config))


class Training:
    """The training of one network. The data set lies on the device.

    Args:
        config: checked settings.
        dataset: the images to learn.
        pieces: pieces of your own in place of the config's.

    Attributes:
        experiment: the networks and their step.
        state: the newest state.
        arrays: the data set's arrays on the device.
        key: the key of all that training draws.
        batch_at: ``(arrays, step) -> batch``.
        loop: the compiled ``(state, arrays, key, n) -> (state, metrics)``.
        compile_seconds: seconds that tracing, lowering and compiling the loop took.
    """

    def __init__(self, config: Config, dataset: Dataset, pieces: Pieces = build.NONE):
        self.experiment = build.experiment(config, dataset, pieces)
        self.state, self.key = self.experiment.init(jax.random.key(0)), jax.random.key(1)
        self.arrays = jax.device_put(self.experiment.arrays)
        self.batch_at = partial(data.batch_at, seed=0, batch_size=config.images_per_step)
        began = time.perf_counter()
        self.loop = parallel.compile_run(
            self.experiment.step, self.batch_at, self.state, self.arrays, self.key
        )
        self.compile_seconds = time.perf_counter() - began

    def advance(self, steps: int) -> Metrics:
        """Take so many steps, wait for them, and return the metrics of the last one."""
        self.state, metrics = self.loop(self.state, self.arrays, self.key, steps)
        jax.block_until_ready((self.state, metrics))
        return metrics

    def seconds(self, steps: int) -> float:
        """Take so many steps, and return the seconds that they took."""
        return timeit(lambda: self.advance(steps), number=1)


class StreamedTraining:
    """The training of one network whose data set is too large for the device.

    Every call waits for its input before it starts, and for its end, so that nothing hides a wait. A run does
    not wait for the end of a call before it asks for the next batches.

    Args:
        config: checked settings.
        dataset: the images to learn.

    Attributes:
        waits: the share of the time, 0 to 1, that each call of `seconds` waited for its input.
    """

    def __init__(self, config: Config, dataset: Dataset):
        experiment = build.experiment(config, dataset)
        self._open = partial(
            Stream, dataset, seed=0, batch_size=config.images_per_step, conditional=config.conditional
        )
        self._state, self._key = experiment.init(jax.random.key(0)), jax.random.key(1)
        self._settling = settling_batches(dataset, config.images_per_step)
        with self._open() as stream:
            self._most = min(PER_CALL, stream.chunk_steps)
            shapes = jax.eval_shape(lambda: stream.chunk(1))
            self._loop = parallel.compile_run(experiment.step, batch_of, self._state, shapes, self._key)
        self.waits: list[float] = []

    def seconds(self, steps: int) -> float:
        """Take so many steps from a stream that is under way, and return the seconds that they took."""
        with self._open() as stream:
            for start in range(0, self._settling, self._most):
                stream.take(min(self._most, self._settling - start))
            waited, began = 0.0, time.perf_counter()
            for start in range(0, steps, self._most):
                waited += self._advance(stream, min(self._most, steps - start))
            taken = time.perf_counter() - began
        self.waits.append(waited / taken)
        return taken

    def _advance(self, stream: Stream, steps: int) -> float:
        """Take so many steps, and return the seconds that they waited for their batches."""
        first = np.array(int(self._state.step), np.int32)  # the stream is behind the state: it has settled
        began = time.perf_counter()
        chunk: Mapping[str, Any] = jax.device_put(stream.chunk(steps) | {"first": first})
        jax.block_until_ready(chunk)
        waited = time.perf_counter() - began
        self._state, metrics = self._loop(self._state, chunk, self._key, steps)
        jax.block_until_ready((self._state, metrics))
        return waited
