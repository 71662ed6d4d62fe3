"""DCGAN with the paper's settings on MNIST.

    jaxgan data prepare mnist                # once; --from FOLDER takes the official files from there
    python experiments/mnist_dcgan.py        # 4 min on two CPU cores: clean strokes, most of them digits

The width is chosen for two CPU cores; `--width 64` is the usual one.

References:
    Radford et al. 2016, Unsupervised Representation Learning with DCGAN, https://arxiv.org/abs/1511.06434
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="mnist",
    network="dcgan",
    width=32,
    batch_size=64,
    steps=6000,
    sample_every=250,
    save_every=500,
    workdir="runs/mnist_dcgan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
