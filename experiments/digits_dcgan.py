"""DCGAN, in the paper's recipe, on 8x8 handwritten digits; with `--conditional`, one class a column.

    python experiments/digits_dcgan.py
    python experiments/digits_dcgan.py --conditional --workdir runs/digits_conditional

Eight by eight pixels leave room for one convolution, so unconditional digits stay rough; the classes help.
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
