"""The networks that the benchmarks measure, and their training, compiled as `jaxgan.train` compiles it."""

import time
from functools import partial
from timeit import timeit

import jax

from inputs import made_images
from jaxgan import build, data, parallel
from jaxgan.build import Pieces
from jaxgan.config import Config
from jaxgan.data import Dataset
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
