"""StyleGAN2: a mapping network makes styles of latents, and styles scale the channels of every convolution.

A latent z goes through a few dense layers to an intermediate latent w (`mapping`). The image begins as a
learned constant, and each block doubles its height and width (`synthesis`). Every convolution has its own
affine function of w that scales its input channels. A model thus controls coarse things by the first
convolutions and fine ones by the last, and w can be moved toward its mean, which trades variety for quality
(truncation). The discriminator mirrors the blocks (`discriminator`).

| each block of | generator | discriminator |
|---|---|---|
| height, width | the base, then doubled | halved, then the base |
| layers | two modulated 3x3 convolutions; the base has one | two 3x3 convolutions |
| resampling | in the first layer | in the second layer |
| way past them | "skip": a sum of upsampled images | "resnet": a 1x1 convolution; "orig": none |
| channels at side r | min(channel_base // r, channel_max) | the same |

The base is what is left of an image when height and width are halved while both are even and the smaller one
is above 4, as in `jaxgan.networks.dcgan`: 4x4 for a power of two, 7x7 for 28x28.

In training, each pixel of each layer gets noise, and the mean of w is followed by a moving average. Outside
of training, the noise is a fixed image. Both are in the collection ``buffers``. Style mixing takes, with some
probability, a second latent for all layers from a random one on. Each example of a batch draws its own layer,
where the reference implementation draws one for the whole batch: this way one device and many agree, and the
distribution of an image is the same.

The discriminator's groups of `MinibatchStddev` are consecutive examples; the reference's are strided.
Kernels are convolved as they are stored; the reference flips those of its upsampling convolutions.

| preset | image | parameters: generator, discriminator |
|---|---|---|
| `cifar10` | 32x32 | 19,947,539 and 20,720,641 |
| `auto64` | 64x64 | 22,243,608 and 23,407,361 |
| `auto128` | 128x128 | 22,949,277 and 23,882,369 |
| `auto256` | 256x256 | 23,191,522 and 24,001,089 |
| `paper256` | 256x256 | 24,767,458 and 24,001,089 |
| `stylegan2_1024` | 1024x1024 | 30,370,060 and 29,012,513 |

References:
    Karras et al. 2019, A Style-Based Generator Architecture for GANs, https://arxiv.org/abs/1812.04948
    Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN, https://arxiv.org/abs/1912.04958
    Karras et al. 2020, Training GANs with Limited Data, https://arxiv.org/abs/2006.06676: the presets but the
    last
"""

from jaxgan.networks.stylegan2.discriminator import Discriminator
from jaxgan.networks.stylegan2.generator import Generator
from jaxgan.networks.stylegan2.mapping import Mapping
from jaxgan.networks.stylegan2.presets import preset
from jaxgan.networks.stylegan2.synthesis import BlockSize, Synthesis, block_sizes, note_on

__all__ = [
    "BlockSize",
    "Discriminator",
    "Generator",
    "Mapping",
    "Synthesis",
    "block_sizes",
    "note_on",
    "preset",
]
