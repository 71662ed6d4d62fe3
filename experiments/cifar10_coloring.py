"""Coloring of gray CIFAR-10 images: a U-Net against a discriminator of patches, as pix2pix.

    jaxgan data prepare cifar10                     # once; --from FOLDER takes the official files from there
    python experiments/cifar10_coloring.py
    jaxgan translate runs/cifar10_coloring GRAY_PICTURES --out COLORED

Learned by the mean absolute error alone (``--adversarial-weight 0``), colors are the mean of all that may be,
and so are pale. After 1,500 steps (``--batch-size 16 --patch-width 32``) on CIFAR-10 (JPEG), their
colorfulness is 10.2, that of the GAN's 17.8, and that of real images 30.6. The settings below were not
trained to their end.

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
