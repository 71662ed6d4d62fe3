"""Generators and discriminators: plain Flax (linen) modules, one family a file or folder.

Each family has a `Generator` and a `Discriminator` with the two signatures that the whole library uses:

    Generator(...)(latents [B, Z], labels [B] or None, *, train) -> images [B, H, W, C]
    Discriminator(...)(images [B, H, W, C], labels [B] or None, *, train) -> logits [B]

`resnet`, `biggan`, `biggan_deep`, `fastgan`, `r3gan` and `stylegan2` also have
``preset(name, *, num_classes=None)``, a pair of the sizes in a paper. All of these but `stylegan2` have
``for_images(image_shape, width, *, num_classes=None)``, a pair for any images that can be halved.

`translators` make images of images, and `patches` has a discriminator of patches; both go with the paired
game (`jaxgan.games.PairedGame`).

Your own modules with these signatures work everywhere in the library. A generator whose call has an argument
``truncation``, a number in [0, 1], can be truncated by all commands that draw.
"""

from jaxgan import layers
from jaxgan.networks import (
    biggan,
    biggan_deep,
    dcgan,
    fastgan,
    mlp,
    patches,
    r3gan,
    resnet,
    stylegan2,
    translators,
)

__all__ = [
    "biggan",
    "biggan_deep",
    "dcgan",
    "fastgan",
    "layers",
    "mlp",
    "patches",
    "r3gan",
    "resnet",
    "stylegan2",
    "translators",
]
