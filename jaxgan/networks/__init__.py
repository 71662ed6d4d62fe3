"""Generators and discriminators: plain Flax (linen) modules, one family a file.

Each family has a `Generator` and a `Discriminator` with the two signatures that the whole library uses:

    Generator(...)(latents [B, Z], labels [B] or None, *, train) -> images [B, H, W, C]
    Discriminator(...)(images [B, H, W, C], labels [B] or None, *, train) -> logits [B]

`resnet` and `r3gan` also have ``preset(name, *, num_classes=None)``, a pair of the sizes in a paper, and
``for_images(image_shape, width, *, num_classes=None)``, a pair for any images that can be halved.

Your own modules with these signatures work everywhere in the library.
"""

from jaxgan import layers
from jaxgan.networks import dcgan, mlp, r3gan, resnet

__all__ = ["dcgan", "layers", "mlp", "r3gan", "resnet"]
