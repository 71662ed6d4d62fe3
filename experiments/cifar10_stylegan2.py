"""StyleGAN2 with augmentation on CIFAR-10, for an accelerator.

    jaxgan data prepare cifar10              # once; --from FOLDER takes the official archive from there
    python experiments/cifar10_stylegan2.py  # --conditional for the ten classes

These are the settings for CIFAR-10 of the paper's code, for 100 million images, with three differences. The
code also scales Adam's settings for the penalty of each sixteenth step. The discriminator is residual and
compares four examples; the code's is not and compares 32. Latents are mixed. A step with the
penalty has 5,314 GFLOP by --dry-run. The experiment has not been trained to its end.

References:
    Karras et al. 2020, Training GANs with Limited Data, https://arxiv.org/abs/2006.06676
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="cifar10",
    network="stylegan2",
    width=1024,
    latent_dim=512,
    penalty="r1",
    penalty_weight=0.01,
    penalty_every=16,
    augment=("bgc",),
    augment_target=0.6,
    batch_size=64,
    steps=1_562_500,
    ema_half_life=5e5,
    generator_learning_rate=0.0025,
    discriminator_learning_rate=0.0025,
    beta1=0.0,
    beta2=0.99,
    log_every=500,
    sample_every=10_000,
    save_every=10_000,
    workdir="runs/cifar10_stylegan2",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
