"""InfoGAN on 8x8 handwritten digits: a category of ten values becomes the digit, without labels.

    python experiments/digits_infogan.py

In a sample grid, a column has one value of the category, and the last two rows sweep the continuous codes.

References:
    Chen et al. 2016, InfoGAN, https://arxiv.org/abs/1606.03657
"""

from jaxgan import train
from jaxgan.config import Config
from jaxgan.rules import InfoGAN

CONFIG = Config(
    data="digits",
    network="mlp",
    latent_dim=32,
    penalty="r1",
    penalty_weight=1.0,
    game=InfoGAN(categories=(10,), continuous_codes=2),
    workdir="runs/digits_infogan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
