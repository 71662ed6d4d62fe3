"""The founding GAN, two MLPs, on 8x8 handwritten digits, with an R1 penalty.

python experiments/digits_mlp.py
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="digits",
    network="mlp",
    loss="non_saturating",
    penalty="r1",
    penalty_weight=1.0,
    workdir="runs/digits_mlp",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
