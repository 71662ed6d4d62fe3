"""Eight Gaussians on a circle: does a GAN find all of its modes?

    python experiments/ring.py                                          # one run, minutes on two CPU cores
    jaxgan sweep experiments/ring.py --seeds 10 --workdir runs/rings    # ten seeds in one program

Every 1,000 steps the run counts how many of the eight modes its points reach, and how many of them
lie within three standard deviations of a mode (high quality). A perfect generator would have 98.9 %.
docs/guides/mixtures.md has the results.

References:
    Huang et al. 2024, The GAN is dead; long live the GAN!, https://arxiv.org/abs/2501.05441 (loss, penalty)
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="ring",
    network="mlp",
    hidden=(128,) * 4,
    latent_dim=2,
    loss="relativistic",
    penalty="r1_r2",
    penalty_weight=0.002,
    batch_size=256,
    steps=8000,
    generator_learning_rate=4e-3,
    discriminator_learning_rate=4e-3,
    learning_rate_schedule="cosine",
    decay_steps=8000,
    beta1=0.0,
    beta2=0.9,
    evaluate_every=1000,
    evaluate_n=2500,
    metrics=("modes", "sliced_wasserstein"),
    log_every=100,
    sample_every=500,
    save_every=2000,
    workdir="runs/ring",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
