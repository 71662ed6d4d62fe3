"""A BiGAN of multilayer perceptrons on MNIST: an encoder learns the inverse of the generator.

    jaxgan data prepare mnist                # once; --from FOLDER takes the official files from there
    python experiments/mnist_bigan.py

References:
    Donahue et al. 2017, Adversarial Feature Learning, https://arxiv.org/abs/1605.09782
"""

from jaxgan import train
from jaxgan.config import Config
from jaxgan.rules import BiGAN

CONFIG = Config(
    data="mnist",
    network="mlp",
    hidden=(1024, 1024),
    latent_dim=50,
    steps=20_000,
    game=BiGAN(),
    workdir="runs/mnist_bigan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
