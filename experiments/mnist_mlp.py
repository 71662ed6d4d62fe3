"""The founding example on MNIST."""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="mnist",
    network="mlp",
    penalty="r1",
    penalty_weight=1.0,
    steps=20_000,
    log_every=100,
    sample_every=1000,
    save_every=2000,
    workdir="runs/mnist_mlp",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
