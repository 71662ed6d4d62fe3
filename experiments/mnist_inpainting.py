"""Inpainting of MNIST: a hole of 14x14 pixels at a random place, filled by a U-Net.

    jaxgan data prepare mnist                       # once; --from FOLDER takes the official files from there
    python experiments/mnist_inpainting.py
    jaxgan evaluate runs/mnist_inpainting           # beside the sources with their holes

References:
    Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks,
    https://arxiv.org/abs/1611.07004
"""

from jaxgan import train
from jaxgan.config import Config
from jaxgan.rules import Paired

CONFIG = Config(
    data="mnist",
    batch_size=32,
    steps=6000,
    game=Paired(degrade="inpainting", hole=0.5, translator_width=32, patch_width=32),
    workdir="runs/mnist_inpainting",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
