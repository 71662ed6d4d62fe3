"""R3GAN on a folder of your own pictures, at any depth, of any format that Pillow reads, for an accelerator.

    python experiments/pictures_r3gan.py --data PATH
    python experiments/pictures_r3gan.py --data PATH --image-size 256 --width 96 --penalty-weight 150

These are the settings of the paper for FFHQ at 64x64; with --final-penalty-weight 15 the second command has
those at 256x256. The first 20 million of 100 million images change the learning rates, beta2, gamma, the
augmentation and the half-life of the average. Gamma depends on the size, and the paper gives no rule for
others. A step at 64x64 has 124,935 GFLOP by --dry-run. The experiment has not been trained to its end. For
a CPU there is jaxgan train --data PATH.

    --accumulate 4         a quarter of the memory
    --precision bfloat16   faster on most accelerators

References:
    Huang et al. 2024, The GAN is dead; long live the GAN! A Modern Baseline GAN,
    https://arxiv.org/abs/2501.05441, table 9
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="pictures",
    image_size=64,
    channels=3,
    network="r3gan",
    width=384,
    latent_dim=64,
    loss="relativistic",
    penalty="r1_r2",
    penalty_weight=2.0,
    final_penalty_weight=0.2,
    augment=("bgc",),
    augment_p=0.0,
    final_augment_p=0.3,
    batch_size=256,
    steps=390_625,
    mirror=True,
    fresh_reals=True,
    ema_half_life=0.0,
    final_ema_half_life=5e5,
    ema_ramp=None,
    generator_learning_rate=2e-4,
    discriminator_learning_rate=2e-4,
    final_learning_rate_share=0.25,
    learning_rate_schedule="half_cosine_burn_in",
    decay_steps=78_125,
    beta1=0.0,
    beta2=0.9,
    final_beta2=0.99,
    log_every=500,
    sample_every=2500,
    save_every=2500,
    workdir="runs/pictures_r3gan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
