"""SNGAN on CIFAR-10: residual networks, spectral normalization and the hinge loss, for an accelerator.

    jaxgan data prepare cifar10              # once; --from FOLDER takes the official archive from there
    python experiments/cifar10_sngan.py      # --conditional for the ten classes

These are the settings of the paper. A step has 1,199 GFLOP by --dry-run. The experiment has not been
trained to its end.

References:
    Miyato et al. 2018, Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957, appendix B
    Miyato and Koyama 2018, cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="cifar10",
    network="resnet",
    width=128,
    latent_dim=128,
    loss="hinge",
    d_steps=5,
    generator_batch=2,
    batch_size=64,
    steps=50_000,
    generator_learning_rate=2e-4,
    discriminator_learning_rate=2e-4,
    learning_rate_schedule="linear",
    decay_steps=50_000,
    beta1=0.0,
    beta2=0.9,
    log_every=500,
    sample_every=2500,
    save_every=2500,
    workdir="runs/cifar10_sngan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
