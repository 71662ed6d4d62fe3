"""DCGAN with the paper's settings on 8x8 handwritten digits; with `--conditional`, one class a column.

    python experiments/digits_dcgan.py    # 25 s on two CPU cores: rough digits
    python experiments/digits_dcgan.py --conditional --workdir runs/digits_conditional    # 21 s: better ones

Eight by eight pixels leave room for one convolution, so unconditional digits stay rough. The classes help.

References:
    Radford et al. 2016, Unsupervised Representation Learning with DCGAN, https://arxiv.org/abs/1511.06434
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="digits",
    network="dcgan",
    width=64,
    discriminator_norm="batch",
    batch_size=64,
    steps=8000,
    workdir="runs/digits_dcgan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
