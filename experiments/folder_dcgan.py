"""DCGAN on a folder of your own pictures, at any depth, of any format that Pillow reads.

    python experiments/folder_dcgan.py --data PATH --image-size 32    # 5,000 pictures: 5 min on two CPU cores

Pictures are cut around their center, resized once, and cached. More than 32 pixels need an accelerator.

    --conditional          the subfolders of PATH are the classes
    --image-size 48x64     height x width
    --channels 1           gray
    --strict               refuse a folder with a damaged file

References:
    Radford et al. 2016, Unsupervised Representation Learning with DCGAN, https://arxiv.org/abs/1511.06434
"""

from jaxgan import train
from jaxgan.config import Config

CONFIG = Config(
    data="pictures",
    image_size=32,
    network="dcgan",
    width=32,
    batch_size=64,
    steps=3000,
    sample_every=250,
    save_every=500,
    workdir="runs/folder_dcgan",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
