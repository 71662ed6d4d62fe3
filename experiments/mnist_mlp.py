"""The first example of a GAN: two multilayer perceptrons on the 784 pixels of MNIST, with an R1 penalty.

    jaxgan data prepare mnist                # once; --from FOLDER takes the official files from there
    python experiments/mnist_mlp.py          # 4 min on two CPU cores: legible digits with some noise

References:
    Goodfellow et al. 2014, Generative Adversarial Nets, https://arxiv.org/abs/1406.2661
    Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?,
    https://arxiv.org/abs/1801.04406
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="mnist",
    network="mlp",
    penalty="r1",
    penalty_weight=1.0,
    steps=12_000,
    log_every=100,
    sample_every=1000,
    save_every=2000,
    workdir="runs/mnist_mlp",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
