"""DCGAN on CIFAR-10 with spectral normalization in the discriminator and the hinge loss, for an accelerator.

    jaxgan data prepare cifar10              # once; --from FOLDER takes the official archive from there
    python experiments/cifar10_dcgan.py      # --conditional for the ten classes

It has been tried for a few steps only.

References:
    Radford et al. 2016, Unsupervised Representation Learning with DCGAN, https://arxiv.org/abs/1511.06434
    Miyato et al. 2018, Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="cifar10",
    network="dcgan",
    width=64,
    discriminator_norm="spectral",
    loss="hinge",
    batch_size=64,
    steps=100_000,
    log_every=500,
    sample_every=5000,
    save_every=5000,
    workdir="runs/cifar10_dcgan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
