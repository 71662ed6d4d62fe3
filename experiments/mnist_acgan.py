"""An ACGAN on MNIST: the discriminator tells the digits apart, and is not given them.

    jaxgan data prepare mnist                # once; --from FOLDER takes the official files from there
    python experiments/mnist_acgan.py
    python experiments/mnist_acgan.py --discriminative --workdir runs/mnist_adc    # ADC

Apart from the game, the settings are those of `mnist_conditional.py`, whose discriminator gets the label by
projection.

References:
    Odena et al. 2017, Conditional Image Synthesis With Auxiliary Classifier GANs,
    https://arxiv.org/abs/1610.09585
    Hou et al. 2022, Conditional GANs with Auxiliary Discriminative Classifier,
    https://arxiv.org/abs/2107.10060
"""

from jaxgan import train
from jaxgan.config import Config
from jaxgan.rules import ACGAN

CONFIG = Config(
    data="mnist",
    conditional=True,
    network="dcgan",
    width=32,
    batch_size=64,
    steps=4000,
    sample_every=250,
    save_every=500,
    game=ACGAN(),
    workdir="runs/mnist_acgan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
