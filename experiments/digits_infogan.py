"""InfoGAN on 8x8 handwritten digits: it looks for the ten digits by a category of ten values, without labels.

    python experiments/digits_infogan.py    # 2,000 steps

FIGURES

In a sample grid, a column has one value of the category, and the last two rows sweep the continuous codes.

References:
    Chen et al. 2016, InfoGAN, https://arxiv.org/abs/1606.03657
"""

from jaxgan import train
from jaxgan.config import Config
from jaxgan.rules import InfoGAN

CONFIG = Config(
    data="digits",
    network="dcgan",
    width=32,
    hidden=(512,),  # without it, a category agrees with the digit for half of the images
    latent_dim=62,
    generator_learning_rate=1e-3,
    discriminator_learning_rate=2e-4,
    steps=2000,
    game=InfoGAN(categories=(10,), continuous_codes=2),
    workdir="runs/digits_infogan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
