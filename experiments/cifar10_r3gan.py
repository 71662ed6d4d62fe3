"""R3GAN on the ten classes of CIFAR-10, for an accelerator.

    jaxgan data prepare cifar10              # once; --from FOLDER takes the official archive from there
    python experiments/cifar10_r3gan.py

These are the settings of the paper: 250 million images, the first 20 million of which change the learning
rates, beta2, gamma, the augmentation and the half-life of the average. A step has 138,498 GFLOP by --dry-
run. The experiment has not been trained to its end.

References:
    Huang et al. 2024, The GAN is dead; long live the GAN! A Modern Baseline GAN,
    https://arxiv.org/abs/2501.05441, table 9
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="cifar10",
    conditional=True,
    network="r3gan",
    width=768,
    latent_dim=64,
    loss="relativistic",
    penalty="r1_r2",
    penalty_weight=0.05,
    final_penalty_weight=0.005,
    augment=("bgc",),
    augment_p=0.0,
    final_augment_p=0.55,
    batch_size=512,
    steps=488_281,
    mirror=True,
    fresh_reals=True,
    ema_half_life=0.0,
    final_ema_half_life=5e6,
    ema_ramp=None,
    generator_learning_rate=2e-4,
    discriminator_learning_rate=2e-4,
    final_learning_rate_share=0.25,
    learning_rate_schedule="half_cosine_burn_in",
    decay_steps=39_062,
    beta1=0.0,
    beta2=0.9,
    final_beta2=0.99,
    log_every=500,
    sample_every=2500,
    save_every=2500,
    workdir="runs/cifar10_r3gan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
