"""BigGAN on the ten classes of CIFAR-10, for an accelerator.

    jaxgan data prepare cifar10              # once; --from FOLDER takes the official archive from there
    python experiments/cifar10_biggan.py

These are the settings of BigGAN-PyTorch: 500 epochs of the discriminator. Its fakes have labels that are
drawn evenly, here they have those of the real images. A step has 1,283 GFLOP by --dry-run. The experiment
has not been trained to its end.

References:
    Brock et al. 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis,
    https://arxiv.org/abs/1809.11096
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="cifar10",
    conditional=True,
    network="biggan",
    width=64,
    latent_dim=128,
    loss="hinge",
    d_steps=4,
    batch_size=50,
    steps=125_000,
    ema_decay=0.9999,
    generator_learning_rate=2e-4,
    discriminator_learning_rate=2e-4,
    beta1=0.0,
    beta2=0.999,
    log_every=500,
    sample_every=5000,
    save_every=5000,
    workdir="runs/cifar10_biggan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
