"""InfoGAN on MNIST: a category of ten values and two continuous codes, learned without labels.

    jaxgan data prepare mnist                # once; --from FOLDER takes the official files from there
    python experiments/mnist_infogan.py      # 5,000 steps

The category that the discriminator reads from test images agrees with the digit for 71 to 87 % of
them, after the best matching of the two (seeds 0 to 4, `jaxgan cluster runs/mnist_infogan mnist`). K-means on
pixels reaches 54 %. A digit may have two values of the category, and another pair of digits one.

The learning rates, the number of steps, the dense layer and the sizes of the latents are those of the
authors' code (launchers/run_mnist_exp.py of openai/InfoGAN). Its channels and its batch are twice as many
(--width 64 --batch-size 128), its noise is uniform, and its weights of both kinds of codes are 1; here the
noise is normal and the continuous codes weigh 0.1.

References:
    Chen et al. 2016, InfoGAN, https://arxiv.org/abs/1606.03657
"""

from jaxgan import train
from jaxgan.config import Config
from jaxgan.rules import InfoGAN

CONFIG = Config(
    data="mnist",
    network="dcgan",
    width=32,
    hidden=(1024,),
    latent_dim=62,
    batch_size=64,
    generator_learning_rate=1e-3,
    discriminator_learning_rate=2e-4,
    steps=5000,
    game=InfoGAN(categories=(10,), continuous_codes=2),
    workdir="runs/mnist_infogan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
