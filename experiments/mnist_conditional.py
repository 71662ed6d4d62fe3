"""A class-conditional DCGAN on MNIST: in the sample grids, each column is a digit.

    jaxgan data prepare mnist                # once; --from FOLDER takes the official files from there
    python experiments/mnist_conditional.py  # 3 min on two CPU cores: a digit a column

The generator gets the label beside the latents; the discriminator gets it by projection.

References:
    Mirza and Osindero 2014, Conditional Generative Adversarial Nets, https://arxiv.org/abs/1411.1784
    Miyato and Koyama 2018, cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="mnist",
    conditional=True,
    network="dcgan",
    width=32,
    batch_size=64,
    steps=4000,
    sample_every=250,
    save_every=500,
    workdir="runs/mnist_conditional",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
