"""DCGAN on MNIST."""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="mnist",
    network="dcgan",
    width=32,
    batch_size=64,
    steps=4000,
    sample_every=250,
    save_every=500,
    workdir="runs/mnist_dcgan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
