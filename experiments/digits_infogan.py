"""InfoGAN on 8x8 handwritten digits: it looks for the ten digits by a category of ten values, without labels.

    python experiments/digits_infogan.py    # 6,000 steps

After 6,000 steps with seed 0, the category that the discriminator reads agrees with the digit for 55 % of the
images, after the best matching of the two. K-means on pixels reaches 74 % (mean of five starts), so here the
simple method wins.

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
