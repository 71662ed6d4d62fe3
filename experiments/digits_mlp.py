"""The first GAN, two multilayer perceptrons, on 8x8 handwritten digits, with an R1 penalty.

    python experiments/digits_mlp.py    # 55 s on two CPU cores: clear digits

References:
    Goodfellow et al. 2014, Generative Adversarial Nets, https://arxiv.org/abs/1406.2661
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
