"""DCGAN on digits."""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="digits",
    network="dcgan",
    width=64,
    discriminator_norm="batch",
    batch_size=64,
    steps=3000,
    workdir="runs/digits_dcgan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
