"""Super-resolution of CIFAR-10, from 8x8 to 32x32 pixels: an SRResNet against a discriminator of patches.

    jaxgan data prepare cifar10                     # once; --from FOLDER takes the official files from there
    python experiments/cifar10_super_resolution.py
    jaxgan evaluate runs/cifar10_super_resolution --extractor own

A smaller network (``--blocks 4 --batch-size 16 --translator-width 32 --patch-width 32``) has after 1,500
steps on CIFAR-10 (JPEG) a PSNR of 21.2 dB, and by the mean absolute error alone (``--adversarial-weight 0``)
22.0 dB; bicubic interpolation has 21.3 dB. The settings below were not trained to their end.

References:
    Ledig et al. 2017, Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network,
    https://arxiv.org/abs/1609.04802
"""

from jaxgan import train
from jaxgan.config import Config
from jaxgan.rules import Paired

CONFIG = Config(
    data="cifar10",
    batch_size=32,
    generator_learning_rate=1e-3,
    discriminator_learning_rate=2e-4,
    steps=20_000,
    game=Paired(degrade="super_resolution", scale=4, blocks=8),
    workdir="runs/cifar10_super_resolution",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
