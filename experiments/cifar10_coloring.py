"""Coloring of gray CIFAR-10 images: a U-Net against a discriminator of patches, as pix2pix.

    jaxgan data prepare cifar10                     # once; --from FOLDER takes the official files from there
    python experiments/cifar10_coloring.py
    jaxgan translate runs/cifar10_coloring GRAY_PICTURES --out COLORED

Learned by the mean absolute error alone (``--adversarial-weight 0``), colors are the mean of all that may be,
and so are pale.

References:
    Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks,
    https://arxiv.org/abs/1611.07004, section 4.2
"""

from jaxgan import train
from jaxgan.config import Config
from jaxgan.rules import Paired

CONFIG = Config(
    data="cifar10",
    batch_size=32,
    steps=20_000,
    game=Paired(degrade="coloring", translator_width=32),
    workdir="runs/cifar10_coloring",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
